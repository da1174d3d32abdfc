//! Many large scans at once need little memory.

use std::{
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use crate::{
    scratch,
    support::{
        Pace,
        device::Device,
        relay::{LISTENERS, Relay, SCANNERS},
        sandbox::{Limits, Sandbox},
        scan::{Kind, Scan},
    },
};

const DEVICES: usize = 32;
const LIMIT_KIB: u64 = 64 * 1024;
/// The limit of a debug build, without the pages of its program file. Those are twice as many as in
/// a release build and grow with the code, not with the mail.
const DEBUG_LIMIT_KIB: u64 = 40 * 1024;
const FROM: &str = "mfp1@contoso.com";

#[test]
fn thirty_two_devices_hand_in_25_mb_each_at_once_and_the_daemon_stays_under_64_mb() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let account = sandbox.account("limits = { connections = 4 }\nbatch = { messages = 100000 }");
    let relay = Relay::start(dir.path(), "", &[LISTENERS, SCANNERS, &account]);
    let server = relay.listener("none");

    // One text for all: it is the daemon's memory that is measured, and the test's need not be 32
    // times larger.
    let scan = Scan::new("crowd".to_owned(), Kind::Document, 25_000_000, FROM);
    let wire = Arc::new(scan.stuffed());
    let all_begun = Arc::new(Barrier::new(DEVICES));
    let handed_in: Vec<_> = (0..DEVICES)
        .map(|number| {
            let (wire, all_begun) = (wire.clone(), all_begun.clone());
            thread::spawn(move || {
                let mut device = Device::greeted(server).unwrap();
                assert_eq!(
                    device.begin(FROM, &format!("archive{number}@contoso.com")).unwrap().code,
                    354
                );
                all_begun.wait();
                device.send(&wire).unwrap();
                let answer = device.answer().unwrap();
                assert_eq!(answer.code, 250, "{}", answer.text);
            })
        })
        .collect();
    for device in handed_in {
        device.join().unwrap();
    }
    let receiving = relay.peak_memory_kib();
    let count = Pace::chosen().pick(4, DEVICES);
    let files = sandbox.wait_for(count, Duration::from_secs(600));
    let peak = relay.peak_memory_kib();
    eprintln!(
        "peak resident memory: {receiving} KiB while receiving, {peak} KiB after {} were passed on",
        files.len()
    );
    let (measured, limit) = if cfg!(debug_assertions) {
        (peak - relay.program_memory_kib(), DEBUG_LIMIT_KIB)
    } else {
        (peak, LIMIT_KIB)
    };
    assert!(measured < limit, "{measured} KiB");
    let arrived = std::fs::read(&files[0]).unwrap();
    assert_eq!(scan.proof.faults(&arrived), Vec::<String>::new());
}
