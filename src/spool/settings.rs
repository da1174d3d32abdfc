//! What the spool is told at its start.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    model::{ByteSize, Envelope},
    spool::Routes,
};

/// What the config says about the disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpoolSettings {
    /// `data_dir`.
    pub data_dir: PathBuf,
    /// Accept nothing when less than this is free.
    pub min_free: ByteSize,
    /// How long journal lines are kept.
    pub journal_keep: Duration,
}

/// Names the accounts that a message goes by. Given by the daemon.
pub type RouteMessage = Arc<dyn Fn(&Envelope) -> Routes + Send + Sync>;
