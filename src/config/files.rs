//! Reads the config's file and the files that it names.
//!
//! # Failure
//! Errors are returned; none is logged. The content of these files is never shown.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::problem::{ConfigError, Place, Problem, Severity};
use crate::model::Secret;

/// The maximum size of a config in octets: that of an office has a few thousand; this leaves room
/// for a thousand devices.
const LARGEST_CONFIG: u64 = 4 * 1024 * 1024;
/// The maximum number of files in `conf.d`.
const MOST_FILES: usize = 1000;
/// The maximum size of a password or token file in octets.
const LARGEST_SECRET: u64 = 64 * 1024;

/// Reads the files that a config names. The real one is [`Disk`].
pub trait Files {
    /// Reads a whole file.
    ///
    /// # Errors
    /// When it is absent, too large, or not UTF-8 text.
    fn read(&self, path: &Path) -> io::Result<SecretFile>;

    /// Reads a file that need not be text, of at most `most` octets.
    ///
    /// # Errors
    /// When it is absent or too large.
    fn octets(&self, path: &Path, most: u64) -> io::Result<Vec<u8>>;

    /// Checks that this is a folder or that it can be created.
    ///
    /// # Errors
    /// The reason why it cannot.
    fn check_folder(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// A password file.
pub struct SecretFile {
    /// Its content.
    pub text: Secret,
    /// Its permission bits.
    pub mode: u32,
}

/// The machine's disk.
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<SecretFile> {
        let file = File::open(path)?;
        let mode = file.metadata()?.permissions().mode();
        Ok(SecretFile { text: Secret::new(bounded(file, LARGEST_SECRET)?), mode })
    }

    fn octets(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        octets(File::open(path)?, most)
    }

    fn check_folder(&self, path: &Path) -> io::Result<()> {
        match path.ancestors().find(|part| part.exists()) {
            Some(part) if !part.is_dir() => {
                Err(io::Error::other(format!("{} is a file", part.display())))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Reads the texts of a config: the file itself, then those of `conf.d` beside it, by name.
pub(super) fn texts(path: &Path) -> Result<Vec<(PathBuf, String)>, ConfigError> {
    let mut texts = vec![(path.to_owned(), text(path)?)];
    for part in parts(path)? {
        let text = text(&part)?;
        texts.push((part, text));
    }
    Ok(texts)
}

/// The folder of further files of a config, beside it.
#[must_use]
pub fn conf_d(path: &Path) -> PathBuf {
    path.with_file_name("conf.d")
}

/// Lists the files in `conf.d`, by name. Hidden files and files with another ending do not count:
/// editors leave such files.
fn parts(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let folder = conf_d(path);
    let failed = |problem| ConfigError::Unreadable { path: folder.clone(), problem };
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(failed)?.path();
        let hidden = file.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && file.extension().is_some_and(|ending| ending == "toml") {
            files.push(file);
        }
        if files.len() > MOST_FILES {
            return Err(failed(io::Error::other(format!("more than {MOST_FILES} files"))));
        }
    }
    files.sort();
    Ok(files)
}

/// Reads the text of one file of a config.
fn text(path: &Path) -> Result<String, ConfigError> {
    let read = File::open(path).and_then(|file| octets(file, LARGEST_CONFIG));
    let octets =
        read.map_err(|problem| ConfigError::Unreadable { path: path.to_owned(), problem })?;
    String::from_utf8(octets).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        ConfigError::Invalid(vec![not_utf8(path, &error.into_bytes(), valid)])
    })
}

/// Describes the encoding in which a config was probably saved. The first `valid` octets are UTF-8.
fn not_utf8(path: &Path, octets: &[u8], valid: usize) -> Problem {
    let before = octets.get(..valid).unwrap_or_default();
    let line = 1 + before.iter().filter(|octet| **octet == b'\n').count();
    let text = if octets.starts_with(&[0xff, 0xfe]) || octets.starts_with(&[0xfe, 0xff]) {
        "the file is in UTF-16; save it as UTF-8".to_owned()
    } else {
        let octet = octets.get(valid).copied().unwrap_or_default();
        format!(
            "the octet 0x{octet:02x} is not UTF-8; the file is probably in an older encoding, for \
            example Latin-1 (ISO 8859-1), Latin-2 (ISO 8859-2) or Windows-1250: save it as UTF-8"
        )
    };
    Problem {
        severity: Severity::Error,
        place: Place::Line { file: path.to_owned(), line },
        key: String::new(),
        text,
    }
}

fn bounded(file: File, most: u64) -> io::Result<String> {
    String::from_utf8(octets(file, most)?)
        .map_err(|_error| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

fn octets(file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    file.take(most + 1).read_to_end(&mut octets)?;
    let length = u64::try_from(octets.len()).unwrap_or(u64::MAX);
    if length > most {
        Err(io::Error::other(format!("it has more than {most} octets")))
    } else {
        Ok(octets)
    }
}

/// The variables of the environment whose values are text.
pub(super) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
