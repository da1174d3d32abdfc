//! Signals, and what the service manager is told.

use std::{future::pending, io, time::Duration};

use sd_notify::NotifyState;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing::warn;

use crate::admin::Status;

/// What a person or the service manager requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP: the certificate is read again.
    Reload,
}

/// Where signals come from.
pub struct Signals(Source);

enum Source {
    Process {
        term: tokio::signal::unix::Signal,
        int: tokio::signal::unix::Signal,
        hup: tokio::signal::unix::Signal,
    },
    Switch(watch::Receiver<bool>),
}

impl Signals {
    /// The signals of this process.
    ///
    /// # Errors
    /// When the operating system has no room for the handlers.
    pub fn of_process() -> io::Result<Self> {
        let (term, int, hup) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        );
        Ok(Self(Source::Process { term, int, hup }))
    }

    /// A stop when the switch turns true: for a daemon inside another process.
    #[must_use]
    pub const fn of_switch(switch: watch::Receiver<bool>) -> Self {
        Self(Source::Switch(switch))
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) -> Signal {
        match &mut self.0 {
            Source::Process { term, int, hup } => tokio::select! {
                _ = term.recv() => Signal::Stop,
                _ = int.recv() => Signal::Stop,
                _ = hup.recv() => Signal::Reload,
            },
            Source::Switch(switch) => {
                stopped(switch).await;
                Signal::Stop
            }
        }
    }

    /// Waits for a second stop; a switch has only one.
    pub(super) async fn stop_again(&mut self) {
        match &self.0 {
            Source::Process { .. } => while self.next().await != Signal::Stop {},
            Source::Switch(_) => pending().await,
        }
    }
}

/// Waits until the switch turns true or its holder is gone.
pub(super) async fn stopped(switch: &mut watch::Receiver<bool>) {
    while !*switch.borrow_and_update() && switch.changed().await.is_ok() {}
}

/// Tells the service manager that the listeners are bound.
pub(super) fn ready(status: &Status) {
    let count = |number: u64, what: &str| {
        if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
    };
    let long = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let (listeners, accounts) = (
        count(long(status.listeners.len()), "listener"),
        count(long(status.accounts.len()), "account"),
    );
    let words =
        format!("{listeners}, {accounts}, {} queued", count(status.queue_messages, "message"));
    tell(&[NotifyState::Ready, NotifyState::Status(&words)]);
}

pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("letting sessions and attempts end")]);
}

/// Pings the watchdog twice in each of its intervals, until the stop. Without a watchdog, only
/// waits for the stop.
pub(super) async fn watchdog(mut stop: watch::Receiver<bool>) -> &'static str {
    let interval = sd_notify::watchdog_enabled().map(|interval| interval / 2);
    let mut ticks =
        tokio::time::interval(interval.unwrap_or(Duration::MAX).max(Duration::from_millis(100)));
    loop {
        tokio::select! {
            _ = ticks.tick() => tell(&[NotifyState::Watchdog]),
            () = stopped(&mut stop) => return "the watchdog",
        }
    }
}

/// Notifies the service manager; does nothing when there is none.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "service manager not told");
    }
}
