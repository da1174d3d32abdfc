use std::time::Duration;

use super::house::House;
use crate::{
    model::Reply,
    queue::{AccountSettings, AccountState, Reach, SenderRewrite, double::Reaction, fixture::account},
    upstream::{DnsSettings, Exchangers, Fault, Outcome, Stage, Trouble, classify},
};

/// Direct send to two domains.
fn inside(spill_to: &[&str]) -> AccountSettings {
    let mut settings = account("inside", SenderRewrite::Never);
    settings.reach = Reach::Within(vec!["contoso.com".to_owned(), "contoso.de".to_owned()]);
    settings.destination.exchangers = Some(Exchangers { dns: DnsSettings::default(), policy_port: 443 });
    settings.spill_to = spill_to.iter().map(|name| (*name).into()).collect();
    settings
}

fn trouble(words: &str) -> Trouble {
    let fault = Fault::Failed(words.to_owned());
    Trouble { stage: Stage::Connect, verdict: classify(Stage::Connect, &fault), fault }
}

fn outcomes(house: &House) -> Vec<(String, String, String)> {
    let mut lines: Vec<_> =
        house.journal().into_iter().map(|line| (line.recipient.address.to_string(), line.account.to_string(), line.outcome)).collect();
    lines.sort();
    lines
}

fn line(recipient: &str, account: &str, outcome: &str) -> (String, String, String) {
    (recipient.to_owned(), account.to_owned(), outcome.to_owned())
}

#[tokio::test(start_paused = true)]
async fn recipients_of_one_transaction_are_of_one_domain() {
    let mut house = House::open(vec![inside(&[])]);
    house.receive_for("printers", &["ann@contoso.com", "bob@contoso.de", "cid@contoso.com"]).await;
    house.pass(10).await;
    let sent: Vec<_> = house.seen().into_iter().map(|seen| seen.recipients).collect();
    assert_eq!(sent, [vec!["ann@contoso.com", "cid@contoso.com"], vec!["bob@contoso.de"]]);
    house.assert_limits();
}

#[tokio::test(start_paused = true)]
async fn those_outside_go_by_an_account_that_reaches_them() {
    let mut house = House::open(vec![inside(&["scanner"]), account("scanner", SenderRewrite::WhenNotAllowed)]);
    house.receive_for("printers", &["bob@fabrikam.com", "ann@contoso.com"]).await;
    house.pass(10).await;
    assert_eq!(outcomes(&house), [line("ann@contoso.com", "inside", "delivered"), line("bob@fabrikam.com", "scanner", "delivered")]);
}

#[tokio::test(start_paused = true)]
async fn those_that_nobody_reaches_fail_alone_and_cost_nothing() {
    let mut house = House::open(vec![inside(&[])]);
    house.receive_for("printers", &["bob@fabrikam.com", "ann@contoso.com"]).await;
    house.pass(10).await;
    assert_eq!(outcomes(&house), [line("ann@contoso.com", "inside", "delivered"), line("bob@fabrikam.com", "inside", "failed")]);
    let reply = house.journal().into_iter().find_map(|line| line.reply.filter(Reply::is_permanent)).unwrap();
    assert!(reply.to_string().starts_with("550 5.7.64 This way out"), "{reply}");
    assert_eq!(house.seen().len(), 1);
    assert_eq!(house.notices().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn servers_that_cannot_be_reached_pause_the_account_and_cost_no_attempt() {
    let mut house = House::open(vec![inside(&[])]);
    let mut times = 0;
    house.server.admit(move |_| {
        times += 1;
        (times <= 2).then(|| trouble("no mail server of the domain can be reached: contoso.com"))
    });
    let id = house.receive_for("printers", &["ann@contoso.com"]).await;
    house.pass(1).await;
    assert!(matches!(house.queue.accounts()[0].state, AccountState::Paused { .. }));
    assert_eq!(house.entry(id).unwrap().recipients[0].attempts, 0);
    house.pass(1800).await;
    assert_eq!(outcomes(&house), [line("ann@contoso.com", "inside", "delivered")]);
    assert_eq!(house.journal()[0].attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn a_domain_that_does_not_exist_concerns_its_recipients_alone() {
    let mut house = House::open(vec![inside(&[])]);
    house.server.admit(|_| Some(trouble("there is no such mail domain: contoso.com does not exist")));
    house.receive_for("printers", &["ann@contoso.com"]).await;
    house.pass(1).await;
    assert_eq!(outcomes(&house), [line("ann@contoso.com", "inside", "failed")]);
    assert_eq!(house.queue.accounts()[0].state, AccountState::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_domain_that_is_not_safe_is_tried_again_as_the_plan_says() {
    let mut house = House::open(vec![inside(&[])]);
    let mut first = true;
    house.server.admit(move |_| {
        std::mem::take(&mut first).then(|| trouble("no mail server of the domain is as safe as is asked for: contoso.com"))
    });
    let id = house.receive_for("printers", &["ann@contoso.com"]).await;
    house.pass(60).await;
    assert_eq!(house.entry(id).unwrap().recipients[0].attempts, 1);
    house.pass(1700).await;
    assert!(house.seen().is_empty());
    house.pass(100).await;
    assert_eq!(house.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_account_without_a_login_is_tried_with_mail() {
    let mut house = House::open(vec![inside(&[])]);
    let mut first = true;
    house.server.react(move |_| {
        if std::mem::take(&mut first) {
            Reaction::Bar(Stage::RcptTo, Outcome::Stop, "550 5.7.68 TenantInboundAttribution; Direct Send not allowed")
        } else {
            Reaction::Take(Duration::ZERO)
        }
    });
    house.receive_for("printers", &["ann@contoso.com"]).await;
    house.pass(60).await;
    assert!(matches!(house.queue.accounts()[0].state, AccountState::Stopped { .. }));
    house.pass(2 * 3600).await;
    assert_eq!(outcomes(&house), [line("ann@contoso.com", "inside", "delivered")]);
}
