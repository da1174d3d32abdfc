//! Three minutes of a flood against a sandbox that refuses whatever exceeds Exchange Online's
//! limits, by the real clock.

use std::time::Duration;

use crate::{
    scratch,
    support::{
        device::Device,
        relay::{LISTENERS, Relay, SCANNERS},
        sandbox::{Limits, MAILBOX, Sandbox},
        scan::{Kind, Scan},
        wait,
    },
};

const FROM: &str = "mfp1@contoso.com";
const TO: &str = "archive@contoso.com";
const MINUTE_MS: u64 = 60_000;
/// What preset = "office365" sets, which takes no other port than Microsoft's.
const MICROSOFTS: &str = "limits = { messages_per_minute = 30, recipients_per_day = 10000, \
    recipients_per_message = 500, connections = 3 }";
/// More than go out in the minutes that are counted, so that mail waits all the time.
const BACKLOG: usize = 170;

#[test]
fn a_flood_goes_out_at_thirty_a_minute_and_exchange_online_refuses_none_of_it() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Strict);
    let relay = Relay::start(dir.path(), "", &[LISTENERS, SCANNERS, &sandbox.account(MICROSOFTS)]);
    let mut device = Device::greeted(relay.listener("none")).unwrap();
    for number in 0..BACKLOG {
        let scan = Scan::new(format!("pace-{number}"), Kind::Document, 20_000, FROM);
        let answer = device.hand_in(FROM, TO, &scan).unwrap();
        assert_eq!(answer.code, 250, "{}", answer.text);
    }
    drop(device);
    let begun = wait::until("three minutes of mail", Duration::from_secs(300), || {
        let begun = sandbox.begun_ms();
        let lasted = begun.last().zip(begun.first()).map_or(0, |(last, first)| last - first);
        if lasted >= 3 * MINUTE_MS {
            Ok(begun)
        } else {
            Err(format!("{} messages in {lasted} ms", begun.len()))
        }
    });
    let first = begun[0];
    let per_minute = [0, 1, 2]
        .map(|minute| begun.iter().filter(|at| (**at - first) / MINUTE_MS == minute).count());
    assert_eq!(per_minute, [30, 30, 30]);
    let judge = sandbox.state();
    assert_eq!(judge["violations"], serde_json::json!([]));
    let mailbox = &judge["mailboxes"][MAILBOX];
    assert_eq!(
        (&mailbox["begun_per_minute_peak"], &mailbox["refused"]),
        (&30.into(), &0.into()),
        "{mailbox}"
    );
    assert!(mailbox["sessions"]["peak"].as_u64().unwrap() <= 3, "{mailbox}");
    let waiting = relay.json(&["status"])["queue_messages"].as_u64().unwrap();
    assert!(waiting > 0, "mail was to wait all the time");
}
