//! `postroom device password`: a password that old firmware can hold, into a file or as a hash.
//!
//! Never takes one from the command line, where every user of the machine could read it.

use std::{
    fs::OpenOptions,
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::{Context as _, anyhow, bail, ensure};
use argon2::{Argon2, PasswordHasher as _, password_hash::SaltString};
use zeroize::Zeroizing;

use crate::{
    cli::{
        arguments::PasswordArguments,
        output::{complain, say},
    },
    model::Secret,
};

/// Letters and digits: devices mishandle everything else. Without 0, O, 1, l and I, which look
/// alike on a panel.
const ALPHABET: &[u8; 57] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
/// The shortest password field seen has 20 places (Epson). 16 of 57 characters are 93 bits: nobody
/// guesses that.
const LENGTH: usize = 16;
/// Octets are taken below the largest multiple of the alphabet, so that no character is more likely
/// than another.
const FAIR: u8 = 57 * 4;
/// Characters that the shortest fields for a name have.
const SHORT_NAME: usize = 20;
/// Octets of a password read from standard input.
const LONGEST: u64 = 1024;

pub(super) fn password(arguments: &PasswordArguments) -> anyhow::Result<()> {
    if let Some(user) = &arguments.user {
        check_name(user)?;
    }
    let password = if arguments.stdin { read()? } else { generate()? };
    let kept = if arguments.hash { hash(&password)? } else { password.clone() };
    if let Some(path) = &arguments.output {
        write(path, &kept)?;
    }
    match (arguments.stdin, arguments.hash, &arguments.output) {
        (true, false, None) => bail!("there is nothing to do with it; add --hash or --output FILE"),
        (true, false, Some(_)) | (true, true, Some(_)) => {}
        (true, true, None) => say(kept.expose())?,
        (false, true, None) => {
            say(password.expose())?;
            say(kept.expose())?;
        }
        (false, _, Some(_)) | (false, false, None) => say(password.expose())?,
    }
    explain(arguments);
    Ok(())
}

/// From the system's randomness.
fn generate() -> anyhow::Result<Secret> {
    let mut password = String::with_capacity(LENGTH);
    while password.len() < LENGTH {
        let mut octets = Zeroizing::new([0; 2 * LENGTH]);
        random(octets.as_mut_slice())?;
        let fair = octets.iter().filter(|octet| **octet < FAIR);
        let characters =
            fair.filter_map(|octet| ALPHABET.get(usize::from(*octet) % ALPHABET.len()));
        password.extend(
            characters.take(LENGTH - password.len()).map(|character| char::from(*character)),
        );
    }
    Ok(Secret::new(password))
}

fn random(octets: &mut [u8]) -> anyhow::Result<()> {
    getrandom::fill(octets).map_err(|error| anyhow!("the system gives no random numbers: {error}"))
}

/// One line of standard input.
fn read() -> anyhow::Result<Secret> {
    let input = io::stdin();
    if input.is_terminal() {
        complain(
            "Type the password and Enter. It is shown on the screen; better: postroom device \
            password --stdin < FILE",
        );
    }
    let mut line = Zeroizing::new(String::new());
    input.lock().take(LONGEST).read_line(&mut line)?;
    let text = line.trim_end_matches(['\r', '\n']);
    ensure!(!text.is_empty(), "standard input holds no password");
    ensure!(
        !text.chars().any(char::is_control),
        "the password contains a control character, which no device can send"
    );
    ensure!(!text.starts_with("$argon2"), "that is a hash already");
    Ok(Secret::new(text.to_owned()))
}

/// In PHC form, as `password_file` takes it.
fn hash(password: &Secret) -> anyhow::Result<Secret> {
    let mut octets = [0; 16];
    random(&mut octets)?;
    let failed = |error: argon2::password_hash::Error| anyhow!("the hash cannot be made: {error}");
    let salt = SaltString::encode_b64(&octets).map_err(failed)?;
    Ok(Secret::new(
        Argon2::default()
            .hash_password(password.expose().as_bytes(), &salt)
            .map_err(failed)?
            .to_string(),
    ))
}

/// A new file that its owner alone can read.
fn write(path: &Path, text: &Secret) -> anyhow::Result<()> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = created.map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return anyhow!(
                "{} exists, and a password is never overwritten; move it away first",
                path.display()
            );
        }
        anyhow!(error).context(path.display().to_string())
    })?;
    let line = Zeroizing::new(format!("{}\n", text.expose()));
    file.write_all(line.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| path.display().to_string())
}

fn check_name(user: &str) -> anyhow::Result<()> {
    ensure!(
        !user.is_empty() && user.trim() == user && !user.chars().any(char::is_control),
        "{user:?} is no user name"
    );
    ensure!(
        !user.contains(['@', '\\']),
        "a user's name has no \"@\" and no \"\\\": what a device adds there is cut off"
    );
    if user.len() > SHORT_NAME {
        complain(&format!(
            "Some devices take no name of more than {SHORT_NAME} characters; \"{user}\" has {}.",
            user.chars().count()
        ));
    }
    Ok(())
}

/// On standard error, so that what stands on the other can be used by a script.
fn explain(arguments: &PasswordArguments) {
    if let Some(user) = &arguments.user {
        let file = arguments.output.as_ref().map_or_else(
            || format!("/etc/postroom/{user}.pass"),
            |path| path.display().to_string(),
        );
        complain(&format!(
            "For the config, with the name of a [[device]]; then restart:\n\n[[user]]\nname = \
            {}\npassword_file = {}\ndevice = \"…\"\n",
            toml_edit::Value::from(user.as_str()),
            toml_edit::Value::from(file.as_str()),
        ));
    }
    if arguments.output.is_some() {
        complain(
            "Only the file's owner can read it. Under systemd the service gets it with \
            LoadCredential= (docs/devices.md).",
        );
    }
    if arguments.hash {
        complain(
            "With a hash, a device can log in by PLAIN and LOGIN only: CRAM-MD5, DIGEST-MD5 and \
            APOP need the password itself.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_old_firmware_and_no_two_are_alike() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        for password in [&one, &other] {
            let text = password.expose();
            assert_eq!(text.len(), 16);
            assert!(
                text.chars().all(|c| c.is_ascii_alphanumeric() && !"0O1lI".contains(c)),
                "{text}"
            );
        }
        assert_ne!(one.expose(), other.expose());
    }

    #[test]
    fn every_character_comes_up() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            seen.extend(generate().unwrap().expose().bytes());
        }
        assert_eq!(seen.len(), ALPHABET.len());
    }

    #[test]
    fn a_name_is_one_that_the_config_takes() {
        assert!(check_name("mfp1").is_ok());
        for name in ["", " mfp1", "mfp1@contoso.com", "CONTOSO\\mfp1", "a\nb"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
