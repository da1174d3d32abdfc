//! `postroom queue list | show | retry | hold | release | delete | export`: queued messages.

use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use anyhow::Context as _;
use jiff::tz::TimeZone;

use super::{
    arguments::QueueCommand,
    client::Client,
    forecast::{in_full, in_short},
    history,
    output::{Answer, confirm, plural, print, print_json, relative, say, size, table},
};
use crate::{
    admin::{Found, HoldRequest, Queued},
    clock::Clock,
    model::{MessageId, Timestamp},
    spool::{Entry, Progress, RecipientState},
};

const RETRY_QUESTION: &str = "\
Attempts for one message are 30 minutes apart (RFC 5321 4.5.4.1), because Exchange Online blocks
mailboxes that repeat what it refused. Has the cause been corrected, and should the next attempt
begin now?";

pub(super) async fn queue(
    config: &Path,
    command: QueueCommand,
    clock: &Clock,
) -> anyhow::Result<()> {
    let client = Client::of_config(config)?;
    match command {
        QueueCommand::List { limit, json } => {
            let queued: Vec<Queued> = client.get(&format!("/api/v1/queue?limit={limit}")).await?;
            if json.json { print_json(&queued) } else { Ok(print(&list(&queued, clock.now()))?) }
        }
        QueueCommand::Show { id, json } => {
            let form = if json.json { Form::Json } else { Form::Text };
            show_message(&client, id, form, clock.now()).await
        }
        QueueCommand::Retry { ids, yes } => {
            if !yes && confirm(RETRY_QUESTION)? == Answer::No {
                return Ok(());
            }
            for id in ids {
                let () = client.post(&format!("/api/v1/queue/{id}/retry"), &()).await?;
                // The message may have left the queue in the meantime.
                let held = client
                    .get::<Queued>(&format!("/api/v1/queue/{id}"))
                    .await
                    .ok()
                    .and_then(|queued| queued.entry.hold);
                say(&match held {
                    Some(hold) => format!(
                        "{id} is due now, but it is held ({}); to release it: postroom queue \
                        release {id}",
                        hold.reason
                    ),
                    None => format!("{id} is due now"),
                })?;
            }
            Ok(())
        }
        QueueCommand::Hold { ids, reason } => {
            each(&client, &ids, "hold", &HoldRequest { reason }, "is held").await
        }
        QueueCommand::Release { ids } => each(&client, &ids, "release", &(), "is released").await,
        QueueCommand::Delete { ids, yes } => {
            let question = format!(
                "Delete {} permanently? Neither the sender nor the recipients are notified.",
                plural(u64::try_from(ids.len())?, "message")
            );
            if !yes && confirm(&question)? == Answer::No {
                return Ok(());
            }
            for id in ids {
                client.delete(&format!("/api/v1/queue/{id}")).await?;
                say(&format!("{id} is deleted"))?;
            }
            Ok(())
        }
        QueueCommand::Export { id, output } => export(&client, id, output.as_deref()).await,
    }
}

/// Shows a message of the queue, or what has become of one that has left it.
async fn show_message(
    client: &Client,
    id: MessageId,
    form: Form,
    now: Timestamp,
) -> anyhow::Result<()> {
    let queued = client.get::<Queued>(&format!("/api/v1/queue/{id}")).await;
    let found = if queued.is_ok() { Vec::new() } else { history::of_message(client, id).await? };
    match (queued, found.as_slice(), form) {
        (Ok(queued), _, Form::Json) => print_json(&queued),
        (Ok(queued), _, Form::Text) => Ok(print(&show(&queued, now)?)?),
        (Err(problem), [], _) => Err(problem),
        (Err(_), found, Form::Json) => print_json(&Gone { id, settled: found }),
        (Err(_), found, Form::Text) => Ok(print(&history::show(id, found, &TimeZone::system()))?),
    }
}

/// The form of an output.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Json,
}

/// A message that is not in the queue any more.
#[derive(serde::Serialize)]
struct Gone<'a> {
    id: MessageId,
    settled: &'a [Found],
}

async fn each<B: serde::Serialize>(
    client: &Client,
    ids: &[MessageId],
    verb: &str,
    body: &B,
    done: &str,
) -> anyhow::Result<()> {
    for id in ids {
        let () = client.post(&format!("/api/v1/queue/{id}/{verb}"), body).await?;
        say(&format!("{id} {done}"))?;
    }
    Ok(())
}

async fn export(client: &Client, id: MessageId, output: Option<&Path>) -> anyhow::Result<()> {
    let path = format!("/api/v1/queue/{id}/message");
    let Some(output) = output else {
        return client.copy(&path, &mut std::io::stdout().lock()).await;
    };
    let file = std::fs::File::create_new(output);
    let mut file = file.with_context(|| format!("cannot create {}", output.display()))?;
    client
        .copy(&path, &mut file)
        .await
        .with_context(|| format!("cannot write {}; the file is incomplete", output.display()))
}

fn list(queued: &[Queued], now: Timestamp) -> String {
    if queued.is_empty() {
        return "The queue is empty.\n".to_owned();
    }
    let row = |Queued { entry, forecast }: &Queued| {
        let open = entry.recipients.iter().filter(|recipient| recipient.due().is_some()).count();
        vec![
            entry.id.to_string(),
            relative(entry.received, now),
            entry.device.to_string(),
            accounts(entry),
            format!("<{}>", entry.sender),
            format!("{open} of {}", entry.recipients.len()),
            size(entry.size),
            state(entry),
            in_short(forecast, now),
        ]
    };
    let header =
        ["ID", "RECEIVED", "DEVICE", "ACCOUNT", "SENDER", "OPEN", "SIZE", "STATE", "NEXT TRY"];
    table(&header, &queued.iter().map(row).collect::<Vec<_>>())
}

/// The accounts of the recipients that are still waiting, otherwise the message's account.
fn accounts(entry: &Entry) -> String {
    let waiting = entry.recipients.iter().filter(|recipient| recipient.due().is_some());
    let names: BTreeSet<&str> =
        waiting.map(|recipient| entry.account_of(recipient).as_str()).collect();
    if names.is_empty() {
        entry.account.to_string()
    } else {
        names.into_iter().collect::<Vec<_>>().join(", ")
    }
}

fn state(entry: &Entry) -> String {
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

fn show(Queued { entry, forecast }: &Queued, now: Timestamp) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "message   {}", entry.id)?;
    writeln!(text, "received  {} ({})", entry.received, relative(entry.received, now))?;
    writeln!(text, "device    {}", entry.device)?;
    writeln!(text, "account   {}", accounts(entry))?;
    writeln!(text, "sender    <{}>", entry.sender)?;
    writeln!(text, "size      {}", size(entry.size))?;
    writeln!(text, "state     {}", state(entry))?;
    writeln!(text, "next try  {}", in_full(forecast, now))?;
    for recipient in &entry.recipients {
        write!(text, "\n{}", show_recipient(recipient, now)?)?;
    }
    Ok(text)
}

fn show_recipient(recipient: &RecipientState, now: Timestamp) -> Result<String, std::fmt::Error> {
    let progress = match &recipient.progress {
        Progress::Waiting { due } => format!("waiting, due {}", relative(*due, now)),
        Progress::Attempting(attempting) => format!(
            "being sent since {} by account {}",
            relative(attempting.since, now),
            attempting.account
        ),
        Progress::Delivered(settled) => format!("delivered {}", relative(settled.at, now)),
        Progress::Failed(settled) => format!("failed {}", relative(settled.at, now)),
    };
    let mut text = String::new();
    writeln!(text, "<{}>", recipient.recipient.address)?;
    writeln!(text, "  {progress}; {}", plural(u64::from(recipient.attempts), "attempt"))?;
    if let Some(at) = recipient.last_attempt {
        writeln!(text, "  last attempt {}", relative(at, now))?;
    }
    if let Some(reply) = &recipient.last_reply {
        writeln!(text, "  last reply   {reply}")?;
    }
    for doubt in &recipient.doubts {
        writeln!(text, "  in doubt     {}: {}", relative(doubt.attempt, now), doubt.reason)?;
    }
    Ok(text)
}
