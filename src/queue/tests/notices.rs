use super::house::{House, scanner};
use crate::{
    classify::Stage,
    model::{Notify, ReturnContent},
    queue::tests::fake_transport::Reaction,
};

const SUCCESS: Notify = Notify { success: true, failure: true, delay: false };
const NEVER: Notify = Notify { success: false, failure: false, delay: false };

/// The notices that a server without DSN has received: subject and recipient.
fn notices(house: &House) -> Vec<(String, String)> {
    let own = |subject: &str| subject.parse::<u64>().is_err();
    let seen = house.server.seen().into_iter().filter(|seen| own(&seen.subject));
    seen.map(|seen| (seen.subject, seen.recipients.join(","))).collect()
}

#[tokio::test(start_paused = true)]
async fn who_asks_to_be_told_of_success_is_told_when_the_server_will_not() {
    let mut house = House::open(vec![scanner()]);
    house.receive_asking(SUCCESS, None).await;
    house.receive(1).await;
    house.pass(5).await;
    assert_eq!(
        notices(&house),
        [("Relayed mail from printers".to_owned(), "mfp1@contoso.com".to_owned())]
    );
}

#[tokio::test(start_paused = true)]
async fn who_asks_to_be_told_nothing_is_told_nothing() {
    let mut house = House::open(vec![scanner()]);
    house.server.react(|_| Reaction::Refuse(Stage::RcptTo, "550 5.1.1 No such user"));
    house.receive_asking(NEVER, None).await;
    house.pass(5).await;
    assert_eq!((house.journal().len(), notices(&house).len()), (1, 0), "the journal has it");
    house.server.react(|_| Reaction::Refuse(Stage::RcptTo, "450 4.2.1 Busy"));
    house.receive_asking(NEVER, None).await;
    house.pass(5 * 3600).await;
    assert_eq!(notices(&house), [], "no delay notice either");
}

#[tokio::test(start_paused = true)]
async fn the_administrator_is_told_of_a_failed_message_with_a_null_sender() {
    let mut house = House::open(vec![scanner()]);
    house.server.react(|_| Reaction::Refuse(Stage::RcptTo, "550 5.1.1 No such user"));
    house.receive_as("").await;
    house.pass(5).await;
    let told = ("Undelivered mail from printers".to_owned(), "it@contoso.com".to_owned());
    assert_eq!(notices(&house), [told], "and of nothing else: the notice fails, too");
    house.pass(6 * 86_400).await;
    assert_eq!(notices(&house).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_message_is_returned_as_the_sender_asked() {
    for (ret, whole) in
        [(Some(ReturnContent::Full), true), (Some(ReturnContent::Headers), false), (None, false)]
    {
        let mut house = House::open(vec![scanner()]);
        house.server.react(|seen| {
            if seen.subject == "0" {
                Reaction::Refuse(Stage::RcptTo, "550 5.1.1 No such user")
            } else {
                Reaction::Take(std::time::Duration::ZERO)
            }
        });
        house.receive_asking(SUCCESS, ret).await;
        house.pass(5).await;
        let notice = house
            .server
            .seen()
            .into_iter()
            .find(|seen| seen.subject.contains("Undelivered"))
            .unwrap()
            .text;
        assert_eq!(
            (notice.contains("message/rfc822"), notice.contains("A page.")),
            (whole, whole),
            "{ret:?}: {notice}"
        );
    }
}
