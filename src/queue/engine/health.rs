//! The health of an account: whether it can send, and what changes that.
//!
//! Trouble of an account never makes mail fail; it only delays mail. The administrator is told once
//! when trouble begins to matter and once when it is over.

use std::time::Duration;

use crate::{
    attempt::Trouble,
    classify::{Alarm, Outcome, Probe, Verdict},
    model::Timestamp,
    queue::engine::account_state::{AccountState, Enabled},
};

pub(in crate::queue) mod remembered;

/// The time from a stop to the first probe. Exchange Online may block a mailbox whose logins keep
/// failing. Five minutes is slow enough for that, and soon enough for an administrator who has just
/// corrected the password.
/// corrected the password.
const FIRST_PROBE: Duration = Duration::from_secs(5 * 60);
/// The maximum time between two probes that only log in, which is cheap.
const LAST_LOGIN_PROBE: Duration = Duration::from_secs(15 * 60);
/// The maximum length of a pause, unless the server asks for more at once. It is also the maximum
/// time between two probes that cost a message.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);
/// The maximum length of a pause for which the server asks an hour or more: the server's own
/// penalties grow, too.
const LONGEST_PUNISHMENT: Duration = Duration::from_secs(8 * 60 * 60);
/// The time between two probes when the server penalizes each refused attempt.
const PUNISHED_PROBE: Duration = Duration::from_secs(24 * 60 * 60);
/// A pause that ends later than this was computed before the clock was set back.
const LONGEST_PAUSE_EVER: Duration = Duration::from_secs(24 * 60 * 60);
/// The administrator is told after this many pauses in a row without a delivery between them.
const ALARMING_STREAK: u32 = 3;

/// The health of an account, or of one destination of an account that finds servers by DNS.
///
/// ```text
///    from      event                                              to
///    Ready     trouble that passes by itself, our disk refuses    Paused
///    Ready     trouble that needs a person                        Stopped
///    Probing   trouble, our disk refuses                          Paused or Stopped, as from Ready
///    Paused    trouble that needs a person                        Stopped
///    Paused    time is up                                         Ready or Probing (its `then`)
///    Stopped   a probe logs in                                    Ready or Probing (its `then`)
///    Probing   the server takes mail                              Ready
///    any       a person switches it off                           Disabled
///    Disabled  a person switches it on                            Ready
///    others    a person switches it on                            Ready, or Probing when the
///                                                                 trouble was a refusal of mail
/// ```
///
/// Any other event leaves the state as it is. In `Probing` one message is sent at a time: only
/// mail can prove that the server takes mail again.
#[derive(Clone, PartialEq, Debug)]
pub(in crate::queue) enum Health {
    /// It sends.
    Ready { record: Record },
    /// It waits until `until`.
    Paused { until: Timestamp, words: Words, cause: Cause, then: Then, record: Record },
    /// It waits for a probe, the next at `probe_at`.
    Stopped {
        since: Timestamp,
        probe_at: Timestamp,
        words: Words,
        cause: Cause,
        then: Then,
        record: Record,
    },
    /// It sends one message at a time.
    Probing { cause: Cause, record: Record },
    /// A person has switched it off.
    Disabled,
}

/// What happened and what the administrator can do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::queue) struct Words {
    pub(in crate::queue) reason: String,
    pub(in crate::queue) advice: String,
}

/// The record that is carried from one trouble to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::queue) struct Record {
    /// The number of troubles since the account was last known to work.
    pub(in crate::queue) streak: u32,
    /// Whether the administrator was told of trouble and not yet of its end.
    pub(in crate::queue) told: Told,
}

/// Whether the administrator was told of the trouble.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::queue) enum Told {
    /// The administrator was not told of any trouble.
    #[default]
    Nothing,
    /// The administrator was told of trouble, and not yet of its end.
    Trouble,
}

/// What the trouble was about, which determines what proves its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::queue) enum Cause {
    /// Connecting or logging in failed: a login proves that it is over.
    Login,
    /// The server refused mail: only mail can prove that it is over.
    Mail,
    /// The server refused mail and penalizes repetition: mail proves that it is over, and must be
    /// tried rarely.
    Punished,
}

/// The state that follows a pause or a stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Then {
    /// The account is known to work, or a login proves it.
    Ready,
    /// The account has to prove with mail that it works.
    Probing,
}

/// A change that people are told about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum News {
    /// Trouble that most likely ends by itself: for the log only.
    Hiccup,
    /// Trouble that needs a person.
    Alarm,
    /// The trouble that the administrator was told about is over.
    AllClear,
}

impl Health {
    /// An account without any trouble.
    pub(in crate::queue) const fn ready() -> Self {
        Self::Ready { record: Record { streak: 0, told: Told::Nothing } }
    }

    /// The state after a restart, from the stored state. Whatever the restart may have corrected is
    /// tried at once.
    pub(in crate::queue) fn restored(self, now: Timestamp) -> Self {
        let mut health = match self {
            Self::Paused { cause: Cause::Login, record, .. } => Self::Ready { record },
            Self::Stopped { since, words, cause, then, record, .. } if cause != Cause::Punished => {
                Self::Stopped { since, probe_at: now, words, cause, then, record }
            }
            same @ (Self::Ready { .. }
            | Self::Paused { .. }
            | Self::Stopped { .. }
            | Self::Probing { .. }
            | Self::Disabled) => same,
        };
        health.lapse(now);
        health
    }

    /// The state as people see it.
    pub(in crate::queue) fn account_state(&self) -> AccountState {
        match self {
            Self::Ready { .. } | Self::Probing { .. } => AccountState::Ready,
            Self::Paused { until, words: Words { reason, advice }, .. } => AccountState::Paused {
                until: *until,
                reason: reason.clone(),
                advice: advice.clone(),
            },
            Self::Stopped { since, probe_at, words: Words { reason, advice }, .. } => {
                AccountState::Stopped {
                    since: *since,
                    probe_at: *probe_at,
                    reason: reason.clone(),
                    advice: advice.clone(),
                }
            }
            Self::Disabled => AccountState::Disabled,
        }
    }

    /// What happened and what the administrator can do, while it does not send.
    pub(in crate::queue) fn words(&self) -> (&str, &str) {
        match self {
            Self::Paused { words, .. } | Self::Stopped { words, .. } => {
                (&words.reason, &words.advice)
            }
            Self::Ready { .. } | Self::Probing { .. } | Self::Disabled => ("", ""),
        }
    }

    /// Whether mail may be sent.
    pub(in crate::queue) const fn may_send(&self) -> bool {
        match self {
            Self::Ready { .. } | Self::Probing { .. } => true,
            Self::Paused { .. } | Self::Stopped { .. } | Self::Disabled => false,
        }
    }

    /// Whether a connection may be made now: to send, or to probe.
    pub(in crate::queue) fn may_connect(&self, now: Timestamp) -> bool {
        match self {
            Self::Ready { .. } | Self::Probing { .. } => true,
            Self::Stopped { probe_at, .. } => {
                *probe_at <= now || probe_at.since(now) > LONGEST_PAUSE_EVER
            }
            Self::Paused { .. } | Self::Disabled => false,
        }
    }

    /// When the pause ends or the next probe is due.
    pub(in crate::queue) const fn next_at(&self) -> Option<Timestamp> {
        match self {
            Self::Paused { until, .. } => Some(*until),
            Self::Stopped { probe_at, .. } => Some(*probe_at),
            Self::Ready { .. } | Self::Probing { .. } | Self::Disabled => None,
        }
    }

    /// Whether the accounts of `spill_to` may take over its mail: it will not send for a while.
    pub(in crate::queue) fn is_out(&self, now: Timestamp) -> bool {
        match self {
            Self::Ready { .. } | Self::Probing { .. } => false,
            Self::Paused { until, .. } => until.since(now) > Duration::from_secs(60),
            Self::Stopped { .. } | Self::Disabled => true,
        }
    }

    /// Whether one message is to be sent at a time.
    pub(in crate::queue) const fn is_probing(&self) -> bool {
        matches!(self, Self::Probing { .. })
    }

    /// Whether nothing about it has to be stored.
    pub(in crate::queue) fn is_well(&self) -> bool {
        *self == Self::ready()
    }

    /// Ends a pause whose time is over. Returns true when it did.
    pub(in crate::queue) fn lapse(&mut self, now: Timestamp) -> bool {
        let Self::Paused { until, cause, then, record, .. } = self else {
            return false;
        };
        let over = *until <= now || until.since(now) > LONGEST_PAUSE_EVER;
        if over {
            *self = after(*then, *cause, *record);
        }
        over
    }

    /// Records trouble that concerns the whole account.
    pub(in crate::queue) fn trouble(&mut self, trouble: &Trouble, now: Timestamp) -> Option<News> {
        let (cause, outcome) = (Cause::from(trouble.verdict.probe), trouble.verdict.outcome);
        match self {
            Self::Disabled => None,
            Self::Stopped { probe_at, words, cause: old, then, record, .. } => {
                // Attempts under way at the stop meet the same trouble: it counts once. The
                // exception is a refusal that must not be repeated.
                let is_same = *probe_at > now && (cause != Cause::Punished || *old == cause);
                if !is_same {
                    record.streak = record.streak.saturating_add(1);
                    *probe_at = now.plus(probe_spacing(cause, record.streak));
                    (*words, *old, *then) = (Words::of(trouble), cause, Then::from(cause));
                }
                None
            }
            Self::Ready { record } | Self::Probing { record, .. } | Self::Paused { record, .. }
                if outcome == Outcome::Stop =>
            {
                let mut record = record.worse();
                let probe_at = now.plus(probe_spacing(cause, record.streak));
                let (words, then) = (Words::of(trouble), Then::from(cause));
                let news = record.tell(News::Alarm);
                *self = Self::Stopped { since: now, probe_at, words, cause, then, record };
                Some(news)
            }
            // Parallel connections meet the same trouble: it counts once.
            Self::Paused { until, .. } => {
                *until = (*until).max(now.plus(asked_pause(outcome)));
                None
            }
            Self::Ready { record } | Self::Probing { record, .. } => {
                let mut record = record.worse();
                let asked = asked_pause(outcome);
                let pause = grown(asked, record.streak, longest_pause(asked));
                let alarming = trouble.verdict.alarm == Alarm::Person
                    || pause >= Verdict::ALARMING_PAUSE
                    || record.streak >= ALARMING_STREAK;
                let news = record.tell(if alarming { News::Alarm } else { News::Hiccup });
                let (words, then) = (Words::of(trouble), Then::from(cause));
                *self = Self::Paused { until: now.plus(pause), words, cause, then, record };
                Some(news)
            }
        }
    }

    /// Records a successful login. A stop caused by a refusal of mail ends only by the probe that
    /// was due: other logins were under way when the mail was refused.
    pub(in crate::queue) fn connected(&mut self, now: Timestamp) -> Option<News> {
        let by_login = match self {
            Self::Ready { .. } => true,
            Self::Paused { cause, .. } => *cause == Cause::Login,
            Self::Stopped { probe_at, cause, then, record, .. } => {
                let by_login = *cause == Cause::Login;
                if by_login || *probe_at <= now {
                    *self = after(*then, *cause, *record);
                }
                by_login
            }
            Self::Probing { .. } | Self::Disabled => false,
        };
        if by_login { self.works() } else { None }
    }

    /// Records that the server accepted mail.
    pub(in crate::queue) fn works(&mut self) -> Option<News> {
        let record = match self {
            Self::Ready { record } | Self::Probing { record, .. } => *record,
            Self::Paused { then, record, .. } | Self::Stopped { then, record, .. } => {
                *then = Then::Ready;
                std::mem::take(record)
            }
            Self::Disabled => Record::default(),
        };
        if self.may_send() {
            *self = Self::ready();
        }
        (record.told == Told::Trouble).then_some(News::AllClear)
    }

    /// Pauses the account because our own disk keeps it from sending: nothing may go out before its
    /// attempt is stored.
    pub(in crate::queue) fn hinder(&mut self, until: Timestamp, reason: String, advice: &str) {
        let (cause, then, record) = match self {
            Self::Ready { record } => (Cause::Login, Then::Ready, *record),
            Self::Probing { cause, record } => (*cause, Then::Probing, *record),
            Self::Paused { .. } | Self::Stopped { .. } | Self::Disabled => return,
        };
        let words = Words { reason, advice: advice.to_owned() };
        *self = Self::Paused { until, words, cause, then, record };
    }

    /// Switches the account on or off by order of a person. Switching it on also ends a pause or a
    /// stop: the person says that the cause was removed. If the administrator was told of the
    /// trouble, its end is reported once mail has proved it.
    pub(in crate::queue) fn set_enabled(&mut self, enabled: Enabled) {
        *self = match (enabled, &*self) {
            (Enabled::Off, _) => Self::Disabled,
            (Enabled::On, Self::Disabled) => Self::ready(),
            (Enabled::On, Self::Ready { record }) => {
                Self::Ready { record: Record { streak: 0, ..*record } }
            }
            (Enabled::On, Self::Probing { cause, record }) => {
                Self::Probing { cause: *cause, record: Record { streak: 0, ..*record } }
            }
            (
                Enabled::On,
                Self::Paused { cause, then, record, .. }
                | Self::Stopped { cause, then, record, .. },
            ) => after(*then, *cause, Record { streak: 0, ..*record }),
        };
    }
}

/// The state after a pause or a stop.
const fn after(then: Then, cause: Cause, record: Record) -> Health {
    match then {
        Then::Ready => Health::Ready { record },
        Then::Probing => Health::Probing { cause, record },
    }
}

impl Record {
    /// Adds one trouble to the streak.
    const fn worse(self) -> Self {
        Self { streak: self.streak.saturating_add(1), told: self.told }
    }

    /// Ensures that the administrator is told of trouble only once.
    const fn tell(&mut self, news: News) -> News {
        match (news, self.told) {
            (News::Alarm, Told::Nothing) => {
                self.told = Told::Trouble;
                News::Alarm
            }
            (News::Alarm, Told::Trouble) => News::Hiccup,
            (News::Hiccup | News::AllClear, _) => news,
        }
    }
}

impl Words {
    fn of(trouble: &Trouble) -> Self {
        Self { reason: trouble.fault.to_string(), advice: trouble.verdict.advice.to_owned() }
    }
}

impl From<Probe> for Cause {
    fn from(probe: Probe) -> Self {
        match probe {
            Probe::Login => Self::Login,
            Probe::Message => Self::Mail,
            Probe::MessageOnceADay => Self::Punished,
        }
    }
}

impl From<Cause> for Then {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Login => Self::Ready,
            Cause::Mail | Cause::Punished => Self::Probing,
        }
    }
}

fn asked_pause(outcome: Outcome) -> Duration {
    match outcome {
        Outcome::Pause(pause) | Outcome::RetryAfter(pause) => pause,
        Outcome::Deliver
        | Outcome::Retry
        | Outcome::NextTransaction
        | Outcome::Fail
        | Outcome::Doubt
        | Outcome::Stop => Duration::from_secs(60),
    }
}

fn longest_pause(asked: Duration) -> Duration {
    if asked >= LONGEST_PAUSE { LONGEST_PUNISHMENT } else { LONGEST_PAUSE }
}

fn probe_spacing(cause: Cause, streak: u32) -> Duration {
    match cause {
        Cause::Login => grown(FIRST_PROBE, streak, LAST_LOGIN_PROBE),
        Cause::Mail => grown(FIRST_PROBE, streak, LONGEST_PAUSE),
        Cause::Punished => PUNISHED_PROBE,
    }
}

/// The pause doubles with each trouble after the first, up to `longest`, or up to `first` if
/// longer.
fn grown(first: Duration, streak: u32, longest: Duration) -> Duration {
    let doublings = streak.saturating_sub(1).min(16);
    first.saturating_mul(1 << doublings).min(longest.max(first))
}

#[cfg(test)]
mod tests;
