use std::time::Duration;

use tokio::time::sleep;

use super::{
    fake_transport::{Reaction, trouble},
    house::{House, scanner},
};
use crate::{
    classify::{Outcome, Stage},
    model::MessageId,
    queue::{AccountState, Enabled, QueueError, fixture::at},
    spool::SpoolError,
};

#[tokio::test(start_paused = true)]
async fn a_held_message_waits_and_a_released_one_goes() {
    let mut house = House::open(vec![scanner()]);
    house.queue.set_enabled(&house.settings[0].name, Enabled::Off).await.unwrap();
    let id = house.receive(1).await;
    house.queue.hold(id, "ask the owner".into()).await.unwrap();
    house.queue.set_enabled(&house.settings[0].name, Enabled::On).await.unwrap();
    house.pass(3600).await;
    assert!(house.seen().is_empty());
    assert_eq!(house.entry(id).unwrap().hold.unwrap().reason, "ask the owner");
    house.queue.release(id).await.unwrap();
    house.pass(1).await;
    assert_eq!(house.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_person_may_shorten_the_wait() {
    let mut house = House::open(vec![scanner()]);
    let mut first = true;
    house.server.react(move |_| {
        if std::mem::take(&mut first) {
            Reaction::Refuse(Stage::RcptTo, "450 4.2.1 Busy")
        } else {
            Reaction::Take(Duration::ZERO)
        }
    });
    let id = house.receive(1).await;
    house.pass(60).await;
    house.queue.retry(id).await.unwrap();
    house.pass(1).await;
    assert!(house.entry(id).is_none());
    assert_eq!(house.journal()[0].attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_message_is_gone_and_journaled() {
    let mut house = House::open(vec![scanner()]);
    house.queue.set_enabled(&house.settings[0].name, Enabled::Off).await.unwrap();
    let id = house.receive(2).await;
    house.queue.delete(id).await.unwrap();
    assert!(house.entry(id).is_none());
    assert_eq!(
        house.journal().iter().map(|line| line.outcome.as_str()).collect::<Vec<_>>(),
        ["deleted", "deleted"]
    );
    assert!(matches!(
        house.queue.delete(id).await,
        Err(QueueError::Spool(SpoolError::NotFound(_)))
    ));
}

#[tokio::test(start_paused = true)]
async fn nobody_interferes_with_an_attempt_under_way() {
    let mut house = House::open(vec![scanner()]);
    house.server.react(|_| Reaction::Take(Duration::from_secs(60)));
    let id: MessageId = house.receive(1).await;
    house.pass(10).await;
    assert!(matches!(house.queue.delete(id).await, Err(QueueError::Busy(_))));
    assert!(matches!(house.queue.hold(id, String::new()).await, Err(QueueError::Busy(_))));
    assert!(matches!(house.queue.retry(id).await, Err(QueueError::Busy(_))));
    house.pass(60).await;
    assert!(house.entry(id).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_disabled_account_stays_so_over_a_restart() {
    let house = House::open(vec![scanner()]);
    house.queue.set_enabled(&house.settings[0].name, Enabled::Off).await.unwrap();
    let mut house = house.crash(Duration::from_secs(1)).await;
    house.receive(1).await;
    house.pass(3600).await;
    assert_eq!(house.queue.accounts()[0].state, AccountState::Disabled);
    assert!(house.seen().is_empty());
    house.queue.set_enabled(&house.settings[0].name, Enabled::On).await.unwrap();
    house.pass(1).await;
    assert_eq!(house.seen().len(), 1);
    assert!(matches!(
        house.queue.set_enabled(&"nobody".into(), Enabled::On).await,
        Err(QueueError::NoSuchAccount(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_from_before_an_order_does_not_undo_it() {
    let mut house = House::open(vec![scanner()]);
    house.server.admit(|_| {
        Some(trouble(Stage::Auth, Outcome::Stop, "535 5.7.3 Authentication unsuccessful"))
    });
    house.receive(1).await;
    while house.server.logins().is_empty() {
        sleep(Duration::from_millis(1)).await;
    }
    // The answer is on its way while the person corrects the password.
    house.server.admit(|_| None);
    house.queue.set_enabled(&house.settings[0].name, Enabled::On).await.unwrap();
    house.pass(1).await;
    assert_eq!(house.queue.accounts()[0].state, AccountState::Ready);
    assert_eq!((house.server.logins().len(), house.seen().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn stopping_lets_an_attempt_finish_and_begins_no_other() {
    let mut house = House::open(vec![scanner()]);
    house.server.react(|_| Reaction::Take(Duration::from_secs(30)));
    for _ in 0..10 {
        house.receive(1).await;
    }
    house.pass(10).await;
    house.stop().await;
    let seen = house.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|seen| seen.ended.is_some_and(|ended| ended < at(60))));
    assert_eq!(house.spool.count(), 7);
}
