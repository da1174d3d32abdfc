//! A disk that is nearly full costs a wait, never a message.

use std::{fs, path::Path, process::Command, time::Duration};

use crate::{
    scratch,
    support::{
        device::{Answer, Device},
        process,
        relay::{LISTENERS, Relay, SCANNERS},
        sandbox::{Limits, Sandbox},
        scan::{Kind, Scan},
        wait,
    },
};

const FROM: &str = "mfp1@contoso.com";
const TO: &str = "archive@contoso.com";
const MIB: u64 = 1024 * 1024;

/// A file that takes room, removed when dropped.
struct Ballast(std::path::PathBuf);

impl Ballast {
    fn of(path: &Path, octets: u64) -> Self {
        process::run(Command::new("fallocate").arg("-l").arg(octets.to_string()).arg(path));
        Self(path.to_owned())
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// A file system in memory, unmounted when dropped.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    /// None where we may not mount.
    fn at(path: &'a Path, octets: u64) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let size = format!("size={octets},mode=0700");
        let (status, _, _) = process::run_anyhow(
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path),
        );
        status.success().then_some(Self(path))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        // Lazily: a relay that is being killed may still hold files.
        drop(process::run_anyhow(Command::new("umount").arg("-l").arg(self.0)));
    }
}

fn free(path: &Path) -> u64 {
    let text = process::run(Command::new("df").args(["--output=avail", "-B1"]).arg(path));
    text.lines().nth(1).unwrap().trim().parse().unwrap()
}

fn hand_in(relay: &Relay, scan: &Scan) -> Answer {
    let mut device = Device::greeted(relay.listener("none")).unwrap();
    device.hand_in(FROM, TO, scan).unwrap()
}

/// Room is looked at once a second, so the answer changes soon, not at once.
fn until_answered(code: u16, relay: &Relay, scan: &Scan) -> Answer {
    wait::until(&format!("the answer {code}"), wait::PATIENCE, || {
        let answer = hand_in(relay, scan);
        if answer.code == code { Ok(answer) } else { Err(answer.text) }
    })
}

#[test]
fn a_disk_with_too_little_room_is_answered_with_452_until_there_is_room_again() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    // Other work on the disk must not decide the test: the margins are wide on both sides.
    let room = free(dir.path());
    let margin = (room / 4).min(4096 * MIB);
    let keys = format!("[spool]\nmin_free = \"{}MB\"\n", (room - 2 * margin) / MIB);
    let relay = Relay::start(dir.path(), "", &[LISTENERS, SCANNERS, &keys, &sandbox.account("")]);

    let before = Scan::new("before".to_owned(), Kind::Document, 20_000, FROM);
    assert_eq!(hand_in(&relay, &before).code, 250);
    let ballast = Ballast::of(&dir.path().join("ballast"), 3 * margin);
    let refused = Scan::new("refused".to_owned(), Kind::Document, 20_000, FROM);
    let answer = until_answered(452, &relay, &refused);
    assert!(answer.text.starts_with("452 4.3.1 "), "{}", answer.text);
    drop(ballast);
    let after = Scan::new("after".to_owned(), Kind::Document, 20_000, FROM);
    until_answered(250, &relay, &after);

    relay.wait_until_empty(wait::PATIENCE);
    let mut marks = sandbox.marks();
    marks.dedup();
    assert!(
        marks.contains(&"before".to_owned()) && marks.contains(&"after".to_owned()),
        "{marks:?}"
    );
}

#[test]
fn a_disk_that_fills_in_the_middle_of_a_message_refuses_it_and_loses_nothing() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let data_dir = dir.path().join("small");
    // 32 MiB of it are segments of the journal.
    let small = Mounted::at(&data_dir, 90 * MIB);
    // Where nothing may be mounted, the ordinary disk and a message that fits stand in: the way
    // through must work at least.
    let (octets, expected) = if small.is_some() { (34_000_000, 452) } else { (3_000_000, 250) };
    let keys = format!("data_dir = \"{}\"", data_dir.display());
    let relay = Relay::start(
        dir.path(),
        &keys,
        &[LISTENERS, SCANNERS, "[spool]\nmin_free = \"16MB\"", &sandbox.account("")],
    );
    let kept = Scan::new("kept".to_owned(), Kind::Document, 200_000, FROM);
    assert_eq!(hand_in(&relay, &kept).code, 250);

    // With 16 MB to keep free, two such messages do not fit at once; neither says its size
    // beforehand.
    let large = Scan::new("large".to_owned(), Kind::Document, octets, FROM);
    let mut first = Device::greeted(relay.listener("none")).unwrap();
    let mut second = Device::greeted(relay.listener("none")).unwrap();
    assert_eq!(first.begin(FROM, TO).unwrap().code, 354);
    assert_eq!(second.begin(FROM, TO).unwrap().code, 354);
    let wire = large.stuffed();
    let (most, rest) = wire.split_at(wire.len() - 100_000);
    first.send(most).unwrap();
    second.send(&wire).unwrap();
    let answer = second.answer().unwrap();
    assert_eq!(answer.code, expected, "{}", answer.text);
    first.send(rest).unwrap();
    let answer = first.answer().unwrap();
    assert_eq!(answer.code, 250, "{}", answer.text);

    sandbox.wait_for(2, Duration::from_secs(60));
    relay.wait_until_empty(wait::PATIENCE);
    assert_eq!(hand_in(&relay, &kept).code, 250, "there is room again");
    assert_eq!(relay.metric("postroom_quarantined_messages_total"), 0.0);
    drop(relay);
    drop(small);
}
