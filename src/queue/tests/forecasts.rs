use std::{collections::BTreeMap, time::Duration};

use super::house::{House, scanner};
use crate::{
    classify::{Outcome, Stage},
    model::{MessageId, Timestamp},
    queue::{
        AccountSettings, BatchSettings, Enabled, Forecast, LimitSettings, SenderRewrite, Split,
        Why,
        fixture::{account, at},
        tests::fake_transport::{Reaction, trouble},
    },
};

impl House {
    fn forecast(&self, id: MessageId) -> Forecast {
        self.queue.forecasts(&[self.entry(id).unwrap()]).unwrap().remove(0)
    }

    fn forecasts(&self) -> BTreeMap<MessageId, Forecast> {
        let entries = self.spool.list(None, 10_000).unwrap();
        let forecasts = self.queue.forecasts(&entries).unwrap();
        entries.into_iter().map(|entry| entry.id).zip(forecasts).collect()
    }
}

/// Forecasts all waiting mail, then lets time pass. Each message must have begun at about the
/// forecast time.
async fn check(
    mut settings: AccountSettings,
    messages: &[(&str, usize)],
    tolerance: u64,
    last: &str,
) {
    settings.limits.connections = 1;
    let mut house = House::open(vec![settings]);
    house.server.react(|_| Reaction::Take(Duration::from_secs(1)));
    let name = house.settings[0].name.clone();
    house.queue.set_enabled(&name, Enabled::Off).await.unwrap();
    let mut subjects = BTreeMap::new();
    for (device, count) in messages {
        for _ in 0..*count {
            let id = house.receive_from(device, 1).await;
            subjects.insert(id, (subjects.len()).to_string());
        }
    }
    house.queue.set_enabled(&name, Enabled::On).await.unwrap();
    house.pass(10).await;
    let forecasts = house.forecasts();
    assert!(forecasts.len() > 10, "{} still wait", forecasts.len());
    house.pass(10 * 86_400).await;
    let begun: BTreeMap<String, Timestamp> =
        house.seen().into_iter().map(|seen| (seen.subject, seen.begun)).collect();
    for (id, forecast) in forecasts.iter().filter(|(_, forecast)| forecast.why != Why::UnderWay) {
        let (told, was) = (forecast.at.unwrap(), begun[&subjects[id]]);
        let off = told.since(was).max(was.since(told));
        // The pace is learned, so a forecast far ahead is off by some percent.
        let allowed = Duration::from_secs(tolerance).max(was.since(at(10)) / 10);
        assert!(
            off <= allowed,
            "message {} was to begin at {told} and did at {was}: {forecast:?}",
            subjects[id]
        );
    }
    let latest = forecasts.values().max_by_key(|forecast| forecast.at).unwrap();
    let reason = serde_json::to_value(&latest.why).unwrap()["reason"].as_str().unwrap().to_owned();
    assert_eq!(reason, last);
}

fn limited(per_minute: Option<u32>, per_day: Option<u32>) -> AccountSettings {
    AccountSettings {
        limits: LimitSettings {
            messages_per_minute: per_minute,
            recipients_per_day: per_day,
            ..scanner().limits
        },
        ..scanner()
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_minute_holds_back_goes_when_it_was_said() {
    check(limited(Some(10), None), &[("dump", 60), ("scan", 5), ("fax", 12)], 8, "minute").await;
}

#[tokio::test(start_paused = true)]
async fn what_the_day_holds_back_goes_when_it_was_said() {
    check(limited(Some(10), Some(15)), &[("dump", 40), ("scan", 5)], 30, "day").await;
}

#[tokio::test(start_paused = true)]
async fn what_the_batch_holds_back_goes_when_it_was_said() {
    let batch =
        BatchSettings { messages: 5, interval: Duration::from_secs(300), split: Split::Never };
    check(
        AccountSettings { batch, ..limited(None, None) },
        &[("dump", 40), ("scan", 5)],
        20,
        "batch",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_turn_goes_when_it_was_said() {
    check(limited(None, None), &[("dump", 60), ("scan", 5)], 15, "turn").await;
}

#[tokio::test(start_paused = true)]
async fn a_message_says_what_it_waits_for() {
    let mut house = House::open(vec![scanner()]);
    let name = house.settings[0].name.clone();
    house.server.react(|_| Reaction::Refuse(Stage::RcptTo, "450 4.2.1 Busy"));
    let id = house.receive(1).await;
    house.pass(60).await;
    let forecast = house.forecast(id);
    assert_eq!((forecast.why, forecast.at), (Why::Plan, house.entry(id).unwrap().due()));
    house.queue.hold(id, "wait".into()).await.unwrap();
    assert_eq!(house.forecast(id).why, Why::Held);
    house.queue.release(id).await.unwrap();
    house.queue.set_enabled(&name, Enabled::Off).await.unwrap();
    assert_eq!(house.forecast(id), Forecast { at: None, before: 0, why: Why::Disabled });
}

#[tokio::test(start_paused = true)]
async fn a_pause_and_a_stop_are_named_with_their_reason() {
    let mut house = House::open(vec![scanner()]);
    let busy = "421 4.3.2 Service not available";
    house.server.admit(move |_| {
        Some(trouble(Stage::Greeting, Outcome::Pause(Duration::from_secs(600)), busy))
    });
    let id = house.receive(1).await;
    house.pass(10).await;
    let forecast = house.forecast(id);
    assert!(
        matches!(&forecast.why, Why::Paused { because, .. } if because == busy),
        "{forecast:?}"
    );
    assert_eq!(forecast.at.map(|at| at.since(house.clock.now()).as_secs() / 10), Some(59));
    house.server.admit(move |_| {
        Some(trouble(Stage::Auth, Outcome::Stop, "535 5.7.3 Authentication unsuccessful"))
    });
    house.pass(600).await;
    assert!(matches!(house.forecast(id).why, Why::Stopped { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_takes_over_is_reckoned_with() {
    let first = AccountSettings { spill_to: vec!["second".into()], ..scanner() };
    let house = House::open(vec![first, account("second", SenderRewrite::Always)]);
    let mut house = house;
    house.queue.set_enabled(&"second".into(), Enabled::Off).await.unwrap();
    house.queue.set_enabled(&"scanner".into(), Enabled::Off).await.unwrap();
    let id = house.receive(1).await;
    assert_eq!(house.forecast(id).at, None);
    house.server.admit(move |_| {
        Some(trouble(Stage::Greeting, Outcome::Pause(Duration::from_secs(30)), "421 4.3.2 Busy"))
    });
    house.queue.set_enabled(&"second".into(), Enabled::On).await.unwrap();
    house.pass(5).await;
    assert!(matches!(house.forecast(id), Forecast { at: Some(_), why: Why::Paused { .. }, .. }));
}

#[tokio::test(start_paused = true)]
async fn a_long_queue_is_looked_at_once_and_within_bounds() {
    let mut house = House::open(vec![limited(Some(30), None)]);
    house.queue.set_enabled(&house.settings[0].name.clone(), Enabled::Off).await.unwrap();
    for _ in 0..300 {
        house.receive_from("dump", 1).await;
    }
    let scan = house.receive_from("scan", 1).await;
    house.queue.set_enabled(&house.settings[0].name.clone(), Enabled::On).await.unwrap();
    let forecast = house.forecast(scan);
    assert!(
        forecast.before <= 1
            && forecast.at.unwrap().since(house.clock.now()) < Duration::from_secs(5),
        "{forecast:?}"
    );
}
