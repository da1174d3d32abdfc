//! `docs/metrics.md` lists every metric that is served, with its labels and the help that a scrape
//! shows, and no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use postroom::metrics::{
    AccountLabel, AccountQueueLabel, AccountStateLabel, CredentialLabel, CredentialValue,
    DeviceLabel, Metrics, QueueStateValue, StateValue,
};

/// As after a start with one account and one device.
fn scrape() -> String {
    let metrics = Metrics::new();
    let sending = metrics.sending();
    let account = AccountLabel { account: "scanner".to_owned() };
    let each = [
        &sending.account_connections,
        &sending.account_domains_held_up,
        &sending.account_minute_messages,
        &sending.account_day_recipients,
        &sending.account_day_recipients_limit,
        &sending.account_oldest,
        &sending.account_last_delivery,
    ];
    for family in each {
        family.get_or_create(&account).set(1);
    }
    let state = AccountStateLabel { account: account.account.clone(), state: StateValue::ready };
    sending.account_state.get_or_create(&state).set(1);
    let queue =
        AccountQueueLabel { account: account.account.clone(), state: QueueStateValue::waiting };
    sending.account_queue.get_or_create(&queue).set(1);
    let (device, receiving) = (DeviceLabel { device: "mfp1".to_owned() }, metrics.receiving());
    receiving.device_messages.get_or_create(&device).inc();
    receiving.device_last_seen.get_or_create(&device).set(1);
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

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The names in a text that look like metrics of ours.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("postroom_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_alert_rules_and_the_dashboard_name_only_metrics_that_are_served() {
    let mut known = BTreeSet::new();
    for (name, (kind, _help)) in served() {
        let name = name.split('{').next().unwrap_or_default().to_owned();
        if kind == "histogram" {
            known.extend(["bucket", "count", "sum"].map(|part| format!("{name}_{part}")));
        }
        known.insert(name);
    }
    for path in ["config/prometheus-alerts.yml", "config/grafana-dashboard.json"] {
        let names = named(&read(path));
        assert!(names.len() > 10, "{path} has become hard to read: {names:?}");
        let unknown: Vec<_> = names.difference(&known).collect();
        assert!(unknown.is_empty(), "{path} names metrics that nobody serves: {unknown:?}");
    }
}

#[test]
fn the_dashboard_is_json_with_a_query_in_each_panel() {
    let board: serde_json::Value =
        serde_json::from_str(&read("config/grafana-dashboard.json")).unwrap();
    let panels = board["panels"].as_array().unwrap();
    assert!(panels.len() > 10);
    for panel in panels {
        let queries = panel["targets"].as_array().unwrap();
        let has_query = |query: &serde_json::Value| query["expr"].as_str().is_some();
        assert!(!queries.is_empty() && queries.iter().all(has_query), "{}", panel["title"]);
    }
}

#[test]
fn the_page_lists_what_is_served() {
    let page = read("docs/metrics.md");
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
