//! Whatever the server above does wrong, at whatever stage: the message is kept, and not tried
//! again for half an hour.

use std::time::Duration;

use serde_json::Value;

use crate::{
    scratch,
    support::{
        device::Device,
        relay::{self, LISTENERS, Relay, SCANNERS},
        sandbox::{Limits, Sandbox},
        scan::{Kind, Scan},
        wait,
    },
};

const FROM: &str = "mfp1@contoso.com";
const HALF_AN_HOUR_MS: u64 = 30 * 60 * 1000;

/// What becomes of a recipient.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expected {
    /// Waits for half an hour or more; nothing arrived.
    Later,
    /// Waits as long, in doubt: it may have arrived.
    InDoubt,
    /// Given up: gone from the queue, with nothing delivered.
    Failed,
}

/// The fault that the recipient's address asks of the sandbox, and what must come of it.
const ROWS: [(&str, Expected); 12] = [
    ("mail-451", Expected::Later),
    ("rcpt-450", Expected::Later),
    ("rcpt-drop", Expected::Later),
    ("rcpt-550", Expected::Failed),
    ("data-451", Expected::Later),
    ("data-354-drop", Expected::Later),
    ("drop-body", Expected::Later),
    ("eod-451", Expected::Later),
    ("eod-reset", Expected::InDoubt),
    ("eod-drop", Expected::InDoubt),
    ("eod-drop-lost", Expected::InDoubt),
    ("poison", Expected::Failed),
];

#[test]
fn at_every_stage_a_refusal_keeps_the_message_and_the_next_attempt_is_half_an_hour_away() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let relay = Relay::start(
        dir.path(),
        "",
        &[LISTENERS, SCANNERS, &sandbox.account("batch = { split = \"never\" }")],
    );
    let mut device = Device::greeted(relay.listener("none")).unwrap();
    for (fault, expected) in ROWS {
        // More than the sockets between the two hold: only then is the break noticed before the
        // final dot has left.
        let size = if fault == "drop-body" { 20_000_000 } else { 300_000 };
        let scan = Scan::new(format!("refusal-{fault}"), Kind::Document, size, FROM);
        let arrived_before = sandbox.marks().len();
        // The sender chooses faults at MAIL, the recipient those after it.
        let (from, to) = if fault.starts_with("mail-") {
            (format!("mfp1+{fault}@contoso.com"), "archive@contoso.com".to_owned())
        } else {
            (FROM.to_owned(), format!("archive+{fault}@contoso.com"))
        };
        let answer = device.hand_in(&from, &to, &scan).unwrap();
        assert_eq!(answer.code, 250, "{}", answer.text);
        let id = answer.queued_as();
        check(&relay, &id, fault, expected);
        let arrived = sandbox.marks().len() - arrived_before;
        match (expected, fault) {
            (Expected::Later | Expected::Failed, _) | (_, "eod-drop-lost") => {
                assert_eq!(arrived, 0, "{fault}");
            }
            (Expected::InDoubt, _) => {
                assert_eq!(arrived, 1, "{fault}: the sandbox has it, and said nothing");
            }
        }
    }
    assert_eq!(relay.metric("postroom_quarantined_messages_total"), 0.0);
}

fn check(relay: &Relay, id: &str, fault: &str, expected: Expected) {
    let patience = Duration::from_secs(60);
    if expected == Expected::Failed {
        wait::until(&format!("{fault} to be given up"), patience, || {
            let queue = relay.queue();
            if queue.iter().any(|entry| entry["id"] == id) {
                Err(format!("{queue:?}"))
            } else {
                Ok(())
            }
        });
        return;
    }
    let entry = wait::until(&format!("the outcome of {fault}"), patience, || {
        let entry = relay.json(&["queue", "show", id]);
        let recipient = recipient(&entry);
        if recipient["attempts"] == 1 && recipient["progress"]["state"] == "waiting" {
            Ok(entry)
        } else {
            Err(entry.to_string())
        }
    });
    let recipient = recipient(&entry);
    let attempt = recipient["last_attempt"].as_u64().unwrap();
    let due = recipient["progress"]["due"].as_u64().unwrap();
    assert!(
        due >= attempt + HALF_AN_HOUR_MS,
        "{fault}: due {} ms after the attempt",
        due.saturating_sub(attempt)
    );
    assert_eq!(
        relay::doubts(&entry),
        usize::from(expected == Expected::InDoubt),
        "{fault}: {entry}"
    );
}

fn recipient(entry: &Value) -> Value {
    entry["recipients"][0].clone()
}
