use std::time::Duration;

use super::house::{House, scanner};
use crate::classify::{Outcome, Stage};
use crate::model::RecipientOutcome;
use crate::queue::{
    AccountSettings, BatchSettings, LimitSettings, SenderRewrite, Split,
    fixture::{account, at},
    tests::fake_transport::{Reaction, trouble},
};

fn limited(per_minute: Option<u32>, per_day: Option<u32>) -> AccountSettings {
    let limits = LimitSettings {
        messages_per_minute: per_minute,
        recipients_per_day: per_day,
        ..scanner().limits
    };
    AccountSettings { limits, ..scanner() }
}

#[tokio::test(start_paused = true)]
async fn a_flood_goes_out_at_thirty_a_minute_and_never_faster() {
    let mut house = House::open(vec![scanner()]);
    for _ in 0..100 {
        house.receive(1).await;
    }
    house.pass(600).await;
    house.assert_limits();
    assert_eq!(house.seen().len(), 100);
    let took = house.seen().last().unwrap().begun.since(at(0));
    assert!(took < Duration::from_secs(3 * 62 + 10), "{took:?}: no slower than need be");
}

#[tokio::test(start_paused = true)]
async fn slow_transactions_count_at_their_end() {
    let mut house = House::open(vec![limited(Some(5), None)]);
    house.server.react(|_| Reaction::Take(Duration::from_secs(25)));
    for _ in 0..40 {
        house.receive(1).await;
    }
    house.pass(3600).await;
    house.assert_limits();
    assert_eq!(house.seen().len(), 40);
}

#[tokio::test(start_paused = true)]
async fn recipients_of_a_day_are_never_exceeded_and_a_large_message_goes_in_parts() {
    let mut house = House::open(vec![limited(None, Some(10))]);
    for _ in 0..4 {
        house.receive(3).await;
    }
    let large = house.receive(25).await;
    house.pass(86_000).await;
    let status = &house.queue.accounts()[0];
    assert_eq!((status.recipients_last_day, status.recipients_per_day), (Some(10), Some(10)));
    assert!(status.budget_free_at.is_some());
    assert_eq!(
        status.day_free_at.map(|free| free.since(at(0)).as_secs()),
        Some(86_400),
        "the first one went in the first second"
    );
    house.pass(4 * 86_400).await;
    house.assert_limits();
    assert!(house.entry(large).is_none());
    assert_eq!(
        house.journal().iter().filter(|line| line.outcome == RecipientOutcome::Delivered).count(),
        37
    );
}

#[tokio::test(start_paused = true)]
async fn restarts_and_crashes_forget_nothing_of_the_budget() {
    let mut house = House::open(vec![limited(Some(10), Some(60))]);
    for _ in 0..120 {
        house.receive(1).await;
    }
    for round in 0..12 {
        house.pass(7).await;
        house = house.crash(Duration::from_secs(round)).await;
    }
    house.pass(3 * 86_400).await;
    house.assert_limits();
    house.assert_spacing();
    assert_eq!(house.spool.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_is_charged() {
    let mut house = House::open(vec![limited(None, None)]);
    house.receive(1).await;
    house.pass(1).await;
    assert_eq!(house.seen().len(), 1);
    assert!(house.spool.charges(&house.settings[0].name, at(0)).unwrap().is_empty());
    let status = || house.queue.accounts().remove(0);
    assert_eq!(
        (status().messages_last_minute, status().recipients_last_day),
        (1, None),
        "people see it all the same"
    );
    house.pass(61).await;
    assert_eq!(status().messages_last_minute, 0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_followed_by_its_rest() {
    let batch =
        BatchSettings { messages: 5, interval: Duration::from_secs(120), split: Split::Never };
    let mut house = House::open(vec![AccountSettings { batch, ..limited(None, None) }]);
    for _ in 0..12 {
        house.receive(1).await;
    }
    house.pass(600).await;
    let times: Vec<u64> =
        house.seen().iter().map(|seen| seen.begun.since(at(0)).as_secs() / 60).collect();
    assert_eq!(times, [0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 4, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_dumps_delays_another_by_one_message() {
    let limits = LimitSettings { connections: 1, ..scanner().limits };
    let mut house = House::open(vec![AccountSettings { limits, ..scanner() }]);
    house.server.react(|_| Reaction::Take(Duration::from_secs(2)));
    for _ in 0..20 {
        house.receive_from("dump", 1).await;
    }
    house.pass(3).await;
    house.receive_from("scan", 1).await;
    house.pass(30).await;
    let place = house.seen().iter().position(|seen| seen.subject == "20").unwrap();
    assert!(place <= 3, "it came as number {place}");
}

#[tokio::test(start_paused = true)]
async fn mail_spills_to_another_account_while_its_own_is_out() {
    let first = AccountSettings { spill_to: vec!["second".into()], ..limited(None, Some(2)) };
    let second = account("second", SenderRewrite::WhenNotAllowed);
    let mut house = House::open(vec![first, second]);
    for _ in 0..5 {
        house.receive(1).await;
    }
    house.pass(300).await;
    let senders: Vec<String> = house.seen().into_iter().map(|seen| seen.sender).collect();
    assert_eq!(senders.iter().filter(|sender| *sender == "mfp1@contoso.com").count(), 2);
    assert_eq!(senders.iter().filter(|sender| *sender == "second@contoso.com").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn mail_does_not_spill_to_an_account_that_may_not_send_for_the_sender() {
    let first = AccountSettings { spill_to: vec!["second".into()], ..scanner() };
    let mut house = House::open(vec![first, account("second", SenderRewrite::Never)]);
    house.server.admit(move |_| {
        Some(trouble(Stage::Auth, Outcome::Stop, "535 5.7.3 Authentication unsuccessful"))
    });
    house.receive(1).await;
    house.pass(600).await;
    assert!(house.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn mail_that_may_not_spill_does_not_hold_back_mail_that_may() {
    let first = AccountSettings { spill_to: vec!["second".into()], ..limited(None, Some(1)) };
    let mut house = House::open(vec![first, account("second", SenderRewrite::Never)]);
    house.receive(1).await;
    house.pass(5).await;
    house.receive(1).await; // From mfp1, which "second" may not send as.
    house.receive_as("help@contoso.com").await;
    house.pass(300).await;
    let senders: Vec<String> = house.seen().into_iter().map(|seen| seen.sender).collect();
    assert_eq!(senders, ["mfp1@contoso.com", "help@contoso.com"]);
    assert_eq!(house.server.logins().len(), 2, "nobody logs in for mail that may not be sent");
}

#[tokio::test(start_paused = true)]
async fn no_more_connections_than_allowed_and_idle_ones_are_closed() {
    let mut house = House::open(vec![limited(None, None)]);
    house.server.react(|_| Reaction::Take(Duration::from_secs(1)));
    for _ in 0..30 {
        house.receive(1).await;
    }
    house.pass(5).await;
    assert_eq!(
        house.queue.accounts()[0].connections,
        3,
        "several are used when there is much to do"
    );
    house.pass(20).await;
    house.assert_limits();
    assert_eq!(house.server.logins().len(), 3, "connections are used again");
    house.pass(60).await;
    assert_eq!(house.queue.accounts()[0].connections, 0);
    assert_eq!(house.seconds(), 85);
}

#[tokio::test(start_paused = true)]
async fn a_lost_index_counts_as_a_budget_used_up_until_a_person_knows_better() {
    let mut house = House::open(vec![limited(Some(10), Some(20))]);
    for _ in 0..12 {
        house.receive(1).await;
    }
    house.pass(30).await;
    assert_eq!(house.seen().len(), 10);
    let house = house.lose_index().await;
    house.pass(86_000).await;
    house.assert_limits();
    assert_eq!(house.seen().len(), 10, "nobody knows what was sent");
    let known_and_possible = 10 + 20;
    assert_eq!(house.queue.accounts()[0].recipients_last_day, Some(known_and_possible));
    let house = house.crash(Duration::from_secs(1)).await;
    house.pass(60).await;
    assert_eq!(house.seen().len(), 10, "a restart knows no more");
    house.queue.forget_budget(&house.settings[0].name, "anna").await.unwrap();
    house.pass(400).await;
    assert_eq!(house.seen().len(), 12);
    house.assert_limits();
    let alerts: Vec<_> = house
        .server
        .seen()
        .into_iter()
        .filter(|seen| seen.subject.contains("the record of what it has sent was lost"))
        .collect();
    assert_eq!(alerts.len(), 1, "one alert, whatever the restarts");
    assert!(
        alerts[0].text.contains("postroom account forget-budget scanner"),
        "{}",
        alerts[0].text
    );
}

#[tokio::test(start_paused = true)]
async fn an_index_that_is_rebuilt_from_the_journal_has_forgotten_no_budget() {
    let mut house = House::open(vec![limited(Some(10), Some(20))]);
    for _ in 0..12 {
        house.receive(1).await;
    }
    house.pass(30).await;
    assert_eq!(house.seen().len(), 10);
    let house = house.lose_only_the_index().await;
    house.pass(20).await;
    assert_eq!(house.seen().len(), 10, "the minute's budget is used up");
    house.pass(400).await;
    house.assert_limits();
    assert_eq!(house.seen().len(), 12, "each once, and no day is lost");
    assert_eq!(house.queue.accounts()[0].recipients_last_day, Some(12));
}

#[tokio::test(start_paused = true)]
async fn a_lost_index_costs_a_day_at_most() {
    let mut house = House::open(vec![limited(Some(10), Some(20))]);
    house.receive(1).await;
    house.pass(5).await;
    let mut house = house.lose_index().await;
    house.receive(1).await;
    house.pass(86_400 + 600).await;
    assert_eq!(house.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn too_many_connections_cost_one_for_a_while() {
    let mut house = House::open(vec![limited(None, None)]);
    let busy = "432 4.3.2 Concurrent connections limit exceeded";
    house.server.react(move |seen| {
        if seen.begun < at(5) && seen.at_once == 3 {
            Reaction::Bar(Stage::EndOfData, Outcome::Pause(Duration::from_secs(20)), busy)
        } else {
            Reaction::Take(Duration::from_secs(3))
        }
    });
    for _ in 0..700 {
        house.receive(1).await;
    }
    house.pass(300).await;
    assert_eq!(house.queue.accounts()[0].connections_allowed, 2);
    let at_once = |house: &House, from: u64| {
        house.seen().iter().filter(|seen| seen.begun > at(from)).map(|seen| seen.at_once).max()
    };
    assert_eq!(at_once(&house, 30), Some(2));
    house.pass(400).await;
    assert_eq!((house.queue.accounts()[0].connections_allowed, at_once(&house, 650)), (3, Some(3)));
}

#[tokio::test(start_paused = true)]
async fn a_flood_keeps_its_connections_from_one_minute_to_the_next() {
    let mut house = House::open(vec![scanner()]);
    for _ in 0..100 {
        house.receive(1).await;
    }
    house.pass(300).await;
    assert_eq!(house.seen().len(), 100);
    assert!(house.server.logins().len() <= 3, "{} logins", house.server.logins().len());
    house.pass(60).await;
    assert_eq!(house.queue.accounts()[0].connections, 0);
}
