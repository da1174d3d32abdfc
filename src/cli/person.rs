//! The name of the person who runs the command, for the log of the daemon.

use std::os::unix::fs::MetadataExt as _;

/// The name of the person who runs the command, even through sudo. It is only displayed; access is
/// controlled by the permissions of the socket.
pub(super) fn person() -> String {
    let name = |variable: &str| std::env::var(variable).ok().filter(|user| !user.is_empty());
    name("SUDO_USER")
        .or_else(owner)
        .or_else(|| name("USER"))
        .unwrap_or_else(|| "somebody".to_owned())
}

/// The user that this process runs as. In a container and under systemd, no environment variable
/// contains it. A user that /etc/passwd does not list is shown by number.
fn owner() -> Option<String> {
    let user = std::fs::metadata("/proc/self").ok()?.uid();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    Some(user_name(&users, user).unwrap_or_else(|| format!("user {user}")))
}

/// Finds the name of a user in the text of /etc/passwd (see passwd(5)).
fn user_name(users: &str, wanted: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _password, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number.parse() == Ok(wanted) && !name.is_empty()).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_by_number() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\nbroken\nanna:x:1000:1000::/home/anna:/bin/sh\n";
        let name = |number| user_name(users, number);
        assert_eq!(
            (name(0).as_deref(), name(1000).as_deref(), name(7)),
            (Some("root"), Some("anna"), None)
        );
    }

    #[test]
    fn somebody_has_a_name() {
        assert_ne!(person(), "somebody");
    }
}
