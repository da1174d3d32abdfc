//! Fairness and splitting, judged by the sandbox.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::sleep;

use super::office::{Office, Pace};
use crate::sandbox::KeptMessage;

#[tokio::test(start_paused = true)]
async fn a_scan_behind_five_thousand_of_another_device_is_among_the_next_four() {
    let mut office = Office::open(&["scanner"], Pace::BRISK, |_settings| {});
    let to = ["archive@contoso.com".to_owned()];
    for _ in 0..5000 {
        office.receive("scanner-erp", &to).await;
    }
    // During a minute's mail, while the next minute is awaited, and just before it begins.
    for pause in [1000, 31_000, 58_500] {
        sleep(Duration::from_millis(pause)).await;
        let begun_before = office.judge().mailboxes["scanner@contoso.com"].begun;
        office.sandbox.take_messages();
        office.receive("scanner-mfp1", &to).await;
        sleep(Duration::from_secs(90)).await;
        let messages = office.sandbox.take_messages();
        let place =
            messages.iter().position(|message| message.message_id().ends_with("@scanner-mfp1>"));
        assert!(
            place.is_some_and(|place| place < 4),
            "{begun_before} messages after the dump began, it came as number {place:?}"
        );
    }
    assert_eq!(office.judge().violations_total, 0);
    assert!(office.spool().count() > 4500, "the dump still waits");
    office.stop().await;
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_recipients_three_are_poison_and_the_others_get_the_message_once() {
    let mut office = Office::open(&["scanner"], Pace::BRISK, |_settings| {});
    let is_poison = |number: usize| matches!(number, 17 | 503 | 999);
    let address = |number: usize| {
        if is_poison(number) {
            format!("r{number}+poison@contoso.com")
        } else {
            format!("r{number}@contoso.com")
        }
    };
    let recipients: Vec<String> = (0..1000).map(address).collect();
    let id = office.receive("scanner-erp", &recipients).await;
    sleep(Duration::from_secs(4 * 86_400)).await;
    assert!(office.spool().entry(id).unwrap().is_none(), "all are settled");
    let mut outcomes = BTreeMap::new();
    for line in office.journal() {
        *outcomes
            .entry((line.recipient.address.as_str().contains("+poison"), line.outcome.to_string()))
            .or_insert(0) += 1;
    }
    assert_eq!(
        outcomes,
        BTreeMap::from([((false, "delivered".to_owned()), 997), ((true, "failed".to_owned()), 3)])
    );
    let judge = office.judge();
    let (own, notices): (Vec<_>, Vec<_>) = office
        .sandbox
        .take_messages()
        .into_iter()
        .partition(|message| !message.sender().is_empty());
    let mut copies = BTreeMap::<String, u32>::new();
    for recipient in own.iter().flat_map(KeptMessage::recipients) {
        *copies.entry(recipient.to_owned()).or_default() += 1;
    }
    assert_eq!(copies.len(), 997);
    assert!(copies.values().all(|copies| *copies == 1));
    assert_eq!(judge.duplicates, 0);
    assert!(
        judge.repeated > 0 && judge.shortest_repeat_ms >= Some(30 * 60 * 1000),
        "{:?} ms",
        judge.shortest_repeat_ms
    );
    let told = notices
        .iter()
        .filter(|notice| notice.recipients().any(|recipient| recipient == "it@contoso.com"))
        .count();
    assert!(told >= 3, "{told} notices for three failures");
    office.stop().await;
}
