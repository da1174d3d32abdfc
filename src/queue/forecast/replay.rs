//! When the mail of an account will go, and what it waits for. The forecast runs the engine itself
//! ahead on a copy of the account's runtime.
//!
//! So it can be wrong only about what is unknown: how long transactions take, how many recipients
//! unread messages have, and what arrives or fails meanwhile.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    attempt::NextHop,
    entry::Charge,
    model::{MessageId, Timestamp},
    queue::engine::{
        account_runtime::{AccountRuntime, Ending, Limit, Permit},
        budget::End,
        now::Now,
        round_robin::FlowKey,
    },
};

/// The forecast ends here: a later time is of no use.
const HORIZON: Duration = Duration::from_secs(10 * 24 * 3600);
/// A shorter wait does not count as a wait.
const MOMENT: Duration = Duration::from_secs(2);

/// When a message will probably go, and what it waits for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Forecast {
    /// When the next attempt probably begins; `None` when that is unknown.
    pub at: Option<Timestamp>,
    /// The number of messages of the account that go before it.
    pub before: usize,
    /// The main reason for its wait.
    pub why: Why,
}

impl Forecast {
    /// Replaces the steady times by what `shown` makes of them, for people.
    pub(in crate::queue) fn shown(mut self, shown: impl Fn(Timestamp) -> Timestamp) -> Self {
        self.at = self.at.map(&shown);
        match &mut self.why {
            Why::Day { free_at } => *free_at = free_at.map(&shown),
            Why::Paused { until, .. } => *until = shown(*until),
            Why::Nothing
            | Why::UnderWay
            | Why::Held
            | Why::Plan
            | Why::Turn
            | Why::Minute { .. }
            | Why::Batch { .. }
            | Why::Stopped { .. }
            | Why::Domain { .. }
            | Why::Disabled
            | Why::FarBehind => {}
        }
        self
    }
}

/// What a message waits for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Why {
    /// It waits for nothing and goes now.
    Nothing,
    /// It is being attempted.
    UnderWay,
    /// A person holds it.
    Held,
    /// Its last attempt failed, and it waits for the next one of the retry schedule.
    Plan,
    /// It waits for the messages before it.
    Turn,
    /// It waits for the minute's budget.
    Minute {
        /// Messages in any 60 s.
        limit: u32,
    },
    /// It waits for the day's budget.
    Day {
        /// When the budget has room again.
        free_at: Option<Timestamp>,
    },
    /// It waits for the rest between batches.
    Batch {
        /// The number of messages in a batch.
        messages: u32,
    },
    /// The account is paused.
    Paused {
        /// The end of the pause.
        until: Timestamp,
        /// What happened.
        because: String,
    },
    /// The account is stopped.
    Stopped {
        /// What happened.
        because: String,
    },
    /// Direct send: its domain cannot be sent to now.
    Domain {
        /// The name of the domain.
        domain: String,
        /// What happened.
        because: String,
    },
    /// The account is switched off.
    Disabled,
    /// More messages go before it than were read.
    FarBehind,
}

/// The causes of delay, as far as they are the same for all mail of an account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(in crate::queue) enum Cause {
    /// A limit of the account.
    Limit(Limit),
    /// The retry schedule.
    Plan,
    /// The mail before it.
    Turn,
}

/// The known state of an account and its mail.
pub(in crate::queue) struct Scene {
    pub(in crate::queue) now: Now,
    pub(in crate::queue) runtime: AccountRuntime,
    /// The assumed number of recipients of each message.
    pub(in crate::queue) recipients: usize,
    pub(in crate::queue) flows: Vec<Waiting>,
}

/// The mail of a flow, the longest due first.
pub(in crate::queue) struct Waiting {
    pub(in crate::queue) flow: FlowKey,
    pub(in crate::queue) messages: VecDeque<(Timestamp, MessageId)>,
    pub(in crate::queue) rest: Rest,
}

/// Whether a flow has more mail than was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Rest {
    Nothing,
    More,
}

/// The start of a message in the replay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) struct Start {
    pub(in crate::queue) at: Timestamp,
    pub(in crate::queue) before: usize,
    /// What it waited for longest; `None` when it hardly waited.
    pub(in crate::queue) cause: Option<Cause>,
}

/// Replays until all messages that were read have begun, or `most` of them.
pub(in crate::queue) fn play(scene: Scene, most: usize) -> HashMap<MessageId, Start> {
    let mut play = Play::open(scene);
    let mut starts = HashMap::new();
    while starts.len() < most && play.clock.steady <= play.scene.now.steady.plus(HORIZON) {
        match play.step() {
            Step::Began(id, due) => {
                let (at, before) = (play.clock.steady, starts.len());
                let start = Start { at, before, cause: play.cause(due) };
                // Recipients of one message may wait in several flows or be due at different times.
                // The message goes when the first of them does.
                starts.entry(id).or_insert(start);
            }
            Step::Waited => {}
            Step::Over => break,
        }
    }
    starts
}

struct Play {
    scene: Scene,
    /// The flows, sorted as in `scene`.
    names: Vec<FlowKey>,
    clock: Now,
    /// The end of each transaction under way, from the beginning of the replay; at most as many as
    /// connections.
    under_way: Vec<(Duration, Option<Charge>)>,
    waited: HashMap<Cause, Duration>,
}

enum Step {
    Began(MessageId, Timestamp),
    Waited,
    Over,
}

impl Play {
    fn open(mut scene: Scene) -> Self {
        scene.flows.sort_by(|one, other| one.flow.cmp(&other.flow));
        let names = scene.flows.iter().map(|waiting| waiting.flow.clone()).collect();
        let (end, under_way) = (scene.runtime.pace, scene.runtime.budget.under_way());
        let under_way = under_way.into_iter().map(|charge| (end, Some(charge))).collect();
        let (clock, waited) = (scene.now, HashMap::new());
        Self { scene, names, clock, under_way, waited }
    }

    /// Begins one message, or advances the time to the next change.
    fn step(&mut self) -> Step {
        self.finish();
        self.scene.runtime.lapse(self.clock);
        let permit = self.scene.runtime.permit(self.clock);
        if let Permit::Wait(wait, Limit::Health) = permit {
            return wait.map_or(Step::Over, |wait| self.wait(wait, Cause::Limit(Limit::Health)));
        }
        let Some(due) = self.next_due() else {
            return Step::Over;
        };
        if due > self.clock.steady {
            return self.wait(due.since(self.clock.steady), Cause::Plan);
        }
        if self.under_way.len() >= self.scene.runtime.at_once(self.clock) {
            return self.wait_for_end(Cause::Turn);
        }
        match permit {
            Permit::Recipients(most) => self.begin(most),
            Permit::Wait(Some(wait), limit) => self.wait(wait, Cause::Limit(limit)),
            Permit::Wait(None, limit) => self.wait_for_end(Cause::Limit(limit)),
        }
    }

    fn elapsed(&self) -> Duration {
        self.clock.steady.since(self.scene.now.steady)
    }

    /// Ends transactions whose time is over, as successful.
    fn finish(&mut self) {
        let (elapsed, begun) = (self.elapsed(), self.scene.now);
        let runtime = &mut self.scene.runtime;
        for (lasts, charge) in self.under_way.extract_if(.., |(lasts, _)| *lasts <= elapsed) {
            let ending = Ending::Counted { end: End::Known, refused: 0 };
            runtime.end(charge.as_ref(), ending, begun.plus(lasts));
            runtime.works(&NextHop::Server);
        }
    }

    /// The next due time. `None` when nothing is left, or when an unread message may be next.
    fn next_due(&self) -> Option<Timestamp> {
        let flows = &self.scene.flows;
        if flows.iter().any(|flow| flow.messages.is_empty() && flow.rest == Rest::More) {
            return None;
        }
        flows.iter().filter_map(|flow| flow.messages.front()).map(|(due, _)| *due).min()
    }

    fn begin(&mut self, most: usize) -> Step {
        let (clock, elapsed) = (self.clock, self.elapsed());
        let Scene { runtime, flows, recipients, .. } = &mut self.scene;
        for flow in runtime.turns.order(&self.names) {
            let place = self.names.binary_search(flow).ok();
            let Some(waiting) = place.and_then(|place| flows.get_mut(place)) else {
                continue;
            };
            let is_due = |(due, _): &mut (Timestamp, _)| *due <= clock.steady;
            let Some((due, id)) = waiting.messages.pop_front_if(is_due) else {
                continue;
            };
            let charge = runtime.begin((*recipients).clamp(1, most.max(1)), clock);
            self.under_way.push((elapsed.saturating_add(runtime.pace), charge));
            runtime.turns.took(flow.clone());
            return Step::Began(id, due);
        }
        Step::Over
    }

    fn wait_for_end(&mut self, cause: Cause) -> Step {
        let elapsed = self.elapsed();
        match self.under_way.iter().map(|(lasts, _)| *lasts).min() {
            Some(lasts) => self.wait(lasts.saturating_sub(elapsed), cause),
            None => Step::Over,
        }
    }

    fn wait(&mut self, span: Duration, cause: Cause) -> Step {
        // The clock always advances, whatever the rules say, so that the replay ends.
        let span = span.max(Duration::from_millis(1));
        *self.waited.entry(cause).or_default() += span;
        self.clock = self.clock.plus(span);
        Step::Waited
    }

    /// What a message that begins now has waited for: its own due time, if that was the longest
    /// wait.
    fn cause(&self, due: Timestamp) -> Option<Cause> {
        let (now, all) = (self.scene.now.steady, self.elapsed());
        if all < MOMENT {
            return None;
        }
        if due.since(now) * 2 >= all {
            return Some(Cause::Plan);
        }
        // Some message has to go first in any case. A cause that delays all of them says more.
        let weight =
            |cause: Cause, time: Duration| if cause == Cause::Turn { time / 2 } else { time };
        let others = self.waited.iter().filter(|(cause, _)| **cause != Cause::Plan);
        others
            .max_by_key(|(cause, time)| weight(**cause, **time))
            .map(|(cause, _)| *cause)
            .or(Some(Cause::Turn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{
        AccountSettings, BatchSettings, LimitSettings, SenderRewrite, Split,
        engine::{budget::Budget, health::Health},
        fixture::{account, at},
    };

    fn scene(per_minute: Option<u32>, per_day: Option<u32>, batch: (u32, u64)) -> Scene {
        let limits = LimitSettings {
            messages_per_minute: per_minute,
            recipients_per_day: per_day,
            recipients_per_message: 500,
            connections: 1,
            message_size: None,
        };
        let batch = BatchSettings {
            messages: batch.0,
            interval: Duration::from_secs(batch.1),
            split: Split::Never,
        };
        let settings = account("scanner", SenderRewrite::Never);
        let settings = AccountSettings { limits, batch, ..settings };
        let budget = Budget::new(settings.name.clone(), &settings.limits);
        let mut runtime = AccountRuntime::new(&settings, Health::ready(), budget);
        runtime.pace = Duration::from_secs(1);
        Scene { now: Now::both(at(0)), runtime, recipients: 1, flows: Vec::new() }
    }

    /// The scene with its account paused until `until`.
    fn paused(mut scene: Scene, until: Timestamp) -> Scene {
        scene.runtime.health.hinder(until, String::new(), "");
        scene
    }

    fn id(n: u64) -> MessageId {
        MessageId::new(at(0), n)
    }

    /// Messages that are due at these times, numbered from `first`.
    fn line(device: &str, first: u64, due: &[u64]) -> Waiting {
        let messages = due.iter().zip(first..).map(|(due, n)| (at(*due), id(n))).collect();
        Waiting { flow: (device.into(), "scanner".into()), messages, rest: Rest::Nothing }
    }

    #[track_caller]
    fn check(
        starts: &HashMap<MessageId, Start>,
        n: u64,
        secs: u64,
        before: usize,
        cause: Option<Cause>,
    ) {
        let start = starts[&id(n)];
        assert_eq!(
            (start.at.since(at(0)).as_secs(), start.before, start.cause),
            (secs, before, cause),
            "message {n}"
        );
    }

    #[test]
    fn the_minute_the_day_the_batch_and_the_turn_each_say_when() {
        let dump =
            |count: u64| vec![line("printers", 0, &vec![0; usize::try_from(count).unwrap()])];
        let starts = play(Scene { flows: dump(70), ..scene(Some(30), None, (30, 0)) }, 100);
        check(&starts, 0, 0, 0, None);
        check(&starts, 29, 29, 29, Some(Cause::Turn));
        check(&starts, 69, 131, 69, Some(Cause::Limit(Limit::Minute)));
        let starts = play(Scene { flows: dump(12), ..scene(None, Some(10), (30, 0)) }, 100);
        check(&starts, 9, 9, 9, Some(Cause::Turn));
        check(&starts, 10, 86_401, 10, Some(Cause::Limit(Limit::Day)));
        let starts = play(Scene { flows: dump(12), ..scene(None, None, (5, 600)) }, 100);
        check(&starts, 11, 5 + 600 + 5 + 600 + 1, 11, Some(Cause::Limit(Limit::Batch)));
    }

    #[test]
    fn a_message_waits_for_its_own_time_and_for_the_accounts() {
        let lines = || vec![line("printers", 0, &[0, 1500])];
        let starts = play(Scene { flows: lines(), ..scene(Some(30), None, (30, 0)) }, 100);
        check(&starts, 1, 1500, 1, Some(Cause::Plan));
        let starts =
            play(paused(Scene { flows: lines(), ..scene(Some(30), None, (30, 0)) }, at(300)), 100);
        check(&starts, 0, 300, 0, Some(Cause::Limit(Limit::Health)));
    }

    #[test]
    fn devices_take_turns_in_the_play_as_in_life() {
        let lines = vec![line("dump", 0, &[0; 50]), line("scan", 100, &[0])];
        check(&play(Scene { flows: lines, ..scene(None, None, (30, 0)) }, 100), 100, 1, 1, None);
    }

    #[test]
    fn a_message_in_several_lines_goes_when_the_first_of_them_does() {
        let lines = vec![
            line("printers", 0, &[0]),
            Waiting { flow: ("printers".into(), "other".into()), ..line("", 0, &[1500]) },
        ];
        check(&play(Scene { flows: lines, ..scene(None, None, (30, 0)) }, 100), 0, 0, 0, None);
    }

    #[test]
    fn what_was_not_looked_at_ends_the_play() {
        let mut cut = line("dump", 0, &[0; 5]);
        cut.rest = Rest::More;
        let lines = vec![cut, line("scan", 100, &[0; 50])];
        let starts = play(Scene { flows: lines, ..scene(None, None, (30, 0)) }, 100);
        assert!(starts.len() <= 10 && starts.contains_key(&id(4)), "{}", starts.len());
    }
}
