//! Holds the code to `ARCHITECTURE.md`: which module may use which, that no files use each other
//! in a circle, what the deciding parts do without, which file alone names a library, how long a
//! file may be, that a module names each file, and that the documents name files and tests that
//! exist.

mod documents;
mod graph;
mod layers;
mod orphans;
mod paths;
mod purity;
mod source;

use std::collections::BTreeSet;

use self::source::sources;

/// Lines of a file before its tests.
const LONGEST_FILE: usize = 450;

/// Files that are longer and about to be split. This list only shrinks.
const LONG_FILES: [&str; 0] = [];

/// Where files may use each other, because they are the states of one machine: each state names
/// those that it passes to.
const STATE_MACHINES: [&str; 2] = [
    // Greeting, login, transaction and text of the server's half of SMTP.
    "crates/core/src/smtp/session/",
    // The same of the stand-in.
    "crates/sandbox/src/dialect/",
];

fn hold(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let uses = graph::uses(&sources());
    let mut violations = Vec::new();
    for circle in graph::circles(&uses) {
        let machine = STATE_MACHINES
            .iter()
            .find(|folder| circle.iter().all(|file| file.starts_with(**folder)));
        if let Some(machine) = machine {
            eprintln!("states of one machine: {} files in {machine}", circle.len());
            continue;
        }
        let lines = circle.iter().map(|file| {
            let inside: BTreeSet<_> = uses[file].intersection(&circle).collect();
            format!("  {file} uses {inside:?}")
        });
        let lines: Vec<String> = lines.collect();
        violations.push(format!("circle of {} files:\n{}", circle.len(), lines.join("\n")));
    }
    hold(&violations);
}

#[test]
fn a_library_with_an_owner_is_named_by_its_owner_alone() {
    let owned = [
        ("sled", "src/spool/index/sled_store"),
        ("mail_send", "src/upstream/smtp/"),
        ("openssl", "src/listener/"),
        ("hyper_rustls", "src/http/"),
    ];
    let mut violations = Vec::new();
    for source in sources() {
        let path = &source.path;
        for (library, owner) in owned {
            let names = source.code.contains(&format!("{library}::"))
                || source.code.contains(&format!("use {library};"));
            if names && !path.starts_with(owner) {
                violations.push(format!("{path}: names {library}, which only {owner} may"));
            }
        }
    }
    hold(&violations);
}

#[test]
fn no_file_is_longer_than_a_newcomer_can_keep_in_mind() {
    let long = sources().into_iter().filter(|source| {
        source.lines > LONGEST_FILE && !LONG_FILES.contains(&source.path.as_str())
    });
    hold(
        &long
            .map(|source| {
                format!("{}: {} lines before its tests; split it", source.path, source.lines)
            })
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let mute = sources().into_iter().filter(|source| !source.opens_with_purpose);
    hold(
        &mute.map(|source| format!("{}: does not open with //!", source.path)).collect::<Vec<_>>(),
    );
}

#[test]
fn imports_do_not_climb() {
    let climbing = sources().into_iter().filter(|source| source.code.contains("super::super"));
    hold(
        &climbing
            .map(|source| format!("{}: write crate:: instead of super::super", source.path))
            .collect::<Vec<_>>(),
    );
}
