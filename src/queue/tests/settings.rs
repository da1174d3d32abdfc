use std::time::Duration;

use super::house::{House, scanner};
use crate::model::RecipientOutcome;
use crate::queue::{
    AccountSettings, LimitSettings, QueueError, SettingStatus, Split, fixture::at,
    tests::fake_transport::Reaction,
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

async fn set(house: &House, words: &[(&str, &str)]) -> Result<Vec<SettingStatus>, QueueError> {
    let words: Vec<_> =
        words.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    house.queue.set(&house.settings[0].name, &words, "anna").await
}

fn in_force(rows: &[SettingStatus]) -> Vec<&str> {
    rows.iter().map(|row| row.value.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn batches_are_changed_while_mail_flows_and_no_connection_ends() {
    let mut house = House::open(vec![unlimited()]);
    house.server.react(|_| Reaction::Take(Duration::from_secs(1)));
    for _ in 0..30 {
        house.receive(1).await;
    }
    house.pass(5).await;
    let rows = set(&house, &[("batch.messages", "5"), ("batch.interval", "20s")]).await.unwrap();
    assert_eq!(in_force(&rows), ["5", "20s", "on_failure"]);
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
async fn what_was_changed_holds_across_a_crash_until_the_files_values_are_brought_back() {
    let house = House::open(vec![unlimited()]);
    set(&house, &[("split", "always")]).await.unwrap();
    let mut house = house.crash(Duration::from_secs(1)).await;
    let rows = house.queue.settings(&house.settings[0].name).unwrap();
    assert_eq!(in_force(&rows), ["30", "0s", "always"]);
    assert_eq!(
        rows[2].changed.as_ref().map(|change| (change.by.as_str(), change.at)),
        Some(("anna", at(0)))
    );
    house.receive(3).await;
    house.pass(5).await;
    assert_eq!(house.seen().len(), 3, "each recipient alone");
    let rows = house.queue.restore_defaults(&house.settings[0].name, "bert").await.unwrap();
    assert!(rows.iter().all(|row| row.changed.is_none()), "{rows:?}");
    house.receive(3).await;
    house.pass(5).await;
    assert_eq!(house.seen().len(), 4, "all together again");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_edited_since_has_the_last_word() {
    let mut house = House::open(vec![unlimited()]);
    set(&house, &[("batch.messages", "7"), ("split", "always")]).await.unwrap();
    house.settings[0].batch.messages = 12;
    let house = house.crash(Duration::from_secs(1)).await;
    assert_eq!(
        in_force(&house.queue.settings(&house.settings[0].name).unwrap()),
        ["12", "0s", "always"]
    );
    let mut house = house;
    house.settings[0].batch.messages = 30;
    let house = house.crash(Duration::from_secs(1)).await;
    assert_eq!(
        in_force(&house.queue.settings(&house.settings[0].name).unwrap()),
        ["30", "0s", "always"],
        "what is dropped stays so"
    );
    assert_eq!(house.settings[0].batch.split, Split::OnFailure);
}

#[tokio::test(start_paused = true)]
async fn one_bad_value_changes_nothing() {
    let house = House::open(vec![unlimited()]);
    let refused =
        set(&house, &[("batch.messages", "7"), ("batch.interval", "soon")]).await.unwrap_err();
    assert!(refused.to_string().contains("batch.interval"), "{refused}");
    assert_eq!(
        in_force(&house.queue.settings(&house.settings[0].name).unwrap()),
        ["30", "0s", "on_failure"]
    );
    assert!(matches!(
        house.queue.set(&"nobody".into(), &[], "anna").await,
        Err(QueueError::NoSuchAccount(_))
    ));
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
