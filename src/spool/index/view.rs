//! What the index holds: the store, and the changes that have not reached it yet.

use std::ops::Range;

use crate::spool::{
    SpoolError,
    index::{
        overlay::Overlay,
        sled_store::{Pair, Store, StorePairs},
    },
};

/// Overlay and store as one.
#[derive(Clone, Copy)]
pub(in crate::spool) struct View<'a> {
    overlay: &'a Overlay,
    store: &'a Store,
}

impl<'a> View<'a> {
    pub(in crate::spool) const fn new(overlay: &'a Overlay, store: &'a Store) -> Self {
        Self { overlay, store }
    }

    pub(in crate::spool) fn read(self, key: &[u8]) -> Result<Option<Vec<u8>>, SpoolError> {
        match self.overlay.get(key) {
            Some(known) => Ok(known),
            None => self.store.read(key),
        }
    }

    pub(in crate::spool) fn has(self, key: &[u8]) -> Result<bool, SpoolError> {
        match self.overlay.has(key) {
            Some(known) => Ok(known),
            None => self.store.has(key),
        }
    }

    /// The pairs of a range of keys in their order. Changes made meanwhile may or may not be seen.
    pub(in crate::spool) fn pairs(self, range: Range<Vec<u8>>) -> Pairs<'a> {
        self.walk(range, Direction::Up)
    }

    /// The pairs of a range of keys, the last one first.
    pub(in crate::spool) fn pairs_back(self, range: Range<Vec<u8>>) -> Pairs<'a> {
        self.walk(range, Direction::Down)
    }

    fn walk(self, range: Range<Vec<u8>>, direction: Direction) -> Pairs<'a> {
        let dropped = self.overlay.dropped();
        let stored = self.store.pairs(range.clone());
        Pairs { view: self, dropped, stored, next_stored: None, rest: range, direction }
    }
}

/// A key and its value; none when it was removed.
type Step = (Vec<u8>, Option<Vec<u8>>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// The pairs of a range, one after the other.
pub(in crate::spool) struct Pairs<'a> {
    view: View<'a>,
    /// How many layers had gone to the store when `stored` began: it does not see what is written
    /// later.
    dropped: u64,
    stored: StorePairs,
    /// Read from the store and not yet its turn.
    next_stored: Option<Pair>,
    /// What is left of the range.
    rest: Range<Vec<u8>>,
    direction: Direction,
}

impl Pairs<'_> {
    fn next_stored(&mut self) -> Result<Option<&Pair>, SpoolError> {
        if self.next_stored.is_none() {
            let next = match self.direction {
                Direction::Up => self.stored.next(),
                Direction::Down => self.stored.next_back(),
            };
            self.next_stored = next.transpose()?;
        }
        Ok(self.next_stored.as_ref())
    }

    /// The next key and its value; a value of none was removed.
    fn step(&mut self) -> Result<Option<Step>, SpoolError> {
        let found = match self.direction {
            Direction::Up => self.view.overlay.first(&self.rest),
            Direction::Down => self.view.overlay.last(&self.rest),
        };
        if found.dropped != self.dropped {
            self.dropped = found.dropped;
            self.stored = self.view.store.pairs(self.rest.clone());
            self.next_stored = None;
        }
        let changed = found.pair;
        let direction = self.direction;
        let stored = self.next_stored()?;
        let stored_first = match (&changed, stored) {
            (None, None) => return Ok(None),
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (Some((changed, _)), Some(stored)) => {
                let hidden = *changed == stored.key;
                let sooner = match direction {
                    Direction::Up => stored.key < *changed,
                    Direction::Down => stored.key > *changed,
                };
                if hidden {
                    self.next_stored = None;
                }
                sooner
            }
        };
        let next = match changed {
            Some((key, slot)) if !stored_first => Some((key, slot.value)),
            _stored => self.next_stored.take().map(|pair| (pair.key, Some(pair.value))),
        };
        if let Some((key, _)) = &next {
            match direction {
                Direction::Up => {
                    self.rest.start.clone_from(key);
                    self.rest.start.push(0);
                }
                Direction::Down => self.rest.end.clone_from(key),
            }
        }
        Ok(next)
    }
}

impl Iterator for Pairs<'_> {
    type Item = Result<Pair, SpoolError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step() {
                Ok(Some((key, Some(value)))) => return Some(Ok(Pair { key, value })),
                Ok(Some((_removed, None))) => {}
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::index::batch::Batch;

    /// A store and an overlay with keys of one octet: even ones in the store, odd ones above.
    fn both(folder: &std::path::Path) -> (Store, Overlay) {
        let Ok(store) = Store::open(folder) else { panic!("a store in an empty folder") };
        let (even, odd): (Vec<u8>, Vec<u8>) = (0..100).partition(|n| n % 2 == 0);
        let even: Vec<[u8; 1]> = even.into_iter().map(|n| [n]).collect();
        store.write(even.iter().map(|key| (&key[..], Some(&b"stored"[..])))).unwrap();
        let overlay = Overlay::default();
        let mut batch = Batch::default();
        odd.into_iter().for_each(|n| batch.insert(vec![n], b"above".to_vec()));
        batch.remove(vec![10]);
        batch.insert(vec![20], b"changed".to_vec());
        overlay.apply(batch);
        (store, overlay)
    }

    fn keys(pairs: Pairs<'_>) -> Vec<u8> {
        pairs.map(|pair| pair.unwrap().key[0]).collect()
    }

    #[test]
    fn both_are_walked_as_one_in_either_direction() {
        let folder = tempfile::tempdir().unwrap();
        let (store, overlay) = both(folder.path());
        let view = View::new(&overlay, &store);
        let mut expected: Vec<u8> = (5..90).filter(|n| *n != 10).collect();
        assert_eq!(keys(view.pairs(vec![5]..vec![90])), expected);
        expected.reverse();
        assert_eq!(keys(view.pairs_back(vec![5]..vec![90])), expected);
        assert_eq!(view.read(&[20]).unwrap(), Some(b"changed".to_vec()));
        assert!(!view.has(&[10]).unwrap() && view.has(&[11]).unwrap());
    }

    #[test]
    fn a_layer_that_goes_to_the_store_meanwhile_is_not_missed() {
        let folder = tempfile::tempdir().unwrap();
        let (store, overlay) = both(folder.path());
        let view = View::new(&overlay, &store);
        let mut pairs = view.pairs(vec![0]..vec![100]);
        let mut seen: Vec<u8> = pairs.by_ref().take(3).map(|pair| pair.unwrap().key[0]).collect();
        let layer = overlay.lower();
        store.write(layer.iter().map(|(key, slot)| (&key[..], slot.value.as_deref()))).unwrap();
        overlay.drop_lower();
        seen.extend(keys(pairs));
        assert_eq!(seen, (0..100).filter(|n| *n != 10).collect::<Vec<u8>>());
    }
}
