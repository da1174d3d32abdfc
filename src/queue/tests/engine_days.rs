//! Three days of an office with three accounts, driven by the engine alone, without tasks or a
//! disk. Every guarantee is checked after every event.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{
    engine_judges::{Counter, DAY, MINUTE, PER_DAY, PER_MINUTE, Turns, assert_legal},
    fake_transport::{refusal, report, taken, trouble, verdict},
    house,
    machine::Machine,
    memory_store::{Desk, MemoryStore, ready},
    three_days::Dice,
};
use crate::{
    attempt::{NextHop, Report},
    classify::{Concern, Counted, Outcome, Stage},
    clock::{Anchor, Clock, TimeSource},
    entry::{Entry, Progress},
    model::{AccountName, ByteSize, MessageId, RecipientOutcome},
    queue::{
        AccountSettings, Enabled, RetrySettings, SenderRewrite, Split,
        engine::{
            account_runtime::{AccountRuntime, Ending},
            budget::Budget,
            claim::{self, Claim, Outlook, Work},
            health::{Health, remembered::Remembered},
            now::Now,
            pool::Pool,
            report as reports,
            round_robin::FlowKey,
            select::Rules,
            settle::{self, Context},
            store::Store,
        },
        fixture::{account, at, envelope},
    },
};

mod disturbances;

const ACCOUNTS: [&str; 3] = ["first", "second", "third"];
const CONNECTIONS: usize = 3;
const DAYS: u32 = 3;
/// How long after its end a transaction may still be counted, when its answer was lost.
const LATE: u64 = 290_000;

/// How the server treats a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Taken,
    Later,
    /// The server has the message, but the answer is lost.
    Doubt,
    /// The account has to be paused.
    Pause,
    /// The account has to be stopped.
    Stop,
    /// The connection was dead.
    Dead,
}

/// A transaction under way.
struct Flying {
    account: usize,
    claim: Claim,
    ends: Duration,
    fate: Fate,
}

struct Days {
    dice: Dice,
    pool: Pool,
    settings: Vec<Arc<AccountSettings>>,
    retry: RetrySettings,
    store: MemoryStore,
    desks: Vec<Desk>,
    remembered: Vec<Remembered>,
    /// The true time since the beginning.
    time: Duration,
    machine: Arc<Machine>,
    clock: Clock,
    /// The moment that the process stored last, and the true time then.
    noted: (Anchor, Duration),
    /// How much later the steady time may be: while the machine is off, nobody measures the time,
    /// and after a power cut it goes on from the moment that was stored last.
    late: Duration,
    flying: Vec<Flying>,
    /// The account and the recipients of each transaction, by the time at which the server counts
    /// it.
    counts: BTreeMap<(Duration, u64), (usize, u64)>,
    counters: [Counter; 3],
    turns: [Turns; 3],
    /// When the last counted attempt of each recipient ended, in true time.
    ended: HashMap<(MessageId, usize), Duration>,
    copies: HashMap<(MessageId, usize), u32>,
    calm: bool,
    number: u64,
    accepted: usize,
    settled: usize,
    doubts: u64,
    events: u64,
}

fn settings(place: usize) -> AccountSettings {
    let mut settings = account(ACCOUNTS[place], SenderRewrite::Always);
    settings.limits.messages_per_minute = Some(u32::try_from(PER_MINUTE).unwrap());
    settings.limits.recipients_per_day = Some(u32::try_from(PER_DAY).unwrap());
    settings.limits.connections = CONNECTIONS;
    settings.batch.split = [Split::OnFailure, Split::Always, Split::Never][place];
    settings.spill_to = ACCOUNTS[place + 1..].iter().map(|name| AccountName::from(*name)).collect();
    settings
}

impl Days {
    fn begin(seed: u64) -> Self {
        let settings: Vec<_> = (0..3).map(|place| Arc::new(settings(place))).collect();
        let machine = Machine::new(at(0));
        let clock = Clock::over(machine.clone());
        let mut days = Self {
            dice: Dice(seed),
            pool: Pool::new(settings.clone()),
            settings,
            retry: house::plan(),
            store: MemoryStore::default(),
            desks: Vec::new(),
            remembered: vec![Remembered::from(&Health::ready()); 3],
            time: Duration::ZERO,
            noted: (clock.anchor(), Duration::ZERO),
            clock,
            machine,
            late: Duration::ZERO,
            flying: Vec::new(),
            counts: BTreeMap::new(),
            counters: Default::default(),
            turns: Default::default(),
            ended: HashMap::new(),
            copies: HashMap::new(),
            calm: false,
            number: 0,
            accepted: 0,
            settled: 0,
            doubts: 0,
            events: 0,
        };
        days.start();
        days
    }

    /// Starts the process from the stored state.
    fn start(&mut self) {
        self.clock = Clock::over(self.machine.clone());
        self.clock.resume(&self.noted.0);
        self.note_time();
        let now = self.now();
        let open = |(settings, remembered): (&Arc<AccountSettings>, &Remembered)| {
            let mut budget = Budget::new(settings.name.clone(), &settings.limits);
            let change = budget.restore(self.store.charges(&settings.name), now.steady);
            self.store.store(change);
            let health = Health::from(remembered.clone()).restored(now.steady);
            let runtime = AccountRuntime::new(settings, health, budget);
            Desk { runtime: Mutex::new(runtime), now: Mutex::new(now) }
        };
        self.desks = self.settings.iter().zip(&self.remembered).map(open).collect();
    }

    fn now(&self) -> Now {
        Now { wall: self.clock.now(), steady: self.clock.steady() }
    }

    /// The process stores the time, as it does once a minute.
    fn note_time(&mut self) {
        self.noted = (self.clock.anchor(), self.time);
    }

    /// The steady time never runs ahead of the true one, and lags behind by no more than the
    /// machine was off.
    fn assert_time(&self) {
        let steady = self.clock.steady().since(at(0));
        assert!(steady <= self.time, "{steady:?} after {:?}", self.time);
        assert!(steady + self.late >= self.time, "{steady:?} after {:?}", self.time);
    }

    /// Runs `work` on a runtime. Changes of its health must be legal, and are stored.
    fn with<R>(&mut self, place: usize, work: impl FnOnce(&mut AccountRuntime, Now) -> R) -> R {
        let now = self.now();
        let mut runtime = self.desks[place].runtime.lock().unwrap();
        let before = runtime.health.clone();
        runtime.lapse(now);
        let result = work(&mut runtime, now);
        assert_legal(&before, &runtime.health);
        self.remembered[place] = Remembered::from(&runtime.health);
        self.store.store(runtime.take_unsaved());
        result
    }

    /// Advances the time; the server counts meanwhile.
    fn pass(&mut self, to: Duration) {
        let span = to - self.time;
        self.time = to;
        self.machine.pass(span);
        while let Some(((at, _), (place, recipients))) = self
            .counts
            .first_key_value()
            .map(|(key, value)| (*key, *value))
            .filter(|(key, _)| key.0 <= to)
        {
            self.counts.pop_first();
            self.counters[place].count(at, recipients);
        }
    }

    fn flows(&mut self, place: usize) -> Vec<FlowKey> {
        let now = self.now();
        let name = &self.settings[place].name;
        let is_out = |name: &AccountName| {
            let other = ACCOUNTS.iter().position(|other| *other == name.as_str()).unwrap();
            self.desks[other].runtime.lock().unwrap().is_out(now)
        };
        self.pool.flows(name, &self.store, is_out)
    }

    fn rules(&self, place: usize) -> Rules<'_> {
        Rules { pool: &self.pool, account: &self.settings[place], retry: &self.retry }
    }

    /// Lets an account begin what it may. Returns how long it then waits.
    fn work(&mut self, place: usize) -> Option<Duration> {
        loop {
            let under_way = self.flying.iter().filter(|one| one.account == place).count();
            if under_way >= self.with(place, |runtime, now| runtime.at_once(now)) {
                return None;
            }
            let flows = self.flows(place);
            let (settings, now) = (Arc::clone(&self.settings[place]), self.now());
            let outlook = {
                let mut runtime = self.desks[place].runtime.lock().unwrap();
                claim::outlook(self.rules(place), &flows, &mut runtime, &self.store, now)
            };
            let Ok(outlook) = outlook;
            match outlook {
                Outlook::In(wait) => return Some(wait),
                Outlook::Idle => return None,
                Outlook::Now => {}
            }
            if !self.with(place, |runtime, _| runtime.health.may_send()) {
                self.probe(place);
                continue;
            }
            let waiting: Vec<FlowKey> = flows
                .iter()
                .filter(|flow| flow.1 == settings.name && self.store.has_free(flow, now.steady))
                .cloned()
                .collect();
            *self.desks[place].now.lock().unwrap() = now;
            let rules = self.rules(place);
            let step = self.store.step(&self.desks[place], |runtime, view, now| {
                claim::claim(rules, &flows, runtime, view, now)
            });
            let Ok(claim) = ready(step);
            let claim = claim?;
            self.begun(place, claim, &waiting);
        }
    }

    /// A stopped account logs in as a probe.
    fn probe(&mut self, place: usize) {
        if self.calm || self.dice.once_in(2) {
            self.with(place, |runtime, now| runtime.connected(&NextHop::Server, now));
        } else {
            let refused = trouble(Stage::Auth, Outcome::Stop, "535 5.7.3 No");
            self.with(place, |runtime, now| runtime.trouble(&NextHop::Server, &refused, now));
        }
    }

    fn begun(&mut self, place: usize, claim: Claim, waiting: &[FlowKey]) {
        assert!(matches!(claim.work, Work::Send { .. }));
        assert!(
            self.flying.iter().all(|other| other.claim.entry.id != claim.entry.id),
            "attempted twice at once"
        );
        let under_way = self.flying.iter().filter(|one| one.account == place).count();
        assert!(under_way < CONNECTIONS);
        if self.with(place, |runtime, _| runtime.health.is_probing()) {
            assert_eq!(under_way, 0, "one message at a time shows whether it goes again");
        }
        let first = &claim.entry.recipients[claim.indexes()[0]];
        let flow = (claim.entry.device.clone(), claim.entry.account_of(first).clone());
        if flow.1 == self.settings[place].name {
            self.turns[place].took(&flow, waiting);
        } else {
            self.turns[place].passed(waiting);
        }
        for index in claim.indexes() {
            if let Some(ended) = self.ended.get(&(claim.entry.id, index)) {
                let gap = self.time - *ended;
                assert!(gap >= RetrySettings::FLOOR, "tried again after {gap:?}");
            }
        }
        let fate = self.fate();
        let lasts = self.dice.between(100, 8000);
        let ends = self.time + Duration::from_millis(lasts);
        let recipients = u64::try_from(claim.indexes().len()).unwrap();
        if fate != Fate::Dead {
            let late = if fate == Fate::Doubt { LATE } else { 0 };
            let counted = self.time + Duration::from_millis(self.dice.between(0, lasts + late));
            self.number += 1;
            self.counts.insert((counted, self.number), (place, recipients));
        }
        if matches!(fate, Fate::Taken | Fate::Doubt) {
            for index in claim.indexes() {
                *self.copies.entry((claim.entry.id, index)).or_default() += 1;
            }
        }
        self.flying.push(Flying { account: place, claim, ends, fate });
    }

    /// Ends a transaction.
    fn end(&mut self, flying: Flying) {
        let Flying { account: place, claim, fate, .. } = flying;
        let all = claim.attempt.recipients.len();
        let each = |verdict| report(vec![verdict; all]);
        let barred = |trouble: crate::attempt::Trouble| Report {
            account: Some(trouble.clone()),
            ..report(vec![trouble.verdict; all])
        };
        let outcome = match fate {
            Fate::Taken => each(taken()),
            Fate::Later => each(refusal(Stage::EndOfData, Concern::Message, "451 4.3.2 Later")),
            Fate::Doubt => each(verdict(Stage::EndOfData, Concern::Message, Outcome::Doubt, None)),
            Fate::Pause => barred(trouble(
                Stage::EndOfData,
                Outcome::Pause(Duration::from_secs(60)),
                "432 4.3.2 Concurrent connections limit exceeded",
            )),
            Fate::Stop => barred(trouble(Stage::EndOfData, Outcome::Stop, "550 5.2.2 Quota")),
            Fate::Dead => Report {
                counted: Counted::No,
                ..each(verdict(Stage::MailFrom, Concern::Message, Outcome::Retry, None))
            },
        };
        let ending = reports::ending(&outcome);
        let budget = self.with(place, |runtime, now| runtime.end(claim.charge(), ending, now));
        if ending != Ending::NotCounted {
            for index in claim.indexes() {
                self.ended.insert((claim.entry.id, index), self.time);
            }
        }
        let (retry, name) = (&self.retry, &self.settings[place].name);
        let split = self.settings[place].batch.split;
        let context = Context { plan: retry, account: name, split, now: self.now() };
        let conclusion = settle::conclude(claim.entry.clone(), &claim.attempt, &outcome, &context);
        let settled = conclusion
            .lines
            .iter()
            .filter(|line| line.line.outcome == RecipientOutcome::Delivered)
            .count();
        assert!(
            conclusion.lines.iter().all(|line| line.line.outcome != RecipientOutcome::Failed),
            "nothing fails"
        );
        self.settled += settled;
        self.store.conclude(conclusion.entry, budget);
        let first = reports::Transaction::Later;
        if let Some(trouble) = reports::trouble(&outcome, first) {
            self.with(place, |runtime, now| runtime.trouble(&NextHop::Server, &trouble, now));
        } else if reports::delivered(&outcome) {
            self.with(place, |runtime, _| runtime.works(&NextHop::Server));
        }
        if fate == Fate::Doubt {
            self.doubts += u64::try_from(all).unwrap();
        }
    }

    /// Nothing is lost and nothing is settled twice.
    fn assert_conserved(&self) {
        assert_eq!(self.accepted, self.settled + self.store.open());
    }

    /// Runs the events until `end`.
    fn run_until(&mut self, end: Duration) {
        let mut arrival = self.time;
        let mut disturbance = self.time + Duration::from_secs(3600);
        while self.time < end {
            let mut next = end.min(disturbance);
            if !self.calm {
                next = next.min(arrival);
            }
            for place in 0..3 {
                let wait = self.work(place);
                next = next
                    .min(wait.map_or(end, |wait| self.time + wait.max(Duration::from_millis(1))));
                self.assert_conserved();
            }
            next = self.flying.iter().map(|flying| flying.ends).fold(next, Duration::min);
            self.pass(next.max(self.time));
            if self.time >= self.noted.1 + MINUTE {
                self.note_time();
            }
            let over = self.time;
            while let Some(place) = self.flying.iter().position(|flying| flying.ends <= over) {
                let flying = self.flying.swap_remove(place);
                self.end(flying);
                self.event();
            }
            if !self.calm && self.time >= arrival {
                self.arrive();
                arrival = self.time + Duration::from_millis(self.dice.between(1000, 120_000));
                self.event();
            }
            if self.time >= disturbance {
                if !self.calm {
                    self.disturb();
                    self.event();
                }
                disturbance = self.time + Duration::from_secs(self.dice.between(600, 7200));
            }
        }
    }

    fn event(&mut self) {
        self.events += 1;
        self.assert_conserved();
        self.assert_time();
    }
}

#[test]
fn in_three_days_the_engine_keeps_every_promise_after_every_event() {
    let seeds = if std::env::var_os("POSTROOM_SOAK").is_some() { 1..=20 } else { 1..=2 };
    for seed in seeds {
        let mut days = Days::begin(seed);
        days.run_until(DAY * DAYS);
        let (events, accepted) = (days.events, days.accepted);
        days.calm = true;
        days.run_until(DAY * (DAYS + 4));
        assert_eq!((days.store.open(), days.settled), (0, days.accepted), "everything is settled");
        assert_eq!(days.copies.len(), days.accepted, "the server has everything");
        let doubles: u64 = days.copies.values().map(|copies| u64::from(copies - 1)).sum();
        let doubts = days.doubts;
        assert!(doubles <= doubts, "{doubles} doubles, but {doubts} doubts");
        println!("{events} events, {accepted} recipients, {doubts} doubts, {doubles} doubles");
    }
}
