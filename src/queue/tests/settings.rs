use std::time::Duration;

use super::house::{House, scanner};
use crate::model::RecipientOutcome;
use crate::queue::{
    AccountSettings, AccountState, BatchSettings, Enabled, LimitSettings, SenderRewrite, Split,
    fixture::account, tests::fake_transport::Reaction,
};

fn unlimited() -> AccountSettings {
    let limits = LimitSettings {
        messages_per_minute: None,
        recipients_per_day: None,
        connections: 1,
        ..scanner().limits
    };
    AccountSettings { limits, ..scanner() }
}

#[tokio::test(start_paused = true)]
async fn batches_are_changed_while_mail_flows_and_no_connection_ends() {
    let mut house = House::open(vec![unlimited()]);
    house.server.react(|_| Reaction::Take(Duration::from_secs(1)));
    for _ in 0..30 {
        house.receive(1).await;
    }
    house.pass(5).await;
    house.change(|accounts| {
        let rest = Duration::from_secs(20);
        accounts[0].batch = BatchSettings { messages: 5, interval: rest, ..accounts[0].batch };
    });
    let before = house.seen().len();
    house.pass(200).await;
    let seen = house.seen();
    assert_eq!(
        (seen.len(), house.server.logins().len()),
        (30, 1),
        "all went over the one connection"
    );
    let rests = seen[before..]
        .windows(2)
        .filter(|two| two[1].begun.since(two[0].ended.unwrap()) >= Duration::from_secs(20))
        .count();
    assert!((4..=5).contains(&rests), "{rests} rests after {before} messages");
}

#[tokio::test(start_paused = true)]
async fn how_recipients_share_transactions_is_changed_there_and_back() {
    let mut house = House::open(vec![unlimited()]);
    house.change(|accounts| accounts[0].batch.split = Split::Always);
    house.pass(1).await;
    house.receive(3).await;
    house.pass(5).await;
    assert_eq!(house.seen().len(), 3, "each recipient alone");
    house.change(|accounts| accounts[0].batch.split = Split::OnFailure);
    house.pass(1).await;
    house.receive(3).await;
    house.pass(5).await;
    assert_eq!(house.seen().len(), 4, "all together again");
}

#[tokio::test(start_paused = true)]
async fn a_lower_limit_counts_what_was_sent_before() {
    let mut house = House::open(vec![scanner()]);
    for _ in 0..20 {
        house.receive(1).await;
    }
    house.pass(10).await;
    assert_eq!(house.seen().len(), 20);
    house.change(|accounts| accounts[0].limits.messages_per_minute = Some(10));
    house.receive(1).await;
    house.pass(30).await;
    assert_eq!(house.seen().len(), 20, "the minute is used up");
    house.pass(40).await;
    assert_eq!(house.seen().len(), 21);
    house.change(|accounts| accounts[0].limits.messages_per_minute = Some(1000));
    for _ in 0..60 {
        house.receive(1).await;
    }
    house.pass(20).await;
    assert_eq!(house.seen().len(), 81, "a higher limit holds at once");
}

#[tokio::test(start_paused = true)]
async fn another_server_gets_the_next_message_and_no_attempt_is_cut() {
    let mut house = House::open(vec![unlimited()]);
    house.server.react(|_| Reaction::Take(Duration::from_secs(10)));
    house.receive(1).await;
    house.receive(1).await;
    house.pass(5).await;
    house.change(|accounts| accounts[0].route.smtp_mut().port = 2525);
    house.pass(30).await;
    let seen = house.seen();
    assert_eq!((seen.len(), house.server.logins().len()), (2, 2), "one over each");
    assert!(seen.iter().all(|seen| seen.ended.is_some()));
    assert!(house.journal().iter().all(|line| line.outcome == RecipientOutcome::Delivered));
    let connections = house.queue.accounts().remove(0).connections;
    assert!(connections <= 1, "the connection to the former server is closed: {connections}");
}

#[tokio::test(start_paused = true)]
async fn accounts_come_and_go_and_mail_of_one_that_is_gone_goes_by_the_first() {
    let spare = || AccountSettings {
        for_recipients: vec!["*@contoso.com".parse().unwrap()],
        ..account("spare", SenderRewrite::Never)
    };
    let mut house = House::open(vec![scanner(), spare()]);
    house.queue.set_enabled(&"spare".into(), Enabled::Off).await.unwrap();
    house.receive(1).await;
    house.pass(5).await;
    assert_eq!(house.seen().len(), 0, "it waits for the spare account");
    house.change(|accounts| drop(accounts.pop()));
    house.pass(5).await;
    assert_eq!(house.seen().len(), 1);
    assert_eq!(house.queue.accounts().len(), 1);
    house.change(|accounts| accounts.push(spare()));
    house.pass(5).await;
    let state = house.queue.accounts().remove(1).state;
    assert_eq!(state, AccountState::Disabled, "what a person has ordered is remembered");
    house.queue.set_enabled(&"spare".into(), Enabled::On).await.unwrap();
    house.receive(1).await;
    house.pass(5).await;
    let mut carried: Vec<_> =
        house.journal().iter().map(|line| line.account.as_str().to_owned()).collect();
    carried.sort();
    assert_eq!(carried, ["scanner", "spare"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_the_account_lets_through_fails_before_any_attempt() {
    let mut settings = scanner();
    settings.limits.message_size = Some(crate::model::ByteSize::from_octets(10_000));
    let mut house = House::open(vec![settings]);
    let text = format!("Subject: 0\r\n\r\n{}\r\n", "A page.\r\n".repeat(2000));
    let large = house.receive_text("printers", &["a@contoso.com", "b@contoso.com"], &text).await;
    let small = house.receive(1).await;
    house.pass(5).await;
    assert!(house.entry(large).is_none() && house.entry(small).is_none());
    assert_eq!(house.seen().len(), 1, "only the small one was tried");
    let failed: Vec<_> = house
        .journal()
        .into_iter()
        .filter(|line| line.outcome == RecipientOutcome::Failed)
        .collect();
    assert_eq!(failed.iter().map(|line| line.attempts).collect::<Vec<_>>(), [0, 0]);
    let notice = house
        .server
        .seen()
        .into_iter()
        .find(|seen| seen.subject.contains("Undelivered"))
        .unwrap()
        .text;
    assert!(
        notice.contains("limits.message_size of account \"scanner\"")
            && notice.contains("Status: 5.3.4"),
        "{notice}"
    );
}
