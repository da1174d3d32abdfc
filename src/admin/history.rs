//! Settled recipients: `GET /api/v1/history`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Query, State},
};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tracing::{error, warn};

use super::Admin;
use crate::{
    model::{AccountName, DeviceName, MessageId, RecipientOutcome, Timestamp},
    queue::QueueError,
    spool::{Answer, JournalLine, Question, SpoolError, Whom},
};

/// The largest number of lines in one answer, about a megabyte.
const MOST_LINES: usize = 1000;
/// The pause after an error of the disk while the journal is being read.
const READ_AGAIN: Duration = Duration::from_secs(10);
/// The time between two looks at what was added.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// The query of `GET /api/v1/history`. Every part that is given must hold.
#[derive(Clone, PartialEq, Default, Debug, Deserialize)]
pub struct HistoryRequest {
    /// The recipient: an address, or a domain.
    pub to: Option<String>,
    /// The envelope's sender: an address, or a domain.
    pub from: Option<String>,
    /// The device that submitted the message.
    pub device: Option<DeviceName>,
    /// The account that sent it.
    pub account: Option<AccountName>,
    /// A part of the subject.
    pub subject: Option<String>,
    /// Only recipients that were settled at this time or later.
    pub since: Option<Timestamp>,
    /// Only recipients that were settled before this time.
    pub until: Option<Timestamp>,
    /// What has become of the recipient.
    pub outcome: Option<RecipientOutcome>,
    /// The message.
    pub id: Option<MessageId>,
    /// The number of lines after which the search ends.
    pub limit: Option<usize>,
}

/// A settled recipient.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Found {
    /// The line of the journal.
    #[serde(flatten)]
    pub line: JournalLine,
    /// The time from the acceptance of the message until the recipient was settled, in seconds.
    pub seconds: f64,
}

/// The answer to [`HistoryRequest`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct HistoryAnswer {
    /// The lines, the newest first.
    pub lines: Vec<Found>,
    /// If the search has ended early: `until` of the request that continues it.
    pub next: Option<Timestamp>,
}

impl HistoryRequest {
    fn question(&self) -> Question {
        Question {
            to: self.to.as_deref().map(Whom::parse),
            from: self.from.as_deref().map(Whom::parse),
            device: self.device.clone(),
            account: self.account.clone(),
            subject: self.subject.clone(),
            since: self.since,
            until: self.until,
            outcome: self.outcome,
            id: self.id,
        }
    }
}

impl From<Answer> for HistoryAnswer {
    fn from(answer: Answer) -> Self {
        let found = |line: JournalLine| {
            let seconds = line.at.since(line.received).as_secs_f64();
            Found { line, seconds }
        };
        Self { lines: answer.lines.into_iter().map(found).collect(), next: answer.next }
    }
}

pub(super) async fn find(
    State(admin): State<Admin>,
    Query(request): Query<HistoryRequest>,
) -> Result<Json<HistoryAnswer>, QueueError> {
    let limit = request.limit.unwrap_or(MOST_LINES).clamp(1, MOST_LINES);
    let search = move |admin: Admin| {
        let (parts, question) = (&admin.0, request.question());
        parts.history.ask(&parts.spool, &question, limit, parts.clock.now())
    };
    let answer = spawn_blocking(move || search(admin)).await;
    let answer = answer.map_err(|panic| SpoolError::Index(format!("the search failed: {panic}")));
    Ok(Json(answer??.into()))
}

impl Admin {
    /// Reads the journal into the memory of the history, step by step, and then what is added. Never
    /// ends.
    pub async fn load_history(&self) {
        loop {
            let parts = Arc::clone(&self.0);
            let step = move || parts.history.load(&parts.spool, parts.clock.now());
            match spawn_blocking(step).await {
                // After the clock was set back, there is more to read.
                Ok(Ok(true)) => tokio::time::sleep(LOOK_AGAIN).await,
                Ok(Ok(false)) => {}
                Ok(Err(problem)) => {
                    warn!(error = %problem, "journal not read");
                    tokio::time::sleep(READ_AGAIN).await;
                }
                Err(panic) => {
                    error!(%panic, "journal not read");
                    tokio::time::sleep(READ_AGAIN).await;
                }
            }
        }
    }
}
