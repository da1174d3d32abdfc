//! What has changed and is not in the store yet: two layers of keys in memory.
//!
//! Changes go to the upper layer. When it is to be written to the store it becomes the lower one,
//! which nobody changes, until it is durable there.

use std::{
    collections::BTreeMap,
    ops::{Bound, Range},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::spool::index::batch::{Batch, Op};

/// Octets that a key takes beside its own and its value's: about what the map needs.
const OVERHEAD: usize = 96;

/// Keys with what they hold; none where they were removed.
pub(in crate::spool) type Layer = BTreeMap<Vec<u8>, Slot>;

/// What a key holds.
#[derive(Clone, Debug)]
pub(in crate::spool) struct Slot {
    pub(in crate::spool) value: Option<Vec<u8>>,
    is_new: bool,
}

/// Both layers.
#[derive(Default)]
pub(in crate::spool) struct Overlay(RwLock<Layers>);

#[derive(Default)]
struct Layers {
    upper: Layer,
    octets: usize,
    lower: Arc<Layer>,
    dropped: u64,
}

/// A key that was found, and how often a layer had been dropped until then: whoever reads the store
/// beside must not have read it before the last one was.
pub(in crate::spool) struct Found {
    pub(in crate::spool) dropped: u64,
    pub(in crate::spool) pair: Option<(Vec<u8>, Slot)>,
}

impl Overlay {
    fn read(&self) -> RwLockReadGuard<'_, Layers> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Layers> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a batch visible.
    pub(in crate::spool) fn apply(&self, batch: Batch) {
        let mut layers = self.write();
        for op in batch.into_ops() {
            layers.apply(op);
        }
    }

    /// What is known of a key; none when only the store knows.
    pub(in crate::spool) fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let layers = self.read();
        let slot = layers.upper.get(key).or_else(|| layers.lower.get(key));
        slot.map(|slot| slot.value.clone())
    }

    /// Whether a key holds something; none when only the store knows.
    pub(in crate::spool) fn has(&self, key: &[u8]) -> Option<bool> {
        let layers = self.read();
        let slot = layers.upper.get(key).or_else(|| layers.lower.get(key));
        slot.map(|slot| slot.value.is_some())
    }

    /// How often a layer has gone to the store and was dropped.
    pub(in crate::spool) fn dropped(&self) -> u64 {
        self.read().dropped
    }

    /// The first key of a range, with what it holds.
    pub(in crate::spool) fn first(&self, range: &Range<Vec<u8>>) -> Found {
        let layers = self.read();
        let firsts = layers.both().map(|layer| layer.range::<[u8], _>(bounds(range)).next());
        // Of equal keys, the upper layer's comes first and is kept.
        let first = firsts
            .into_iter()
            .flatten()
            .reduce(|one, other| if other.0 < one.0 { other } else { one })
            .map(|(key, slot)| (key.clone(), slot.clone()));
        Found { dropped: layers.dropped, pair: first }
    }

    /// The last key of a range, with what it holds.
    pub(in crate::spool) fn last(&self, range: &Range<Vec<u8>>) -> Found {
        let layers = self.read();
        let lasts = layers.both().map(|layer| layer.range::<[u8], _>(bounds(range)).next_back());
        let last = lasts
            .into_iter()
            .flatten()
            .reduce(|one, other| if other.0 > one.0 { other } else { one })
            .map(|(key, slot)| (key.clone(), slot.clone()));
        Found { dropped: layers.dropped, pair: last }
    }

    /// Octets of the upper layer, about.
    pub(in crate::spool) fn octets(&self) -> usize {
        self.read().octets
    }

    /// True when the store knows everything.
    #[cfg(test)]
    pub(in crate::spool) fn is_empty(&self) -> bool {
        let layers = self.read();
        layers.upper.is_empty() && layers.lower.is_empty()
    }

    /// Makes the upper layer the lower one, unless one is being written already, and yields it.
    pub(in crate::spool) fn lower(&self) -> Arc<Layer> {
        let mut layers = self.write();
        if layers.lower.is_empty() {
            layers.octets = 0;
            layers.lower = Arc::new(std::mem::take(&mut layers.upper));
        }
        Arc::clone(&layers.lower)
    }

    /// Whether a layer waits to be written to the store.
    pub(in crate::spool) fn has_lower(&self) -> bool {
        !self.read().lower.is_empty()
    }

    /// The store has the lower layer durably.
    pub(in crate::spool) fn drop_lower(&self) {
        let mut layers = self.write();
        layers.dropped = layers.dropped.wrapping_add(1);
        let old = std::mem::take(&mut layers.lower);
        drop(layers);
        drop(old);
    }

    /// Forgets everything.
    pub(in crate::spool) fn clear(&self) {
        let mut layers = self.write();
        let dropped = layers.dropped.wrapping_add(1);
        *layers = Layers { dropped, ..Layers::default() };
    }
}

impl Layers {
    fn both(&self) -> [&Layer; 2] {
        [&self.upper, &self.lower]
    }

    fn apply(&mut self, op: Op) {
        let Op { key, value, is_new } = op;
        let before = self.upper.get(&key);
        let known_new = before.is_some_and(|slot| slot.is_new);
        let gone = before.map_or(0, |slot| size(&key, slot.value.as_deref()));
        self.octets = self.octets.saturating_sub(gone);
        if value.is_none() && known_new {
            self.upper.remove(&key);
            return;
        }
        self.octets = self.octets.saturating_add(size(&key, value.as_deref()));
        let is_new = known_new || (is_new && before.is_none());
        self.upper.insert(key, Slot { value, is_new });
    }
}

fn size(key: &[u8], value: Option<&[u8]>) -> usize {
    OVERHEAD.saturating_add(key.len()).saturating_add(value.map_or(0, <[u8]>::len))
}

fn bounds(range: &Range<Vec<u8>>) -> (Bound<&[u8]>, Bound<&[u8]>) {
    // The map panics on a range that ends before it begins.
    let end = range.end.as_slice().max(range.start.as_slice());
    (Bound::Included(range.start.as_slice()), Bound::Excluded(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(fill: impl FnOnce(&mut Batch)) -> Batch {
        let mut batch = Batch::default();
        fill(&mut batch);
        batch
    }

    #[test]
    fn what_was_born_and_removed_above_leaves_nothing_for_the_store() {
        let overlay = Overlay::default();
        overlay.apply(batch(|b| b.insert_new(b"e1".to_vec(), b"1".to_vec())));
        overlay.apply(batch(|b| b.insert(b"e1".to_vec(), b"2".to_vec())));
        assert_eq!(overlay.get(b"e1"), Some(Some(b"2".to_vec())));
        overlay.apply(batch(|b| b.remove(b"e1".to_vec())));
        assert!(overlay.is_empty() && overlay.octets() == 0);
        overlay.apply(batch(|b| b.remove(b"e2".to_vec())));
        assert_eq!((overlay.get(b"e2"), overlay.get(b"e3")), (Some(None), None));
    }

    #[test]
    fn the_upper_layer_hides_the_lower_one() {
        let overlay = Overlay::default();
        overlay.apply(batch(|b| {
            b.insert_new(b"a".to_vec(), b"old".to_vec());
            b.insert_new(b"c".to_vec(), b"c".to_vec());
        }));
        assert_eq!(overlay.lower().len(), 2);
        overlay.apply(batch(|b| {
            b.remove(b"a".to_vec());
            b.insert(b"b".to_vec(), b"b".to_vec());
        }));
        let all = b"a".to_vec()..b"z".to_vec();
        let first = overlay.first(&all).pair.unwrap();
        assert_eq!((first.0.as_slice(), first.1.value), (&b"a"[..], None));
        assert_eq!(overlay.last(&all).pair.unwrap().0, b"c");
        overlay.drop_lower();
        assert_eq!((overlay.get(b"a"), overlay.get(b"c")), (Some(None), None));
        assert_eq!(overlay.first(&(b"z".to_vec()..b"a".to_vec())).pair.map(|first| first.0), None);
    }
}
