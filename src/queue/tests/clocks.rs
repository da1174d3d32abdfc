//! Wall clocks that are set, or wrong after a power cut: nothing goes too early, and nothing waits
//! for them.

use std::time::Duration;

use super::house::{House, scanner};
use crate::{
    classify::Stage,
    model::Timestamp,
    queue::{fixture::at, tests::fake_transport::Reaction},
};

const MINUTE: Duration = Duration::from_secs(60);
const MONTH: Duration = Duration::from_secs(30 * 86_400);
const TAKE: Reaction = Reaction::Take(Duration::from_millis(100));

/// A queue with one message, whose first attempt the server has refused with a 4xx reply.
async fn refused_once() -> House {
    let mut house = House::open(vec![scanner()]);
    let mut first = true;
    house.server.react(move |_| match std::mem::take(&mut first) {
        true => Reaction::Refuse(Stage::EndOfData, "451 4.3.2 Temporary server error"),
        false => TAKE,
    });
    house.receive(1).await;
    house.pass(10).await;
    assert_eq!(house.seen().len(), 1);
    house
}

/// Seconds between the two attempts.
fn gap(house: &House) -> u64 {
    let seen = house.seen();
    assert_eq!(seen.len(), 2);
    seen[1].begun.since(seen[0].ended.unwrap()).as_secs()
}

/// The clock is set ten seconds after the first attempt. Then the process may crash.
async fn check(set: impl Fn(Timestamp) -> Timestamp, crashes: bool) {
    let mut house = refused_once().await;
    house.clock.set(set(house.clock.now()));
    let to = house.clock.now();
    if crashes {
        house = house.crash(MINUTE).await;
    }
    house.pass(28 * 60).await;
    assert_eq!(house.seen().len(), 1, "the clock was set to {to}");
    house.pass(4 * 60).await;
    assert!((30 * 60..32 * 60).contains(&gap(&house)), "{} s, clock at {to}", gap(&house));
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_neither_shortens_nor_extends_the_wait_for_the_next_attempt() {
    for crashes in [false, true] {
        check(|now| now.plus(31 * MINUTE), crashes).await;
        check(|now| now.plus(MONTH), crashes).await;
        check(|now| now.minus(31 * MINUTE), crashes).await;
        check(|now| now.minus(MONTH), crashes).await;
    }
}

#[tokio::test(start_paused = true)]
async fn mail_that_comes_after_a_step_of_the_clock_goes_at_once() {
    let mut house = House::open(vec![scanner()]);
    for (number, set) in [MONTH, 2 * MONTH, Duration::ZERO].into_iter().enumerate() {
        house.clock.set(at(0).plus(MONTH).minus(set));
        house.receive(1).await;
        house.pass(2).await;
        assert_eq!(house.seen().len(), number + 1, "with the clock at {}", house.clock.now());
    }
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_step_forward_and_a_crash_let_no_more_than_thirty_messages_go_in_a_minute() {
    let mut house = House::open(vec![scanner()]);
    for _ in 0..100 {
        house.receive(1).await;
    }
    house.pass(5).await;
    assert_eq!(house.seen().len(), 30);
    house.clock.set(house.clock.now().plus(60 * MINUTE));
    let mut house = house.crash(Duration::from_secs(5)).await;
    house.pass(20).await;
    house.clock.set(house.clock.now().plus(60 * MINUTE));
    house.pass(1800).await;
    house.assert_limits();
    assert_eq!(house.seen().len(), 100);
    house.stop().await;
}

/// Without a battery, a clock begins anew at each start of the machine. The first message from a
/// time server then sets it forward by years.
#[tokio::test(start_paused = true)]
async fn after_a_power_cut_a_wrong_clock_is_not_believed_and_its_correction_changes_nothing() {
    let house = refused_once().await;
    let off = 10 * MINUTE;
    let mut house = house.power_cut(off, Timestamp::from_millis(0)).await;
    for _ in 0..40 {
        house.receive(1).await;
    }
    house.pass(5).await;
    house.clock.set(at(0).plus(MONTH));
    house.pass(29 * 60).await;
    assert!(house.seen().iter().skip(1).all(|seen| seen.subject != "0"));
    house.pass(600).await;
    let again = house.seen().into_iter().filter(|seen| seen.subject == "0").nth(1).unwrap();
    let gap = again.begun.since(house.seen()[0].ended.unwrap());
    assert!(gap <= 30 * MINUTE + off + 2 * MINUTE, "{gap:?}: the plan and the outage");
    house.assert_limits();
    house.assert_spacing();
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn people_see_times_of_day_as_the_clock_is_set_now() {
    let house = refused_once().await;
    house.clock.set(house.clock.now().plus(MONTH));
    let entry = house.spool.list(None, 10).unwrap().remove(0);
    let forecast = house.queue.forecasts(std::slice::from_ref(&entry)).unwrap().remove(0);
    let wait = forecast.at.unwrap().since(house.clock.now());
    assert!(wait > 29 * MINUTE && wait < 30 * MINUTE, "{wait:?}");
    let due = entry.shown(|steady| house.clock.time_of_day(steady)).due();
    assert_eq!(due, forecast.at);
}
