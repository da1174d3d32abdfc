//! What can be typed.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

use super::sandbox::SandboxArgs;
use crate::{
    config::DEFAULT_PATH,
    daemon::LogFormat,
    model::{Address, MessageId},
};

/// The smart host for an office's printers, scanners and old applications.
#[derive(Parser)]
#[command(name = "postroom", version, max_term_width = 110)]
pub(super) struct Arguments {
    /// The config file.
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_PATH)]
    pub(super) config: PathBuf,
    /// Where log lines go; RUST_LOG chooses which.
    #[arg(long, global = true, value_enum, value_name = "FORM", default_value_t)]
    pub(super) log: LogFormat,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Runs the daemon.
    Run,
    /// Checks the config and explains every error with its line.
    Check,
    /// Asks some questions and writes a config.
    Init(InitArguments),
    /// Prints every key of the config, with its default and what it means.
    Reference,
    /// Shows what the daemon is doing.
    Status(JsonArguments),
    /// Looks at queued messages and changes what becomes of them.
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Looks at the ways out and switches them on and off.
    #[command(subcommand)]
    Account(AccountCommand),
    /// Shows who may hand in mail and what was seen of them; makes passwords for them.
    #[command(subcommand)]
    Device(DeviceCommand),
    // Its help is that of its arguments.
    #[command(about = "Stands in for Exchange Online, to rehearse with")]
    Sandbox(Box<SandboxArgs>),
    /// Runs relay and sandbox in one process and shows a scan going through both.
    Demo(DemoArguments),
    /// Sends a test message through the whole path and waits for its outcome.
    Send(SendArguments),
}

#[derive(Args)]
pub(super) struct JsonArguments {
    /// For scripts.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Args)]
pub(super) struct InitArguments {
    /// Where to write; the path of --config when absent. An existing file is never overwritten.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct DemoArguments {
    /// Stop after the scan has arrived, instead of staying up until Ctrl-C.
    #[arg(long)]
    pub(super) once: bool,
    /// Keep everything in this folder; a temporary one, removed at the end, when absent.
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(super) enum QueueCommand {
    /// Lists what is queued, the oldest first.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        json: JsonArguments,
    },
    /// Shows one message: each recipient, each answer.
    Show {
        id: MessageId,
        #[command(flatten)]
        json: JsonArguments,
    },
    /// Tries messages now. Shortens the 30 minutes that lie between attempts (RFC 5321), so it asks
    /// first.
    Retry {
        #[arg(required = true)]
        ids: Vec<MessageId>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Keeps messages back until they are released.
    Hold {
        #[arg(required = true)]
        ids: Vec<MessageId>,
        /// For whoever looks next.
        #[arg(long, default_value = "held by a person")]
        reason: String,
    },
    /// Lets held messages go on.
    Release {
        #[arg(required = true)]
        ids: Vec<MessageId>,
    },
    /// Deletes messages; nobody is told but the journal.
    Delete {
        #[arg(required = true)]
        ids: Vec<MessageId>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Writes one message out as it was accepted (an .eml file).
    Export {
        id: MessageId,
        /// Where to; standard output when absent.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(super) enum AccountCommand {
    /// Lists the ways out, with their state and budget.
    List(JsonArguments),
    /// Goes the way to an account's login step by step and explains the step that fails. Sends
    /// nothing; works without the daemon.
    Check { name: String },
    /// Switches an account on.
    Enable { name: String },
    /// Switches an account off; its mail waits.
    Disable { name: String },
    /// Shows the settings that can be changed while the daemon runs: what the file says, what is in
    /// force, who set it.
    Settings {
        name: String,
        #[command(flatten)]
        json: JsonArguments,
    },
    /// Changes such settings at once, without a restart: postroom account set scanner
    /// batch.messages=10 batch.interval=60s
    Set {
        name: String,
        /// batch.messages, batch.interval or batch.split, with the value as in the config.
        #[arg(required = true, value_name = "KEY=VALUE", value_parser = key_and_value)]
        settings: Vec<(String, String)>,
    },
    /// Brings back the settings of the config file.
    RestoreDefaults {
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Lets what was sent count no more: after the index was lost, when you know that little was
    /// sent in the last 24 hours.
    ForgetBudget {
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Signs in to an account that uses OAuth without a secret: shows a code to type into a
    /// browser, waits, keeps the sign-in.
    Login { name: String },
}

#[derive(Subcommand)]
pub(super) enum DeviceCommand {
    /// Lists the devices, what was seen of them, and refused clients with the config lines that
    /// would admit them.
    List(JsonArguments),
    /// Shows one device or one address: what was seen, what was refused and why, and what was said.
    Show {
        /// A device of the config, or a client's address.
        #[arg(value_name = "NAME|ADDRESS")]
        which: String,
        #[command(flatten)]
        json: JsonArguments,
    },
    /// Makes a password that old firmware can hold: 16 letters and digits, none that look alike.
    Password(PasswordArguments),
}

#[derive(Args)]
pub(super) struct PasswordArguments {
    /// The user it is for; the lines for the config are shown then.
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// Write it to this new file, which its owner alone can read.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Keep an argon2 hash instead of the password. CRAM-MD5, DIGEST-MD5 and APOP are not possible
    /// with it.
    #[arg(long)]
    pub(super) hash: bool,
    /// Take the password from standard input instead of making one.
    #[arg(long)]
    pub(super) stdin: bool,
}

#[derive(Args)]
pub(super) struct SendArguments {
    /// To whom.
    #[arg(long, required = true, value_name = "ADDRESS")]
    pub(super) to: Vec<Address>,
    /// From whom; the address of the account when absent.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) from: Option<Address>,
    /// Which account carries it; the first when absent.
    #[arg(long, value_name = "NAME", conflicts_with = "smtp")]
    pub(super) account: Option<String>,
    /// Hand it in as a device would, over plain SMTP to this address, instead of straight into the
    /// spool.
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) smtp: Option<SocketAddr>,
    /// How long to wait for the outcome.
    #[arg(long, default_value = "60s", value_name = "SPAN", value_parser = humantime::parse_duration)]
    pub(super) wait: Duration,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = parts.ok_or_else(|| {
        format!("\"{text}\" is no KEY=VALUE; write for example batch.messages=10")
    })?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}
