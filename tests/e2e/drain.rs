//! A stop lets work under way finish.

use std::{fs, time::Duration};

use crate::{
    scratch,
    support::{
        device::Device,
        relay::{LISTENERS, Relay, SCANNERS},
        sandbox::{Limits, Sandbox},
        scan::{Kind, Scan},
        wait,
    },
};

const FROM: &str = "mfp1@contoso.com";
const TO: &str = "archive@contoso.com";

#[test]
fn a_message_being_handed_in_when_sigterm_comes_is_taken_and_arrives() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let mut relay = Relay::start(dir.path(), "", &[LISTENERS, SCANNERS, &sandbox.account("")]);
    let server = relay.listener("none");
    let scan = Scan::new("drain".to_owned(), Kind::Document, 300_000, FROM);
    let wire = scan.stuffed();
    let (first, rest) = wire.split_at(wire.len() / 2);

    let mut device = Device::greeted(server).unwrap();
    let mut idle = Device::greeted(server).unwrap();
    assert_eq!(device.begin(FROM, TO).unwrap().code, 354);
    device.send(first).unwrap();
    relay.terminate();
    // The stop has begun when no new connection is taken.
    wait::until("the listener to close", wait::PATIENCE, || match Device::greeted(server) {
        Err(_refused) => Ok(()),
        Ok(_) => Err("still taken".to_owned()),
    });
    device.send(rest).unwrap();
    let answer = device.answer().unwrap();
    assert_eq!(answer.code, 250, "{}", answer.text);
    // RFC 5321 3.8: a server that must stop says 421, and a device that only waits must not hold up
    // the stop.
    let goodbye = idle.answer().or_else(|_closed| idle.command("NOOP")).map(|answer| answer.code);
    assert!(goodbye.is_err() || goodbye.is_ok_and(|code| code == 421));
    drop((device, idle));
    assert!(relay.ended().success());

    relay.restart();
    let files = sandbox.wait_for(1, Duration::from_secs(60));
    relay.wait_until_empty(wait::PATIENCE);
    assert_eq!(sandbox.files().len(), 1);
    assert_eq!(scan.proof.faults(&fs::read(&files[0]).unwrap()), Vec::<String>::new());
}
