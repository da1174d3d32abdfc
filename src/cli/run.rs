//! `postroom run`: the daemon, in the foreground.

use std::path::Path;

use crate::{
    clock::Clock,
    config::Config,
    daemon::{Daemon, Signal, Signals, Sockets},
};

/// Runs until a signal requests a stop.
pub(super) async fn run(config: &Path, clock: Clock) -> anyhow::Result<()> {
    let sockets = Sockets::inherited();
    // Installed before anything starts, so that an early signal is not lost.
    let mut signals = Signals::of_process()?;
    let config = Config::load(config)?;
    // In a task of its own, so that opening a large index does not delay a signal.
    let mut start = tokio::spawn(Daemon::start(config, sockets, clock));
    loop {
        tokio::select! {
            daemon = &mut start => return Ok(daemon??.run(signals).await?),
            signal = signals.next() => if signal == Signal::Stop {
                start.abort();
                return Ok(());
            },
        }
    }
}
