//! What is remembered of devices, and what is forgotten.

use std::net::Ipv4Addr;

use super::*;
use crate::device::HandshakeSighting;

fn peer(n: u32) -> IpAddr {
    Ipv4Addr::from(n).into()
}

fn at(ms: u32) -> Timestamp {
    Timestamp::from_millis(ms.into())
}

fn everybody(_: Option<&DeviceName>, _: IpAddr) -> bool {
    true
}

fn restored(from: &[SightingRecord]) -> Sightings {
    let sightings = Sightings::default();
    for SightingRecord { name, value } in from {
        sightings.restore(name.clone(), value.clone().unwrap(), everybody);
    }
    sightings
}

#[test]
fn only_the_latest_strangers_are_remembered_and_the_last_comes_first() {
    let sightings = Sightings::default();
    for n in 0..100 {
        sightings.note(None, peer(n), at(n), |_| {});
    }
    sightings.note(None, peer(50), at(1000), |_| {});
    let strangers = sightings.strangers();
    assert_eq!(strangers.len(), STRANGERS_LIMIT);
    assert_eq!((strangers[0].peer, strangers[1].peer), (peer(50), peer(99)));
}

#[test]
fn who_only_knocks_does_not_make_a_refused_stranger_forgotten() {
    let sightings = Sightings::default();
    let failed = HandshakeSighting { at: at(0), reason: "too old".to_owned(), needs: None };
    sightings.note(None, peer(1), at(0), |seen| seen.failed_handshake = Some(failed));
    for n in 2..200 {
        sightings.note(None, peer(n), at(n), |_| {});
    }
    let strangers = sightings.strangers();
    assert_eq!(
        (strangers.len(), strangers.iter().any(|seen| seen.peer == peer(1))),
        (STRANGERS_LIMIT, true)
    );
}

#[test]
fn the_clients_of_a_device_are_bounded_and_its_totals_count_all_of_them() {
    let sightings = Sightings::default();
    for n in 0..100 {
        sightings.note(Some(&"printers".into()), peer(n), at(n), |seen| seen.counts.messages += 1);
    }
    let devices = sightings.devices();
    assert_eq!(devices.len(), 1);
    assert_eq!((devices[0].clients.len(), devices[0].counts.messages), (CLIENTS_OF_A_DEVICE, 100));
    assert_eq!(
        (devices[0].first_seen, devices[0].last_seen, devices[0].clients[0].peer),
        (at(0), at(99), peer(99))
    );
}

#[test]
fn all_devices_together_are_bounded_too_and_strangers_take_no_place_of_theirs() {
    let sightings = Sightings::default();
    for n in 0..1000 {
        sightings.note(Some(&format!("device {}", n % 50).into()), peer(n), at(n), |_| {});
    }
    for n in 0..1000 {
        sightings.note(None, peer(n), at(2000 + n), |_| {});
    }
    assert_eq!(
        sightings.devices().iter().map(|device| device.clients.len()).sum::<usize>(),
        CLIENTS_LIMIT
    );
    assert_eq!(sightings.strangers().len(), STRANGERS_LIMIT);
}

#[test]
fn what_was_kept_comes_back_and_only_what_has_changed_is_kept_again() {
    let sightings = Sightings::default();
    sightings
        .note(Some(&"printers".into()), peer(1), at(5), |seen| seen.helo = Some("mfp1".into()));
    sightings.note(None, peer(2), at(6), |_| {});
    let kept = sightings.unkept();
    assert_eq!(kept.len(), 3);
    assert_eq!(sightings.unkept(), []);

    let next = restored(&kept);
    assert_eq!((next.devices(), next.strangers()), (sightings.devices(), sightings.strangers()));
    assert_eq!(next.unkept(), []);
    next.note(None, peer(2), at(7), |_| {});
    assert_eq!(next.unkept().len(), 1);
    next.keep_again();
    assert_eq!(next.unkept().len(), 3);
}

#[test]
fn what_is_forgotten_is_deleted_if_it_was_ever_kept() {
    let sightings = Sightings::default();
    sightings.note(None, peer(1), at(1), |_| {});
    sightings.forget_stranger(peer(1));
    assert_eq!(sightings.unkept(), []);
    sightings.note(None, peer(1), at(1), |_| {});
    sightings.unkept();
    sightings.forget_stranger(peer(1));
    assert_eq!(
        sightings.unkept(),
        [SightingRecord { name: "stranger/0.0.0.1".into(), value: None }]
    );
}

#[test]
fn a_record_that_cannot_be_read_or_says_nothing_any_more_is_deleted() {
    let sightings = Sightings::default();
    assert_eq!(
        sightings.restore("stranger/x".into(), Value::from(7), everybody),
        Restored::Unreadable
    );
    let source = Sightings::default();
    source.note(Some(&"gone".into()), peer(1), at(1), |_| {});
    for SightingRecord { name, value } in source.unkept() {
        assert_eq!(sightings.restore(name, value.unwrap(), |_, _| false), Restored::Readable);
    }
    assert!(sightings.devices().is_empty());
    assert_eq!(sightings.unkept().iter().filter(|record| record.value.is_none()).count(), 3);
}
