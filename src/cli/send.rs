//! `postroom send`: sends a test message through the whole path and prints its outcome.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context as _, anyhow};
use mail_builder::MessageBuilder;
use tokio::time::{Instant, sleep};

use super::{arguments::SendArguments, client::Client, output::say, smtp};
use crate::{
    admin::{SendAnswer, SendRequest},
    clock::{self, Clock},
    config::Config,
    model::{Address, MessageId, RecipientOutcome},
    queue::AccountStatus,
    spool::{Entry, JournalLine},
};

/// The time between two queries for the outcome.
const LOOK: Duration = Duration::from_millis(250);

/// Sends the message and waits. Exit code 0 means that it was delivered to every recipient, 1 that
/// it was not.
pub(super) async fn send(
    config: &Path,
    arguments: SendArguments,
    clock: &Clock,
) -> anyhow::Result<ExitCode> {
    let client = Client::of_config(config)?;
    let settings = Config::load(config)?;
    let named = |name: &str| settings.accounts.iter().find(|account| account.name.as_str() == name);
    let account = match &arguments.account {
        Some(name) => named(name)
            .with_context(|| format!("there is no account \"{name}\" in the configuration"))?,
        None => settings.accounts.first().context("the configuration has no account")?,
    };
    let from = arguments.from.clone().or_else(|| account.address.clone());
    let from = from.with_context(|| {
        format!("account \"{}\" has no address; add --from ADDRESS", account.name)
    })?;
    let text = compose(&from, &arguments.to, &settings.hostname, clock)?;
    let id = match arguments.smtp {
        Some(server) => by_smtp(server, &from, &arguments.to, &text).await?,
        None => {
            let text = String::from_utf8(text)?;
            let request = SendRequest {
                sender: from,
                recipients: arguments.to.clone(),
                account: account.name.clone(),
                text,
            };
            client.post::<_, SendAnswer>("/api/v1/send", &request).await?.id
        }
    };
    say(&format!("accepted as {id}; waiting for the outcome"))?;
    outcome(&client, id, arguments.wait).await
}

fn compose(
    from: &Address,
    to: &[Address],
    hostname: &str,
    clock: &Clock,
) -> anyhow::Result<Vec<u8>> {
    let now = clock.now();
    let recipients: Vec<&str> = to.iter().map(Address::as_str).collect();
    let date = i64::try_from(now.as_secs())?;
    let message = MessageBuilder::new()
        .from(from.as_str())
        .to(recipients)
        .date(date)
        .message_id(format!("test.{}@{hostname}", now.as_millis()))
        .subject("Test message from Postroom")
        .text_body(format!(
            "This is a test message.\r\n\r\n`postroom send` created it on {hostname} at \
            {now}.\r\n"
        ));
    Ok(message.write_to_vec()?)
}

async fn by_smtp(
    server: std::net::SocketAddr,
    from: &Address,
    to: &[Address],
    text: &[u8],
) -> anyhow::Result<MessageId> {
    let handed_in = smtp::hand_in(server, from, to, text).await?;
    for line in &handed_in.dialogue {
        say(line)?;
    }
    let id = handed_in.accepted.split_whitespace().find_map(|word| word.parse().ok());
    id.with_context(|| {
        format!("the server accepted the message, but it is not Postroom: {}", handed_in.accepted)
    })
}

async fn outcome(client: &Client, id: MessageId, wait: Duration) -> anyhow::Result<ExitCode> {
    let until = Instant::now() + wait;
    loop {
        let queued: Vec<Entry> = client.get("/api/v1/queue?limit=1000").await?;
        let Some(entry) = queued.into_iter().find(|entry| entry.id == id) else {
            return settled(client, id).await;
        };
        if Instant::now() >= until {
            say(&format!(
                "still in the queue after {}; for details: postroom queue show {id}",
                humantime::format_duration(wait)
            ))?;
            for recipient in &entry.recipients {
                if let Some(reply) = &recipient.last_reply {
                    say(&format!("<{}>: {reply}", recipient.recipient.address))?;
                }
            }
            tell_accounts(client, &entry).await?;
            return Ok(ExitCode::FAILURE);
        }
        sleep(LOOK).await;
    }
}

/// Prints the state of the message's account, which is the usual reason why a message waits.
async fn tell_accounts(client: &Client, entry: &Entry) -> anyhow::Result<()> {
    let accounts: Vec<AccountStatus> = client.get("/api/v1/accounts").await?;
    let ours: Vec<AccountStatus> =
        accounts.into_iter().filter(|account| account.name == entry.account).collect();
    Ok(say(&super::account::render(&ours, clock::system().now()))?)
}

async fn settled(client: &Client, id: MessageId) -> anyhow::Result<ExitCode> {
    let journal: Vec<JournalLine> = client.get("/api/v1/journal?limit=1000").await?;
    let ours: Vec<JournalLine> = journal.into_iter().filter(|line| line.id == id).collect();
    if ours.is_empty() {
        return Err(anyhow!("{id} has left the queue, but the journal has no line about it"));
    }
    let mut code = ExitCode::SUCCESS;
    for line in &ours {
        let reply = line.reply.as_ref().map(|reply| format!(": {reply}")).unwrap_or_default();
        say(&format!(
            "<{}>: {} by account \"{}\"{reply}",
            line.recipient.address, line.outcome, line.account
        ))?;
        if line.outcome != RecipientOutcome::Delivered {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
