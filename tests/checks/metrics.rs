//! `docs/metrics.md` lists every metric that is served, with its labels and the help that a scrape
//! shows, and no other.

use std::{collections::BTreeMap, fs, path::Path};

use postroom::metrics::{
    AccountLabel, AccountStateLabel, CredentialLabel, CredentialValue, Metrics, StateValue,
};

/// As after a start with one account.
fn scrape() -> String {
    let metrics = Metrics::new();
    let sending = metrics.sending();
    let account = AccountLabel { account: "scanner".to_owned() };
    let each = [
        &sending.account_connections,
        &sending.account_domains_held_up,
        &sending.account_minute_messages,
        &sending.account_day_recipients,
        &sending.account_last_delivery,
    ];
    for family in each {
        family.get_or_create(&account).set(1);
    }
    let state = AccountStateLabel { account: account.account.clone(), state: StateValue::ready };
    sending.account_state.get_or_create(&state).set(1);
    let credential =
        CredentialLabel { account: account.account, credential: CredentialValue::client_secret };
    sending.account_credential_expiry.get_or_create(&credential).set(1);
    metrics.render()
}

/// The names of a metric's labels, as the page has them.
fn labels(text: &str, name: &str) -> String {
    let sample =
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.split_once('}'));
    let names = |labels: &str| {
        labels
            .split(',')
            .filter_map(|label| Some(label.split_once('=')?.0.to_owned()))
            .collect::<Vec<_>>()
    };
    let names = sample.map(|(labels, _)| names(labels)).unwrap_or_default();
    if names.is_empty() { String::new() } else { format!("{{{}}}", names.join(",")) }
}

/// Name and kind of each metric, with its help.
fn served() -> BTreeMap<String, (String, String)> {
    let text = scrape();
    let words = |line: &str, prefix: &str| {
        line.strip_prefix(prefix)?
            .split_once(' ')
            .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
    };
    let helps: BTreeMap<_, _> = text.lines().filter_map(|line| words(line, "# HELP ")).collect();
    let kinds = text.lines().filter_map(|line| words(line, "# TYPE "));
    kinds
        .map(|(name, kind)| {
            (
                format!("{name}{}", labels(&text, &name)),
                (kind, helps.get(&name).cloned().unwrap_or_default()),
            )
        })
        .collect()
}

fn table() -> String {
    let row = |(name, (kind, help)): (String, (String, String))| {
        format!("| `{name}` | {kind} | {help} |\n")
    };
    format!(
        "| metric | kind | meaning |\n|---|---|---|\n{}",
        served().into_iter().map(row).collect::<String>()
    )
}

#[test]
fn the_page_lists_what_is_served() {
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).unwrap();
    let expected = table();
    assert!(page.ends_with(&expected), "docs/metrics.md should end with:\n\n{expected}");
    assert!(served().len() > 10, "{expected}");
}

#[test]
fn every_metric_says_what_it_means() {
    for (name, (_, help)) in served() {
        assert!(name.starts_with("postroom_") && !help.is_empty(), "{name}: \"{help}\"");
    }
}
