//! `postroom queue list`: the messages of the queue as a table.

use crate::{
    admin::Queued,
    cli::{
        arguments::Selection,
        client::Client,
        forecast::{in_full, in_short},
        output::{plural, print, print_json, relative, size, table},
        queue::words::{accounts, state},
    },
    model::{MessageId, Timestamp},
    spool::{Entry, RecipientState},
};

/// The largest number of messages that one request asks for.
const PAGE: usize = 1000;

/// What is listed, and how.
pub(super) struct Listing<'a> {
    pub(super) selection: &'a Selection,
    pub(super) most: usize,
    pub(super) json: bool,
}

pub(super) async fn list(
    client: &Client,
    listing: &Listing<'_>,
    now: Timestamp,
) -> anyhow::Result<()> {
    let queued = fetch(client, listing).await?;
    if listing.json {
        return print_json(&queued);
    }
    let mut text = render(&queued, now);
    if queued.len() >= listing.most {
        let all = listing.selection.ids(client).await?.len();
        if all > queued.len() {
            let all = plural(u64::try_from(all)?, "message");
            let shown = queued.len();
            text.push_str(&format!("\n{shown} of {all} shown; for the others: --all\n"));
        }
    } else if queued.len() > 1 {
        let count = plural(u64::try_from(queued.len())?, "message");
        text.push_str(&format!("\n{count}\n"));
    }
    Ok(print(&text)?)
}

async fn fetch(client: &Client, listing: &Listing<'_>) -> anyhow::Result<Vec<Queued>> {
    let mut queued: Vec<Queued> = Vec::new();
    let mut after: Option<MessageId> = None;
    loop {
        let limit = listing.most.saturating_sub(queued.len()).min(PAGE);
        let after_which = after.map(|id| format!("&after={id}")).unwrap_or_default();
        let path = format!("/api/v1/queue?limit={limit}{after_which}{}", listing.selection.query());
        let page: Vec<Queued> = client.get(&path).await?;
        let is_last = page.len() < limit;
        after = page.last().map(|queued| queued.entry.id);
        queued.extend(page);
        if is_last || queued.len() >= listing.most {
            return Ok(queued);
        }
    }
}

fn render(queued: &[Queued], now: Timestamp) -> String {
    if queued.is_empty() {
        return "The queue is empty.\n".to_owned();
    }
    let row = |queued: &Queued| {
        let Queued { entry, forecast, subject } = queued;
        vec![
            entry.id.to_string(),
            relative(entry.received, now),
            entry.device.to_string(),
            accounts(entry),
            format!("<{}>", entry.sender),
            recipients(entry),
            subject.clone().unwrap_or_else(|| "-".to_owned()),
            size(entry.size),
            state(entry),
            in_short(forecast, now),
            why(queued, now),
        ]
    };
    let header = [
        "ID",
        "RECEIVED",
        "DEVICE",
        "ACCOUNT",
        "SENDER",
        "RECIPIENT",
        "SUBJECT",
        "SIZE",
        "STATE",
        "NEXT TRY",
        "WHY",
    ];
    table(&header, &queued.iter().map(row).collect::<Vec<_>>())
}

/// The first recipient that waits, and how many more do.
fn recipients(entry: &Entry) -> String {
    let mut open = entry.recipients.iter().filter(|recipient| recipient.due().is_some());
    match (open.next(), open.count()) {
        (None, _) => "-".to_owned(),
        (Some(first), 0) => format!("<{}>", first.recipient.address),
        (Some(first), others) => format!("<{}> and {others} more", first.recipient.address),
    }
}

/// Why the message is not sent now: what the forecast says, else the last reply.
fn why(Queued { entry, forecast, .. }: &Queued, now: Timestamp) -> String {
    let reply = |recipient: &RecipientState| recipient.last_reply.clone();
    let mut open = entry.recipients.iter().filter(|recipient| recipient.due().is_some());
    let (when, full) = (in_short(forecast, now), in_full(forecast, now));
    match full.strip_prefix(&when).map(|rest| rest.trim_start_matches(": ")) {
        Some("") => "-".to_owned(),
        Some(reason) => open
            .find_map(reply)
            .map_or_else(|| reason.to_owned(), |reply| format!("{reply}; {reason}")),
        None => full,
    }
}
