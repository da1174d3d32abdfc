use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    clock::{Clock, TimeSource},
    queue::{fixture::at, tests::machine::Machine},
};

fn limits(per_minute: Option<u32>, per_day: Option<u32>) -> LimitSettings {
    LimitSettings {
        messages_per_minute: per_minute,
        recipients_per_day: per_day,
        recipients_per_message: 500,
        connections: 3,
        message_size: None,
    }
}

fn ledger(per_minute: Option<u32>, per_day: Option<u32>) -> Budget {
    Budget::new(AccountName::from("scanner"), &limits(per_minute, per_day))
}

fn room(ledger: &mut Budget, now: Timestamp) -> Room {
    ledger.room(now, &mut BudgetChange::default())
}

fn send(ledger: &mut Budget, recipients: usize, from: u64, to: u64) {
    let charge = ledger.begin(recipients, at(from)).unwrap();
    ledger.end(&charge, End::Known, 0, at(to));
}

#[test]
fn a_minute_counts_from_the_end_of_a_transaction() {
    let mut ledger = ledger(Some(2), None);
    send(&mut ledger, 1, 0, 10);
    send(&mut ledger, 1, 11, 12);
    assert_eq!(room(&mut ledger, at(60)), Room::FreeAt(Some(at(70).plus(MINUTE_MARGIN))));
    assert_eq!(room(&mut ledger, at(71)), Room::Recipients(usize::MAX));
}

#[test]
fn transactions_under_way_count_as_now_however_long_they_take() {
    let mut ledger = ledger(Some(2), None);
    let first = ledger.begin(1, at(0)).unwrap();
    ledger.begin(1, at(0)).unwrap();
    assert_eq!(room(&mut ledger, at(1000)), Room::FreeAt(None));
    ledger.end(&first, End::Known, 0, at(1000));
    assert_eq!(room(&mut ledger, at(1000)), Room::FreeAt(Some(at(1060).plus(MINUTE_MARGIN))));
}

#[test]
fn a_transaction_in_doubt_may_be_counted_later() {
    let mut ledger = ledger(Some(1), None);
    let charge = ledger.begin(1, at(0)).unwrap();
    ledger.end(&charge, End::Unknown, 0, at(10));
    assert_eq!(
        room(&mut ledger, at(100)),
        Room::FreeAt(Some(at(10).plus(LATE_COUNT + MINUTE + MINUTE_MARGIN)))
    );
}

#[test]
fn a_day_counts_recipients_and_tells_when_there_is_room_again() {
    let mut ledger = ledger(None, Some(10));
    send(&mut ledger, 4, 0, 0);
    send(&mut ledger, 4, 3600, 3600);
    assert_eq!(room(&mut ledger, at(7200)), Room::Recipients(2));
    assert_eq!(ledger.free_at(at(7200), 2), Some(at(7200)));
    assert_eq!(ledger.free_at(at(7200), 3), Some(at(0).plus(DAY + MARGIN)));
    assert_eq!(ledger.free_at(at(7200), 7), Some(at(3600).plus(DAY + MARGIN)));
    assert_eq!(
        ledger.free_at(at(7200), 500),
        Some(at(3600).plus(DAY + MARGIN)),
        "never more than a day's worth"
    );
}

#[test]
fn what_never_happened_is_given_back() {
    let mut ledger = ledger(Some(1), Some(1));
    let charge = ledger.begin(1, at(0)).unwrap();
    let moves = ledger.cancel(&charge);
    assert_eq!(moves.refund, [charge]);
    assert_eq!(room(&mut ledger, at(0)), Room::Recipients(1));
}

#[test]
fn recipients_that_were_refused_one_by_one_are_given_back() {
    let mut ledger = ledger(Some(2), Some(10));
    let charge = ledger.begin(10, at(0)).unwrap();
    let moves = ledger.end(&charge, End::Known, 7, at(1));
    assert_eq!(
        (moves.charge.len(), moves.charge[0].recipients, moves.refund),
        (1, 3, vec![charge])
    );
    assert_eq!(room(&mut ledger, at(1)), Room::Recipients(7));
    assert_eq!(ledger.used(), (1, 3), "the message may count all the same");
}

#[test]
fn without_limits_nothing_is_charged() {
    let mut ledger = ledger(None, None);
    assert_eq!(ledger.begin(1, at(0)), None);
    assert_eq!(room(&mut ledger, at(0)), Room::Recipients(usize::MAX));
}

#[test]
fn a_clock_that_was_set_back_holds_mail_up_for_one_window_at_most() {
    let mut before = ledger(Some(1), None);
    let charge = before.begin(1, at(500_000)).unwrap();
    let stored = before.end(&charge, End::Known, 0, at(500_000)).charge;
    let mut after = ledger(Some(1), None);
    let moves = after.restore(stored.clone(), at(0));
    assert_eq!(
        moves.refund, stored,
        "what is stored moves too, so that the next start does not wait again"
    );
    assert_eq!(
        room(&mut after, at(0)),
        Room::FreeAt(Some(at(0).plus(LATE_COUNT + MINUTE + MINUTE_MARGIN)))
    );
}

#[test]
fn what_the_last_process_stored_may_have_been_off_by_a_little() {
    let mut before = ledger(Some(1), None);
    let charge = before.begin(1, at(10)).unwrap();
    let stored = before.end(&charge, End::Known, 0, at(10)).charge;
    let mut after = ledger(Some(1), None);
    after.restore(stored, at(20));
    assert_eq!(room(&mut after, at(20)), Room::FreeAt(Some(at(70).plus(DRIFT + MINUTE_MARGIN))));
}

/// The charges in the index after the changes.
#[derive(Default)]
struct Stored(BTreeMap<(Timestamp, u32), Charge>);

impl Stored {
    fn apply(&mut self, moves: BudgetChange) {
        // Refunds come before charges, as in the index.
        for charge in moves.charge {
            self.0.insert((charge.at, charge.sequence), charge);
        }
        for charge in moves.refund {
            self.0.remove(&(charge.at, charge.sequence));
        }
    }
}

#[derive(Clone, Debug)]
enum Restart {
    /// The process died, and was started again after `down`.
    AfterCrash { down: u64 },
    /// The machine was off, and the process started soon after it.
    AfterReboot { off: u64, booting: u64 },
}

#[derive(Clone, Debug)]
enum Event {
    /// The duration passes, in milliseconds.
    Wait(u64),
    /// Transactions begin until the budget has no room, each to this number of recipients.
    Burst(usize),
    /// The oldest transaction ends.
    End(End),
    /// The connection was dead: the transaction never happened.
    Cancel,
    /// The process starts again.
    Restart(Restart),
    /// The wall clock is set, whether the process runs or not.
    Set { forward: u64, back: u64 },
    /// The process stores the time.
    Note,
}

/// The wall clock is set by up to this many milliseconds.
fn set(most: u64) -> impl Strategy<Value = Event> {
    (0..most, 0..most).prop_map(|(forward, back)| Event::Set { forward, back })
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let end = prop_oneof![4 => Just(End::Known), 1 => Just(End::Unknown)];
    let event = prop_oneof![
        6 => (0u64..30_000).prop_map(Event::Wait),
        1 => (0u64..40_000_000).prop_map(Event::Wait),
        6 => (1usize..6).prop_map(Event::Burst),
        6 => end.prop_map(Event::End),
        1 => Just(Event::Cancel),
        1 => (0u64..100_000).prop_map(|down| Event::Restart(Restart::AfterCrash { down })),
        1 => (0u64..200_000_000, 0u64..100_000).prop_map(|(off, booting)| {
            Event::Restart(Restart::AfterReboot { off, booting })
        }),
        1 => set(1_000_000),
        1 => set(3_000_000_000),
        1 => Just(Event::Note),
    ];
    proptest::collection::vec(event, 1..200)
}

/// A transaction by a clock that is never set. The server counted it once, between its start and
/// its end.
struct Truth {
    begun: u64,
    ended: u64,
    recipients: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// The server's worst case: it counts each transaction at the least favourable moment.
    #[test]
    fn no_window_that_the_server_may_see_holds_more_than_the_limit(
        events in events(),
        per_minute in 1u32..8,
        per_day in 1u32..40,
    ) {
        let (mut now, machine) = (0u64, Machine::new(at(0)));
        let mut time = Clock::over(machine.clone());
        let mut noted = time.anchor();
        let mut ledger = ledger(Some(per_minute), Some(per_day));
        let mut stored = Stored::default();
        let mut open: Vec<(Charge, usize)> = Vec::new();
        let mut truth: Vec<Truth> = Vec::new();
        for event in events {
            let clock = time.steady();
            let pass = |millis| machine.pass(Duration::from_millis(millis));
            match event {
                Event::Wait(millis) => { now += millis; pass(millis); }
                Event::Burst(recipients) => loop {
                    let mut moves = BudgetChange::default();
                    let room = ledger.room(clock, &mut moves);
                    stored.apply(moves);
                    let Room::Recipients(most) = room else { break };
                    if open.len() > 20 { break }
                    let recipients = recipients.min(most);
                    let charge = ledger.begin(recipients, clock).unwrap();
                    stored.apply(BudgetChange { charge: vec![charge.clone()], refund: vec![] });
                    open.push((charge, truth.len()));
                    let recipients = u64::try_from(recipients).unwrap();
                    truth.push(Truth { begun: now, ended: u64::MAX, recipients });
                },
                Event::End(end) => if !open.is_empty() {
                    let (charge, index) = open.remove(0);
                    let late = match end { End::Known => 0, End::Unknown => 299_000 };
                    truth[index].ended = now + late;
                    stored.apply(ledger.end(&charge, end, 0, clock));
                },
                Event::Cancel => if let Some((charge, index)) = open.pop() {
                    truth[index].recipients = 0;
                    truth[index].ended = 0;
                    stored.apply(ledger.cancel(&charge));
                },
                Event::Restart(restart) => {
                    for (_, index) in open.drain(..) { truth[index].ended = now + 299_000; }
                    match restart {
                        Restart::AfterReboot { off, booting } => {
                            now += off + booting;
                            pass(off);
                            machine.reboot();
                            pass(booting);
                        }
                        Restart::AfterCrash { down } => { now += down; pass(down); }
                    }
                    time = Clock::over(machine.clone());
                    time.resume(&noted);
                    noted = time.anchor();
                    let limits = limits(Some(per_minute), Some(per_day));
                    ledger = Budget::new(AccountName::from("scanner"), &limits);
                    let charges = stored.0.values().cloned().collect();
                    stored.apply(ledger.restore(charges, time.steady()));
                }
                Event::Set { forward, back } => {
                    let to = machine.now().plus(Duration::from_millis(forward));
                    machine.set(to.minus(Duration::from_millis(back)));
                }
                Event::Note => noted = time.anchor(),
            }
        }
        for last in truth.iter().filter(|t| t.recipients > 0) {
            let may_share = |t: &&Truth, window: u64| {
                let counted = t.recipients > 0 && t.begun <= last.begun;
                counted && t.ended.saturating_add(window) >= last.begun
            };
            let messages = truth.iter().filter(|t| may_share(t, 60_000)).count();
            let in_a_day = truth.iter().filter(|t| may_share(t, 86_400_000));
            let recipients: u64 = in_a_day.map(|t| t.recipients).sum();
            prop_assert!(messages <= usize::try_from(per_minute).unwrap(), "{messages} messages in \
                a minute");
            prop_assert!(recipients <= u64::from(per_day), "{recipients} recipients in a day");
        }
        prop_assert!(stored.0.len() <= usize::try_from(per_day).unwrap() + open.len(), "stored \
            charges do not pile up");
    }
}
