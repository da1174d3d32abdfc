//! The test messages of CPython's `email` package go through the edits of delivery. CPython reads
//! them before and after: no part, name or recipient may change.

use std::{fs, path::PathBuf, process::Command};

use postroom::{
    message::{Edits, FirstLine},
    model::{MessageId, Timestamp},
    smtp::{
        EndOfData,
        body::{Decoder, Progress},
    },
};
use postroom_core::fuzzing::edited;

use crate::support::scratch;

/// Messages that a reader cannot be asked about, and why.
const UNREADABLE: [(&str, &str); 0] = [];

fn data() -> PathBuf {
    let script = "import os, test.test_email as t; print(os.path.join(t.__path__[0], 'data'))";
    let output = Command::new("python3").args(["-c", script]).output().unwrap();
    assert!(
        output.status.success(),
        "install libpython3-testsuite: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

/// As the spool has it: what `DATA` decodes, without what stands before the first field.
fn stored(octets: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new(EndOfData::Strict);
    let (mut text, mut output, mut rest) = (Vec::new(), Vec::new(), octets);
    while !rest.is_empty() {
        let (used, progress) = decoder.decode(rest, &mut output);
        text.append(&mut output);
        match progress {
            Progress::More => rest = &rest[used..],
            Progress::Ended(_) => break,
        }
    }
    text
}

fn edits() -> Edits {
    Edits {
        id: MessageId::new(Timestamp::from_millis(1_763_900_000_000), 1),
        received: Timestamp::from_millis(1_763_900_000_000),
        hostname: "postroom.example".to_owned(),
        fallback: Some("scanner@contoso.com".parse().unwrap()),
        identity: None,
        sender: None,
    }
}

#[test]
fn no_test_message_of_cpython_is_damaged() {
    let dir = scratch("corpus");
    let mut messages = 0;
    for entry in fs::read_dir(data()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("msg_") || UNREADABLE.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let text = stored(&fs::read(&path).unwrap());
        let (before, kept) = FirstLine::of(&text).stored(&text);
        let text = [before, kept].concat();
        let sent = edited(&text, &edits(), 4096);
        assert!(
            sent.split(|octet| *octet == b'\n').all(|line| line.len() <= 999),
            "{name} has a line that is too long"
        );
        fs::write(dir.path().join(format!("{name}.before")), &text).unwrap();
        fs::write(dir.path().join(format!("{name}.after")), &sent).unwrap();
        messages += 1;
    }
    assert!(messages > 40, "{messages} messages");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/leaves.py");
    let output = Command::new("python3").arg(script).arg(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report = String::from_utf8(output.stdout).unwrap();
    let count = |what: &str| {
        report.lines().filter(|line| line.split('\t').nth(1).unwrap().starts_with(what)).count()
    };
    eprintln!(
        "{report}{messages} messages: {} equal, {} changed, {} damaged",
        count("equal"),
        count("changed"),
        count("damaged")
    );
    assert_eq!(count("damaged"), 0, "{report}");
    assert_eq!(count("equal") + count("changed"), messages);
}
