//! `postroom history`: what has become of messages that left the queue.

use std::path::Path;

use jiff::tz::TimeZone;

use super::{
    arguments::HistoryArguments,
    client::{Client, encoded},
    output::{plural, print, print_json, span, table},
    when::{Edge, local},
};
use crate::{
    admin::{Found, HistoryAnswer},
    clock::Clock,
    model::{MessageId, Timestamp},
};

/// The largest number of lines that one request asks for.
const PAGE: usize = 1000;

pub(super) async fn history(
    config: &Path,
    arguments: &HistoryArguments,
    clock: &Clock,
) -> anyhow::Result<()> {
    let client = Client::of_config(config)?;
    let zone = TimeZone::system();
    let most = if arguments.all { usize::MAX } else { arguments.limit };
    let query = query(arguments, clock.now(), &zone);
    let (found, rest) = search(&client, query, most).await?;
    if arguments.json.json {
        print_json(&found)
    } else if arguments.csv {
        Ok(print(&csv(&found))?)
    } else {
        Ok(print(&render(&found, rest, &zone))?)
    }
}

/// The settled recipients of a message.
pub(super) async fn of_message(client: &Client, id: MessageId) -> anyhow::Result<Vec<Found>> {
    let query = vec![("id", id.to_string())];
    Ok(search(client, query, usize::MAX).await?.0)
}

/// Describes the settled recipients of a message.
pub(super) fn show(id: MessageId, found: &[Found], zone: &TimeZone) -> String {
    format!("message   {id} is not in the queue any more\n\n{}", render(found, Rest::None, zone))
}

/// Whether there may be more than was found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    None,
    Perhaps,
}

/// Asks page by page: the daemon ends each answer early if it has to look at many lines.
async fn search(
    client: &Client,
    query: Vec<(&'static str, String)>,
    most: usize,
) -> anyhow::Result<(Vec<Found>, Rest)> {
    let (mut found, mut until) = (Vec::new(), None::<Timestamp>);
    loop {
        let missing = most.saturating_sub(found.len());
        let mut query = query.clone();
        query.push(("limit", missing.clamp(1, PAGE).to_string()));
        if let Some(until) = until {
            query.retain(|(name, _value)| *name != "until");
            query.push(("until", until.as_millis().to_string()));
        }
        let words: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let answer: HistoryAnswer =
            client.get(&format!("/api/v1/history?{}", words.join("&"))).await?;
        found.extend(answer.lines);
        match answer.next {
            None => return Ok((found, Rest::None)),
            Some(_) if found.len() >= most => return Ok((found, Rest::Perhaps)),
            Some(next) => until = Some(next),
        }
    }
}

fn query(
    arguments: &HistoryArguments,
    now: Timestamp,
    zone: &TimeZone,
) -> Vec<(&'static str, String)> {
    let since = arguments.since.map(|when| when.resolve(Edge::Beginning, now, zone));
    let until = arguments.until.map(|when| when.resolve(Edge::End, now, zone));
    let millis = |at: Option<Timestamp>| at.map(|at| at.as_millis().to_string());
    let parts = [
        ("to", arguments.to.clone()),
        ("from", arguments.from.clone()),
        ("device", arguments.device.clone()),
        ("account", arguments.account.clone()),
        ("subject", arguments.subject.clone()),
        ("since", millis(since)),
        ("until", millis(until)),
        ("outcome", arguments.outcome.map(|outcome| outcome.to_string())),
        ("id", arguments.id.map(|id| id.to_string())),
    ];
    parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn render(found: &[Found], rest: Rest, zone: &TimeZone) -> String {
    if found.is_empty() {
        return "Nothing was found. The journal names recipients that were settled within \
            spool.journal_keep; for those that wait: postroom queue list\n"
            .to_owned();
    }
    let row = |Found { line, seconds }: &Found| {
        vec![
            local(line.at, zone),
            line.recipient.address.to_string(),
            line.outcome.to_string(),
            took(*seconds),
            line.attempts.to_string(),
            line.device.to_string(),
            line.account.to_string(),
            format!("<{}>", line.sender),
            line.id.to_string(),
            line.subject.clone().unwrap_or_else(|| "-".to_owned()),
            line.reply.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        ]
    };
    let header = [
        "SETTLED",
        "RECIPIENT",
        "OUTCOME",
        "TOOK",
        "ATTEMPTS",
        "DEVICE",
        "ACCOUNT",
        "SENDER",
        "ID",
        "SUBJECT",
        "REPLY",
    ];
    let mut text = table(&header, &found.iter().map(row).collect::<Vec<_>>());
    if rest == Rest::Perhaps {
        let shown = plural(u64::try_from(found.len()).unwrap_or(u64::MAX), "recipient");
        text.push_str(&format!("\n{shown} shown, the latest first; for the others: --all\n"));
    }
    text
}

/// The time to the outcome: `0.4s`, `3m 2s`.
fn took(seconds: f64) -> String {
    let duration = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    if seconds < 10.0 { format!("{seconds:.1}s") } else { span(duration) }
}

/// Comma-separated values (RFC 4180), with a header. Times are RFC 3339.
fn csv(found: &[Found]) -> String {
    let mut text = "settled,received,seconds,recipient,outcome,attempts,doubts,device,account,\
        sender,id,size,subject,reply\r\n"
        .to_owned();
    for Found { line, seconds } in found {
        let cells = [
            line.at.to_rfc3339(),
            line.received.to_rfc3339(),
            format!("{seconds:.3}"),
            line.recipient.address.to_string(),
            line.outcome.to_string(),
            line.attempts.to_string(),
            line.doubts.to_string(),
            line.device.to_string(),
            line.account.to_string(),
            line.sender.to_string(),
            line.id.to_string(),
            line.size.octets().to_string(),
            line.subject.clone().unwrap_or_default(),
            line.reply.as_ref().map(ToString::to_string).unwrap_or_default(),
        ];
        text.push_str(&cells.map(|cell| quoted(&cell)).join(","));
        text.push_str("\r\n");
    }
    text
}

/// A cell. A spreadsheet would run one that begins like a formula, and a server chooses its reply.
fn quoted(cell: &str) -> String {
    let cell =
        if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell.into() };
    if cell.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_when_it_must_be_and_is_no_formula() {
        for (cell, expected) in [
            ("250 2.0.0 OK", "250 2.0.0 OK"),
            ("550 no, never", "\"550 no, never\""),
            ("he said \"no\"\r\n", "\"he said \"\"no\"\"\r\n\""),
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ] {
            assert_eq!(quoted(cell), expected);
        }
    }

    #[test]
    fn a_short_time_has_tenths() {
        assert_eq!((took(0.42).as_str(), took(9.99).as_str()), ("0.4s", "10.0s"));
        assert_eq!((took(12.9).as_str(), took(3_700.0).as_str()), ("12s", "1h 1m"));
    }
}
