//! What `ARCHITECTURE.md` and the decisions in `docs/adr` name exists: files and tests.

use std::{collections::BTreeSet, fs};

use super::{
    hold,
    source::{files, root, shown, text},
};

/// The first parts of the paths that are looked at. Others are paths of the data folder, or of a
/// machine.
const TOPS: [&str; 10] = [
    "src/",
    "crates/",
    "tests/",
    "docs/",
    "fuzz/",
    "benches/",
    "config/",
    "systemd/",
    ".ci/",
    "packaging/",
];

fn documents() -> Vec<String> {
    let decisions = files("docs/adr", "md").into_iter().map(|path| shown(&path));
    ["ARCHITECTURE.md".to_owned()].into_iter().chain(decisions).collect()
}

/// What stands in backquotes.
fn quoted(text: &str) -> Vec<String> {
    let in_line = |line: &str| -> Vec<String> {
        line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    text.lines().flat_map(in_line).collect()
}

/// The paths in backquotes; of `src/queue/{engine,driver}` both.
fn paths(text: &str) -> Vec<String> {
    let quoted = quoted(text).into_iter().filter(|word| {
        TOPS.iter().any(|top| word.starts_with(top)) && !word.contains(['<', '*', ' ', '…'])
    });
    quoted
        .flat_map(|word| {
            match word.split_once('{').and_then(|(a, b)| Some((a, b.split_once('}')?))) {
                Some((before, (names, after))) => {
                    names.split(',').map(|name| format!("{before}{}{after}", name.trim())).collect()
                }
                None => vec![word],
            }
        })
        .collect()
}

#[test]
fn the_files_that_the_documents_name_exist() {
    let mut violations = Vec::new();
    for document in documents() {
        let text = text(&document);
        let missing = paths(&text).into_iter().filter(|path| !root().join(path).exists());
        violations.extend(missing.map(|path| format!("{document}: there is no {path}")));
        let folder = root().join(&document).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if !link.contains("://") && !file.is_empty() && !folder.join(file).exists() {
                violations.push(format!("{document}: links to {file}, which does not exist"));
            }
        }
    }
    hold(&violations);
}

/// The names of all functions under a `#[test]` of some kind.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["src", "crates", "tests"] {
        for path in files(folder, "rs") {
            let text = fs::read_to_string(path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line.starts_with("#[test") || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if line.starts_with("proptest!") {
                    is_test = false;
                } else if let Some((_, name)) = line.split_once("fn ").filter(|_| is_test) {
                    names.extend(name.split('(').next().map(str::to_owned));
                    is_test = false;
                }
            }
        }
    }
    names
}

#[test]
fn the_tests_that_hold_the_invariants_exist() {
    let text = text("ARCHITECTURE.md");
    let (_, section) = text.split_once("\n## Invariants\n").expect("a section \"Invariants\"");
    let section = section.split("\n## ").next().unwrap_or_default();
    let tests = tests();
    let named: Vec<String> =
        quoted(section).into_iter().filter(|name| name.matches('_').count() >= 3).collect();
    hold(
        &named
            .iter()
            .filter(|name| !tests.contains(*name))
            .map(|name| format!("ARCHITECTURE.md: there is no test {name}"))
            .collect::<Vec<_>>(),
    );
    // Each invariant names at least one.
    for row in section.lines().filter(|line| line.starts_with("| ")).skip(1) {
        assert!(named.iter().any(|name| row.contains(name.as_str())), "no test holds: {row}");
    }
}
