//! `postroom run`: the daemon, in the foreground.

use std::path::Path;

use crate::{
    clock::Clock,
    config::Config,
    daemon::{Daemon, Signal, Signals, Sockets},
};

/// Runs until a signal says stop.
pub(super) async fn run(config: &Path, clock: Clock) -> anyhow::Result<()> {
    let sockets = Sockets::inherited();
    // Before anything starts: a signal that comes early is not lost.
    let mut signals = Signals::of_process()?;
    let config = Config::load(config)?;
    // On a task of its own: opening a large index must not keep a signal waiting.
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
