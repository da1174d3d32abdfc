//! The spool as the rest of the program sees it.

use std::{
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use serde::de::DeserializeOwned;
use tokio::sync::{Notify, oneshot};

use crate::{
    clock::Clock,
    metrics::Metrics,
    model::{AccountName, ByteSize, DeviceName, Envelope, MessageId, Timestamp},
    spool::{
        Change, Charge, Entry, Incoming, JournalLine, MemoKind, MessageReader, RecoveryReport,
        RouteMessage, Routes, SpoolError, SpoolSettings,
        core::Core,
        index_flush::delete_files,
        memo::LOST,
        open::{self, Tuning},
        quarantine, texts,
        threads::{blocking, lock},
    },
};

/// The spool. Cheap to clone. When the last one is dropped, what was applied is made durable, as by
/// [`Spool::close`].
#[derive(Clone)]
pub struct Spool(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) core: Arc<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Spool {
    /// Opens or creates the spool, and starts recovery, which goes on in the background:
    /// [`Spool::recovered`]. `route` names the accounts of a message, when it is received and when
    /// its entry has to be rebuilt from its file.
    ///
    /// # Errors
    /// When the folder cannot be made, written or locked. A broken index is not an error: it is
    /// moved aside and rebuilt.
    pub fn open(
        settings: SpoolSettings,
        route: RouteMessage,
        clock: Clock,
        metrics: Metrics,
    ) -> Result<Self, SpoolError> {
        Self::open_on(&Tuning::default(), settings, route, clock, metrics)
    }

    pub(super) fn open_on(
        tuning: &Tuning,
        settings: SpoolSettings,
        route: RouteMessage,
        clock: Clock,
        metrics: Metrics,
    ) -> Result<Self, SpoolError> {
        let (core, threads) = open::open(settings, route, clock, metrics, tuning)?;
        Ok(Self(Arc::new(Inner { core, threads: Mutex::new(threads) })))
    }

    /// Waits until every file has been compared with the index.
    pub async fn recovered(&self) -> RecoveryReport {
        let mut recovered = self.0.core.recovered.subscribe();
        let report = recovered.wait_for(Option::is_some).await;
        // The sender lives as long as this handle.
        report.ok().and_then(|report| report.clone()).unwrap_or_default()
    }

    /// A fresh id for a message received now.
    #[must_use]
    pub fn new_id(&self) -> MessageId {
        MessageId::new(self.0.core.clock.now(), rand::random())
    }

    /// Whether there is room for a message of this size (`min_free` kept). Cheap: the disk is asked
    /// at most once a second.
    ///
    /// # Errors
    /// [`SpoolError::Full`].
    pub fn admits(&self, size: Option<ByteSize>) -> Result<(), SpoolError> {
        self.0.core.admits(size)
    }

    /// Begins a message. Small ones reach the disk only with [`Incoming::commit`], larger ones as
    /// they come.
    ///
    /// # Errors
    /// When the disk is nearly full or the envelope is too long to be kept.
    #[expect(
        clippy::unused_async,
        reason = "its callers wait here for the disk when a message has to begin on it"
    )]
    pub async fn receive(
        &self,
        envelope: Envelope,
        routes: impl Into<Routes>,
    ) -> Result<Incoming, SpoolError> {
        Incoming::begin(Arc::clone(&self.0.core), envelope, routes.into())
    }

    /// The accounts that a message goes by.
    #[must_use]
    pub fn route(&self, envelope: &Envelope) -> Routes {
        (self.0.core.route)(envelope)
    }

    /// What has become of a message.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn entry(&self, id: MessageId) -> Result<Option<Entry>, SpoolError> {
        self.0.core.index.entry(id)
    }

    /// The devices that have mail waiting for an account, in the order of their names. In memory.
    #[must_use]
    pub fn devices_waiting(&self, account: &AccountName) -> Vec<DeviceName> {
        self.0.core.index.devices_waiting(account)
    }

    /// The accounts that have mail waiting, with how many messages: also those that the config no
    /// longer knows. In memory.
    #[must_use]
    pub fn accounts_waiting(&self) -> Vec<(AccountName, u64)> {
        self.0.core.index.accounts_waiting()
    }

    /// The messages that have been due longest, of one device, for one account, earliest first and
    /// at most `limit` of them; each with its due time, which may lie ahead. The queue asks for one
    /// more than it has attempts under way.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn first_due(
        &self,
        account: &AccountName,
        device: &DeviceName,
        limit: usize,
    ) -> Result<Vec<(Timestamp, MessageId)>, SpoolError> {
        self.0.core.index.first_due(account, device, limit)
    }

    /// Applies a change at once to what everyone reads, all of it or nothing. Durable after
    /// [`Spool::sync`].
    ///
    /// # Errors
    /// When a message to be put or removed is not in the queue, or the index cannot be written;
    /// then nothing is changed.
    pub fn apply(&self, change: Change) -> Result<(), SpoolError> {
        let core = &self.0.core;
        core.index.apply(change)?;
        core.note_change();
        // Waking the queue for its own claims and deliveries would cost more than they do.
        if core.index.has_become_due_sooner() {
            core.wake();
        } else {
            core.count();
        }
        Ok(())
    }

    /// Returns when everything applied before the call is durable. Callers that come together share
    /// one sync. Spool files of messages whose removal was applied are deleted after it.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn sync(&self) -> Result<(), SpoolError> {
        let core = &self.0.core;
        let doomed = core.index.take_doomed();
        let (reply, outcome) = oneshot::channel();
        // Whoever asked may have stopped waiting.
        let durable = match core.index.wait(move |durable| drop(reply.send(durable))) {
            Ok(()) => outcome.await.map_err(|_ended| SpoolError::closed()).flatten(),
            Err(error) => Err(error),
        };
        match durable {
            Ok(()) if !doomed.is_empty() => {
                let core = Arc::clone(core);
                blocking(move || {
                    delete_files(&core, &doomed);
                    core.note_change();
                    Ok(())
                })
                .await
            }
            Ok(()) => Ok(()),
            Err(error) => {
                core.index.give_back_doomed(doomed);
                Err(error)
            }
        }
    }

    /// The charges to an account's budget since a time, oldest first. They are kept for 48 hours.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn charges(
        &self,
        account: &AccountName,
        since: Timestamp,
    ) -> Result<Vec<Charge>, SpoolError> {
        self.0.core.index.charges(account, since)
    }

    /// The text of a message, for sending: opened after the envelope, read in chunks.
    ///
    /// # Errors
    /// When the file is missing or is not a spool file.
    pub async fn body(&self, id: MessageId) -> Result<MessageReader, SpoolError> {
        let core = &self.0.core;
        if core.index.located(id)?.is_some() {
            // What was written lately is in memory, and one small read costs less than a thread.
            return texts::read(core, id);
        }
        let core = Arc::clone(core);
        blocking(move || texts::read(&core, id)).await
    }

    /// Messages in the queue, in the order of their ids, after `after`. Entries that cannot be read
    /// are left out.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn list(&self, after: Option<MessageId>, limit: usize) -> Result<Vec<Entry>, SpoolError> {
        self.0.core.index.list(after, limit)
    }

    /// How many messages are in the queue. In memory.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.core.index.count()
    }

    /// Journal lines before a time, newest first. Lines of one millisecond are never parted: there
    /// may be some more than `limit`, and the time of the last one leads to the next page.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn journal(
        &self,
        before: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<JournalLine>, SpoolError> {
        self.0.core.index.journal(before, limit)
    }

    /// A small value kept under a name: account states, settings changed at run time, sightings.
    ///
    /// # Errors
    /// When the index cannot be read or the value is of another form.
    pub fn recall<T: DeserializeOwned>(
        &self,
        kind: MemoKind,
        name: &str,
    ) -> Result<Option<T>, SpoolError> {
        self.0.core.index.recall(kind.as_str(), name)
    }

    /// All values of one kind with their names; none where the value cannot be read or is of
    /// another form.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn recall_all<T: DeserializeOwned>(
        &self,
        kind: MemoKind,
    ) -> Result<Vec<(String, Option<T>)>, SpoolError> {
        self.0.core.index.recall_all(kind.as_str())
    }

    /// When the index was lost, until somebody says that it is known
    /// ([`Memo::index_loss_is_known`]): charges, conditions and settings are gone with it.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn index_lost_at(&self) -> Result<Option<Timestamp>, SpoolError> {
        self.recall(MemoKind::LostIndex, LOST)
    }

    /// Woken whenever mail was admitted or changed in a way that may make something due: all who
    /// wait, and, if nobody does, whoever waits next.
    #[must_use]
    pub fn wakeups(&self) -> Arc<Notify> {
        Arc::clone(&self.0.core.wakeups)
    }

    /// Puts a message out of the way into `quarantine/`, with the reason, and removes its entry;
    /// the journal keeps a line.
    ///
    /// # Errors
    /// When the file cannot be moved.
    pub async fn quarantine(&self, id: MessageId, reason: &str) -> Result<(), SpoolError> {
        // Only when the entry is durable does a crash in the middle leave enough for the journal's
        // line.
        self.sync().await?;
        let (core, reason) = (Arc::clone(&self.0.core), reason.to_owned());
        blocking(move || quarantine::quarantine(&core, id, &reason)).await?;
        self.sync().await
    }

    /// Flushes and stops, unless that is done. Nothing may be applied afterwards, by any clone.
    ///
    /// # Errors
    /// When the last sync fails.
    pub async fn close(&self) -> Result<(), SpoolError> {
        let inner = Arc::clone(&self.0);
        blocking(move || inner.close()).await
    }
}

impl Inner {
    fn close(&self) -> Result<(), SpoolError> {
        if self.core.is_stopping() {
            return Ok(());
        }
        self.core.stop();
        for thread in lock(&self.threads).drain(..) {
            // A thread survives its panics; there is nothing else to learn from its end.
            drop(thread.join());
        }
        let synced = self.core.index.make_durable().and_then(|()| self.core.index.flush());
        self.core.release();
        synced
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Nobody is left to be told, and all that was promised to be durable is so already.
        drop(self.close());
    }
}
