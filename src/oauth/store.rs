//! Keeps refresh tokens on disk, one file for each account, readable by the service alone.
//!
//! # Failure
//! A token that cannot be written is an error before it is used: Entra replaces it at each use, and an old one kept
//! by mistake would end the sign-in one day.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::PathBuf,
};

use crate::model::{AccountName, Secret};

/// The folder `data_dir/secrets`.
#[derive(Clone, Debug)]
pub struct RefreshTokenStore {
    folder: PathBuf,
}

impl RefreshTokenStore {
    /// Keeps tokens in this folder, which is made when the first is saved.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, account: &AccountName) -> PathBuf {
        // A name may hold anything a config can: no slash may lead out of the folder.
        let safe: String = account
            .as_str()
            .bytes()
            .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("_{b:02x}") })
            .collect();
        self.folder.join(format!("{safe}.refresh"))
    }

    /// The token of an account; none before the first sign-in.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(&self, account: &AccountName) -> io::Result<Option<Secret>> {
        match fs::read_to_string(self.path(account)) {
            Ok(text) => Ok(Some(Secret::new(text.trim_end().to_owned()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the token durably: either the old or the new one survives a crash, never half of one.
    ///
    /// # Errors
    /// When the disk refuses; the old token is then still there.
    pub fn save(&self, account: &AccountName, token: &Secret) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        fs::set_permissions(&self.folder, Permissions::from_mode(0o700))?;
        let path = self.path(account);
        let fresh = path.with_extension("new");
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(token.expose().as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        File::open(&self.folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_and_is_for_the_service_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = RefreshTokenStore::new(dir.path().join("secrets"));
        let account = AccountName::from("scanner/../x");
        assert!(store.load(&account).unwrap().is_none());
        store.save(&account, &Secret::new("one".into())).unwrap();
        store.save(&account, &Secret::new("two".into())).unwrap();
        assert_eq!(store.load(&account).unwrap().unwrap().expose(), "two");
        let mode = fs::metadata(store.path(&account)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(store.path(&account).parent(), Some(dir.path().join("secrets").as_path()));
    }
}
