//! `postroom demo`: runs the relay and the sandbox in one process, submits a scan and shows how it
//! arrives.
//!
//! # Failure
//! A step that fails ends the demo with exit code 1. The demo removes its directory at the end,
//! unless the user named one.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use mail_builder::MessageBuilder;
use mail_parser::{MessageParser, MimeHeaders as _};
use rand::{SeedableRng as _, rngs::StdRng};
use sha2::{Digest as _, Sha256};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{arguments::DemoArguments, output::say, pdf, smtp};
use crate::{
    admin::{Admin, Status},
    clock::{self, Clock},
    config::Config,
    daemon::{Daemon, DaemonError, Signal, Signals, Sockets},
    model::Address,
    sandbox::{RunningSandbox, Sandbox, SandboxSettings},
};

/// The pages of the scan, which make a few megabytes.
const PAGES: usize = 3;
/// How long to wait for the scan. It usually takes a second; on a machine that needs this long,
/// something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time between two looks into the sandbox.
const LOOK: Duration = Duration::from_millis(10);
/// The same while the demo only lists what arrives.
const WATCH: Duration = Duration::from_millis(500);
/// The sandbox's mailbox.
const MAILBOX: &str = "scanner@contoso.com";
/// The password of the sandbox's mailbox.
const PASSWORD: &str = "sandbox";
/// The sender address of the copier. No mailbox may send as this address.
const COPIER: &str = "copier@contoso.com";

/// Shows how a scan arrives, then runs until a signal requests a stop.
pub(super) async fn demo(arguments: DemoArguments, clock: Clock) -> anyhow::Result<()> {
    let mut signals = Signals::of_process()?;
    let folder = Folder::make(arguments.dir)?;
    let shown = async {
        let began = Instant::now();
        let stage = Stage::build(&folder.path, clock, began).await?;
        stage.show(began).await?;
        anyhow::Ok(stage)
    };
    let stage = tokio::select! {
        stage = shown => stage?,
        () = stop(&mut signals) => return folder.say_farewell(),
    };
    if !arguments.once {
        stage.invite(&folder.path)?;
        tokio::select! {
            watched = stage.watch() => watched?,
            () = stop(&mut signals) => folder.say_farewell()?,
        }
    }
    stage.strike().await
}

async fn stop(signals: &mut Signals) {
    while signals.next().await != Signal::Stop {}
}

/// The directory that contains the demo's data.
struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    fn make(named: Option<PathBuf>) -> anyhow::Result<Self> {
        let keep = named.is_some();
        let path = named.unwrap_or_else(|| {
            std::env::temp_dir().join(format!("postroom-demo-{}", std::process::id()))
        });
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(keep)
            .create(&path)
            .with_context(|| format!("{}", path.display()))?;
        Ok(Self { path: path.canonicalize()?, keep })
    }

    /// Says that the demo stops, and what becomes of the messages that it received.
    fn say_farewell(&self) -> anyhow::Result<()> {
        let path = self.path.display();
        // The terminal shows `^C` at the beginning of the line.
        Ok(say(&if self.keep {
            format!("\nStopping. The demo keeps its data and the mail that arrived in {path}.")
        } else {
            format!(
                "\nStopping. The demo deletes {path}, and with it the mail that arrived. To keep \
                it, start the demo with --dir DIRECTORY."
            )
        })?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the demo's directory was not \
                removed");
        }
    }
}

/// The running relay and sandbox.
struct Stage {
    sandbox: RunningSandbox,
    admin: Admin,
    relay: JoinHandle<Result<(), DaemonError>>,
    stop: watch::Sender<bool>,
}

impl Stage {
    async fn build(folder: &Path, clock: Clock, began: Instant) -> anyhow::Result<Self> {
        let sandbox = Sandbox::start(SandboxSettings::new(folder.join("sandbox"), clock::system()))
            .await
            .context("the sandbox cannot start")?;
        step(
            began,
            &format!(
                "The sandbox (a stand-in for Exchange Online) accepts mail on {} (STARTTLS, login)",
                sandbox.submission()
            ),
        )?;
        let config = write_config(folder, &sandbox)?;
        let daemon = Daemon::start(Config::load(&config)?, Sockets::none(), clock).await?;
        let admin = daemon.admin().clone();
        let stop = watch::Sender::new(false);
        let signals = Signals::of_switch(stop.subscribe());
        let stage = Self { sandbox, admin, relay: tokio::spawn(daemon.run(signals)), stop };
        step(
            began,
            &format!(
                "Postroom accepts mail on {} (any SMTP, with or without TLS)",
                stage.listener()?
            ),
        )?;
        Ok(stage)
    }

    fn listener(&self) -> anyhow::Result<SocketAddr> {
        self.admin
            .status()
            .listeners
            .first()
            .map(|listener| listener.address)
            .context("there is no listener")
    }

    /// Submits a scan, waits for it in the sandbox, and compares the two.
    async fn show(&self, began: Instant) -> anyhow::Result<()> {
        let scan = pdf::scan(PAGES, &mut StdRng::from_os_rng());
        let digest = sha256(&scan);
        step(
            began,
            &format!(
                "Scanned {PAGES} pages: scan.pdf, {:.1} MB, SHA-256 {}",
                megabytes(scan.len()),
                short(&digest)
            ),
        )?;
        let message = compose(scan)?;
        let sender: Address = COPIER.parse()?;
        let recipient: Address = "megan@contoso.com".parse()?;
        let handed_in = smtp::hand_in(self.listener()?, &sender, &[recipient], &message).await?;
        step(
            began,
            &format!(
                "The printer submitted it as <{sender}>, {:.1} MB over plain SMTP: {}",
                megabytes(message.len()),
                handed_in.accepted
            ),
        )?;
        let arrived = timeout(PATIENCE, self.arrival())
            .await
            .context("the scan did not arrive within a minute")??;
        step(began, &format!("It arrived in the sandbox: {}", arrived.file.display()))?;
        ensure!(
            arrived.attachment == digest,
            "the attachment was changed on its way: {} is not {digest}",
            arrived.attachment
        );
        step(
            began,
            &format!(
                "Its attachment is identical to the scan: SHA-256 {}",
                short(&arrived.attachment)
            ),
        )?;
        ensure!(
            arrived.from == MAILBOX,
            "it was sent as <{}>, which the mailbox may not use",
            arrived.from
        );
        step(
            began,
            &format!(
                "Its sender is the mailbox <{}>, because Exchange Online refuses others; replies \
                go to <{}>",
                arrived.from, arrived.reply_to
            ),
        )
    }

    async fn arrival(&self) -> anyhow::Result<Arrival> {
        loop {
            if let Some(kept) = self.sandbox.messages().into_iter().next() {
                let file = kept.file.clone().context("the sandbox discarded the message")?;
                return Arrival::read(file);
            }
            if self.relay.is_finished() {
                bail!("the relay has ended; its log gives the reason");
            }
            sleep(LOOK).await;
        }
    }

    /// Prints commands for the user to try.
    fn invite(&self, folder: &Path) -> anyhow::Result<()> {
        let Status { admin, .. } = self.admin.status();
        let admin = admin.context("the admin address is not bound")?;
        let (listener, config) = (self.listener()?, folder.join("postroom.toml"));
        let config = quoted(&config);
        say(&format!("\nhealth   http://{admin}/readyz\nmetrics  http://{admin}/metrics"))?;
        // The program is usually not on the PATH yet.
        let postroom = std::env::current_exe().unwrap_or_else(|_unknown| "postroom".into());
        let postroom = quoted(&postroom);
        say(&format!("arrived  {}/messages", self.sandbox.dir().display()))?;
        say("\nTry:")?;
        say(&format!("  {postroom} status --config {config}"))?;
        say(&format!("  {postroom} send --config {config} --to megan@contoso.com"))?;
        say(&format!("  {postroom} send --config {config} --to megan+eod-550@contoso.com"))?;
        say("    (the sandbox refuses this message; the administrator gets a notice)")?;
        say(&format!("  swaks --server {listener} --from {COPIER} --to megan@contoso.com"))?;
        Ok(say("\nRunning until Ctrl-C. Messages that arrive in the sandbox are listed here.")?)
    }

    /// Prints each message that arrives in the sandbox after the scan.
    async fn watch(&self) -> anyhow::Result<()> {
        let mut shown = self.newest();
        loop {
            for kept in self.sandbox.messages().iter().filter(|kept| kept.number > shown) {
                let file = kept.file.as_deref().unwrap_or_else(|| Path::new("discarded"));
                let recipients = kept.recipients().collect::<Vec<_>>().join(", ");
                say(&format!(
                    "arrived: from <{}> to {recipients}: {}",
                    kept.sender(),
                    file.display()
                ))?;
            }
            shown = self.newest().max(shown);
            sleep(WATCH).await;
        }
    }

    /// The number of the newest message in the sandbox.
    fn newest(&self) -> u64 {
        self.sandbox.messages().iter().map(|kept| kept.number).max().unwrap_or(0)
    }

    /// Stops the relay first, so that its last attempts still reach the sandbox.
    async fn strike(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        self.relay.await??;
        self.sandbox.stop().await;
        Ok(())
    }
}

/// A message that arrived in the sandbox.
struct Arrival {
    file: PathBuf,
    attachment: String,
    from: String,
    reply_to: String,
}

impl Arrival {
    fn read(file: PathBuf) -> anyhow::Result<Self> {
        let text = fs::read(&file).with_context(|| format!("{}", file.display()))?;
        let message = MessageParser::new()
            .parse(&text)
            .context("the sandbox received an unreadable message")?;
        let is_scan =
            |part: &&mail_parser::MessagePart<'_>| part.attachment_name() == Some("scan.pdf");
        let attachment = message
            .attachments()
            .find(is_scan)
            .context("the message that arrived has no scan.pdf")?;
        let first = |addresses: Option<&mail_parser::Address<'_>>| {
            addresses
                .and_then(|addresses| addresses.first()?.address.as_deref().map(str::to_owned))
                .unwrap_or_default()
        };
        let (from, reply_to) = (first(message.from()), first(message.reply_to()));
        Ok(Self { attachment: sha256(attachment.contents()), from, reply_to, file })
    }
}

fn write_config(folder: &Path, sandbox: &RunningSandbox) -> anyhow::Result<PathBuf> {
    let password = folder.join("mailbox.pass");
    fs::write(&password, PASSWORD)?;
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600))?;
    let text = format!(
        "# The configuration of the demo.\n\
         hostname = \"postroom.contoso.lan\"\n\
         data_dir = {:?}\n\
         stop_timeout = \"5s\"\n\
         [[listener]]\n\
         address = \"127.0.0.1:0\"\n\
         tls = \"auto\"\n\
         [[device]]\n\
         name = \"printers\"\n\
         networks = [\"127.0.0.0/8\"]\n\
         [[account]]\n\
         name = \"scanner\"\n\
         route = \"submission\"\n\
         host = \"{}\"\n\
         port = {}\n\
         ca_file = {:?}\n\
         address = \"{MAILBOX}\"\n\
         auth = {{ method = \"login\", password_file = {:?} }}\n\
         limits = {{ messages_per_minute = 30, recipients_per_day = 10000, connections = 3 }}\n\
         [report]\n\
         administrator = \"it@contoso.com\"\n\
         [admin]\n\
         address = \"127.0.0.1:0\"\n",
        folder.join("data"),
        sandbox.submission().ip(),
        sandbox.submission().port(),
        folder.join("sandbox").join("ca.pem"),
        password,
    );
    let path = folder.join("postroom.toml");
    fs::write(&path, text)?;
    Ok(path)
}

/// Composes a message as a copier would, with a sender that Exchange Online would refuse.
fn compose(scan: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let message = MessageBuilder::new()
        .from(("Copier, 2nd floor", COPIER))
        .to("megan@contoso.com")
        .subject("Scan from the 2nd floor")
        .text_body("Your scan is attached.\r\n")
        .attachment("application/pdf", "scan.pdf", scan);
    Ok(message.write_to_vec()?)
}

/// A path as one types it in a shell.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    if path.chars().all(is_plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

fn step(began: Instant, what: &str) -> anyhow::Result<()> {
    Ok(say(&format!("{:6.3} s  {what}", began.elapsed().as_secs_f64()))?)
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "shown with one digit after the point"
)]
fn megabytes(octets: usize) -> f64 {
    octets as f64 / f64::from(1 << 20)
}

fn sha256(octets: &[u8]) -> String {
    Sha256::digest(octets).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The first characters of a digest, which are enough for people to compare.
fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}
