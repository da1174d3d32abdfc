//! `[[user]]`.

use std::path::Path;

use argon2::{Algorithm, Params, password_hash::PasswordHash};

use super::{
    name,
    schema::device::{PASSWORD_FILE, USER_DEVICE, USER_NAME},
    secret_file::warn_if_open_to_all,
    table::Table,
};
use crate::{
    device::{PasswordSource, UserSettings},
    model::{DeviceName, Secret},
};

pub(super) fn read(table: &Table<'_>) -> Option<UserSettings> {
    let user = name::read(table, &USER_NAME);
    if user.as_deref().is_some_and(|user| user.contains(['@', '\\'])) {
        table.error(
            &USER_NAME,
            "must not contain \"@\" or \"\\\": Postroom removes what a device adds there before it \
            compares names",
        );
    }
    let password = table.get(&PASSWORD_FILE).and_then(|file| password(table, &file));
    let device = table.get(&USER_DEVICE);
    Some(UserSettings { name: user?, password: password?, device: DeviceName::from(device?) })
}

fn password(table: &Table<'_>, path: &Path) -> Option<PasswordSource> {
    let file = match table.reader.files.read(path) {
        Ok(file) => file,
        Err(error) => {
            table.error(&PASSWORD_FILE, format!("{} cannot be read ({error})", path.display()));
            return None;
        }
    };
    warn_if_open_to_all(table, &PASSWORD_FILE, path, file.mode);
    let text = file.text.expose().trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        table.error(
            &PASSWORD_FILE,
            format!("{} is empty; write the password on one line", path.display()),
        );
        return None;
    }
    if text.contains('\n') {
        table.error(
            &PASSWORD_FILE,
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
            &PASSWORD_FILE,
            format!(
                "{} begins like an argon2 hash, but is not one; make one with: argon2 SALT -id -e",
                path.display()
            ),
        );
        return None;
    }
    Some(PasswordSource::Argon2(text.to_owned()))
}

/// Whether algorithm, parameters and hash are all present: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
fn is_usable(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| {
        hash.hash.is_some()
            && Algorithm::try_from(hash.algorithm).is_ok()
            && Params::try_from(&hash).is_ok()
    })
}
