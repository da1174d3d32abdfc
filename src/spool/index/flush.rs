//! Writes the overlay to the store, in large batches and off every message's path.
//!
//! 1. The number of the last durable record is read; everything up to it is in the overlay.
//! 2. The upper layer becomes the lower one.
//! 3. All that is in it is made durable in the journal: the store never knows more than that.
//! 4. It is written, the number with the last part of it, and synced.
//! 5. The layer is dropped. The journal may give up what comes before the number.
//!
//! After a crash in between, records are replayed over a store that has them in part already, which
//! changes nothing: what they say is absolute.

use std::sync::Arc;

use postroom_journal::Sequence;

use crate::spool::{
    SpoolError,
    disk::Deed,
    index::{keys, local::Index, overlay::Layer, sled_store::Store},
    threads::lock,
};

/// Keys written in one batch.
const WRITTEN_AT_ONCE: usize = 1000;

impl Index {
    /// Brings the store up to date. Does nothing when it is.
    pub(in crate::spool) fn flush(&self) -> Result<(), SpoolError> {
        let mut flushing = lock(&self.flushing);
        if !self.memory.overlay.has_lower() {
            flushing.lower = self.log()?.durable();
        }
        let layer = self.memory.overlay.lower();
        if layer.is_empty() {
            return Ok(());
        }
        self.make_durable()?;
        self.with_store(|store| self.write_layer(store, &layer, flushing.lower))?;
        self.memory.overlay.drop_lower();
        flushing.durable = flushing.lower;
        Ok(())
    }

    /// The number of the last record that the store has durably.
    pub(in crate::spool) fn position(&self) -> Sequence {
        lock(&self.flushing).durable
    }

    /// What a store that was opened or rebuilt says.
    pub(in crate::spool) fn set_position(&self, position: Sequence) {
        let mut flushing = lock(&self.flushing);
        flushing.durable = position;
        flushing.lower = flushing.lower.max(position);
    }

    fn write_layer(
        &self,
        store: &Store,
        layer: &Arc<Layer>,
        position: Sequence,
    ) -> Result<(), SpoolError> {
        let position = position.to_be_bytes();
        let ops: Vec<_> =
            layer.iter().map(|(key, slot)| (key.as_slice(), slot.value.as_deref())).collect();
        let mut parts = ops.chunks(WRITTEN_AT_ONCE).peekable();
        while let Some(part) = parts.next() {
            let last = parts.peek().is_none().then_some((keys::POSITION, Some(&position[..])));
            let part = part.iter().copied().chain(last);
            self.attend(Deed::WriteIndex, || store.write(part))?;
        }
        self.attend(Deed::SyncIndex, || store.sync())
    }

    /// Runs what changes the store, and remembers that it failed.
    fn attend<T>(
        &self,
        deed: Deed<'_>,
        act: impl FnOnce() -> Result<T, SpoolError>,
    ) -> Result<T, SpoolError> {
        let done = self.disk.attend(deed, act);
        if done.is_err() {
            self.note_failure();
        }
        done
    }
}
