//! A message being received: kept in memory while it is small, streamed to `incoming/` when it is
//! not. At last it is made durable: a small one in the journal, a large one as a file that the
//! journal names.
//!
//! # Failure
//! Whatever fails, and also when an [`Incoming`] is dropped, nothing is left behind: the device
//! still owns the message.

use std::sync::{Arc, atomic::Ordering};

use tokio::{
    sync::{Semaphore, oneshot},
    time::Instant,
};

use crate::{
    model::{ByteSize, Envelope, MessageId},
    spool::{
        Committed, Entry, Routes, SpoolError,
        committed::Pending,
        core::Core,
        group_commit::withdraw,
        messages::{
            Draft, MessageStore,
            files::{
                DraftFile,
                envelope_format::{SIZE_AT, render, size_digits},
            },
        },
        requests::Ticket,
        threads::{blocking, lock},
    },
};

/// Up to here a message waits in memory and goes to the journal. Beyond, a file of its own is as
/// fast, and does not hold a segment.
const SMALL_OCTETS: usize = 256 * 1024;

/// A larger one goes to the disk in pieces of this size.
const PIECE_OCTETS: usize = 64 * 1024;

/// Octets of a record for each recipient, beside the message: more than what is known of one when
/// it is accepted.
const RECIPIENT_OCTETS: usize = 1024;

/// What all messages being received may hold in memory together; beyond it, each piece goes to the
/// disk at once.
const BUFFERED_OCTETS: usize = 16 * 1024 * 1024;

/// A message being received. Dropped without [`Incoming::commit`], it leaves nothing behind.
pub struct Incoming {
    core: Arc<Core>,
    envelope: Envelope,
    routes: Routes,
    /// Octets of text so far.
    size: u64,
    buffer: Buffer,
    /// A message with its envelope that is not longer goes to the journal.
    small: usize,
    /// Once something has been written to the disk.
    draft: Option<Arc<DraftFile>>,
    /// Every piece handed to the disk was written, as far as we know.
    whole: bool,
}

impl Incoming {
    pub(super) fn begin(
        core: Arc<Core>,
        envelope: Envelope,
        routes: Routes,
    ) -> Result<Self, SpoolError> {
        core.admits(None)?;
        let path = core.messages.path(envelope.id);
        let head = render(&envelope)
            .map_err(|error| SpoolError::Unreadable { path, reason: error.to_string() })?;
        let beside = envelope.recipients.len().saturating_add(1).saturating_mul(RECIPIENT_OCTETS);
        let most = core.index.log()?.most_payload().saturating_sub(beside);
        let small = SMALL_OCTETS.saturating_add(head.len()).min(most);
        let mut buffer = Buffer { core: Arc::clone(&core), octets: Vec::new() };
        buffer.extend(&head);
        Ok(Self { core, envelope, routes, size: 0, buffer, small, draft: None, whole: true })
    }

    /// The message's id.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        self.envelope.id
    }

    /// Appends text: header and body as they are to be kept, lines ended by CRLF.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn write(&mut self, text: &[u8]) -> Result<(), SpoolError> {
        let mut rest = text;
        while !rest.is_empty() {
            let most = if self.draft.is_some() { PIECE_OCTETS } else { self.small };
            let room = most.saturating_sub(self.buffer.octets.len());
            let (some, more) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.buffer.extend(some);
            self.size = self.size.saturating_add(u64::try_from(some.len()).unwrap_or(u64::MAX));
            rest = more;
            if !rest.is_empty() || self.buffer.is_too_much() {
                self.spill().await?;
            }
        }
        Ok(())
    }

    /// Makes the message durable, enters it into the index, wakes the queue.
    ///
    /// # Errors
    /// When the disk refuses; the device then still owns the message, and nothing is left behind.
    pub async fn commit(self) -> Result<Committed, SpoolError> {
        let begun = Instant::now();
        self.must_be_whole()?;
        let Self { core, envelope, routes, size, mut buffer, small, draft, whole: _ } = self;
        let entry = Entry::new(&envelope, routes, ByteSize::from_octets(size))
            .queued_at(core.clock.steady());
        let metrics = core.metrics.clone();
        let committed = match draft {
            None if buffer.octets.len() <= small => {
                buffer.patch(SIZE_AT, size_digits(size).as_bytes());
                to_journal(&core, buffer.take(), entry).await
            }
            draft => to_file(core, buffer, entry, draft).await,
        }?;
        metrics.storage().commit_seconds.observe(begun.elapsed().as_secs_f64());
        Ok(committed)
    }

    /// Hands what is in memory to the disk.
    async fn spill(&mut self) -> Result<(), SpoolError> {
        self.must_be_whole()?;
        self.whole = false;
        let octets = self.buffer.take();
        let (core, id, draft) = (Arc::clone(&self.core), self.envelope.id, self.draft.clone());
        let (draft, octets) = in_turn(Arc::clone(&core.turns), move || {
            let draft = match draft {
                Some(draft) => draft,
                None => Arc::new(core.messages.receive(id)?),
            };
            draft.append(&octets)?;
            Ok((draft, octets))
        })
        .await?;
        self.draft = Some(draft);
        self.buffer.give_back(octets);
        self.whole = true;
        Ok(())
    }

    /// Once a piece was not written, what follows must not be taken for the message.
    fn must_be_whole(&self) -> Result<(), SpoolError> {
        let path = || self.core.messages.path(self.envelope.id);
        if self.whole {
            Ok(())
        } else {
            Err(SpoolError::io(
                "write",
                &path(),
                std::io::Error::other("an earlier part was not written"),
            ))
        }
    }
}

/// Text in memory, counted in what all messages hold together.
struct Buffer {
    core: Arc<Core>,
    octets: Vec<u8>,
}

impl Buffer {
    fn extend(&mut self, text: &[u8]) {
        self.octets.extend_from_slice(text);
        self.core.buffered.fetch_add(text.len(), Ordering::Relaxed);
    }

    fn is_too_much(&self) -> bool {
        self.core.buffered.load(Ordering::Relaxed) > BUFFERED_OCTETS
    }

    fn patch(&mut self, at: u64, octets: &[u8]) {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        if let Some(place) = self.octets.get_mut(start..start.saturating_add(octets.len())) {
            place.copy_from_slice(octets);
        }
    }

    fn take(&mut self) -> Vec<u8> {
        self.core.buffered.fetch_sub(self.octets.len(), Ordering::Relaxed);
        std::mem::take(&mut self.octets)
    }

    /// The room of what was written serves the next piece.
    fn give_back(&mut self, mut written: Vec<u8>) {
        written.clear();
        self.octets = written;
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.take();
    }
}

/// Appends a message to the journal and waits until it is durable.
async fn to_journal(
    core: &Arc<Core>,
    octets: Vec<u8>,
    entry: Entry,
) -> Result<Committed, SpoolError> {
    let (reply, outcome) = oneshot::channel();
    let (pending, told) = (Pending::of(&entry), Arc::clone(core));
    core.index.admit(Some(octets), entry, move |durable| {
        let committed = durable.map(|durable| pending.committed(durable));
        if committed.is_ok() {
            told.note_change();
            told.wake();
        }
        // A session that is gone does not hear it; its device will hand the message in again.
        drop(reply.send(committed));
    })?;
    outcome.await.map_err(|_ended| SpoolError::closed())?
}

/// Makes a file of the message, and waits until it is in place and the journal names it.
async fn to_file(
    core: Arc<Core>,
    mut buffer: Buffer,
    entry: Entry,
    draft: Option<Arc<DraftFile>>,
) -> Result<Committed, SpoolError> {
    let (reply, outcome) = oneshot::channel();
    let (turns, size) = (Arc::clone(&core.turns), entry.size.octets());
    let finish = move || {
        let draft = match draft {
            Some(draft) => {
                draft.append(&buffer.octets)?;
                draft.overwrite(SIZE_AT, size_digits(size).as_bytes())?;
                draft
            }
            None => {
                buffer.patch(SIZE_AT, size_digits(size).as_bytes());
                let draft = Arc::new(core.messages.receive(entry.id)?);
                draft.append(&buffer.octets)?;
                draft
            }
        };
        draft.sync()?;
        put_in_place(&core, &draft, Ticket { entry, reply })
    };
    in_turn(turns, finish).await?;
    outcome.await.map_err(|_ended| SpoolError::closed())?
}

/// Puts a message where accepted mail is, and has its name synced and its entry made with those of
/// others.
fn put_in_place(core: &Core, draft: &DraftFile, ticket: Ticket) -> Result<(), SpoolError> {
    if ticket.reply.is_closed() {
        // The session is gone: nobody would learn that the message was accepted.
        return Err(SpoolError::closed());
    }
    let id = ticket.entry.id;
    lock(&core.arriving).insert(id);
    if let Err(error) = draft.put_in_place() {
        lock(&core.arriving).remove(&id);
        return Err(error);
    }
    core.admissions.join(ticket).map_err(|_ticket| {
        withdraw(core, id);
        SpoolError::closed()
    })
}

/// Like [`blocking`], when it is this message's turn.
async fn in_turn<T: Send + 'static>(
    turns: Arc<Semaphore>,
    act: impl FnOnce() -> Result<T, SpoolError> + Send + 'static,
) -> Result<T, SpoolError> {
    let turn = turns.acquire_owned().await.map_err(|_closed| SpoolError::closed())?;
    let act = move || {
        let done = act();
        // Not earlier, even if the session has ended: the disk is still at work for it.
        drop(turn);
        done
    };
    blocking(act).await
}
