//! `[[user]]`.

use std::path::Path;

use argon2::{Algorithm, Params, password_hash::PasswordHash};

use super::{
    name,
    reference::{Key, Shown},
    table::Table,
};
use crate::{
    device::{PasswordSource, UserSettings},
    model::{DeviceName, Secret},
};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "name",
        shown: Shown::As("\"mfp1\""),
        about: "What the device logs in as, without realm or domain: \"mfp1@anything\" and \
            \"ANYTHING\\mfp1\" are it, too. Old devices know short names only.",
    },
    Key {
        name: "password_file",
        shown: Shown::As("\"/etc/postroom/mfp1.pass\""),
        about: "A file with the password on one line, or with its argon2 hash ($argon2id$…). \
            CRAM-MD5 and DIGEST-MD5 need the password itself.",
    },
    Key {
        name: "device",
        shown: Shown::As("\"printers\""),
        about: "Whose rules hold once it has logged in.",
    },
];

pub(super) fn read(table: &Table<'_>) -> Option<UserSettings> {
    let user = name(table, "name");
    if user.as_deref().is_some_and(|user| user.contains(['@', '\\'])) {
        table.error(
            "name",
            "is written without \"@\" and \"\\\": what a device adds there is cut \
            off before names are compared",
        );
    }
    let file = table.path("password_file");
    let file = table.required(
        "password_file",
        file,
        "write the path of a file with the password on one line",
    );
    let password = file.and_then(|file| password(table, &file));
    let device = table.text("device");
    let device = table.required("device", device, "write the name of a [[device]]");
    Some(UserSettings { name: user?, password: password?, device: DeviceName::from(device?) })
}

fn password(table: &Table<'_>, path: &Path) -> Option<PasswordSource> {
    let file = match table.reader.files.read(path) {
        Ok(file) => file,
        Err(error) => {
            table.error("password_file", format!("{} cannot be read ({error})", path.display()));
            return None;
        }
    };
    warn_if_open_to_all(table, "password_file", path, file.mode);
    let text = file.text.expose().trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        table.error(
            "password_file",
            format!("{} is empty; write the password on one line", path.display()),
        );
        return None;
    }
    if text.contains('\n') {
        table.error(
            "password_file",
            format!("{} has several lines; write the password on one line", path.display()),
        );
        return None;
    }
    if !text.starts_with("$argon2") {
        return Some(PasswordSource::Clear {
            file: path.to_owned(),
            secret: Secret::new(text.to_owned()),
        });
    }
    if !is_usable(text) {
        table.error(
            "password_file",
            format!(
                "{} begins like an argon2 hash, but is none; make one with: argon2 SALT -id -e",
                path.display()
            ),
        );
        return None;
    }
    Some(PasswordSource::Argon2(text.to_owned()))
}

/// Algorithm, parameters and hash are all there: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
fn is_usable(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| {
        hash.hash.is_some()
            && Algorithm::try_from(hash.algorithm).is_ok()
            && Params::try_from(&hash).is_ok()
    })
}

/// Any user of the machine could read it.
pub(super) fn warn_if_open_to_all(table: &Table<'_>, name: &'static str, path: &Path, mode: u32) {
    const OTHERS: u32 = 0o007;
    if mode & OTHERS != 0 {
        let shown = path.display();
        table.warning(
            name,
            format!("{shown} can be read by every user of this machine; run: chmod 600 {shown}"),
        );
    }
}
