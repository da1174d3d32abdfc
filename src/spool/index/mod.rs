//! The index: what has become of each message, and everything else that is remembered.
//!
//! - `local`: the index of one relay: atomic changes, logged, then visible
//! - `queries`: what the rest of the spool asks
//! - `view`: store and overlay as one; `overlay`: what has not reached the store yet
//! - `flush`: brings the store up to date; `batch`: what keys hold from now on
//! - `tally`: counts kept in memory; `place`: where the journal keeps a message
//! - `index_batch`: turns a change into one batch of keys
//! - `keys`: the keys, and what they are found by
//! - `sled_store`: ordered keys and values on disk; the only file that names sled

pub(super) mod batch;
pub(super) mod flush;
pub(super) mod index_batch;
pub(super) mod keys;
pub(super) mod local;
pub(super) mod overlay;
pub(super) mod place;
pub(super) mod queries;
pub(super) mod sled_store;
pub(super) mod tally;
pub(super) mod view;
