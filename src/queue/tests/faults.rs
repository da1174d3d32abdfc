use std::time::Duration;

use super::house::{House, plan, scanner};
use crate::{
    classify::{Outcome, Stage},
    model::{MessageId, RecipientOutcome},
    queue::{
        AccountState, Enabled,
        fixture::at,
        tests::fake_transport::{Reaction, trouble},
    },
    spool::{Change, Entry, JournalLine, Progress},
};

const TAKE: Reaction = Reaction::Take(Duration::from_millis(100));

#[tokio::test(start_paused = true)]
async fn a_message_goes_out_at_once_and_leaves_queue_and_disk() {
    let mut house = House::open(vec![scanner()]);
    let id = house.receive(2).await;
    house.pass(2).await;
    let seen = house.seen();
    assert_eq!((seen.len(), seen[0].recipients.len()), (1, 2));
    assert!(house.entry(id).is_none());
    assert!(house.spool.body(id).await.is_err());
    let outcomes: Vec<String> =
        house.journal().into_iter().map(|line| line.outcome.to_string()).collect();
    assert_eq!(outcomes, ["delivered", "delivered"]);
    assert_eq!(house.metrics.sending().recipients_delivered.get(), 2);
    house.stop().await;
}

/// The first reaction is `first`; afterwards the server accepts everything. Checks when the second
/// attempt comes, and how it ends.
async fn check(first: Reaction, expected: &str) {
    let name = format!("{first:?}");
    let mut house = House::open(vec![scanner()]);
    let mut first = Some(first);
    house.server.react(move |_| first.take().unwrap_or(TAKE));
    let id = house.receive(1).await;
    house.pass(2 * 3600).await;
    house.assert_spacing();
    let seen = house.seen();
    let gap = seen.get(1).map_or("-".to_owned(), |second| {
        second.begun.since(seen[0].ended.unwrap()).as_secs().to_string()
    });
    assert!(house.entry(id).is_none(), "{name}: still in the queue");
    let journal = house.journal();
    let line = &journal[0];
    let seen = format!(
        "{} again after {gap}, attempts {}, doubts {}",
        line.outcome, line.attempts, line.doubts
    );
    assert_eq!(seen, expected, "{name}");
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn every_fault_at_every_stage_conserves_the_message_and_keeps_the_spacing() {
    let again = "delivered again after 1800, attempts 2, doubts 0";
    for stage in [Stage::MailFrom, Stage::RcptTo, Stage::Data, Stage::EndOfData] {
        check(Reaction::Refuse(stage, "451 4.3.2 Temporary server error"), again).await;
        check(
            Reaction::Refuse(stage, "550 5.6.0 Invalid"),
            "failed again after -, attempts 1, doubts 0",
        )
        .await;
    }
    for stage in [Stage::MailFrom, Stage::RcptTo, Stage::Data, Stage::Body] {
        check(Reaction::Drop(stage), again).await;
        check(Reaction::Silence(stage), again).await;
    }
    let doubtful = "delivered again after 1800, attempts 2, doubts 1";
    check(Reaction::Drop(Stage::EndOfData), doubtful).await;
    check(Reaction::Silence(Stage::EndOfData), doubtful).await;
    let pause = Outcome::Pause(Duration::from_secs(60));
    check(
        Reaction::Bar(Stage::EndOfData, pause, "432 4.3.2 Concurrent connections limit exceeded"),
        "delivered again after 1800, attempts 1, doubts 0",
    )
    .await;
    check(
        Reaction::Bar(Stage::MailFrom, Outcome::Stop, "530 5.7.57 Client not authenticated"),
        "delivered again after 1800, attempts 1, doubts 0",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_no_to_everybody_stops_the_account_and_few_messages_fail() {
    let mut house = House::open(vec![scanner()]);
    house.server.react(|_| Reaction::Refuse(Stage::RcptTo, "554 go away"));
    for number in 0..20 {
        house.receive_for("printer", &[&format!("r{number}@contoso.com")]).await;
    }
    house.pass(6 * 3600).await;
    let failed = house.journal().len();
    assert!((1..=2).contains(&failed), "{failed} of 20 failed; the others wait");
    assert!(matches!(house.queue.accounts()[0].state, AccountState::Stopped { .. }));
    house.server.react(|_| TAKE);
    house.pass(6 * 3600).await;
    let delivered = |line: &JournalLine| {
        line.outcome == RecipientOutcome::Delivered
            && line.recipient.address.as_str() != "it@contoso.com"
    };
    assert_eq!(house.journal().into_iter().filter(delivered).count(), 20 - failed);
    house.assert_spacing();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_had_died_costs_nothing() {
    let mut house = House::open(vec![scanner()]);
    house.receive(1).await;
    house.pass(1).await;
    let mut first = true;
    house.server.react(move |_| if std::mem::take(&mut first) { Reaction::Gone } else { TAKE });
    house.receive(1).await;
    house.pass(1).await;
    let journal = house.journal();
    assert_eq!(journal.iter().map(|line| line.attempts).collect::<Vec<_>>(), [1, 1]);
    house.assert_spacing();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_every_connection_is_not_hammered() {
    let mut house = House::open(vec![scanner()]);
    house.server.react(|_| Reaction::Gone);
    let id = house.receive(1).await;
    house.pass(3600).await;
    let seen = house.seen().len();
    assert!((4..10).contains(&seen), "{seen} in an hour");
    assert_eq!(house.entry(id).unwrap().recipients[0].attempts, 0);
    assert!(!house.notices().iter().any(|subject| subject.contains("Undelivered")));
}

#[tokio::test(start_paused = true)]
async fn mail_that_never_goes_is_given_up_after_five_days_and_somebody_is_told() {
    let mut house = House::open(vec![scanner()]);
    house.server.react(|seen| {
        if seen.subject == "0" { Reaction::Refuse(Stage::RcptTo, "450 4.2.1 Busy") } else { TAKE }
    });
    let id = house.receive(1).await;
    house.pass(5 * 86_400 - 60).await;
    assert!(house.entry(id).is_some());
    house.pass(3600).await;
    assert!(house.entry(id).is_none());
    house.assert_spacing();
    let line = &house.journal()[0];
    assert_eq!(
        (line.outcome.as_str(), line.attempts),
        ("failed", u32::try_from(house.seen().len()).unwrap())
    );
    assert_eq!(
        house.notices(),
        ["Delayed mail (still being tried) from printers", "Undelivered mail from printers"]
    );
    let last = house.seen().last().unwrap().begun;
    assert_eq!(
        last.as_secs(),
        at(0).plus(plan().give_up_after).as_secs(),
        "the last attempt is made when the time is up"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_stops_the_account_bounces_nothing_and_all_goes_when_it_is_right() {
    let mut house = House::open(vec![scanner()]);
    let refused =
        || Some(trouble(Stage::Auth, Outcome::Stop, "535 5.7.3 Authentication unsuccessful"));
    house.server.admit(move |now| if now < at(10 * 86_400) { refused() } else { None });
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(house.receive(1).await);
    }
    house.pass(9 * 86_400).await;
    assert!(matches!(house.queue.accounts()[0].state, AccountState::Stopped { .. }));
    assert_eq!(house.queue.accounts()[0].waiting, 11, "ten messages and the alert");
    for id in &ids {
        assert_eq!(
            house.entry(*id).unwrap().recipients[0].attempts,
            0,
            "a login that fails is no attempt"
        );
    }
    let logins = house.server.logins();
    assert!(
        logins.windows(2).all(|two| two[1].since(two[0]) >= Duration::from_secs(300)),
        "no login storm"
    );
    house.pass(86_400 + 1200).await;
    assert!(ids.iter().all(|id| house.entry(*id).is_none()));
    assert_eq!(
        house.notices(),
        ["Account \"scanner\" cannot send", "Account \"scanner\" sends again"]
    );
}

#[tokio::test(start_paused = true)]
async fn one_bad_recipient_does_not_hold_back_the_rest() {
    let mut house = House::open(vec![scanner()]);
    house.server.react(|_| Reaction::RefuseAllFor("bad", "554 Transaction failed"));
    let id = house
        .receive_for(
            "printers",
            &[
                "a@contoso.com",
                "b@contoso.com",
                "bad@contoso.com",
                "c@contoso.com",
                "d@contoso.com",
            ],
        )
        .await;
    house.pass(4 * 3600).await;
    house.assert_spacing();
    assert!(house.entry(id).is_none());
    let mut outcomes: Vec<(String, String)> = house
        .journal()
        .into_iter()
        .map(|line| (line.recipient.address.to_string(), line.outcome.to_string()))
        .collect();
    outcomes.sort();
    let expected = ["a", "b", "bad", "c", "d"].map(|name| {
        let outcome = if name == "bad" { "failed" } else { "delivered" };
        (format!("{name}@contoso.com"), outcome.to_owned())
    });
    assert_eq!(outcomes, expected);
}

#[tokio::test(start_paused = true)]
async fn a_refused_recipient_fails_alone_and_the_others_get_it_once() {
    let mut house = House::open(vec![scanner()]);
    house.server.react(|_| {
        Reaction::RefuseSome("bad", "550 5.4.1 Recipient address rejected: Access denied")
    });
    let id =
        house.receive_for("printers", &["a@contoso.com", "bad@contoso.com", "b@contoso.com"]).await;
    house.pass(7200).await;
    assert!(house.entry(id).is_none());
    assert_eq!(house.seen().len(), 1);
    assert_eq!(house.notices(), ["Undelivered mail from printers"]);
}

#[tokio::test(start_paused = true)]
async fn recipients_that_are_too_many_for_one_transaction_follow_in_others_at_once() {
    let mut house = House::open(vec![scanner()]);
    house.server.react(|_| Reaction::TakeFirst(10));
    let id = house.receive(25).await;
    house.pass(10).await;
    assert!(house.entry(id).is_none());
    let taken: Vec<usize> = house.seen().iter().map(|seen| seen.taken.len()).collect();
    assert_eq!(taken, [10, 10, 5]);
    assert!(
        house
            .journal()
            .iter()
            .all(|line| line.outcome == RecipientOutcome::Delivered && line.attempts == 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_makes_us_panic_twice_is_put_aside_and_others_go_on() {
    let mut house = House::open(vec![scanner()]);
    house.server.react(|seen| if seen.subject == "0" { Reaction::Panic } else { TAKE });
    let bad = house.receive(1).await;
    let good = house.receive(1).await;
    house.pass(60).await;
    assert!(house.entry(good).is_none());
    let state = house.entry(bad).unwrap();
    assert_eq!((state.panics, state.recipients[0].doubts.len()), (1, 1));
    house.pass(3600).await;
    assert!(house.entry(bad).is_none());
    assert_eq!(house.seen().iter().filter(|seen| seen.subject == "0").count(), 2);
    assert!(
        house.notices().iter().any(|subject| subject.contains("needs attention")),
        "{:?}",
        house.notices()
    );
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_two_processes_died_over_is_put_aside_without_an_attempt() {
    let mut house = House::open(vec![scanner()]);
    house.queue.set_enabled(&"scanner".into(), Enabled::Off).await.unwrap();
    let bad = house.receive(1).await;
    // What a process notes before it goes on with work that takes long.
    let noted = Entry { panics: 2, ..house.entry(bad).unwrap() };
    house.spool.apply(Change { put: vec![noted], ..Change::default() }).unwrap();
    let good = house.receive(1).await;
    let mut house = house.crash(Duration::from_secs(5)).await;
    house.queue.set_enabled(&"scanner".into(), Enabled::On).await.unwrap();
    house.pass(60).await;
    assert!(house.entry(bad).is_none() && house.entry(good).is_none());
    assert!(house.seen().iter().all(|seen| seen.subject != "0"));
    assert!(house.notices().iter().any(|subject| subject.contains("needs attention")));
    let outcomes: Vec<_> = house.journal().iter().map(|line| (line.id, line.outcome)).collect();
    assert!(outcomes.contains(&(bad, RecipientOutcome::Quarantined)), "{outcomes:?}");
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_during_an_attempt_leaves_a_doubt_and_keeps_the_spacing() {
    let mut house = House::open(vec![scanner()]);
    house.server.react(|seen| {
        if seen.begun < at(60) { Reaction::Take(Duration::from_secs(300)) } else { TAKE }
    });
    let id: MessageId = house.receive(1).await;
    house.pass(120).await;
    assert!(matches!(house.entry(id).unwrap().recipients[0].progress, Progress::Attempting(_)));
    let mut house = house.crash(Duration::from_secs(5)).await;
    house.pass(2 * 3600).await;
    let seen = house.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].begun >= at(125 + 1800), "the cut-off attempt ended with the crash");
    assert_eq!(house.journal()[0].doubts, 1);
    house.stop().await;
}
