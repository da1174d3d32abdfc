//! The index: what has become of each message, and everything else that is remembered.
//!
//! - `local`: the index of one relay: reads, atomic changes, counts kept in memory
//! - `index_batch`: turns a change into one batch of keys
//! - `keys`: the keys, and what they are found by
//! - `sled_store`: ordered keys and values on disk; the only file that names sled

pub(super) mod index_batch;
pub(super) mod keys;
pub(super) mod local;
pub(super) mod sled_store;
