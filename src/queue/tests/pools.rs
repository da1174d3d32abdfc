use std::{collections::BTreeMap, time::Duration};

use super::house::{House, scanner};
use crate::{
    queue::{AccountSettings, Enabled, SenderRewrite, fixture::account},
    spool::Entry,
};

/// "scanner" for all domains, "inside" for our own domain.
fn two() -> Vec<AccountSettings> {
    let inside = AccountSettings {
        for_recipients: vec!["*@contoso.com".parse().unwrap()],
        ..account("inside", SenderRewrite::Always)
    };
    vec![scanner(), inside]
}

fn accounts_of(house: &House) -> BTreeMap<String, String> {
    house
        .journal()
        .into_iter()
        .map(|line| (line.recipient.address.to_string(), line.account.to_string()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn recipients_of_one_message_go_by_the_accounts_that_are_theirs() {
    let mut house = House::open(two());
    let id =
        house.receive_for("printers", &["a@contoso.com", "b@fabrikam.com", "c@contoso.com"]).await;
    house.pass(5).await;
    assert!(house.entry(id).is_none());
    let mut seen: Vec<(String, Vec<String>)> =
        house.seen().into_iter().map(|seen| (seen.sender, seen.recipients)).collect();
    seen.sort();
    let both = vec!["a@contoso.com".to_owned(), "c@contoso.com".to_owned()];
    assert_eq!(
        seen,
        [
            ("inside@contoso.com".to_owned(), both),
            ("mfp1@contoso.com".to_owned(), vec!["b@fabrikam.com".to_owned()])
        ]
    );
    let expected =
        [("a@contoso.com", "inside"), ("b@fabrikam.com", "scanner"), ("c@contoso.com", "inside")];
    assert_eq!(accounts_of(&house), expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into());
}

#[tokio::test(start_paused = true)]
async fn one_account_that_is_off_holds_back_its_own_recipients_only() {
    let mut house = House::open(two());
    house.queue.set_enabled(&"inside".into(), Enabled::Off).await.unwrap();
    let id = house.receive_for("printers", &["a@contoso.com", "b@fabrikam.com"]).await;
    house.pass(5).await;
    let open = |entry: &Entry| {
        entry.recipients.iter().filter(|recipient| recipient.due().is_some()).count()
    };
    assert_eq!(open(&house.entry(id).unwrap()), 1);
    assert_eq!(
        house.queue.accounts().iter().map(|status| status.waiting).collect::<Vec<_>>(),
        [0, 1]
    );
    let mut house = house.crash(Duration::from_secs(1)).await;
    house.queue.set_enabled(&"inside".into(), Enabled::On).await.unwrap();
    house.pass(5).await;
    assert!(house.entry(id).is_none());
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_index_finds_each_recipients_account_again() {
    let mut house = House::open(two());
    for name in ["scanner", "inside"] {
        house.queue.set_enabled(&name.into(), Enabled::Off).await.unwrap();
    }
    let id = house.receive_for("printers", &["a@contoso.com", "b@fabrikam.com"]).await;
    let before = house.entry(id).unwrap();
    let house = house.lose_index().await;
    house.spool.recovered().await;
    // It counts as queued from the recovery on.
    let again = house.entry(id).unwrap();
    assert_eq!(again.queued_at(before.queued()), before);
    assert_eq!(before.due_by_account().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sender_has_an_account_of_its_own() {
    let sales = AccountSettings {
        for_senders: vec!["*@sales.contoso.com".parse().unwrap()],
        ..account("sales", SenderRewrite::Never)
    };
    let mut house = House::open(vec![scanner(), sales]);
    house.receive_as("anna@sales.contoso.com").await;
    house.receive_as("bert@contoso.com").await;
    house.pass(5).await;
    let mut accounts: Vec<(String, String)> = house
        .journal()
        .into_iter()
        .map(|line| (line.sender.to_string(), line.account.to_string()))
        .collect();
    accounts.sort();
    assert_eq!(
        accounts,
        [("anna@sales.contoso.com", "sales"), ("bert@contoso.com", "scanner")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
}
