//! The keys before the first table.

use std::{path::PathBuf, time::Duration};

use super::{
    reference::{Key, Shown},
    table::Table,
};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "hostname",
        shown: Shown::As("\"postroom.contoso.lan\""),
        about: "What the daemon calls itself, to devices and to upstream servers. A full name: \
            Exchange Online refuses some bare machine names.",
    },
    Key {
        name: "data_dir",
        shown: Shown::As("\"/var/lib/postroom\""),
        about: "Where messages, the index and keys lie. One daemon for each folder.",
    },
    Key {
        name: "stop_timeout",
        shown: Shown::As("\"60s\""),
        about: "How long a stop waits for sessions and attempts under way. What is cut off then is \
            kept and attempted again: never lost, at worst delivered twice.",
    },
    Key { name: "listener", shown: Shown::Below, about: "" },
    Key { name: "receiving", shown: Shown::Below, about: "" },
    Key { name: "tls", shown: Shown::Below, about: "" },
    Key { name: "device", shown: Shown::Below, about: "" },
    Key { name: "user", shown: Shown::Below, about: "" },
    Key { name: "account", shown: Shown::Below, about: "" },
    Key { name: "dns", shown: Shown::Below, about: "" },
    Key { name: "retry", shown: Shown::Below, about: "" },
    Key { name: "report", shown: Shown::Below, about: "" },
    Key { name: "spool", shown: Shown::Below, about: "" },
    Key { name: "admin", shown: Shown::Below, about: "" },
    Key { name: "metrics", shown: Shown::Below, about: "" },
];

/// Where the data lies when the config does not say.
pub(super) const DATA_DIR: &str = "/var/lib/postroom";
const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// Longer waits gain nothing: the longest single wait of an attempt is ten minutes (RFC 5321
/// 4.5.3.2.6).
const LONGEST_STOP: Duration = Duration::from_secs(15 * 60);

/// The checked keys.
pub(super) struct General {
    pub(super) hostname: Option<String>,
    pub(super) data_dir: PathBuf,
    pub(super) stop_timeout: Duration,
}

pub(super) fn read(root: &Table<'_>) -> General {
    let hostname = root.text("hostname");
    let hostname = root.required(
        "hostname",
        hostname,
        "write the full name of this machine, for example \"postroom.contoso.lan\"",
    );
    let stop_timeout = root.duration("stop_timeout").unwrap_or(STOP_TIMEOUT);
    if stop_timeout > LONGEST_STOP {
        root.error(
            "stop_timeout",
            "is longer than 15 minutes; nothing that is worth waiting for takes longer",
        );
    }
    let data_dir = data_dir(root);
    if let Err(error) = root.reader.files.check_folder(&data_dir) {
        root.error(
            "data_dir",
            format!("{} cannot be a folder: {error}; write the path of one", data_dir.display()),
        );
    }
    General {
        hostname: hostname.and_then(|name| check_hostname(root, name)),
        data_dir,
        stop_timeout,
    }
}

/// `data_dir` alone: what a command needs to find the daemon's socket.
pub(super) fn data_dir(root: &Table<'_>) -> PathBuf {
    root.path("data_dir").unwrap_or_else(|| PathBuf::from(DATA_DIR))
}

fn check_hostname(root: &Table<'_>, name: String) -> Option<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '[' | ']' | ':');
    if name.is_empty() || name.len() > 255 || !name.chars().all(good) {
        root.error(
            "hostname",
            format!(
                "\"{name}\" is no host name; write letters, digits, \"-\" and \".\", for \
                example \"postroom.contoso.lan\""
            ),
        );
        return None;
    }
    if !name.contains('.') && !name.starts_with('[') {
        // Exchange Online answers some of these with "501 5.5.4 Invalid domain name".
        root.warning(
            "hostname",
            format!(
                "\"{name}\" is not a full name; upstream servers may refuse it, write for \
                example \"{name}.contoso.lan\""
            ),
        );
    }
    Some(name)
}
