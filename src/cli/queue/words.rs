//! Words about a message of the queue.

use std::collections::BTreeSet;

use crate::{
    cli::output::plural,
    spool::{Entry, Progress},
};

/// The accounts of the recipients that are still waiting, otherwise the message's account.
pub(super) fn accounts(entry: &Entry) -> String {
    let waiting = entry.recipients.iter().filter(|recipient| recipient.due().is_some());
    let names: BTreeSet<&str> =
        waiting.map(|recipient| entry.account_of(recipient).as_str()).collect();
    if names.is_empty() {
        entry.account.to_string()
    } else {
        names.into_iter().collect::<Vec<_>>().join(", ")
    }
}

pub(super) fn state(entry: &Entry) -> String {
    if let Some(hold) = &entry.hold {
        return format!("held: {}", hold.reason);
    }
    if entry
        .recipients
        .iter()
        .any(|recipient| matches!(recipient.progress, Progress::Attempting(_)))
    {
        return "being sent".to_owned();
    }
    let attempts = entry.recipients.iter().map(|recipient| recipient.attempts).max().unwrap_or(0);
    if entry.is_settled() {
        "settled".to_owned()
    } else {
        format!("waiting, {}", plural(u64::from(attempts), "attempt"))
    }
}
