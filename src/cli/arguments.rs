//! The command line: every command with its arguments and its help.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use super::{sandbox::SandboxArgs, when::When};
use crate::{
    admin::QueueState,
    config::DEFAULT_PATH,
    daemon::LogFormat,
    model::{Address, MessageId, RecipientOutcome},
};

/// SMTP relay (smart host) for an office's printers, scanners and old applications.
#[derive(Parser)]
#[command(name = "postroom", version, max_term_width = 110)]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_PATH)]
    pub(super) config: PathBuf,
    /// The destination and format of the log. RUST_LOG selects what is logged.
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t)]
    pub(super) log: LogFormat,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Run the daemon in the foreground.
    Run,
    /// Check the configuration and explain every mistake with its line.
    Check,
    /// Ask a few questions and write a configuration file.
    Init(InitArguments),
    /// Print every configuration key with its default and its meaning.
    Reference,
    /// Show the state of the daemon, its queue and its accounts. Exit code: 0 good, 1 warning, 2
    /// trouble, as for a Nagios plugin.
    Status(JsonArguments),
    /// List queued messages; retry, hold, release, redirect, delete, export or import them.
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Find out what has become of messages that left the queue.
    History(HistoryArguments),
    /// Show accounts and change their state: the mailboxes and servers that mail is sent through.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Show the devices that may submit mail and what was seen of them; generate passwords.
    #[command(subcommand)]
    Device(DeviceCommand),
    // The long help is the doc comment of the arguments.
    #[command(about = "Run a stand-in for Exchange Online, for rehearsals")]
    Sandbox(Box<SandboxArgs>),
    /// Run the relay and the sandbox in one process and show a scan on its way through both.
    Demo(DemoArguments),
    /// Send a test message and wait for its outcome.
    Send(SendArguments),
}

#[derive(Args)]
pub(super) struct JsonArguments {
    /// Print JSON, for scripts.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct InitArguments {
    /// The file to write. The default is the path of --config. An existing file is never
    /// overwritten.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct DemoArguments {
    /// Stop after the scan has arrived. Without this option, the demo runs until Ctrl-C.
    #[arg(long)]
    pub(super) once: bool,
    /// Keep all data in this directory. Without this option, the demo uses a temporary directory
    /// and removes it at the end.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(super) enum QueueCommand {
    /// List queued messages, the oldest first.
    List {
        #[command(flatten)]
        selection: Selection,
        /// Maximum number of messages to list.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// List all.
        #[arg(long, conflicts_with = "limit")]
        all: bool,
        #[command(flatten)]
        json: JsonArguments,
    },
    /// Show one message with each recipient, its attempts and the server's last reply.
    Show {
        /// The message id, as `queue list` shows it.
        id: MessageId,
        #[command(flatten)]
        json: JsonArguments,
    },
    /// Try messages now instead of 30 minutes after the last attempt (RFC 5321). Asks for
    /// confirmation.
    Retry {
        #[command(flatten)]
        which: Which,
    },
    /// Hold messages until they are released.
    Hold {
        #[command(flatten)]
        which: Which,
        /// The reason, shown by `queue list`.
        #[arg(long, default_value = "held by a person")]
        reason: String,
    },
    /// Release held messages.
    Release {
        #[command(flatten)]
        which: Which,
    },
    /// Let another account send messages to the recipients that wait.
    Redirect {
        /// Message ids.
        #[arg(required_unless_present = "matching", conflicts_with = "matching")]
        ids: Vec<MessageId>,
        /// The account that is to send them.
        #[arg(long, value_name = "NAME")]
        account: String,
        /// All messages that match --waiting-for, --device, --to, --state and --older-than. Shows
        /// how many there are and asks for confirmation.
        #[arg(long = "match")]
        matching: bool,
        /// Messages that wait for this account.
        #[arg(long, value_name = "NAME")]
        waiting_for: Option<String>,
        #[command(flatten)]
        common: Common,
        /// Do not ask for confirmation.
        #[arg(long)]
        yes: bool,
    },
    /// Delete messages. Only the journal records it: no notice is sent. Asks for confirmation.
    Delete {
        #[command(flatten)]
        which: Which,
    },
    /// Write a message as it was accepted (.eml format). With --dir or --mbox, write messages with
    /// their envelopes, for `queue import`.
    Export {
        /// The message id, as `queue list` shows it.
        #[arg(required_unless_present = "matching", conflicts_with = "matching")]
        id: Option<MessageId>,
        /// The file to create. The default is standard output.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["dir", "mbox"])]
        output: Option<PathBuf>,
        /// All messages that match --account, --device, --to, --state and --older-than.
        #[arg(long = "match")]
        matching: bool,
        #[command(flatten)]
        selection: Selection,
        /// The folder that gets a file for each message.
        #[arg(long, value_name = "DIR", conflicts_with = "mbox")]
        dir: Option<PathBuf>,
        /// The mbox file to create, for all messages.
        #[arg(long, value_name = "FILE")]
        mbox: Option<PathBuf>,
    },
    /// Put exported messages into the queue, for example on another machine.
    Import {
        /// A folder, an mbox file or an .eml file that `queue export` has written.
        path: PathBuf,
    },
}

/// What messages of the queue have in common. Every part that is given must hold.
#[derive(Args)]
pub(super) struct Selection {
    /// Messages that wait for this account.
    #[arg(long, value_name = "NAME")]
    pub(super) account: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// What messages of the queue have in common, beside the account.
#[derive(Args)]
pub(super) struct Common {
    /// Messages that this device has submitted.
    #[arg(long, value_name = "NAME")]
    pub(super) device: Option<String>,
    /// Messages with this recipient: an address, or a domain.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) to: Option<String>,
    /// waiting, retrying, sending or held.
    #[arg(long, value_name = "STATE", value_parser = queue_state)]
    pub(super) state: Option<QueueState>,
    /// Messages that were accepted at least this long ago, for example 2h.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(super) older_than: Option<Duration>,
}

/// The messages that an order is about.
#[derive(Args)]
pub(super) struct Which {
    /// Message ids.
    #[arg(required_unless_present = "matching", conflicts_with = "matching")]
    pub(super) ids: Vec<MessageId>,
    /// All messages that match --account, --device, --to, --state and --older-than. Shows how many
    /// there are and asks for confirmation.
    #[arg(long = "match")]
    pub(super) matching: bool,
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Do not ask for confirmation.
    #[arg(long)]
    pub(super) yes: bool,
}

#[derive(Args)]
pub(super) struct HistoryArguments {
    /// The recipient: an address, or a domain.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) to: Option<String>,
    /// The envelope's sender: an address, or a domain.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) from: Option<String>,
    /// The device that submitted the message.
    #[arg(long, value_name = "NAME")]
    pub(super) device: Option<String>,
    /// The account that sent it.
    #[arg(long, value_name = "NAME")]
    pub(super) account: Option<String>,
    /// A part of the subject. Subjects are kept only with report.keep_subjects.
    #[arg(long, value_name = "TEXT")]
    pub(super) subject: Option<String>,
    /// Only what was settled at this time or later: 2026-11-24, 2026-11-24T10:00, yesterday, 3h.
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<When>,
    /// Only what was settled before this time. A day is included.
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<When>,
    /// delivered, failed, deleted, quarantined or lost.
    #[arg(long, value_name = "OUTCOME", value_parser = settled_outcome)]
    pub(super) outcome: Option<RecipientOutcome>,
    /// The message id.
    #[arg(long, value_name = "ID")]
    pub(super) id: Option<MessageId>,
    /// Maximum number of recipients to show, the latest first.
    #[arg(long, default_value_t = 100)]
    pub(super) limit: usize,
    /// Show all.
    #[arg(long, conflicts_with = "limit")]
    pub(super) all: bool,
    #[command(flatten)]
    pub(super) json: JsonArguments,
    /// Print comma-separated values, for spreadsheets.
    #[arg(long, conflicts_with = "json")]
    pub(super) csv: bool,
}

#[derive(Subcommand)]
pub(super) enum AccountCommand {
    /// List the accounts with their state and the use of their limits.
    List(JsonArguments),
    /// Test an account step by step up to its login, and explain the step that fails. Sends no
    /// mail, and needs no running daemon.
    Check {
        /// The account's name in the configuration.
        name: String,
    },
    /// Enable an account. Also ends a pause or a stop, after its cause was corrected.
    Enable {
        /// The account's name in the configuration.
        name: String,
    },
    /// Disable an account. Its mail waits.
    Disable {
        /// The account's name in the configuration.
        name: String,
    },
    /// Show the settings that can be changed while the daemon runs: the value in the file, the
    /// value in force, and who changed it.
    Settings {
        /// The account's name in the configuration.
        name: String,
        #[command(flatten)]
        json: JsonArguments,
    },
    /// Change such settings without a restart, for example: postroom account set scanner
    /// batch.messages=10 batch.interval=60s
    Set {
        /// The account's name in the configuration.
        name: String,
        /// batch.messages, batch.interval or batch.split, with a value as in the configuration.
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
        settings: Vec<(String, String)>,
    },
    /// Reset such settings to the values in the configuration file. Asks for confirmation.
    RestoreDefaults {
        /// The account's name in the configuration.
        name: String,
        /// Do not ask for confirmation.
        #[arg(long)]
        yes: bool,
    },
    /// Reset the recorded usage of the last 24 hours. Use it after the index was lost, if you know
    /// that little was sent. Asks for confirmation.
    ForgetBudget {
        /// The account's name in the configuration.
        name: String,
        /// Do not ask for confirmation.
        #[arg(long)]
        yes: bool,
    },
    /// Sign in to an account that uses OAuth without a secret. Shows a code to type into a browser,
    /// waits for the sign-in, and stores it.
    Login {
        /// The account's name in the configuration.
        name: String,
    },
}

#[derive(Subcommand)]
pub(super) enum DeviceCommand {
    /// List the devices and what was seen of them, and refused unknown clients with the
    /// configuration lines that would admit them.
    List(JsonArguments),
    /// Show one device or address: what was seen of it, its refusals with advice, and the dialogue
    /// of its last connections.
    Show {
        /// The name of a device in the configuration, or the IP address of a client.
        #[arg(value_name = "NAME|ADDRESS")]
        which: String,
        #[command(flatten)]
        json: JsonArguments,
    },
    /// Generate a password that old firmware can store: 16 letters and digits, without those that
    /// look alike.
    Password(PasswordArguments),
}

#[derive(Args)]
pub(super) struct PasswordArguments {
    /// The user's name. With it, the command prints the lines for the configuration.
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// Write the password to this new file, which only its owner can read.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Store an argon2 hash instead of the password. CRAM-MD5, DIGEST-MD5 and APOP do not work with
    /// a hash.
    #[arg(long)]
    pub(super) hash: bool,
    /// Read the password from standard input instead of generating one.
    #[arg(long)]
    pub(super) stdin: bool,
}

#[derive(Args)]
pub(super) struct SendArguments {
    /// The recipient. Can be given several times.
    #[arg(long, required = true, value_name = "ADDRESS")]
    pub(super) to: Vec<Address>,
    /// The sender. The default is the account's address.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) from: Option<Address>,
    /// The account that sends the message. The default is the first one.
    #[arg(long, value_name = "NAME", conflicts_with = "smtp")]
    pub(super) account: Option<String>,
    /// Submit the message over plain SMTP to this address, as a device would. Without this option,
    /// it goes directly into the spool.
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) smtp: Option<SocketAddr>,
    /// How long to wait for the outcome.
    #[arg(
        long,
        default_value = "60s",
        value_name = "DURATION",
        value_parser = humantime::parse_duration
    )]
    pub(super) wait: Duration,
}

fn queue_state(text: &str) -> Result<QueueState, String> {
    QueueState::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| format!("\"{text}\" is none of waiting, retrying, sending and held"))
}

fn settled_outcome(text: &str) -> Result<RecipientOutcome, String> {
    use RecipientOutcome::{Deleted, Delivered, Failed, Lost, Quarantined};
    let all = [Delivered, Failed, Deleted, Quarantined, Lost];
    all.into_iter().find(|outcome| outcome.as_str() == text).ok_or_else(|| {
        format!("\"{text}\" is none of delivered, failed, deleted, quarantined and lost")
    })
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = parts.ok_or_else(|| {
        format!("\"{text}\" is not KEY=VALUE; write for example batch.messages=10")
    })?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}
