//! The words of the log are those of `docs/operations.md`: administrators search and alert for
//! them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The daemon's files: the stand-in and the commands are not what is watched.
fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !matches!(name.as_str(), "sandbox" | "cli" | "tests") {
            files(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests.rs"
        {
            into.push(path);
        }
    }
}

/// The messages of `info!`, `warn!` and `error!` in a text.
fn events(code: &str) -> BTreeSet<String> {
    let mut events = BTreeSet::new();
    for level in ["info!(", "warn!(", "error!("] {
        for (place, _) in code.match_indices(level) {
            let arguments = arguments(code.get(place + level.len()..).unwrap());
            events.extend(
                arguments
                    .iter()
                    .rev()
                    .find_map(|argument| argument.strip_prefix('"')?.strip_suffix('"'))
                    .map(joined),
            );
        }
    }
    events
}

/// A text that rustfmt has broken over several lines, in one.
fn joined(text: &str) -> String {
    let mut lines = text.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    lines.fold(first, |text, line| text + line.trim_start())
}

/// The arguments of a macro, up to the parenthesis that ends it.
fn arguments(code: &str) -> Vec<String> {
    let mut arguments = vec![String::new()];
    let (mut depth, mut in_text, mut escaped) = (0, false, false);
    for character in code.chars() {
        let end = !in_text && character == ')' && depth == 0;
        if end {
            break;
        }
        match character {
            '"' if !escaped => in_text = !in_text,
            '(' | '[' | '{' if !in_text => depth += 1,
            ')' | ']' | '}' if !in_text => depth -= 1,
            ',' if !in_text && depth == 0 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        escaped = character == '\\' && !escaped;
        arguments.last_mut().unwrap().push(character);
    }
    arguments.iter().map(|argument| argument.trim().to_owned()).collect()
}

/// What stands in backquotes in the first column of the tables headed `event`.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let mut words = BTreeSet::new();
    let mut inside = false;
    for line in text.lines() {
        inside = line.starts_with("| event |") || (inside && line.starts_with('|'));
        if inside && let Some(cell) = line.split('|').nth(1) {
            words.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    words
}

#[test]
fn every_word_of_the_log_is_documented_and_no_other() {
    let mut paths = Vec::new();
    files(&root().join("src"), &mut paths);
    let code = |path: &PathBuf| {
        fs::read_to_string(path)
            .unwrap()
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let logged: BTreeSet<String> = paths.iter().flat_map(|path| events(&code(path))).collect();
    let documented = documented();
    let missing: Vec<_> = logged.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&logged).collect();
    assert!(
        missing.is_empty() && stale.is_empty(),
        "in docs/operations.md, missing: {missing:#?}, stale: {stale:#?}"
    );
    assert!(logged.len() > 30, "the reader of events has gone blind: {logged:?}");
}

#[test]
fn the_reader_of_events_finds_the_word_among_the_fields() {
    let code = r#"info!(id, ip = %f(a, b), "delivered"); warn!("a \"quoted\" word");
        error!(%error, text = "no", "broken, \
        really");"#;
    let expected = ["a \\\"quoted\\\" word", "broken, really", "delivered"];
    assert_eq!(events(code), expected.into_iter().map(str::to_owned).collect());
}
