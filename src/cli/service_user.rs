//! The user of the service, as the packages create it. Root's commands act for this user, so that
//! what they check and write fits the service.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, fchown},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitStatus},
};

use anyhow::Context as _;

/// The name of the user, as in the unit and in `postroom.sysusers`.
pub(super) const NAME: &str = "postroom";

/// The user of the service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ServiceUser {
    uid: u32,
    gid: u32,
}

impl ServiceUser {
    /// The user, if this process is root and the user exists.
    pub(super) fn to_act_for() -> Option<Self> {
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        if !is_root {
            return None;
        }
        find(&fs::read_to_string("/etc/passwd").ok()?)
    }

    /// Makes the user the owner of a file.
    pub(super) fn own(self, file: &fs::File) -> std::io::Result<()> {
        fchown(file, Some(self.uid), Some(self.gid))
    }

    /// Runs this program again as the user, without root's rights, and waits for its end.
    pub(super) fn run(self, arguments: &[&str], config: &Path) -> anyhow::Result<ExitStatus> {
        let program = std::env::current_exe()?;
        Command::new(&program)
            .args(arguments)
            .arg("--config")
            .arg(config)
            .uid(self.uid)
            .gid(self.gid)
            .status()
            .with_context(|| format!("{} as user {NAME}", program.display()))
    }
}

/// Finds the user in the text of `/etc/passwd`.
fn find(passwd: &str) -> Option<ServiceUser> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_user = fields.next() == Some(NAME);
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        is_user.then_some(ServiceUser { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_is_found_by_its_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostroom2:x:7:8::/:/bin/sh\n\
                      postroom:x:998:997:Postroom mail relay:/var/lib/postroom:/usr/sbin/nologin\n";
        assert_eq!(find(passwd), Some(ServiceUser { uid: 998, gid: 997 }));
        assert_eq!(find("root:x:0:0:root:/root:/bin/sh\n"), None);
    }
}
