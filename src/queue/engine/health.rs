//! Whether an account can send: the states of [`AccountState`] and what moves it from one to
//! another. Pure.
//!
//! Trouble never fails mail; it only makes it wait. A person is told once when trouble begins to
//! matter and once when it is over.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    model::Timestamp,
    queue::{AccountState, Enabled},
    upstream::{Outcome, Stage, Trouble, Verdict},
};

/// The first cheap login after a stop. Exchange Online may block a mailbox that keeps failing to
/// log in; five minutes is slow enough, and soon enough for somebody who has just put the password
/// right.
const FIRST_PROBE: Duration = Duration::from_secs(5 * 60);
/// Logins are cheap, so they never come less often than this.
const LAST_LOGIN_PROBE: Duration = Duration::from_secs(15 * 60);
/// Pauses grow up to this, unless the server's reason asks for more at once; and so do stops whose
/// probe costs a message.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);
/// What the server asks an hour for grows up to this: its own punishments grow, too.
const LONGEST_PUNISHMENT: Duration = Duration::from_secs(8 * 60 * 60);
/// What is punished when repeated is tried so seldom, unless a person says that it was put right.
const PUNISHED_PROBE: Duration = Duration::from_secs(24 * 60 * 60);
/// A pause that ends further ahead than this comes from a clock that was set since.
const LONGEST_PAUSE_EVER: Duration = Duration::from_secs(24 * 60 * 60);
/// So many pauses in a row, without anything delivered between them, are worth telling a person.
const ALARMING_STREAK: u32 = 3;

/// How an account is, and how it came to that.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(in crate::queue) struct Condition {
    state: AccountState,
    /// Troubles since the account was last known to work.
    streak: u32,
    cause: Cause,
    /// A person was told of the trouble, and has not yet been told of its end.
    told: Told,
    #[serde(default)]
    proof: Proof,
}

/// What the trouble was about, which says what proves its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cause {
    /// Connecting or logging in: a login proves that it is over.
    Login,
    /// A refusal of mail: only mail can prove it.
    Mail,
    /// A refusal that the server punishes when it is repeated: mail is a proof that must not be
    /// tried often.
    Punished,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Told {
    Nothing,
    Trouble,
}

/// Whether a person's word that all is well was borne out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Proof {
    #[default]
    Given,
    Awaited,
}

/// What to tell people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum News {
    /// Trouble that heals by itself, most likely: for the log only.
    Hiccup,
    /// Trouble that somebody should look at.
    Alarm,
    /// The trouble somebody was told about is over.
    AllClear,
}

impl Condition {
    pub(in crate::queue) const fn ready() -> Self {
        Self {
            state: AccountState::Ready,
            streak: 0,
            cause: Cause::Login,
            told: Told::Nothing,
            proof: Proof::Given,
        }
    }

    /// As an earlier process left it. What a restart may have put right is tried at once.
    pub(in crate::queue) fn restored(self, now: Timestamp) -> Self {
        let state = match self.state {
            AccountState::Paused { .. } if self.cause == Cause::Login => AccountState::Ready,
            AccountState::Stopped { since, reason, advice, .. }
                if self.cause != Cause::Punished =>
            {
                AccountState::Stopped { since, probe_at: now, reason, advice }
            }
            state @ (AccountState::Ready
            | AccountState::Paused { .. }
            | AccountState::Stopped { .. }
            | AccountState::Disabled) => state,
        };
        let mut condition = Self { state, ..self };
        condition.lapse(now);
        condition
    }

    pub(in crate::queue) const fn state(&self) -> &AccountState {
        &self.state
    }

    /// What happened and what to do, while it does not send.
    pub(in crate::queue) fn words(&self) -> (&str, &str) {
        match &self.state {
            AccountState::Paused { reason, advice, .. }
            | AccountState::Stopped { reason, advice, .. } => (reason, advice),
            AccountState::Ready | AccountState::Disabled => ("", ""),
        }
    }

    /// Whether a connection may be made now: to send, or to probe.
    pub(in crate::queue) fn may_connect(&self, now: Timestamp) -> bool {
        match &self.state {
            AccountState::Ready => true,
            AccountState::Stopped { probe_at, .. } => {
                *probe_at <= now || probe_at.since(now) > LONGEST_PAUSE_EVER
            }
            AccountState::Paused { .. } | AccountState::Disabled => false,
        }
    }

    /// When the state changes by itself, or wants a probe.
    pub(in crate::queue) const fn next_at(&self) -> Option<Timestamp> {
        match &self.state {
            AccountState::Paused { until, .. } => Some(*until),
            AccountState::Stopped { probe_at, .. } => Some(*probe_at),
            AccountState::Ready | AccountState::Disabled => None,
        }
    }

    /// True when mail may be taken over by the accounts of `spill_to`: it will not go for a while.
    pub(in crate::queue) fn is_out(&self, now: Timestamp) -> bool {
        match &self.state {
            AccountState::Ready => false,
            AccountState::Paused { until, .. } => until.since(now) > Duration::from_secs(60),
            AccountState::Stopped { .. } | AccountState::Disabled => true,
        }
    }

    /// Lets a pause end. True when it did.
    pub(in crate::queue) fn lapse(&mut self, now: Timestamp) -> bool {
        let over = match &self.state {
            AccountState::Paused { until, .. } => {
                *until <= now || until.since(now) > LONGEST_PAUSE_EVER
            }
            AccountState::Ready | AccountState::Stopped { .. } | AccountState::Disabled => false,
        };
        if over {
            self.state = AccountState::Ready;
        }
        over
    }

    /// Something that concerns the whole account went wrong.
    pub(in crate::queue) fn trouble(&mut self, trouble: &Trouble, now: Timestamp) -> Option<News> {
        let (reason, advice) = (reason(trouble), trouble.verdict.advice.to_owned());
        let cause = if trouble.verdict.is_punished_when_repeated() {
            Cause::Punished
        } else {
            cause(trouble.stage)
        };
        match (&mut self.state, trouble.verdict.outcome) {
            (AccountState::Disabled, _) => None,
            // What was under way when it stopped meets the same trouble: it is one. Unless it is
            // one that must not be repeated.
            (AccountState::Stopped { probe_at, .. }, _)
                if *probe_at > now
                    && (cause != Cause::Punished || self.cause == Cause::Punished) =>
            {
                None
            }
            (AccountState::Stopped { probe_at, reason: old, advice: old_advice, .. }, _) => {
                self.streak = self.streak.saturating_add(1);
                *probe_at = now.plus(probe_spacing(cause, self.streak));
                (*old, *old_advice) = (reason, advice);
                self.cause = cause;
                None
            }
            (_, Outcome::Stop) => {
                self.streak = self.streak.saturating_add(1);
                let probe_at = now.plus(probe_spacing(cause, self.streak));
                self.state = AccountState::Stopped { since: now, probe_at, reason, advice };
                self.cause = cause;
                Some(self.tell(News::Alarm))
            }
            // Connections that worked side by side meet the same trouble together: it is one.
            (AccountState::Paused { until, .. }, outcome) => {
                *until = (*until).max(now.plus(asked_pause(outcome)));
                None
            }
            (AccountState::Ready, outcome) => {
                self.streak = self.streak.saturating_add(1);
                let pause =
                    grown(asked_pause(outcome), self.streak, longest_pause(asked_pause(outcome)));
                self.state = AccountState::Paused { until: now.plus(pause), reason, advice };
                self.cause = cause;
                let alarming = trouble.verdict.is_alarming()
                    || pause >= Verdict::ALARMING_PAUSE
                    || self.streak >= ALARMING_STREAK;
                Some(self.tell(if alarming { News::Alarm } else { News::Hiccup }))
            }
        }
    }

    /// A login succeeded. A refusal of mail it ends only when it is the probe that was due: others
    /// were under way when the mail was refused.
    pub(in crate::queue) fn connected(&mut self, now: Timestamp) -> Option<News> {
        if let AccountState::Stopped { probe_at, .. } = &self.state
            && (self.cause == Cause::Login || *probe_at <= now)
        {
            self.state = AccountState::Ready;
        }
        if self.cause == Cause::Login { self.works() } else { None }
    }

    /// The server took mail.
    pub(in crate::queue) fn works(&mut self) -> Option<News> {
        (self.streak, self.proof) = (0, Proof::Given);
        let was = std::mem::replace(&mut self.told, Told::Nothing);
        (was == Told::Trouble).then_some(News::AllClear)
    }

    /// Its mail was refused, and none has gone since: one message at a time shows whether it goes
    /// again.
    pub(in crate::queue) fn is_on_probation(&self) -> bool {
        self.state == AccountState::Ready
            && self.cause != Cause::Login
            && (self.streak > 0 || self.proof == Proof::Awaited)
    }

    /// Nothing is to be remembered of it.
    pub(in crate::queue) fn is_well(&self) -> bool {
        self.state == AccountState::Ready
            && self.streak == 0
            && self.told == Told::Nothing
            && self.proof == Proof::Given
    }

    /// Our own disk keeps the account from sending: nothing may go out whose attempt cannot be
    /// stored.
    pub(in crate::queue) fn hinder(
        &mut self,
        pause: Duration,
        reason: String,
        advice: &str,
        now: Timestamp,
    ) {
        if self.state == AccountState::Ready {
            self.state =
                AccountState::Paused { until: now.plus(pause), reason, advice: advice.to_owned() };
        }
    }

    /// A person's word. Switching on also ends a pause or a stop: "I have put it right, go on". Who
    /// was told of the trouble is told of its end when mail has shown it.
    pub(in crate::queue) fn set_enabled(&mut self, enabled: Enabled) {
        match enabled {
            Enabled::On => {
                let was_in_trouble = self.streak > 0;
                self.state = AccountState::Ready;
                self.streak = 0;
                self.proof = if was_in_trouble { Proof::Awaited } else { self.proof };
            }
            Enabled::Off => *self = Self { state: AccountState::Disabled, ..Self::ready() },
        }
    }

    /// A person is told of trouble only once.
    fn tell(&mut self, news: News) -> News {
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

fn cause(stage: Stage) -> Cause {
    match stage {
        Stage::Connect
        | Stage::Tls
        | Stage::Greeting
        | Stage::Ehlo
        | Stage::Token
        | Stage::Auth => Cause::Login,
        Stage::MailFrom | Stage::RcptTo | Stage::Data | Stage::Body | Stage::EndOfData => {
            Cause::Mail
        }
    }
}

fn reason(trouble: &Trouble) -> String {
    use crate::upstream::Fault;
    match &trouble.fault {
        Fault::Reply(reply) => reply.to_string(),
        Fault::Closed => "the server closed the connection".to_owned(),
        Fault::TimedOut => "no answer in time".to_owned(),
        Fault::Failed(words) => words.clone(),
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

/// Doubles with each trouble after the first, up to `longest`, or to `first` if that is longer.
fn grown(first: Duration, streak: u32, longest: Duration) -> Duration {
    let doublings = streak.saturating_sub(1).min(16);
    first.saturating_mul(1 << doublings).min(longest.max(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Reply,
        queue::fixture::at,
        upstream::{Concern, Fault},
    };

    fn trouble(stage: Stage, outcome: Outcome) -> Trouble {
        let reply = Reply::new(454, "4.7.0 Temporary authentication failure");
        let verdict = Verdict {
            stage,
            concern: Concern::Account,
            outcome,
            reply: Some(reply.clone()),
            advice: "Wait.",
        };
        Trouble { stage, fault: Fault::Reply(reply), verdict }
    }

    fn pause(secs: u64) -> Outcome {
        Outcome::Pause(Duration::from_secs(secs))
    }

    #[test]
    fn a_pause_ends_by_itself_and_grows_until_something_works() {
        let mut condition = Condition::ready();
        let mut now = 0;
        for expected in [60, 120, 240] {
            condition.trouble(&trouble(Stage::Connect, pause(60)), at(now));
            assert_eq!(condition.next_at(), Some(at(now + expected)));
            assert!(!condition.may_connect(at(now + expected - 1)));
            now += expected;
            assert!(condition.lapse(at(now)) && condition.may_connect(at(now)));
        }
        condition.connected(at(now));
        condition.trouble(&trouble(Stage::Connect, pause(60)), at(now));
        assert_eq!(condition.next_at(), Some(at(now + 60)));
    }

    #[test]
    fn connections_that_meet_trouble_together_pause_the_account_once() {
        let mut condition = Condition::ready();
        assert_eq!(
            condition.trouble(&trouble(Stage::EndOfData, pause(60)), at(0)),
            Some(News::Hiccup)
        );
        assert_eq!(condition.trouble(&trouble(Stage::EndOfData, pause(60)), at(1)), None);
        assert_eq!(condition.next_at(), Some(at(61)));
    }

    #[test]
    fn a_person_is_told_once_of_trouble_and_once_of_its_end() {
        let mut condition = Condition::ready();
        assert_eq!(
            condition.trouble(&trouble(Stage::Auth, Outcome::Stop), at(0)),
            Some(News::Alarm)
        );
        for probe in 1..5 {
            assert_eq!(
                condition.trouble(&trouble(Stage::Auth, Outcome::Stop), at(probe * 900)),
                None
            );
        }
        assert_eq!(condition.connected(at(3601)), Some(News::AllClear));
        assert_eq!(condition.state(), &AccountState::Ready);
        assert_eq!(condition.works(), None);
    }

    #[test]
    fn a_short_pause_is_for_the_log_and_the_third_in_a_row_for_a_person() {
        let mut condition = Condition::ready();
        let news: Vec<_> = (0..4)
            .map(|hour| {
                condition.lapse(at(hour * 3600));
                condition.trouble(&trouble(Stage::Connect, pause(60)), at(hour * 3600))
            })
            .collect();
        assert_eq!(news, [News::Hiccup, News::Hiccup, News::Alarm, News::Hiccup].map(Some));
    }

    #[test]
    fn a_refusal_of_mail_is_over_only_when_mail_goes() {
        let mut condition = Condition::ready();
        condition.trouble(&trouble(Stage::EndOfData, Outcome::Stop), at(0));
        assert!(condition.may_connect(at(300)));
        assert_eq!(condition.connected(at(300)), None, "a login proves nothing");
        assert_eq!(condition.state(), &AccountState::Ready);
        condition.trouble(&trouble(Stage::EndOfData, Outcome::Stop), at(300));
        assert_eq!(
            condition.next_at(),
            Some(at(900)),
            "the next try costs a message, so it comes later"
        );
        condition.connected(at(900));
        assert_eq!(condition.works(), Some(News::AllClear));
    }

    #[test]
    fn what_was_under_way_when_mail_was_refused_neither_ends_the_stop_nor_makes_it_longer() {
        let mut condition = Condition::ready();
        condition.trouble(&trouble(Stage::EndOfData, Outcome::Stop), at(0));
        assert_eq!(condition.connected(at(1)), None);
        assert_eq!(condition.trouble(&trouble(Stage::EndOfData, Outcome::Stop), at(1)), None);
        assert!(!condition.may_connect(at(299)) && condition.may_connect(at(300)));
        assert!(!condition.is_on_probation());
        condition.connected(at(300));
        assert!(condition.is_on_probation(), "one message at a time, until one has gone");
        condition.works();
        assert!(!condition.is_on_probation());
    }

    #[test]
    fn a_persons_word_is_borne_out_by_mail_and_then_somebody_is_told() {
        let mut condition = Condition::ready();
        condition.trouble(&trouble(Stage::EndOfData, Outcome::Stop), at(0));
        condition.set_enabled(Enabled::On);
        assert!(condition.may_connect(at(1)) && condition.is_on_probation());
        assert_eq!(condition.works(), Some(News::AllClear));
        condition.set_enabled(Enabled::On);
        assert!(!condition.is_on_probation());
        assert_eq!(condition.works(), None);
    }

    #[test]
    fn a_restart_tries_what_it_may_have_put_right() {
        let mut stopped = Condition::ready();
        stopped.trouble(&trouble(Stage::Auth, Outcome::Stop), at(0));
        assert!(stopped.restored(at(1)).may_connect(at(1)));
        let mut throttled = Condition::ready();
        throttled.trouble(&trouble(Stage::EndOfData, pause(3600)), at(0));
        assert!(!throttled.clone().restored(at(1)).may_connect(at(1)));
        assert!(throttled.restored(at(3600)).may_connect(at(3600)));
    }

    #[test]
    fn what_is_punished_when_repeated_is_tried_once_a_day_or_when_a_person_says_so() {
        let full = "5.2.2 mailbox full; \
            STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded";
        let mut full_mailbox = trouble(Stage::EndOfData, Outcome::Stop);
        full_mailbox.verdict.reply = Some(Reply::new(554, full));
        let mut condition = Condition::ready();
        assert_eq!(condition.trouble(&full_mailbox, at(0)), Some(News::Alarm));
        let restarted = condition.clone().restored(at(3600));
        for condition in [&condition, &restarted] {
            assert!(!condition.may_connect(at(86_399)) && condition.may_connect(at(86_400)));
        }
        condition.set_enabled(Enabled::On);
        assert!(condition.may_connect(at(1)));
    }

    #[test]
    fn a_punishment_of_an_hour_grows_when_it_is_met_again() {
        let mut condition = Condition::ready();
        let mut now = 0;
        for hours in [1, 2, 4, 8, 8] {
            condition.lapse(at(now));
            condition.trouble(&trouble(Stage::EndOfData, pause(3600)), at(now));
            now += hours * 3600;
            assert_eq!(condition.next_at(), Some(at(now)));
        }
    }

    #[test]
    fn a_person_switches_off_and_on() {
        let mut condition = Condition::ready();
        condition.set_enabled(Enabled::Off);
        assert_eq!(condition.trouble(&trouble(Stage::Connect, pause(60)), at(0)), None);
        assert!(!condition.restored(at(1)).may_connect(at(1)));
        let mut condition = Condition::ready();
        condition.trouble(&trouble(Stage::Auth, Outcome::Stop), at(0));
        condition.set_enabled(Enabled::On);
        assert!(condition.may_connect(at(0)));
    }

    #[test]
    fn a_pause_that_a_clock_step_made_endless_is_over() {
        let mut condition = Condition::ready();
        condition.trouble(&trouble(Stage::EndOfData, pause(60)), at(900_000_000));
        assert!(condition.lapse(at(0)));
    }
}
