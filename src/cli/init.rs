//! `postroom init`: asks a few questions and writes a configuration file.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufRead, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::{Context as _, bail};

use super::{arguments::InitArguments, output::say};
use crate::{
    config::{Config, ConfigError, DEFAULT_PATH, Disk, Severity},
    model::Address,
};

/// Asks all questions, then writes the file.
pub(super) fn init(arguments: &InitArguments, config: &Path) -> anyhow::Result<()> {
    let path = arguments.output.as_deref().unwrap_or(config);
    if path.exists() {
        bail!(
            "{} already exists, and Postroom does not overwrite it; choose another file with \
            --output FILE",
            path.display()
        );
    }
    let text = ask(&mut io::stdin().lock(), &mut io::stdout().lock())?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    }
    // The file contains no secrets, and the daemon's user must be able to read it.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("{}", path.display()))?;
    say(&format!("\nWrote {}", path.display()))?;
    // Another path is a configuration to look at, or of a service that another file describes.
    if path == Path::new(DEFAULT_PATH) && text.contains(CREDENTIAL) {
        pass_secret(Path::new(DROP_INS))?;
    }
    tell(path, &text)
}

/// Writes the drop-in by which systemd passes the secret to the service, unless there is one.
fn pass_secret(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join("secrets.conf");
    fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    match OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path) {
        Ok(mut file) => {
            file.write_all(DROP_IN.as_bytes()).with_context(|| format!("{}", path.display()))?;
            say(&format!("Wrote {}", path.display()))?;
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            say(&format!("{} already exists and was not changed", path.display()))?;
        }
        Err(error) => return Err(error).with_context(|| format!("{}", path.display())),
    }
    Ok(say(&format!(
        "Now write the mailbox's password to {SECRET}, on one line. Only root may read this \
        file:\n  install -d -m 700 /etc/postroom/secrets\n  install -m 600 /dev/stdin \
        {SECRET}\nThen run: systemctl daemon-reload"
    ))?)
}

/// Prints what is still missing, usually the file with the password, and the next commands.
fn tell(path: &Path, text: &str) -> anyhow::Result<()> {
    let problems = match Config::parse(path, text, &[], &Disk) {
        Ok(config) => config.warnings,
        Err(ConfigError::Invalid(problems)) => problems,
        Err(error @ ConfigError::Unreadable { .. }) => return Err(error.into()),
    };
    for problem in &problems {
        say(&problem.to_string())?;
    }
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let next = if errors > 0 { "Correct the errors above. Then run: " } else { "Next, run: " };
    Ok(say(&format!(
        "{next}postroom check; systemctl enable --now postroom; postroom send --to ADDRESS"
    ))?)
}

/// The file with the mailbox's secret, which only root can read.
const SECRET: &str = "/etc/postroom/secrets/mailbox";
/// The same secret as systemd passes it to the service.
const CREDENTIAL: &str = "/run/credentials/postroom.service/mailbox";
/// The folder of the administrator's additions to the unit. An upgrade does not touch it.
const DROP_INS: &str = "/etc/systemd/system/postroom.service.d";
/// The addition that passes [`SECRET`] as [`CREDENTIAL`].
const DROP_IN: &str = include_str!("../../systemd/secrets.conf");

/// The presets, as `account.preset` accepts them.
const PRESETS: [&str; 8] = [
    "office365",
    "office365-gcc-high",
    "office365-dod",
    "office365-china",
    "hve",
    "azure-communication-services",
    "gmail",
    "custom",
];

/// The answers to the questions.
struct Answers {
    hostname: String,
    network: String,
    preset: String,
    host: Option<String>,
    address: Address,
    secret: Secret,
    administrator: Address,
}

/// The file that contains the mailbox's secret.
enum Secret {
    Password(String),
    Token(String),
}

fn ask(input: &mut dyn BufRead, output: &mut dyn Write) -> anyhow::Result<String> {
    let mut questions = Questions { input, output };
    let hostname =
        questions.ask("Fully qualified name of this machine", "postroom.example.lan", |text| {
            if text.contains('.') {
                Ok(text.to_owned())
            } else {
                Err("The name must contain a dot, for example postroom.example.lan.".to_owned())
            }
        })?;
    let network = questions.ask("Network of the printers", "192.168.1.0/24", |text| {
        text.parse::<ipnet::IpNet>()
            .map(|net| net.to_string())
            .map_err(|_no_net| "Enter a network, for example 192.168.1.0/24.".to_owned())
    })?;
    let preset = questions.ask(
        &format!("Service that sends the mail ({})", PRESETS.join(", ")),
        "office365",
        |text| {
            if PRESETS.contains(&text) {
                Ok(text.to_owned())
            } else {
                Err("Enter one of the words in parentheses.".to_owned())
            }
        },
    )?;
    let host = if preset == "custom" {
        Some(
            questions
                .ask("Host name of the server", "smtp.example.com", |text| Ok(text.to_owned()))?,
        )
    } else {
        None
    };
    let address = questions.ask(
        "Address of the mailbox that sends the mail",
        "scanner@example.com",
        address,
    )?;
    let secret = questions.ask(
        "Login with a password or an OAuth token (password, token)",
        "password",
        |text| match text {
            "password" => Ok(Secret::Password(CREDENTIAL.to_owned())),
            "token" => Ok(Secret::Token("/run/postroom/mailbox.token".to_owned())),
            _ => Err("Enter \"password\" or \"token\".".to_owned()),
        },
    )?;
    let administrator = questions.ask(
        "Address of the administrator, for alerts",
        "it@example.com",
        self::address,
    )?;
    Ok(render(&Answers { hostname, network, preset, host, address, secret, administrator }))
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error| format!("{error}"))
}

struct Questions<'a> {
    input: &'a mut dyn BufRead,
    output: &'a mut dyn Write,
}

impl Questions<'_> {
    /// Asks until the answer is valid. An empty answer selects the example.
    fn ask<T>(
        &mut self,
        question: &str,
        example: &str,
        understand: impl Fn(&str) -> Result<T, String>,
    ) -> anyhow::Result<T> {
        loop {
            write!(self.output, "{question} [{example}]: ")?;
            self.output.flush()?;
            let mut line = String::new();
            if self.input.read_line(&mut line)? == 0 {
                bail!("the input ended before the last question; no file was written");
            }
            let answer = if line.trim().is_empty() { example } else { line.trim() };
            match understand(answer) {
                Ok(value) => return Ok(value),
                Err(complaint) => writeln!(self.output, "{complaint}")?,
            }
        }
    }
}

fn render(answers: &Answers) -> String {
    let (method, key, file, remark) = match &answers.secret {
        Secret::Password(file) => (
            password_method(&answers.preset),
            "password_file",
            file,
            format!("The password is in {SECRET}, on one line. systemd passes it to the service."),
        ),
        Secret::Token(file) => (
            "xoauth2",
            "token_file",
            file,
            "Another program must write a valid OAuth access token to this file.".to_owned(),
        ),
    };
    let host = answers.host.as_ref().map(|host| format!("host = {host:?}\n")).unwrap_or_default();
    format!(
        "# Written by `postroom init`. `postroom reference` prints every key. After a change, run \
        `postroom reload`.\n\nhostname = {:?}\n\n[[listener]]\naddress = \
        \"[::]:25\"\ntls = \"auto\"\n\n[[device]]\nname = \"printers\"\nnetworks = \
        [{:?}]\n\n[[account]]\nname = \"mailbox\"\nroute = \"submission\"\npreset = \
        {:?}\n{host}address = {:?}\n# {remark}\nauth = {{ method = {method:?}, \
        {key} = {file:?} }}\n\n[report]\nadministrator = {:?}\n",
        answers.hostname,
        answers.network,
        answers.preset,
        answers.address.as_str(),
        answers.administrator.as_str(),
    )
}

/// Microsoft offers only LOGIN. Gmail and most other servers offer PLAIN.
fn password_method(preset: &str) -> &'static str {
    if matches!(preset, "gmail" | "custom") { "plain" } else { "login" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answers: &str) -> (Config, String) {
        let mut said = Vec::new();
        let text = ask(&mut answers.as_bytes(), &mut said).unwrap();
        let config = Config::parse(Path::new("init.toml"), &text, &[], &Disk)
            .map_err(|error| format!("{error}\n{text}"))
            .unwrap();
        (config, String::from_utf8(said).unwrap())
    }

    #[test]
    fn empty_answers_give_a_config_that_loads() {
        let (config, _) = check("\n\n\n\n\n\n\n\n");
        assert_eq!(config.accounts[0].route.server().unwrap().host, "smtp.office365.com");
    }

    #[test]
    fn a_wrong_answer_is_asked_for_again() {
        let (config, said) = check(
            "relay\nrelay.contoso.lan\n10.0.0.0/8\ncustom\nmx.contoso.com\nscan\nscan@contoso.com\ntoken\nit@contoso.com\n",
        );
        assert_eq!(config.hostname, "relay.contoso.lan");
        assert_eq!(config.accounts[0].route.server().unwrap().host, "mx.contoso.com");
        assert!(
            said.contains("The name must contain a dot, for example postroom.example.lan."),
            "{said}"
        );
        assert!(said.contains("has no \"@domain\""), "{said}");
    }

    #[test]
    fn the_secret_is_passed_by_a_drop_in_that_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.conf");
        pass_secret(folder.path()).unwrap();
        let written = fs::read_to_string(&file).unwrap();
        assert!(written.contains(&format!("\nLoadCredential=mailbox:{SECRET}\n")), "{written}");
        fs::write(&file, "[Service]\n").unwrap();
        pass_secret(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "[Service]\n");
    }

    #[test]
    fn answers_that_end_early_write_nothing() {
        assert!(ask(&mut "relay.contoso.lan\n".as_bytes(), &mut Vec::new()).is_err());
    }
}
