//! `docs/metrics.md` lists every metric that is served, with the help that a scrape shows, and no other.

use std::{collections::BTreeMap, fs, path::Path};

use postroom::metrics::Metrics;

/// Name and kind of each metric, with its help.
fn served() -> BTreeMap<String, (String, String)> {
    let text = Metrics::new().render();
    let words =
        |line: &str, prefix: &str| line.strip_prefix(prefix)?.split_once(' ').map(|(name, rest)| (name.to_owned(), rest.to_owned()));
    let helps: BTreeMap<_, _> = text.lines().filter_map(|line| words(line, "# HELP ")).collect();
    let kinds = text.lines().filter_map(|line| words(line, "# TYPE "));
    kinds.map(|(name, kind)| (name.clone(), (kind, helps.get(&name).cloned().unwrap_or_default()))).collect()
}

fn table() -> String {
    let row = |(name, (kind, help)): (String, (String, String))| format!("| `{name}` | {kind} | {help} |\n");
    format!("| metric | kind | meaning |\n|---|---|---|\n{}", served().into_iter().map(row).collect::<String>())
}

#[test]
fn the_page_lists_what_is_served() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md")).unwrap();
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
