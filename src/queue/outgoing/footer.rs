//! The footer of a message, with its placeholders filled.

use crate::{
    message::footer::{Facts, Footer},
    queue::AccountSettings,
    report::Reporter,
    spool::Entry,
};

/// The footer of a message. `None` for our own notices, and for mail with a null sender, which
/// programs process.
pub(in crate::queue) fn footer(entry: &Entry, account: &AccountSettings) -> Option<Footer> {
    let template = account.footer.as_ref()?;
    let sender =
        entry.sender.mailbox().filter(|_| entry.device.as_str() != Reporter::OWN_DEVICE)?;
    let received = entry.received.to_rfc3339();
    let (date, time) = received.split_once('T').unwrap_or((&received, ""));
    let values = vec![
        ("device", entry.device.to_string()),
        ("sender", sender.to_string()),
        ("account", account.name.to_string()),
        ("date", date.to_owned()),
        ("time", time.get(..5).unwrap_or_default().to_owned()),
        ("hostname", account.route.hostname().to_owned()),
        ("id", entry.id.to_string()),
    ];
    Some(template.fill(&Facts { values, tag: entry.id.to_string() }))
}
