//! The arguments of `postroom queue`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use crate::{admin::QueueState, cli::arguments::json::JsonArguments, model::MessageId};

#[derive(Subcommand)]
pub(crate) enum QueueCommand {
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
pub(crate) struct Selection {
    /// Messages that wait for this account.
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// What messages of the queue have in common, beside the account.
#[derive(Args)]
pub(crate) struct Common {
    /// Messages that this device has submitted.
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    /// Messages with this recipient: an address, or a domain.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: Option<String>,
    /// waiting, retrying, sending or held.
    #[arg(long, value_name = "STATE", value_parser = queue_state)]
    pub(crate) state: Option<QueueState>,
    /// Messages that were accepted at least this long ago, for example 2h.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) older_than: Option<Duration>,
}

/// The messages that an order is about.
#[derive(Args)]
pub(crate) struct Which {
    /// Message ids.
    #[arg(required_unless_present = "matching", conflicts_with = "matching")]
    pub(crate) ids: Vec<MessageId>,
    /// All messages that match --account, --device, --to, --state and --older-than. Shows how many
    /// there are and asks for confirmation.
    #[arg(long = "match")]
    pub(crate) matching: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Do not ask for confirmation.
    #[arg(long)]
    pub(crate) yes: bool,
}

fn queue_state(text: &str) -> Result<QueueState, String> {
    QueueState::ALL
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| format!("\"{text}\" is none of waiting, retrying, sending and held"))
}
