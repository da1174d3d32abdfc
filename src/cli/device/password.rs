//! `postroom device password`: generates a password that old firmware can store, and prints it,
//! writes it to a file, or prints its hash.
//!
//! It never reads a password from the command line, where every user of the machine could see it.

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
        service_user::ServiceUser,
    },
    model::Secret,
};

/// The characters of a password: letters and digits, because devices mishandle everything else. It
/// omits 0, O, 1, l and I, which look alike on a panel.
const ALPHABET: &[u8; 57] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
/// The length of a password. The shortest password field that we have seen has 20 characters
/// (Epson). 16 of 57 characters give 93 bits, which cannot be guessed.
const LENGTH: usize = 16;
/// Random octets from here on are discarded. It is the largest multiple of the alphabet's size, so
/// that all characters are equally likely.
const FAIR: u8 = 57 * 4;
/// The length of the shortest name fields, in characters.
const SHORT_NAME: usize = 20;
/// The longest password that is read from standard input, in octets.
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
        (true, false, None) => bail!("--stdin needs --hash or --output FILE"),
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

/// Generates a password from the system's random numbers.
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
    getrandom::fill(octets)
        .map_err(|error| anyhow!("the system provides no random numbers: {error}"))
}

/// Reads one line of standard input.
fn read() -> anyhow::Result<Secret> {
    let input = io::stdin();
    if input.is_terminal() {
        complain(
            "Type the password and press Enter. The screen shows it; to avoid this: postroom \
            device password --stdin < FILE",
        );
    }
    let mut line = Zeroizing::new(String::new());
    input.lock().take(LONGEST).read_line(&mut line)?;
    let text = line.trim_end_matches(['\r', '\n']);
    ensure!(!text.is_empty(), "standard input contains no password");
    ensure!(
        !text.chars().any(char::is_control),
        "the password contains a control character, which no device can send"
    );
    ensure!(!text.starts_with("$argon2"), "standard input contains a hash instead of a password");
    Ok(Secret::new(text.to_owned()))
}

/// Hashes a password into the PHC format, which `password_file` accepts.
fn hash(password: &Secret) -> anyhow::Result<Secret> {
    let mut octets = [0; 16];
    random(&mut octets)?;
    let failed = |error: argon2::password_hash::Error| anyhow!("cannot hash the password: {error}");
    let salt = SaltString::encode_b64(&octets).map_err(failed)?;
    Ok(Secret::new(
        Argon2::default()
            .hash_password(password.expose().as_bytes(), &salt)
            .map_err(failed)?
            .to_string(),
    ))
}

/// Creates a file that only its owner can read: the service's user, if root runs the command.
fn write(path: &Path, text: &Secret) -> anyhow::Result<()> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = created.map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            return anyhow!(
                "{} already exists, and a password is never overwritten; move the file away first",
                path.display()
            );
        }
        anyhow!(error).context(path.display().to_string())
    })?;
    if let Some(user) = ServiceUser::to_act_for() {
        user.own(&file).with_context(|| path.display().to_string())?;
    }
    let line = Zeroizing::new(format!("{}\n", text.expose()));
    file.write_all(line.as_bytes())
        .and_then(|()| file.sync_all())
        .with_context(|| path.display().to_string())
}

fn check_name(user: &str) -> anyhow::Result<()> {
    ensure!(
        !user.is_empty() && user.trim() == user && !user.chars().any(char::is_control),
        "{user:?} is not a valid user name"
    );
    ensure!(
        !user.contains(['@', '\\']),
        "a user name contains no \"@\" and no \"\\\"; Postroom ignores what a device adds there"
    );
    if user.len() > SHORT_NAME {
        complain(&format!(
            "Some devices accept at most {SHORT_NAME} characters for a user name; \"{user}\" has \
            {}.",
            user.chars().count()
        ));
    }
    Ok(())
}

/// Prints explanations on standard error, so that a script can use standard output.
fn explain(arguments: &PasswordArguments) {
    if let Some(user) = &arguments.user {
        let file = arguments.output.as_ref().map_or_else(
            || format!("/etc/postroom/{user}.pass"),
            |path| path.display().to_string(),
        );
        complain(&format!(
            "Add these lines to the configuration, with the name of a [[device]], and \
            reload:\n\n[[user]]\nname = {}\npassword_file = {}\ndevice = \"…\"\n",
            toml_edit::Value::from(user.as_str()),
            toml_edit::Value::from(file.as_str()),
        ));
    }
    if arguments.output.is_some() {
        complain(if ServiceUser::to_act_for().is_some() {
            "Only the service and root can read the file."
        } else {
            "Only its owner can read the file; the service must be able to read it, too."
        });
    }
    if arguments.hash {
        complain(
            "With a hash, a device can log in by PLAIN and LOGIN only; CRAM-MD5, DIGEST-MD5 and \
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
