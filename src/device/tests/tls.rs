//! Handshakes that are refused, and TLS that is too old for a device.

use crate::{
    device::{DeviceEncryption, DeviceSettings, TlsRefusal, fixture},
    model::TlsVersion,
};

fn check(peer: &str, refusal: TlsRefusal, expected: &str) {
    let devices =
        fixture::devices(vec![fixture::device("printers", &["192.168.10.0/24"])], Vec::new());
    devices.identify(peer.parse().unwrap()).refuse_tls(refusal);
    let seen = devices
        .sightings()
        .into_iter()
        .flat_map(|device| device.clients)
        .chain(devices.strangers())
        .next()
        .unwrap();
    assert_eq!(seen.failed_handshake.unwrap().reason, expected);
}

#[test]
fn a_refused_handshake_names_what_was_offered_and_the_setting_that_lets_it_in() {
    let printer = "192.168.10.9";
    check(
        printer,
        TlsRefusal::TooOld(Some(TlsVersion::Ssl3)),
        "it offers at most ssl3, and its oldest_tls is tls1.2; oldest_tls = \"ssl3\" in [[device]] \
        \"printers\" admits it",
    );
    check(
        printer,
        TlsRefusal::OldCiphers,
        "it offers at most tls1.2 with RC4 or 3DES, and its oldest_tls is tls1.2; oldest_tls = \
        \"tls1.1\" in [[device]] \"printers\" admits it",
    );
    check(
        printer,
        TlsRefusal::TooOld(None),
        "it offers SSL 2.0 and nothing newer, which is not served; switch encryption off on it",
    );
    check(
        printer,
        TlsRefusal::NotBuilt(TlsVersion::Tls10),
        "it offers at most tls1.0; this build has no legacy TLS (Cargo feature legacy-tls)",
    );
    check(
        "172.16.0.1",
        TlsRefusal::TooOld(Some(TlsVersion::Tls10)),
        "it offers at most tls1.0; a [[device]] with its address in networks and oldest_tls = \
        \"tls1.0\" admits it",
    );
}

#[test]
fn who_became_a_device_after_the_handshake_is_held_to_its_oldest_tls() {
    let device = DeviceSettings {
        oldest_tls: TlsVersion::Tls11,
        ..fixture::device("printers", &["192.168.10.0/24"])
    };
    let client =
        fixture::devices(vec![device], Vec::new()).identify("192.168.10.9".parse().unwrap());
    let refusal = client.permit_tls(Some(TlsVersion::Tls10)).unwrap_err().to_string();
    assert_eq!(
        refusal,
        "534 5.7.9 tls1.0 is too old: oldest_tls of device \"printers\" is \"tls1.1\""
    );
    for good in [None, Some(TlsVersion::Tls11), Some(TlsVersion::Tls13)] {
        assert!(client.permit_tls(good).is_ok(), "{good:?}");
    }
}

#[test]
fn what_is_older_than_tls_1_2_counts_as_plaintext() {
    let device = DeviceSettings {
        oldest_tls: TlsVersion::Ssl3,
        encryption: DeviceEncryption::Required,
        ..fixture::device("printers", &["192.168.10.0/24"])
    };
    let client =
        fixture::devices(vec![device], Vec::new()).identify("192.168.10.9".parse().unwrap());
    let refusal = |on| client.permit_tls(on).unwrap_err().to_string();
    let text = "530 5.7.0 use TLS 1.2 or newer: device \"printers\" has encryption = \"required\"";
    assert_eq!(refusal(None), text);
    assert_eq!(refusal(Some(TlsVersion::Ssl3)), format!("{text}, and ssl3 counts as plaintext"));
    assert_eq!(refusal(Some(TlsVersion::Tls11)), format!("{text}, and tls1.1 counts as plaintext"));
    assert!(client.permit_tls(Some(TlsVersion::Tls12)).is_ok());
}
