//! A running `postroom sandbox`, and what it took.

use std::{
    collections::HashSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;

use crate::support::{http, process::Process, scan, wait};

/// The mailbox that every sandbox of the tests has.
pub(crate) const MAILBOX: &str = "scanner@contoso.com";
const PASSWORD: &str = "sandbox";

/// The stand-in for Exchange Online, as a process of its own.
pub(crate) struct Sandbox {
    // Ended by being dropped.
    _process: Process,
    submission: SocketAddr,
    ca: PathBuf,
    messages: PathBuf,
    password_file: PathBuf,
    control: String,
    token: String,
}

/// How strict it is about the pace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Limits {
    /// So high that no test reaches them.
    Out,
    /// Microsoft's.
    Exchange,
    /// The same, and what exceeds them is refused.
    Strict,
}

impl Sandbox {
    /// Starts one that keeps its messages in `dir`.
    pub(crate) fn start(dir: &Path, limits: Limits) -> Self {
        Self::start_with(dir, limits, &[])
    }

    /// The same, with more arguments.
    pub(crate) fn start_with(dir: &Path, limits: Limits, more: &[&str]) -> Self {
        Self::start_sending_as(dir, limits, "*@contoso.com", more)
    }

    /// The same, with a mailbox that may send as `sender` and as itself.
    pub(crate) fn start_sending_as(
        dir: &Path,
        limits: Limits,
        sender: &str,
        more: &[&str],
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command
            .args([
                "sandbox",
                "--json",
                "--submission",
                "127.0.0.1:0",
                "--mx",
                "127.0.0.1:0",
                "--control",
                "127.0.0.1:0",
                "--token",
                "127.0.0.1:0",
                "--dir",
            ])
            .arg(dir.join("sandbox"));
        command.args(["--mailbox", &format!("{MAILBOX}:{PASSWORD}"), "--sender", sender]);
        command.args(more);
        match limits {
            Limits::Out => {
                command.args([
                    "--messages-per-minute",
                    "1000000",
                    "--recipients-per-day",
                    "100000000",
                    "--connections",
                    "1000",
                ]);
            }
            Limits::Exchange => {}
            Limits::Strict => drop(command.arg("--reject-over-rate")),
        }
        let (process, line) =
            Process::start_and_read_line("the sandbox", &mut command, &dir.join("sandbox.log"));
        let facts: Value = serde_json::from_str(&line).unwrap();
        let fact = |name: &str| {
            facts[name].as_str().unwrap_or_else(|| panic!("no {name} in {line}")).to_owned()
        };
        let password_file = dir.join("mailbox.password");
        write_secret(&password_file, PASSWORD);
        Self {
            _process: process,
            submission: fact("submission").parse().unwrap(),
            ca: fact("ca").into(),
            messages: fact("messages").into(),
            control: fact("control"),
            token: format!("{}/{}/oauth2/v2.0/token", fact("token"), fact("directory")),
            password_file,
        }
    }

    /// The `[[account]]` that sends to it, with `more` keys.
    pub(crate) fn account(&self, more: &str) -> String {
        self.account_with(
            &format!("method = \"login\", password_file = \"{}\"", self.password_file.display()),
            more,
        )
    }

    /// The same, with the keys of `auth`.
    pub(crate) fn account_with(&self, auth: &str, more: &str) -> String {
        format!(
            "[[account]]\nname = \"out\"\nroute = \"submission\"\nhost = \"{}\"\nport = {}\ntls = \
            \"starttls\"\nca_file = \"{}\"\naddress = \"{MAILBOX}\"\nauth = {{ {auth} }}\nsender = \
            {{ rewrite = \"never\", allowed = [\"*@contoso.com\"] }}\n{more}\n",
            self.submission.ip(),
            self.submission.port(),
            self.ca.display(),
        )
    }

    /// The control API.
    pub(crate) fn control(&self) -> &str {
        &self.control
    }

    /// Its own token endpoint.
    pub(crate) fn token_url(&self) -> &str {
        &self.token
    }

    /// Every message taken, oldest first, as files.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let listed: Vec<PathBuf> = fs::read_dir(&self.messages).map_or_else(
            |_none_yet| Vec::new(),
            |dir| dir.map(|entry| entry.unwrap().path()).collect(),
        );
        // The envelope is written last: where it is, the message is whole.
        let whole: HashSet<u64> = listed
            .iter()
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .filter_map(|path| number(path))
            .collect();
        let mut files: Vec<(u64, PathBuf)> = listed
            .into_iter()
            .filter(|path| path.extension().is_some_and(|e| e == "eml"))
            .filter_map(|path| Some((number(&path)?, path)))
            .filter(|(number, _)| whole.contains(number))
            .collect();
        files.sort();
        files.into_iter().map(|(_, path)| path).collect()
    }

    /// Waits until at least `count` messages have arrived.
    pub(crate) fn wait_for(&self, count: usize, patience: Duration) -> Vec<PathBuf> {
        wait::until(&format!("{count} messages in the sandbox"), patience, || {
            let files = self.files();
            if files.len() >= count { Ok(files) } else { Err(format!("{} messages", files.len())) }
        })
    }

    /// What the judge has seen: `GET /state`.
    pub(crate) fn state(&self) -> Value {
        self.ask("/state")
    }

    /// When each message taken had its `MAIL FROM`, in milliseconds, in order.
    pub(crate) fn begun_ms(&self) -> Vec<u64> {
        let messages = self.ask("/messages");
        let mut begun: Vec<u64> = messages
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["begun"].as_u64().unwrap())
            .collect();
        begun.sort_unstable();
        begun
    }

    fn ask(&self, path: &str) -> Value {
        let body = http::request("GET", &format!("{}{path}", self.control), "");
        serde_json::from_str(&body)
            .unwrap_or_else(|error| panic!("{path} gave no JSON ({error}): {body}"))
    }

    /// The mark of each message taken.
    pub(crate) fn marks(&self) -> Vec<String> {
        let mark = |path: PathBuf| {
            scan::mark(&fs::read(&path).unwrap())
                .unwrap_or_else(|| format!("(no mark in {})", path.display()))
        };
        self.files().into_iter().map(mark).collect()
    }
}

/// A file that only we may read, as the config asks of a secret.
pub(crate) fn write_secret(path: &Path, secret: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, secret).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.split(['-', '.']).next()?.parse().ok()
}
