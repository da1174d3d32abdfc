//! Keeps refresh tokens on disk, one file for each account, readable only by the service.
//!
//! # Failure
//! A token that cannot be written is an error: Entra replaces the token at each use, and keeping an
//! old one by mistake would eventually end the sign-in.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use crate::model::{AccountName, Secret, Timestamp};

/// The folder `data_dir/secrets`.
#[derive(Clone, Debug)]
pub struct RefreshTokenStore {
    folder: PathBuf,
}

impl RefreshTokenStore {
    /// Uses this folder for the tokens. It is created when the first token is saved.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    fn path(&self, account: &AccountName) -> PathBuf {
        // An account name may contain any character: no slash may lead out of the folder.
        let safe: String = account
            .as_str()
            .bytes()
            .map(|b| {
                if b.is_ascii_alphanumeric() {
                    char::from(b).to_string()
                } else {
                    format!("_{b:02x}")
                }
            })
            .collect();
        self.folder.join(format!("{safe}.refresh"))
    }

    /// Locks the account's token against other processes until the file is dropped. A server that
    /// replaces tokens treats a second use of one as theft. Waits for the lock.
    ///
    /// # Errors
    /// When the file cannot be opened or locked.
    pub fn lock(&self, account: &AccountName) -> io::Result<File> {
        self.make_folder()?;
        let path = self.path(account).with_extension("lock");
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.lock()?;
        Ok(file)
    }

    /// The time at which the token was last used or replaced; none before the first sign-in.
    ///
    /// # Errors
    /// When the file exists and its metadata cannot be read.
    pub fn last_used(&self, account: &AccountName) -> io::Result<Option<Timestamp>> {
        match fs::metadata(self.path(account)) {
            Ok(found) => Ok(Some(Timestamp::from(found.modified()?))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Records a use that left the token unchanged.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn touch(&self, account: &AccountName, now: Timestamp) -> io::Result<()> {
        OpenOptions::new()
            .write(true)
            .open(self.path(account))?
            .set_modified(UNIX_EPOCH + Duration::from_millis(now.as_millis()))
    }

    fn make_folder(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        fs::set_permissions(&self.folder, Permissions::from_mode(0o700))
    }

    /// The refresh token of an account; none before the first sign-in.
    ///
    /// # Errors
    /// When the file exists and cannot be read.
    pub fn load(&self, account: &AccountName) -> io::Result<Option<Secret>> {
        match fs::read_to_string(self.path(account)) {
            Ok(text) => Ok(Some(Secret::new(text.trim_end().to_owned()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the token durably: after a crash, the file holds either the old or the new token,
    /// never a part of one.
    ///
    /// # Errors
    /// When the disk cannot be written; the old token is then still there.
    pub fn save(&self, account: &AccountName, token: &Secret) -> io::Result<()> {
        self.make_folder()?;
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
        assert_eq!(store.last_used(&account).unwrap(), None);
        store.save(&account, &Secret::new("one".into())).unwrap();
        store.save(&account, &Secret::new("two".into())).unwrap();
        assert_eq!(store.load(&account).unwrap().unwrap().expose(), "two");
        assert!(store.last_used(&account).unwrap().is_some());
        let mode = fs::metadata(store.path(&account)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(store.path(&account).parent(), Some(dir.path().join("secrets").as_path()));
    }
}
