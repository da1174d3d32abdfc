//! When the mail of an account will go, and what it waits for: the scheduler's own rules, played
//! ahead. Pure.
//!
//! Played are copies of the ledger, the batch and the turns, so that the forecast can only be wrong
//! about what nobody knows: how long transactions take, how many recipients messages have that were
//! not looked at, and what arrives or fails meanwhile.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    model::{MessageId, Timestamp},
    queue::{
        engine::batch::Batch,
        engine::budget::{Budget, BudgetChange, End, Room},
        engine::round_robin::{FlowKey, RoundRobin},
    },
    spool::Charge,
};

/// Further ahead nobody wants to know.
const HORIZON: Duration = Duration::from_secs(10 * 24 * 3600);
/// Waits shorter than this are none.
const MOMENT: Duration = Duration::from_secs(2);

/// When a message will probably go, and what it waits for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Forecast {
    /// The next attempt begins about then; none when nobody can tell.
    pub at: Option<Timestamp>,
    /// Messages of the account that go before it.
    pub before: usize,
    /// What it waits for, mostly.
    pub why: Why,
}

/// What a message waits for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Why {
    /// Nothing: it goes.
    Nothing,
    /// It is being attempted.
    UnderWay,
    /// A person holds it back.
    Held,
    /// Its last attempt failed, and the plan says when the next is.
    Plan,
    /// Those before it: each takes its time.
    Turn,
    /// The budget of the minute.
    Minute {
        /// Messages in any 60 s.
        limit: u32,
    },
    /// The budget of the day.
    Day {
        /// When it has room again.
        free_at: Option<Timestamp>,
    },
    /// The rest between batches.
    Batch {
        /// Messages in one go.
        messages: u32,
    },
    /// The account is paused.
    Paused {
        /// Until when.
        until: Timestamp,
        /// What happened.
        because: String,
    },
    /// The account is stopped.
    Stopped {
        /// What happened.
        because: String,
    },
    /// Direct send: its domain cannot be sent to just now.
    Domain {
        /// Which.
        domain: String,
        /// What happened.
        because: String,
    },
    /// The account is switched off.
    Disabled,
    /// More messages go before it than were looked at.
    FarBehind,
}

/// What keeps mail back, as far as it is the same for all mail of an account.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(in crate::queue) enum Cause {
    Pause,
    Plan,
    Turn,
    Minute,
    Day,
    Batch,
}

/// What is known of an account and its mail.
pub(in crate::queue) struct Scene {
    pub(in crate::queue) now: Timestamp,
    /// The account may send from then on.
    pub(in crate::queue) open_at: Timestamp,
    pub(in crate::queue) ledger: Budget,
    pub(in crate::queue) batch: Batch,
    pub(in crate::queue) turns: RoundRobin,
    pub(in crate::queue) connections: usize,
    /// How long a transaction takes.
    pub(in crate::queue) pace: Duration,
    /// Recipients of a message that was not looked at.
    pub(in crate::queue) recipients: usize,
    pub(in crate::queue) lines: Vec<Waiting>,
}

/// The mail of a line, the one due longest first.
pub(in crate::queue) struct Waiting {
    pub(in crate::queue) line: FlowKey,
    pub(in crate::queue) messages: VecDeque<(Timestamp, MessageId)>,
    pub(in crate::queue) rest: Rest,
}

/// Whether all of a line was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Rest {
    Nothing,
    More,
}

/// A message in the play.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) struct Start {
    pub(in crate::queue) at: Timestamp,
    pub(in crate::queue) before: usize,
    /// What it waited for longest; none when it hardly waited.
    pub(in crate::queue) cause: Option<Cause>,
}

/// Plays until all mail that was looked at has begun; at most `most` messages.
pub(in crate::queue) fn play(scene: Scene, most: usize) -> HashMap<MessageId, Start> {
    let mut play = Play::open(scene);
    let mut starts = HashMap::new();
    while starts.len() < most && play.clock <= play.scene.now.plus(HORIZON) {
        match play.step() {
            Step::Began(id, due) => {
                let start = Start { at: play.clock, before: starts.len(), cause: play.cause(due) };
                // Recipients of one message may wait in several lines, or be due at different
                // times: it goes when the first does.
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
    /// The lines, sorted as in `scene`.
    names: Vec<FlowKey>,
    clock: Timestamp,
    /// Transactions with their ends; as many as connections.
    under_way: Vec<(Timestamp, Option<Charge>)>,
    waited: HashMap<Cause, Duration>,
}

enum Step {
    Began(MessageId, Timestamp),
    Waited,
    Over,
}

impl Play {
    fn open(mut scene: Scene) -> Self {
        scene.lines.sort_by(|one, other| one.line.cmp(&other.line));
        let names = scene.lines.iter().map(|waiting| waiting.line.clone()).collect();
        let end = scene.now.plus(scene.pace);
        let under_way =
            scene.ledger.under_way().into_iter().map(|charge| (end, Some(charge))).collect();
        let (clock, waited) = (scene.now, HashMap::new());
        Self { scene, names, clock, under_way, waited }
    }

    /// One message begins, or time goes on to where something changes.
    fn step(&mut self) -> Step {
        self.finish();
        if self.scene.open_at > self.clock {
            return self.wait(self.scene.open_at, Cause::Pause);
        }
        let Some(due) = self.next_due() else {
            return Step::Over;
        };
        if due > self.clock {
            return self.wait(due, Cause::Plan);
        }
        if self.under_way.len() >= self.scene.connections {
            return self.wait_for_end(Cause::Turn);
        }
        match self.scene.batch.free_at(self.clock) {
            None => return self.wait_for_end(Cause::Batch),
            Some(at) if at > self.clock => return self.wait(at, Cause::Batch),
            Some(_now) => {}
        }
        match self.scene.ledger.room(self.clock, &mut BudgetChange::default()) {
            Room::Recipients(most) => self.begin(most),
            Room::FreeAt(at) => {
                let cause = if self.scene.ledger.day_full_until(self.clock).is_some() {
                    Cause::Day
                } else {
                    Cause::Minute
                };
                match at {
                    Some(at) => self.wait(at, cause),
                    None => self.wait_for_end(cause),
                }
            }
        }
    }

    /// Transactions whose time is over have ended.
    fn finish(&mut self) {
        let clock = self.clock;
        for (end, charge) in self.under_way.extract_if(.., |(end, _)| *end <= clock) {
            if let Some(charge) = charge {
                self.scene.ledger.end(&charge, End::Known, 0, end);
            }
            self.scene.batch.end(end);
        }
    }

    /// None when nothing is left, or only what was not looked at would be next.
    fn next_due(&self) -> Option<Timestamp> {
        if self.scene.lines.iter().any(|line| line.messages.is_empty() && line.rest == Rest::More) {
            return None;
        }
        self.scene.lines.iter().filter_map(|line| line.messages.front()).map(|(due, _)| *due).min()
    }

    fn begin(&mut self, most: usize) -> Step {
        let clock = self.clock;
        for line in self.scene.turns.order(&self.names) {
            let place = self.names.binary_search(line).ok();
            let Some(waiting) = place.and_then(|place| self.scene.lines.get_mut(place)) else {
                continue;
            };
            let Some((due, id)) = waiting.messages.pop_front_if(|(due, _)| *due <= clock) else {
                continue;
            };
            let charge =
                self.scene.ledger.begin(self.scene.recipients.clamp(1, most.max(1)), clock);
            self.scene.batch.begin(clock);
            self.under_way.push((clock.plus(self.scene.pace), charge));
            self.scene.turns.took(line.clone());
            return Step::Began(id, due);
        }
        Step::Over
    }

    fn wait_for_end(&mut self, cause: Cause) -> Step {
        match self.under_way.iter().map(|(end, _)| *end).min() {
            Some(end) => self.wait(end, cause),
            None => Step::Over,
        }
    }

    fn wait(&mut self, until: Timestamp, cause: Cause) -> Step {
        // Never standing still, whatever the rules say: a play has an end.
        let until = until.max(self.clock.plus(Duration::from_millis(1)));
        *self.waited.entry(cause).or_default() += until.since(self.clock);
        self.clock = until;
        Step::Waited
    }

    /// What a message that begins now has waited for: its own time, if that was the longest wait.
    fn cause(&self, due: Timestamp) -> Option<Cause> {
        let (now, all) = (self.scene.now, self.clock.since(self.scene.now));
        if all < MOMENT {
            return None;
        }
        if due.since(now) * 2 >= all {
            return Some(Cause::Plan);
        }
        // Somebody has to go first in any case; what holds all of them back says more.
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
    use crate::{
        model::AccountName,
        queue::{BatchSettings, LimitSettings, Split, fixture::at},
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
        Scene {
            now: at(0),
            open_at: at(0),
            ledger: Budget::new(AccountName::from("scanner"), &limits),
            batch: Batch::new(&batch),
            turns: RoundRobin::default(),
            connections: 1,
            pace: Duration::from_secs(1),
            recipients: 1,
            lines: Vec::new(),
        }
    }

    fn id(n: u64) -> MessageId {
        MessageId::new(at(0), n)
    }

    /// Messages that are due at these times, numbered from `first`.
    fn line(device: &str, first: u64, due: &[u64]) -> Waiting {
        let messages = due.iter().zip(first..).map(|(due, n)| (at(*due), id(n))).collect();
        Waiting { line: (device.into(), "scanner".into()), messages, rest: Rest::Nothing }
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
        let starts = play(Scene { lines: dump(70), ..scene(Some(30), None, (30, 0)) }, 100);
        check(&starts, 0, 0, 0, None);
        check(&starts, 29, 29, 29, Some(Cause::Turn));
        check(&starts, 69, 131, 69, Some(Cause::Minute));
        let starts = play(Scene { lines: dump(12), ..scene(None, Some(10), (30, 0)) }, 100);
        check(&starts, 9, 9, 9, Some(Cause::Turn));
        check(&starts, 10, 86_401, 10, Some(Cause::Day));
        let starts = play(Scene { lines: dump(12), ..scene(None, None, (5, 600)) }, 100);
        check(&starts, 11, 5 + 600 + 5 + 600 + 1, 11, Some(Cause::Batch));
    }

    #[test]
    fn a_message_waits_for_its_own_time_and_for_the_accounts() {
        let lines = || vec![line("printers", 0, &[0, 1500])];
        let starts = play(Scene { lines: lines(), ..scene(Some(30), None, (30, 0)) }, 100);
        check(&starts, 1, 1500, 1, Some(Cause::Plan));
        let starts =
            play(Scene { lines: lines(), open_at: at(300), ..scene(Some(30), None, (30, 0)) }, 100);
        check(&starts, 0, 300, 0, Some(Cause::Pause));
    }

    #[test]
    fn devices_take_turns_in_the_play_as_in_life() {
        let lines = vec![line("dump", 0, &[0; 50]), line("scan", 100, &[0])];
        check(&play(Scene { lines, ..scene(None, None, (30, 0)) }, 100), 100, 1, 1, None);
    }

    #[test]
    fn a_message_in_several_lines_goes_when_the_first_of_them_does() {
        let lines = vec![
            line("printers", 0, &[0]),
            Waiting { line: ("printers".into(), "other".into()), ..line("", 0, &[1500]) },
        ];
        check(&play(Scene { lines, ..scene(None, None, (30, 0)) }, 100), 0, 0, 0, None);
    }

    #[test]
    fn what_was_not_looked_at_ends_the_play() {
        let mut cut = line("dump", 0, &[0; 5]);
        cut.rest = Rest::More;
        let lines = vec![cut, line("scan", 100, &[0; 50])];
        let starts = play(Scene { lines, ..scene(None, None, (30, 0)) }, 100);
        assert!(starts.len() <= 10 && starts.contains_key(&id(4)), "{}", starts.len());
    }
}
