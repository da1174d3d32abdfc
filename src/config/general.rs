//! The keys before the first table.

use std::{path::PathBuf, time::Duration};

use super::{
    schema::general::{DATA_DIR, HOSTNAME, STOP_TIMEOUT},
    table::Table,
};

/// Longer waits gain nothing: the longest single wait of an attempt is ten minutes (RFC 5321
/// 4.5.3.2.6).
const LONGEST_STOP: Duration = Duration::from_secs(15 * 60);

/// The checked values of these keys.
pub(super) struct General {
    pub(super) hostname: Option<String>,
    pub(super) data_dir: PathBuf,
    pub(super) stop_timeout: Duration,
}

pub(super) fn read(root: &Table<'_>) -> General {
    let stop_timeout = root.get(&STOP_TIMEOUT);
    if stop_timeout > LONGEST_STOP {
        root.error(
            &STOP_TIMEOUT,
            "is longer than 15 minutes, but no attempt takes longer; write for example \"30s\"",
        );
    }
    let data_dir = root.get(&DATA_DIR);
    if let Err(error) = root.reader.files.check_folder(&data_dir) {
        root.error(
            &DATA_DIR,
            format!(
                "{} cannot be used as a folder: {error}; write the path of a folder",
                data_dir.display()
            ),
        );
    }
    let hostname = root.get(&HOSTNAME).and_then(|name| check_hostname(root, name));
    General { hostname, data_dir, stop_timeout }
}

fn check_hostname(root: &Table<'_>, name: String) -> Option<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '[' | ']' | ':');
    if name.is_empty() || name.len() > 255 || !name.chars().all(good) {
        root.error(
            &HOSTNAME,
            format!(
                "\"{name}\" is not a host name; write letters, digits, \"-\" and \".\", for \
                example \"postroom.contoso.lan\""
            ),
        );
        return None;
    }
    if !name.contains('.') && !name.starts_with('[') {
        // Exchange Online answers some of these with "501 5.5.4 Invalid domain name".
        root.warning(
            &HOSTNAME,
            format!(
                "\"{name}\" is not a full name; upstream servers may refuse it; write for \
                example \"{name}.contoso.lan\""
            ),
        );
    }
    Some(name)
}
