//! `postroom run`: the daemon, in the foreground.

use std::path::Path;

use crate::{
    clock::Clock,
    config::Config,
    daemon::{Daemon, Signals, Sockets},
};

/// Runs until a signal says stop.
pub(super) async fn run(config: &Path, clock: Clock) -> anyhow::Result<()> {
    let sockets = Sockets::inherited();
    // Before anything starts: a signal that comes early is not lost.
    let signals = Signals::of_process()?;
    let config = Config::load(config)?;
    let daemon = Daemon::start(config, sockets, clock).await?;
    Ok(daemon.run(signals).await?)
}
