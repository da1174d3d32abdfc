//! Three days of an office with three mailboxes: what arrives, what goes wrong, and how much of the
//! limits was used.

use std::{collections::BTreeMap, fmt, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};

use super::office::{Ending, Office, Pace};
use crate::{
    model::{AccountName, RecipientOutcome},
    queue::{AccountState, fixture::at},
};

/// The accounts, in the order in which they spill.
const ACCOUNTS: [&str; 3] = ["first", "second", "third"];
const HOURS: u64 = 72;
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Microsoft's limit of messages per minute.
const PER_MINUTE: u64 = 30;
const PER_DAY: u64 = 10_000;
/// The minute in which the payroll is sent.
const PAYROLL: u64 = 42 * 60;
/// The number of checks in each minute.
const LOOKS: u32 = 3;
/// The step between two moments at which the windows are evaluated at the end.
const MOMENT: Duration = Duration::from_millis(200);
/// Longer than the minute's budget ever delays mail: beyond it, mail spills.
const SPILLS_AFTER: Duration = Duration::from_secs(120);

/// Pseudo-random numbers that depend only on the seed (SplitMix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.throw() % (most - least + 1)
    }

    /// True once in this number of throws, on average.
    pub(super) fn once_in(&mut self, throws: u64) -> bool {
        self.throw().is_multiple_of(throws)
    }
}

/// How often each event happens.
#[derive(Clone, Copy)]
struct Weather {
    seed: u64,
    /// The number of minutes between two bursts of an account.
    bursts_every: u64,
}

/// The messages that the sandbox accepted for one account, and when mail waited for it.
#[derive(Default)]
struct Record {
    /// The start of each message, and its number of recipients.
    taken: Vec<(Duration, u64)>,
    /// The periods in which mail was seen waiting, without a disturbance.
    hungry: Vec<(Duration, Duration)>,
}

/// How full the window that delayed mail was. It is the mean over all moments at which mail had
/// waited for a whole minute.
#[derive(Default)]
struct Used {
    /// The share of the messages of the last 60 s.
    by_minute: Mean,
    /// The share of the recipients of the last 24 h.
    by_day: Mean,
}

impl Used {
    fn join(&mut self, other: &Self) {
        for (mean, more) in
            [(&mut self.by_minute, &other.by_minute), (&mut self.by_day, &other.by_day)]
        {
            mean.sum += more.sum;
            mean.moments += more.moments;
        }
    }
}

impl fmt::Display for Used {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { by_minute, by_day } = self;
        let (minute, day) = (by_minute.percent(), by_day.percent());
        write!(
            f,
            "{minute:.2} % of the minute's messages over {} minutes, {day:.2} % of the day's \
            recipients over {}",
            by_minute.minutes(),
            by_day.minutes()
        )
    }
}

#[derive(Default)]
struct Mean {
    sum: f64,
    moments: u32,
}

impl Mean {
    fn add(&mut self, share: f64) {
        self.sum += share;
        self.moments += 1;
    }

    fn percent(&self) -> f64 {
        100.0 * self.sum / f64::from(self.moments)
    }

    fn minutes(&self) -> u64 {
        u64::from(self.moments) * u64::try_from(MOMENT.as_millis()).unwrap() / 60_000
    }
}

impl Record {
    fn saw_hunger(&mut self, from: Duration, to: Duration) {
        match self.hungry.last_mut() {
            Some((_, end)) if *end == from => *end = to,
            _ => self.hungry.push((from, to)),
        }
    }

    fn used(&self) -> Used {
        let mut used = Used::default();
        let (mut minute, mut day) = (Window::new(MINUTE), Window::new(DAY));
        for (from, to) in &self.hungry {
            let mut moment = *from + MINUTE;
            while moment <= *to {
                let (messages, _) = minute.until(moment, &self.taken);
                let (_, recipients) = day.until(moment, &self.taken);
                let (messages, recipients) =
                    (share(messages, PER_MINUTE), share(recipients, PER_DAY));
                if recipients > messages.max(0.9) {
                    used.by_day.add(recipients);
                } else {
                    used.by_minute.add(messages);
                }
                moment += MOMENT;
            }
        }
        used
    }
}

/// What was sent within `span` before a moment. Moments must be given in order.
struct Window {
    span: Duration,
    from: usize,
    to: usize,
    recipients: u64,
}

impl Window {
    const fn new(span: Duration) -> Self {
        Self { span, from: 0, to: 0, recipients: 0 }
    }

    fn until(&mut self, moment: Duration, taken: &[(Duration, u64)]) -> (u64, u64) {
        while let Some((_, recipients)) = taken.get(self.to).filter(|(at, _)| *at <= moment) {
            self.recipients += recipients;
            self.to += 1;
        }
        while let Some((_, recipients)) =
            taken.get(self.from).filter(|(at, _)| *at + self.span <= moment)
        {
            self.recipients -= recipients;
            self.from += 1;
        }
        (u64::try_from(self.to - self.from).unwrap(), self.recipients)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(whole).unwrap())
}

/// The office, its dice, and the record so far.
struct ThreeDays {
    office: Office,
    dice: Dice,
    weather: Weather,
    records: [Record; 3],
    accepted: u64,
    /// The number of restarts of each kind.
    endings: BTreeMap<&'static str, u32>,
}

impl ThreeDays {
    fn begin(weather: Weather) -> Self {
        let office = Office::open(&ACCOUNTS, Pace::BRISK, |settings| {
            let own = ACCOUNTS.iter().position(|name| *name == settings.name.as_str()).unwrap();
            settings.spill_to =
                ACCOUNTS[own + 1..].iter().map(|name| AccountName::from(*name)).collect();
        });
        let records = Default::default();
        Self {
            office,
            dice: Dice(weather.seed),
            weather,
            records,
            accepted: 0,
            endings: BTreeMap::new(),
        }
    }

    async fn pass(&mut self) {
        let opened = Instant::now();
        for minute in 0..HOURS * 60 {
            self.arrivals(minute).await;
            let disturbed = self.disturb().await;
            let mut seen = (opened.elapsed(), self.hungry());
            if disturbed {
                seen.1 = [false; 3];
            }
            for look in 1..=LOOKS {
                sleep_until(
                    opened + MINUTE * u32::try_from(minute).unwrap() + MINUTE * look / LOOKS,
                )
                .await;
                let now = (opened.elapsed(), self.hungry());
                for (_, record) in self
                    .records
                    .iter_mut()
                    .enumerate()
                    .filter(|(index, _)| seen.1[*index] && now.1[*index])
                {
                    record.saw_hunger(seen.0, now.0);
                }
                seen = now;
            }
            self.note();
        }
    }

    /// Restarts and crashes every few hours, and a clock that is set occasionally.
    async fn disturb(&mut self) -> bool {
        // Disturbances are more likely while there is much to send.
        let busy = self.hungry() != [false; 3];
        let restarts = self.dice.once_in(if busy { 180 } else { 300 });
        if restarts {
            sleep(Duration::from_millis(self.dice.between(0, 3000))).await;
            let (ending, word) = match self.dice.between(0, 7) {
                0..4 => (Ending::Stop, "stop"),
                4..7 => (Ending::Crash, "crash"),
                _ => (Ending::PowerCut, "power cut"),
            };
            *self.endings.entry(word).or_default() += 1;
            let down = Duration::from_secs(self.dice.between(0, 50));
            self.office.restart(ending, down).await;
        }
        let steps = self.dice.once_in(400);
        if steps {
            let by = Duration::from_secs(self.dice.between(1, 5400));
            let now = self.office.clock.now();
            let (to, word) = if self.dice.once_in(2) {
                (now.plus(by), "step ahead")
            } else {
                (now.minus(by), "step back")
            };
            *self.endings.entry(word).or_default() += 1;
            self.office.clock.set(to);
        }
        restarts || steps
    }

    async fn arrivals(&mut self, minute: u64) {
        for name in ACCOUNTS {
            for number in 0..2 {
                let device = format!("{name}-mfp{number}");
                if self.dice.once_in(30) {
                    let recipients = self.dice.between(1, 3);
                    self.hand_in(&device, 1, recipients).await;
                }
                if self.dice.once_in(2 * self.weather.bursts_every) {
                    let messages = self.dice.between(200, 500);
                    self.hand_in(&device, messages, 1).await;
                }
            }
        }
        // The payroll: more at once than all three mailboxes may send in a day.
        if minute == PAYROLL {
            let messages = self.dice.between(1250, 1300);
            self.hand_in("first-erp", messages, 30).await;
        }
    }

    async fn hand_in(&mut self, device: &str, messages: u64, recipients: u64) {
        let recipients: Vec<String> =
            (0..recipients).map(|n| format!("r{n}@contoso.com")).collect();
        for _ in 0..messages {
            self.office.receive(device, &recipients).await;
            self.accepted += u64::try_from(recipients.len()).unwrap();
        }
    }

    /// For each account, whether mail is due that it may send: its own, or that of an account which
    /// is out and spills to it.
    fn hungry(&self) -> [bool; 3] {
        let now = self.office.clock.now();
        let accounts = self.office.queue().accounts();
        let due = [0, 1, 2].map(|index: usize| self.office.has_due(&accounts[index].name));
        let is_out = |index: usize| {
            accounts[index].budget_free_at.is_some_and(|at| at.since(now) > SPILLS_AFTER)
        };
        assert!(
            accounts.iter().all(|account| account.state == AccountState::Ready),
            "{accounts:?}"
        );
        [0, 1, 2].map(|index| due[index] || (0..index).any(|feeder| due[feeder] && is_out(feeder)))
    }

    fn note(&mut self) {
        for message in self.office.sandbox.take_messages() {
            let user = message.user().and_then(|user| user.split('@').next()).unwrap();
            let place = ACCOUNTS.iter().position(|name| *name == user).unwrap();
            let recipients = u64::try_from(message.recipients().count()).unwrap();
            self.records[place].taken.push((message.begun().since(at(0)), recipients));
        }
    }

    /// Checks that no window exceeded its limit, and that the limits were reached.
    fn assert_limits(&self) {
        let judge = self.office.judge();
        assert_eq!(judge.violations_total, 0, "{:?}", judge.violations.first());
        for mailbox in judge.mailboxes.values() {
            assert_eq!(mailbox.begun_per_minute_peak, PER_MINUTE, "{mailbox:?}");
            assert!(mailbox.recipients_per_day_peak <= PER_DAY, "{mailbox:?}");
            assert!(mailbox.sessions.peak <= 3 && mailbox.submissions.peak <= 3, "{mailbox:?}");
            assert_eq!(mailbox.refused, 0);
        }
        assert!(
            judge.shortest_repeat_ms.is_none_or(|gap| gap >= 30 * 60 * 1000),
            "{:?} ms between two attempts",
            judge.shortest_repeat_ms
        );
    }

    fn assert_use(&self) {
        let mut whole = Used::default();
        for (name, record) in ACCOUNTS.iter().zip(&self.records) {
            let used = record.used();
            println!("{name}: {used}");
            whole.join(&used);
        }
        println!("together: {whole}");
        let Used { by_minute, by_day } = &whole;
        assert!(by_minute.minutes() > 180 && by_day.minutes() > 1000, "mail hardly ever waited");
        assert!(by_minute.percent() >= 99.0 && by_day.percent() >= 99.0);
    }

    /// Checks that everything is settled in the end, and that duplicates follow only from a doubt
    /// left by a crash.
    async fn assert_conserved(&self) {
        sleep(Duration::from_secs(5 * 86_400)).await;
        let journal = self.office.journal();
        assert_eq!(self.office.spool().count(), 0);
        assert_eq!(
            u64::try_from(journal.len()).unwrap(),
            self.accepted,
            "each recipient has one line"
        );
        assert!(journal.iter().all(|line| line.outcome == RecipientOutcome::Delivered));
        let judge = self.office.judge();
        let doubts: u64 = journal.iter().map(|line| u64::from(line.doubts)).sum();
        assert!(judge.duplicates <= doubts, "{} doubles, but {doubts} doubts", judge.duplicates);
        println!(
            "{} messages, {} recipients, {doubts} doubts, {} doubles; {:?}",
            judge.accepted, self.accepted, judge.duplicates, self.endings
        );
    }

    /// The index is lost in the middle of a flood. It is unknown what was sent, so nothing goes for
    /// a day, and then all of it.
    async fn lose_index(mut self) {
        self.hand_in("first-mfp0", 100, 1).await;
        self.hand_in("second-mfp0", 100, 1).await;
        sleep(Duration::from_secs(70)).await;
        self.office.restart(Ending::CrashWithoutIndex, Duration::from_secs(1)).await;
        self.hand_in("third-mfp0", 100, 1).await;
        sleep(DAY + Duration::from_secs(3600)).await;
        self.assert_limits();
        assert_eq!(self.office.spool().count(), 0);
        self.office.stop().await;
    }
}

async fn check(weather: Weather) {
    let mut days = ThreeDays::begin(weather);
    days.pass().await;
    days.assert_limits();
    days.assert_use();
    days.assert_conserved().await;
    days.lose_index().await;
}

#[tokio::test(start_paused = true)]
async fn in_three_days_of_bursts_and_crashes_no_limit_is_exceeded_and_hardly_any_of_it_is_wasted() {
    let seeds = if std::env::var_os("POSTROOM_SOAK").is_some() { 1..=6 } else { 1..=1 };
    for seed in seeds {
        check(Weather { seed, bursts_every: 480 }).await;
    }
}
