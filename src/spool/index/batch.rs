//! What keys hold from now on: gathered for one change, all of it or nothing.

/// What one key holds from now on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::spool) struct Op {
    pub(in crate::spool) key: Vec<u8>,
    /// None: it is removed.
    pub(in crate::spool) value: Option<Vec<u8>>,
    /// The store has certainly nothing under this key: should it be removed before it gets there,
    /// nothing needs to be.
    pub(in crate::spool) is_new: bool,
}

/// Changes that become visible together.
#[derive(Clone, Default, Debug)]
pub(in crate::spool) struct Batch(Vec<Op>);

impl Batch {
    pub(in crate::spool) fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.push(Op { key, value: Some(value), is_new: false });
    }

    /// A key that was never used before.
    pub(in crate::spool) fn insert_new(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.push(Op { key, value: Some(value), is_new: true });
    }

    pub(in crate::spool) fn remove(&mut self, key: Vec<u8>) {
        self.0.push(Op { key, value: None, is_new: false });
    }

    pub(in crate::spool) fn ops(&self) -> &[Op] {
        &self.0
    }

    pub(in crate::spool) fn into_ops(self) -> Vec<Op> {
        self.0
    }
}
