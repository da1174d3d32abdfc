use std::time::Duration;

use super::house::{House, scanner};
use crate::{
    classify::{Outcome, Stage},
    metrics::{CredentialLabel, CredentialValue},
    model::RecipientOutcome,
    oauth::{CredentialKind, Expiry},
    queue::{AccountState, fixture::at, tests::fake_transport::trouble},
};

const DAY: u64 = 86_400;

#[tokio::test(start_paused = true)]
async fn the_administrator_is_told_of_an_end_at_30_14_7_and_1_days_across_restarts() {
    let mut house = House::open(vec![scanner()]);
    house.server.expires(Expiry { kind: CredentialKind::ClientSecret, ends: at(32 * DAY) });
    let mut told = Vec::new();
    for day in 0..33 {
        house.pass(DAY).await;
        // A restart checks at once, and reports nothing twice.
        house = house.crash(Duration::from_secs(1)).await;
        house.pass(2 * 60).await;
        let notices = house.notices().len();
        if notices > told.len() {
            told.push(day + 1);
        }
        assert_eq!(notices, told.len(), "{:?}", house.notices());
    }
    // The check comes within an hour after each boundary. That is the day after which that number
    // of whole days is left.
    assert_eq!(told.len(), 5, "30, 14, 7, 1 days, and the end: {told:?}");
    let subjects = house.notices();
    assert!(
        subjects[0].contains("ends in 30 days") && subjects[1].contains("ends in 14 days"),
        "{subjects:?}"
    );
    assert!(
        subjects[2].contains("ends in 7 days") && subjects[3].contains("ends in 1 day,"),
        "{subjects:?}"
    );
    assert!(subjects[4].contains("has ended"), "{subjects:?}");
    let label =
        CredentialLabel { account: "scanner".into(), credential: CredentialValue::client_secret };
    assert!(house.metrics.sending().account_credential_expiry.get_or_create(&label).get() < 0);
    assert_eq!(
        house.queue.accounts()[0].credential.map(|expiry| expiry.kind),
        Some(CredentialKind::ClientSecret)
    );
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_authorization_server_that_is_down_for_an_hour_costs_no_message_an_attempt() {
    let mut house = House::open(vec![scanner()]);
    let up_at = at(3600);
    let down = Outcome::Pause(Duration::from_secs(60));
    house.server.admit(move |now| {
        (now < up_at).then(|| {
            trouble(Stage::Token, down, "503 the authorization server answered with HTTP 503")
        })
    });
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(house.receive(2).await);
        house.pass(150).await;
    }
    assert!(ids.iter().all(|id| {
        house
            .entry(*id)
            .is_some_and(|entry| entry.recipients.iter().all(|state| state.attempts == 0))
    }));
    assert!(
        matches!(house.queue.accounts()[0].state, AccountState::Paused { .. }),
        "{:?}",
        house.queue.accounts()
    );
    assert!(
        house.server.logins().len() < 12,
        "the server is not asked at each message: {:?}",
        house.server.logins()
    );
    // Pauses double, up to an hour.
    house.pass(2 * 3600).await;
    assert!(ids.iter().all(|id| house.entry(*id).is_none()), "all have gone");
    assert!(
        house
            .journal()
            .iter()
            .all(|line| line.outcome == RecipientOutcome::Delivered && line.attempts == 1)
    );
    let notices = house.notices();
    assert_eq!(notices.len(), 2, "that it cannot send, and that it sends again: {notices:?}");
    house.stop().await;
}
