//! Signals, and what the service manager is told.

use std::{future::pending, io, time::Duration};

use sd_notify::NotifyState;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tracing::warn;

use crate::admin::{Admin, Status};

/// The time between two looks at the condition, for the line that `systemctl status` shows.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// What a person or the service manager requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGHUP: the config is read again.
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

/// Tells the service manager that the listeners are bound, and the condition of the relay.
pub(super) fn ready(status: &Status) {
    tell(&[NotifyState::Ready, NotifyState::Status(&condition(status))]);
}

/// Keeps the line that `systemctl status` shows up to date, until the stop.
pub(super) async fn tell_condition(admin: Admin, mut stop: watch::Receiver<bool>) -> &'static str {
    // The first line is told with READY.
    let mut ticks = interval_at(Instant::now() + TOLD_EVERY, TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = String::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stopped(&mut stop) => return "the status line",
        }
        let words = condition(&admin.status_of_today().await);
        if words != told {
            tell(&[NotifyState::Status(&words)]);
            told = words;
        }
    }
}

/// The condition in one line.
fn condition(status: &Status) -> String {
    let words = match status.concerns.as_slice() {
        [] => format!("{} queued", count(status.queue_messages, "message")),
        [first] => first.text.clone(),
        [first, others @ ..] => {
            let others = u64::try_from(others.len()).unwrap_or(u64::MAX);
            format!("{} (and {})", first.text, count(others, "other concern"))
        }
    };
    // A line end would end the line of the protocol, and a server may send one in its reply.
    let words = words.replace(['\r', '\n'], " ");
    format!("{}: {words}", status.condition.as_str())
}

fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Tells the service manager that a reload has begun. [`ready`] tells that it has ended.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        // systemd tells by the time which of several reloads this is (sd_notify(3)).
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => warn!(%error, "service manager not told"),
    }
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
