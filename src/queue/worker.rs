//! A task that sends: it has a live connection first, then takes message after message until there is nothing to take.
//!
//! # Failure
//! Trouble with the connection pauses or stops the account and ends the task. Trouble with the disk ends it too, before
//! anything is sent whose attempt is not stored.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, timeout};
use tracing::error;

use crate::{
    model::Address,
    queue::{
        AccountState,
        claim::{Claim, Outlook},
        core::{Account, Core, Idle, Live},
        outgoing::{self, Outgoing},
        transport::{Link, Transport},
    },
    spool::{Entry, MessageReader, SpoolError},
};

/// How long the disk is left in peace after it refused.
const DISK_PAUSE: Duration = Duration::from_secs(30);
/// A message that could not be read for a passing reason is tried again then.
const READ_AGAIN: Duration = Duration::from_secs(5 * 60);
/// How long a farewell may take.
const QUIT_TIME: Duration = Duration::from_secs(5);

/// Holds back further workers until this one has got to its first claim.
pub(super) struct Starting<T: Transport>(pub(super) Arc<Account<T>>);

impl<T: Transport> Drop for Starting<T> {
    fn drop(&mut self) {
        self.0.desk().starting = false;
    }
}

/// Sends by one connection until there is nothing to send.
pub(super) async fn work<T: Transport>(core: Arc<Core<T>>, account: Arc<Account<T>>, starting: Starting<T>) {
    let mut starting = Some(starting);
    let Some(mut live) = core.connection(&account).await else {
        return;
    };
    while let Some(claim) = core.claim_or_rest(&account) {
        if starting.take().is_some() {
            core.changed.notify_one();
        }
        if let Some(obstacle) = claim.obstacle {
            core.refuse(&account, &claim, obstacle).await;
            continue;
        }
        // Also makes the outcome of the message before durable.
        let (stored, text) = tokio::join!(core.on_disk(core.spool.sync()), core.on_disk(core.prepare(&account, &claim.entry)));
        if let Err(problem) = stored {
            core.abandon(&account, &claim, &problem);
            break;
        }
        let text = match text {
            Ok(text) => text,
            Err(problem) => {
                core.do_without(&account, &claim, &problem).await;
                continue;
            }
        };
        core.metrics.sending().attempts.inc();
        let handover = outgoing::handover(&claim.entry, &claim.indexes(), &account.settings, text);
        let report = live.link.send(handover).await;
        let first = live.carried == 0;
        live.carried = live.carried.saturating_add(1);
        core.conclude(&account, &claim, &report, first).await;
        if !(live.link.is_reusable() && live.link.is_fresh()) {
            core.settle().await;
            close(live).await;
            if core.outlook(&account) != Outlook::Now || core.is_stopping() {
                return;
            }
            match core.connection(&account).await {
                Some(next) => live = next,
                None => return,
            }
        }
    }
    core.settle().await;
    core.park(&account, live).await;
}

/// Says goodbye, if the server still listens.
pub(super) async fn close<L: Link>(live: Live<L>) {
    let Live { link, .. } = live;
    // Whether the server answers QUIT is of no consequence.
    if link.is_reusable() && timeout(QUIT_TIME, link.quit()).await.is_err() {}
}

impl<T: Transport> Core<T> {
    /// A connection: one that lies idle, or a new one. None when the account is in trouble, which is then known.
    async fn connection(&self, account: &Account<T>) -> Option<Live<T::Link>> {
        if matches!(self.desk(account).condition.state(), AccountState::Ready) {
            loop {
                let taken = account.idle().pop();
                match taken {
                    Some(Idle { live, .. }) if live.link.is_reusable() && live.link.is_fresh() => return Some(live),
                    Some(Idle { live, .. }) => close(live).await,
                    None => break,
                }
            }
        }
        match account.transport.connect().await {
            Ok(link) => {
                let live = account.opened(link);
                let news = self.desk(account).condition.connected();
                self.tell(account, news).await;
                Some(live)
            }
            Err(trouble) => {
                let news = self.desk(account).trouble(&trouble, self.clock.now());
                self.tell(account, news).await;
                None
            }
        }
    }

    /// Keeps a connection for the next message, if there may be one soon.
    async fn park(&self, account: &Account<T>, live: Live<T::Link>) {
        let ready = matches!(self.desk(account).condition.state(), AccountState::Ready);
        if ready && !self.is_stopping() && live.link.is_reusable() && live.link.is_fresh() {
            account.idle().push(Idle { live, since: Instant::now() });
        } else {
            close(live).await;
        }
    }

    fn claim_or_rest(&self, account: &Account<T>) -> Option<Arc<Claim>> {
        match self.claim(account) {
            Ok(claim) => claim,
            Err(problem) => {
                self.rest(account, &problem);
                None
            }
        }
    }

    /// Makes the last outcome durable when no claim does it on the way.
    async fn settle(&self) {
        if let Err(problem) = self.on_disk(self.spool.sync()).await {
            error!(%problem, "outcome not stored");
        }
    }

    /// A claimed message that cannot be read is put aside, or left for later.
    async fn do_without(&self, account: &Account<T>, claim: &Claim, problem: &SpoolError) {
        let id = claim.entry.id;
        let lost = match problem {
            SpoolError::Unreadable { .. } | SpoolError::NotFound(_) => true,
            SpoolError::Io { source, .. } => source.kind() == ErrorKind::NotFound,
            SpoolError::Full | SpoolError::Locked(_) | SpoolError::Index(_) => false,
        };
        if lost {
            self.put_aside(account, claim, &problem.to_string()).await;
        } else {
            error!(%id, %problem, "message not read");
            self.give_back(account, claim, self.clock.now().plus(READ_AGAIN));
        }
    }

    /// The text of a claimed message, edited.
    async fn prepare(&self, account: &Account<T>, entry: &Entry) -> Result<Outgoing<MessageReader>, SpoolError> {
        let settings = &account.settings;
        let text = self.spool.body(entry.id).await?;
        let whom = |author: Option<&Address>| outgoing::author(entry, author, settings);
        let again = async || self.spool.body(entry.id).await.map_err(io::Error::other);
        let prepared = Outgoing::prepare(text, outgoing::edits(entry, settings), whom, again).await;
        prepared.map_err(|source| SpoolError::Io { what: "read message", path: entry.id.as_str().into(), source })
    }

    /// The disk refused to store a claim: nothing was sent.
    fn abandon(&self, account: &Account<T>, claim: &Claim, problem: &SpoolError) {
        self.give_back(account, claim, self.clock.now());
        self.rest(account, problem);
    }

    fn rest(&self, account: &Account<T>, problem: &SpoolError) {
        error!(account = %account.settings.name, %problem, "attempt not stored; nothing is sent without that");
        let advice = "Look at the disk of the data folder: is it full, or failing?";
        self.desk(account).condition.hinder(DISK_PAUSE, problem.to_string(), advice, self.clock.now());
    }
}
