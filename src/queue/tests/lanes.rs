use std::time::Duration;

use super::house::House;
use crate::{
    attempt::{NextHop, Trouble},
    classify::{DnsFault, Fault, Outcome, Stage, TcpFault, TlsFault, classify},
    model::{RecipientOutcome, Reply},
    queue::{
        AccountSettings, AccountState, Enabled, SenderRewrite,
        fixture::{account, at},
        forecast::replay::Why,
        tests::fake_transport::Reaction,
    },
    upstream::{Direct, DnsSettings, Route, SmtpSettings},
};

/// Direct send to two domains.
fn inside(spill_to: &[&str]) -> AccountSettings {
    let mut settings = account("inside", SenderRewrite::Never);
    settings.route = Route::Direct(Direct {
        domains: vec!["contoso.com".to_owned(), "contoso.de".to_owned()],
        dns: DnsSettings::default(),
        policy_port: 443,
        smtp: SmtpSettings::new(25, "postroom.contoso.lan"),
    });
    settings.spill_to = spill_to.iter().map(|name| (*name).into()).collect();
    settings
}

fn german() -> NextHop {
    NextHop::Domain("contoso.de".to_owned())
}

fn unreachable(domain: &str) -> TcpFault {
    TcpFault::NoServer { domain: domain.to_owned(), servers: Vec::new() }
}

fn trouble(fault: impl Into<Fault>) -> Trouble {
    let fault = fault.into();
    Trouble { verdict: classify(Stage::Connect, &fault), fault }
}

fn outcomes(house: &House) -> Vec<(String, String, String)> {
    let mut lines: Vec<_> = house
        .journal()
        .into_iter()
        .map(|line| {
            (line.recipient.address.to_string(), line.account.to_string(), line.outcome.to_string())
        })
        .collect();
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
    let mut house =
        House::open(vec![inside(&["scanner"]), account("scanner", SenderRewrite::WhenNotAllowed)]);
    house.receive_for("printers", &["bob@fabrikam.com", "ann@contoso.com"]).await;
    house.pass(10).await;
    assert_eq!(
        outcomes(&house),
        [
            line("ann@contoso.com", "inside", "delivered"),
            line("bob@fabrikam.com", "scanner", "delivered")
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn those_that_nobody_reaches_fail_alone_and_cost_nothing() {
    let mut house = House::open(vec![inside(&[])]);
    house.receive_for("printers", &["bob@fabrikam.com", "ann@contoso.com"]).await;
    house.pass(10).await;
    assert_eq!(
        outcomes(&house),
        [
            line("ann@contoso.com", "inside", "delivered"),
            line("bob@fabrikam.com", "inside", "failed")
        ]
    );
    let reply = house
        .journal()
        .into_iter()
        .find_map(|line| line.reply.filter(Reply::is_permanent))
        .unwrap();
    assert!(reply.to_string().starts_with("550 5.7.64 This way out"), "{reply}");
    let mut attempts: Vec<_> =
        house.journal().into_iter().map(|line| (line.outcome, line.attempts)).collect();
    attempts.sort_by_key(|(_, attempts)| *attempts);
    assert_eq!(attempts, [(RecipientOutcome::Failed, 0), (RecipientOutcome::Delivered, 1)]);
    // The notice is a message to one recipient, too.
    let status = house.queue.accounts().remove(0);
    assert_eq!((status.messages_last_minute, status.recipients_last_day), (2, Some(2)));
    let charges = house.spool.charges(&house.settings[0].name, at(0)).unwrap();
    assert_eq!(charges.iter().map(|charge| charge.recipients).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(house.seen().len(), 1);
    assert_eq!(house.notices().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_domain_whose_servers_cannot_be_reached_holds_up_its_own_mail_alone_and_costs_no_attempt()
{
    let mut house = House::open(vec![inside(&[])]);
    let mut times = 0;
    house.server.admit_to(move |lane, _now| {
        times += u32::from(*lane == german());
        (*lane == german() && times <= 2).then(|| trouble(unreachable("contoso.de")))
    });
    let id = house.receive_for("printers", &["bob@contoso.de", "ann@contoso.com"]).await;
    let others = [
        house.receive_for("printers", &["bob@contoso.de"]).await,
        house.receive_for("printers", &["ann@contoso.com"]).await,
    ];
    house.pass(20).await;
    assert_eq!(
        outcomes(&house),
        [
            line("ann@contoso.com", "inside", "delivered"),
            line("ann@contoso.com", "inside", "delivered")
        ]
    );
    let status = house.queue.accounts().remove(0);
    assert_eq!(
        (status.state, status.domains.len(), status.domains[0].domain.as_str()),
        (AccountState::Ready, 1, "contoso.de")
    );
    assert!(matches!(status.domains[0].state, AccountState::Paused { .. }));
    assert_eq!(house.entry(id).unwrap().recipients[0].attempts, 0);
    let why = house.queue.forecasts(&[house.entry(others[0]).unwrap()]).unwrap().remove(0).why;
    assert!(matches!(&why, Why::Domain { domain, .. } if domain == "contoso.de"), "{why:?}");
    house.pass(300).await;
    assert_eq!(outcomes(&house).len(), 4);
    assert!(
        house
            .journal()
            .iter()
            .all(|line| line.attempts == 1 && line.outcome == RecipientOutcome::Delivered)
    );
    assert_eq!(house.queue.accounts()[0].domains, []);
    house.assert_limits();
}

#[tokio::test(start_paused = true)]
async fn mail_for_a_domain_that_stays_away_goes_another_way_if_there_is_one() {
    let mut house =
        House::open(vec![inside(&["scanner"]), account("scanner", SenderRewrite::WhenNotAllowed)]);
    house
        .server
        .admit_to(|lane, _now| (*lane == german()).then(|| trouble(unreachable("contoso.de"))));
    house.receive_for("printers", &["bob@contoso.de"]).await;
    house.pass(600).await;
    assert_eq!(outcomes(&house), [line("bob@contoso.de", "scanner", "delivered")]);
}

#[tokio::test(start_paused = true)]
async fn mail_for_a_domain_that_never_comes_back_fails_when_its_time_is_up_and_a_person_is_told() {
    let mut house = House::open(vec![inside(&[])]);
    house
        .server
        .admit_to(|lane, _now| (*lane == german()).then(|| trouble(unreachable("contoso.de"))));
    house.receive_for("printers", &["bob@contoso.de"]).await;
    house.pass(5 * 24 * 3600 - 60).await;
    assert_eq!(outcomes(&house), []);
    assert_eq!(house.notices().len(), 1, "of the domain's trouble");
    house.pass(3600).await;
    assert_eq!(outcomes(&house), [line("bob@contoso.de", "inside", "failed")]);
    assert!(
        house.journal()[0].reply.as_ref().unwrap().to_string().contains("can be reached"),
        "{:?}",
        house.journal()[0].reply
    );
    assert_eq!(house.notices().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_flood_for_a_domain_that_rests_does_not_hold_up_what_comes_behind_it() {
    let mut house = House::open(vec![inside(&[])]);
    house
        .server
        .admit_to(|lane, _now| (*lane == german()).then(|| trouble(unreachable("contoso.de"))));
    for _ in 0..300 {
        house.receive_for("printers", &["bob@contoso.de"]).await;
    }
    house.receive_for("printers", &["ann@contoso.com"]).await;
    house.pass(30).await;
    assert_eq!(outcomes(&house), [line("ann@contoso.com", "inside", "delivered")]);
}

#[tokio::test(start_paused = true)]
async fn our_own_dns_server_that_is_silent_pauses_the_account() {
    let mut house = House::open(vec![inside(&[])]);
    let mut first = true;
    house.server.admit(move |_| {
        std::mem::take(&mut first).then(|| {
            trouble(DnsFault::Silent { domain: "contoso.com".to_owned(), reason: String::new() })
        })
    });
    house.receive_for("printers", &["ann@contoso.com"]).await;
    house.pass(1).await;
    let status = house.queue.accounts().remove(0);
    assert!(matches!(status.state, AccountState::Paused { .. }) && status.domains.is_empty());
    house.pass(120).await;
    assert_eq!(outcomes(&house), [line("ann@contoso.com", "inside", "delivered")]);
}

#[tokio::test(start_paused = true)]
async fn a_domain_that_does_not_exist_concerns_its_recipients_alone() {
    let mut house = House::open(vec![inside(&[])]);
    house.server.admit(|_| Some(trouble(DnsFault::NoSuchDomain("contoso.com".to_owned()))));
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
        std::mem::take(&mut first).then(|| {
            trouble(TlsFault::NotAsSafe { domain: "contoso.com".to_owned(), servers: Vec::new() })
        })
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
async fn a_domain_that_refuses_us_is_tried_with_mail_and_both_are_told_once() {
    let mut house = House::open(vec![inside(&[])]);
    let mut first = true;
    house.server.react(move |seen| {
        if seen.recipients[0].ends_with("@contoso.com") && std::mem::take(&mut first) {
            Reaction::Bar(
                Stage::RcptTo,
                Outcome::Stop,
                "550 5.7.68 TenantInboundAttribution; Direct Send not allowed",
            )
        } else {
            Reaction::Take(Duration::ZERO)
        }
    });
    house.receive_for("printers", &["ann@contoso.com"]).await;
    house.receive_for("printers", &["bob@contoso.de"]).await;
    house.pass(60).await;
    let status = house.queue.accounts().remove(0);
    assert_eq!(status.state, AccountState::Ready);
    assert!(
        matches!(&status.domains[..], [one] if one.domain == "contoso.com" && matches!(one.state, AccountState::Stopped { .. }))
    );
    assert_eq!(outcomes(&house), [line("bob@contoso.de", "inside", "delivered")]);
    house.pass(2 * 3600).await;
    assert_eq!(outcomes(&house).len(), 2);
    let subjects = house.notices();
    assert_eq!(subjects.len(), 2, "{subjects:?}");
}

#[tokio::test(start_paused = true)]
async fn a_persons_word_ends_the_rest_of_a_domain_within_minutes() {
    let mut house = House::open(vec![inside(&[])]);
    let mut times = 0;
    house.server.admit(move |_| {
        times += 1;
        (times <= 5).then(|| trouble(unreachable("contoso.com")))
    });
    house.receive_for("printers", &["ann@contoso.com"]).await;
    house.pass(1000).await;
    house.queue.set_enabled(&"inside".into(), Enabled::On).await.unwrap();
    house.pass(301).await;
    assert_eq!(outcomes(&house), [line("ann@contoso.com", "inside", "delivered")]);
}
