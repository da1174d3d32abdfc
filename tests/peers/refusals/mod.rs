//! Every refusal of Exchange Online, played by the sandbox over a real connection: what becomes of
//! recipients, message and account, what the administrator reads, and that nothing is lost on the
//! way.

mod played;
mod process;
mod rows;
mod tenant;

use postroom::sandbox::plain_table;

use self::{rows::rows, tenant::Tenant};

/// The number of sandboxes that work side by side: most of the time is spent waiting for answers.
const AT_ONCE: usize = 4;

const ADMINISTRATOR: &str = "it@contoso.com";
const RECIPIENTS: [&str; 2] = ["ann@contoso.com", "bob@contoso.com"];

/// The named faults, from the sandbox's own list. Those of the token endpoint need OAuth and those
/// of Graph another route; both have tests of their own.
fn faults() -> Vec<String> {
    let table = plain_table();
    let names = table.lines().filter(|line| !line.starts_with(' ') && !line.contains('('));
    let is_smtp = |name: &&str| !name.starts_with("token-") && !name.starts_with("graph-");
    names.filter(is_smtp).map(str::to_owned).collect()
}

/// Plays these faults in turn and returns, of each, its row and what was lost.
async fn play_share(faults: Vec<String>) -> Vec<(String, String, Option<String>)> {
    let mut tenant = Tenant::start().await;
    let mut seen = Vec::new();
    for fault in faults {
        let (row, lost) = tenant.play(&fault).await.row(&fault);
        seen.push((fault, row, lost));
    }
    tenant.sandbox.stop().await;
    seen
}

fn expected(fault: &str, row: &str) -> bool {
    rows().any(|(name, first, second, account, says)| {
        let opening = format!("(\"{name}\", \"{first}\", \"{second}\", \"{account}\", \"");
        *name == fault
            && row.strip_prefix(&opening).is_some_and(|sentence| {
                sentence.contains(says) && (!says.is_empty() || sentence == "\"),")
            })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_has_its_outcome_its_pause_and_its_sentence_and_loses_nothing() {
    let faults = faults();
    let share =
        |number: usize| faults.iter().skip(number).step_by(AT_ONCE).cloned().collect::<Vec<_>>();
    let shares: Vec<_> =
        (0..AT_ONCE).map(|number| tokio::spawn(play_share(share(number)))).collect();
    let mut seen = Vec::new();
    for share in shares {
        seen.extend(share.await.unwrap());
    }
    let unexpected: Vec<&str> = seen
        .iter()
        .filter(|(fault, row, _)| !expected(fault, row))
        .map(|(_, row, _)| row.as_str())
        .collect();
    let lost: Vec<&str> = seen.iter().filter_map(|(_, _, lost)| lost.as_deref()).collect();
    let gone: Vec<&str> =
        rows().map(|row| row.0).filter(|name| !faults.iter().any(|fault| fault == name)).collect();
    unexpected.iter().chain(&lost).for_each(|line| eprintln!("{line}"));
    assert!(
        unexpected.is_empty() && lost.is_empty() && gone.is_empty(),
        "{} rows unlike the table, lost: {lost:?}, gone: {gone:?}",
        unexpected.len()
    );
}
