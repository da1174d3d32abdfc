//! Orders about messages of the queue: retry, hold, release, redirect and delete.

use std::process::ExitCode;

use super::selection::Asked;
use crate::{
    admin::{HoldRequest, Queued, RedirectRequest},
    cli::{
        arguments::Which,
        client::Client,
        output::{complain, plural, say},
    },
    model::MessageId,
};

const RETRY_QUESTION: &str = "\
Attempts for one message are 30 minutes apart (RFC 5321 4.5.4.1), because Exchange Online blocks
mailboxes that repeat what it refused. Has the cause been corrected, and should the next attempt
begin now";

pub(super) async fn retry(client: &Client, which: &Which) -> anyhow::Result<ExitCode> {
    let question = |count: &str| format!("{RETRY_QUESTION} for {count}?");
    each(client, which, Asked::Always, question, async |id| {
        let () = client.post(&format!("/api/v1/queue/{id}/retry"), &()).await?;
        // The message may have left the queue in the meantime.
        let queued = client.get::<Queued>(&format!("/api/v1/queue/{id}")).await;
        Ok(match queued.ok().and_then(|queued| queued.entry.hold) {
            Some(hold) => format!(
                "{id} is due now, but it is held ({}); to release it: postroom queue release {id}",
                hold.reason
            ),
            None => format!("{id} is due now"),
        })
    })
    .await
}

pub(super) async fn hold(
    client: &Client,
    which: &Which,
    reason: String,
) -> anyhow::Result<ExitCode> {
    let request = HoldRequest { reason };
    let question = |count: &str| format!("Hold {count} until a person releases them?");
    each(client, which, Asked::IfSelected, question, async |id| {
        let () = client.post(&format!("/api/v1/queue/{id}/hold"), &request).await?;
        Ok(format!("{id} is held"))
    })
    .await
}

pub(super) async fn release(client: &Client, which: &Which) -> anyhow::Result<ExitCode> {
    let question = |count: &str| format!("Release {count}?");
    each(client, which, Asked::IfSelected, question, async |id| {
        let () = client.post(&format!("/api/v1/queue/{id}/release"), &()).await?;
        Ok(format!("{id} is released"))
    })
    .await
}

pub(super) async fn redirect(
    client: &Client,
    which: &Which,
    account: &str,
) -> anyhow::Result<ExitCode> {
    let request = RedirectRequest { account: account.into() };
    let question = |count: &str| format!("Send {count} by account \"{account}\"?");
    each(client, which, Asked::IfSelected, question, async |id| {
        let () = client.post(&format!("/api/v1/queue/{id}/redirect"), &request).await?;
        Ok(format!("{id} will be sent by account \"{account}\""))
    })
    .await
}

pub(super) async fn delete(client: &Client, which: &Which) -> anyhow::Result<ExitCode> {
    let question = |count: &str| {
        format!("Delete {count} permanently? Neither the sender nor the recipients are notified.")
    };
    each(client, which, Asked::Always, question, async |id| {
        client.delete(&format!("/api/v1/queue/{id}")).await?;
        Ok(format!("{id} is deleted"))
    })
    .await
}

/// Carries out an order for each message and prints what it answers. A message that cannot be
/// changed, because it has left the queue or is being sent, does not keep the others from it.
async fn each(
    client: &Client,
    which: &Which,
    asked: Asked,
    question: impl Fn(&str) -> String,
    order: impl AsyncFn(MessageId) -> anyhow::Result<String>,
) -> anyhow::Result<ExitCode> {
    let Some(ids) = which.agreed(client, asked, question).await? else {
        return Ok(ExitCode::SUCCESS);
    };
    let mut refused: u64 = 0;
    for id in &ids {
        match order(*id).await {
            Ok(done) => say(&done)?,
            Err(problem) if ids.len() == 1 => return Err(problem),
            Err(problem) => {
                complain(&format!("{id}: {problem:#}"));
                refused = refused.saturating_add(1);
            }
        }
    }
    if refused == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    let all = plural(u64::try_from(ids.len())?, "message");
    complain(&format!("{refused} of {all} were not changed"));
    Ok(ExitCode::FAILURE)
}
