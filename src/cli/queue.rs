//! `postroom queue list | show | retry | hold | release | redirect | delete | export |
//! import`: queued messages.
//!
//! - `list`: the table; `orders`: what changes messages; `selection`: which messages an order is
//!   about; `transfer`: export and import, with `mbox`; `words`: words about one

mod list;
mod mbox;
mod orders;
mod selection;
mod transfer;
mod words;

use std::{fmt::Write as _, path::Path, process::ExitCode};

use anyhow::bail;
use jiff::tz::TimeZone;

use self::{
    list::{Listing, list},
    transfer::{export_one, export_to_folder, export_to_mbox, import},
    words::{accounts, state},
};
use super::{
    arguments::{QueueCommand, Selection, Which},
    client::Client,
    forecast::in_full,
    history,
    output::{plural, print, print_json, relative, size},
};
use crate::{
    admin::{Found, Queued},
    clock::Clock,
    model::{MessageId, Timestamp},
    spool::{Progress, RecipientState},
};

pub(super) async fn queue(
    config: &Path,
    command: QueueCommand,
    clock: &Clock,
) -> anyhow::Result<ExitCode> {
    let client = Client::of_config(config)?;
    match command {
        QueueCommand::List { selection, limit, all, json } => {
            let most = if all { usize::MAX } else { limit };
            let listing = Listing { selection: &selection, most, json: json.json };
            list(&client, &listing, clock.now()).await?;
            Ok(ExitCode::SUCCESS)
        }
        QueueCommand::Show { id, json } => {
            let form = if json.json { Form::Json } else { Form::Text };
            show_message(&client, id, form, clock.now()).await?;
            Ok(ExitCode::SUCCESS)
        }
        QueueCommand::Retry { which } => orders::retry(&client, &which).await,
        QueueCommand::Hold { which, reason } => orders::hold(&client, &which, reason).await,
        QueueCommand::Release { which } => orders::release(&client, &which).await,
        QueueCommand::Redirect { ids, account, matching, waiting_for, common, yes } => {
            let selection = Selection { account: waiting_for, common };
            let which = Which { ids, matching, selection, yes };
            orders::redirect(&client, &which, &account).await
        }
        QueueCommand::Delete { which } => orders::delete(&client, &which).await,
        QueueCommand::Export { id, output, matching, selection, dir, mbox } => {
            let places = (dir.as_deref(), mbox.as_deref());
            let ids = if matching { selection.ids(&client).await? } else { Vec::from_iter(id) };
            match (places, ids.as_slice()) {
                ((Some(folder), _), ids) => export_to_folder(&client, ids, folder).await?,
                ((None, Some(mbox)), ids) => export_to_mbox(&client, ids, mbox).await?,
                ((None, None), [id]) if !matching => {
                    export_one(&client, *id, output.as_deref()).await?;
                }
                ((None, None), _) => bail!("to export several messages, add --dir or --mbox"),
            }
            Ok(ExitCode::SUCCESS)
        }
        QueueCommand::Import { path } => {
            import(&client, &path).await?;
            Ok(ExitCode::SUCCESS)
        }
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

fn show(
    Queued { entry, forecast, subject }: &Queued,
    now: Timestamp,
) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "message   {}", entry.id)?;
    writeln!(text, "received  {} ({})", entry.received, relative(entry.received, now))?;
    writeln!(text, "device    {}", entry.device)?;
    writeln!(text, "account   {}", accounts(entry))?;
    writeln!(text, "sender    <{}>", entry.sender)?;
    if let Some(subject) = subject {
        writeln!(text, "subject   {subject}")?;
    }
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
