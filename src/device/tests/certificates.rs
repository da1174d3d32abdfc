//! Devices that are known by their certificate.

use crate::{
    device::{ClientCertificate, DeviceAuth, DeviceSettings, Worth, fixture},
    model::{Fingerprint, ReversePath, Secret},
    smtp::Login,
};

fn shown(first: u8, names: &[&str]) -> ClientCertificate {
    let mut fingerprint = [0; 32];
    fingerprint[0] = first;
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    ClientCertificate { fingerprint: Fingerprint(fingerprint), names, worth: Worth::Names }
}

fn certified(name: &str, networks: &[&str], certificates: &[&str]) -> DeviceSettings {
    let certificates = certificates.iter().map(|text| text.parse().unwrap()).collect();
    DeviceSettings { certificates, auth: DeviceAuth::Required, ..fixture::device(name, networks) }
}

fn pinned(first: u8) -> String {
    shown(first, &[]).fingerprint.to_string()
}

#[track_caller]
fn check(peer: &str, shown: &ClientCertificate, expected: Option<&str>) {
    let devices = fixture::devices(
        vec![
            certified("printers", &["192.168.10.0/24"], &[]),
            certified("reception", &[], &["MFP7.contoso.lan", "mfp@contoso.com"]),
            certified("cellar", &[], &[&pinned(7), "mfp9.contoso.lan"]),
        ],
        vec![],
    );
    let client = devices.identify(peer.parse().unwrap()).certified(shown);
    assert_eq!(client.device().map(|device| device.name.as_str()), expected);
}

#[test]
fn a_client_is_the_device_that_names_its_certificate() {
    check(
        "172.16.0.1",
        &shown(1, &["Multifunction printer", "mfp7.Contoso.lan"]),
        Some("reception"),
    );
    check("172.16.0.1", &shown(1, &["mfp@contoso.com"]), Some("reception"));
    check("172.16.0.1", &shown(7, &[]), Some("cellar"));
    // Of two that fit, the one that names this very certificate.
    check("172.16.0.1", &shown(7, &["mfp7.contoso.lan"]), Some("cellar"));
}

#[test]
fn a_certificate_beats_the_network_and_an_unknown_one_changes_nothing() {
    check("192.168.10.9", &shown(7, &[]), Some("cellar"));
    check("192.168.10.9", &shown(8, &["mfp8.contoso.lan"]), Some("printers"));
    check("172.16.0.1", &shown(8, &["mfp8.contoso.lan"]), None);
}

#[test]
fn a_certificate_counts_for_what_it_is_worth_and_what_is_missing_is_remembered() {
    let worth = |worth| ClientCertificate { worth, ..shown(7, &["mfp7.contoso.lan"]) };
    check("172.16.0.1", &worth(Worth::Fingerprint("it has expired".into())), Some("cellar"));
    check("172.16.0.1", &worth(Worth::Nothing("it is too old".into())), None);
    let expired = ClientCertificate {
        worth: Worth::Fingerprint("it has expired".into()),
        ..shown(8, &["mfp7.contoso.lan"])
    };
    check("172.16.0.1", &expired, None);
    let devices =
        fixture::devices(vec![certified("reception", &[], &["mfp7.contoso.lan"])], vec![]);
    let stranger = devices.identify("172.16.0.1".parse().unwrap()).certified(&expired);
    stranger.note_connection(None);
    let seen = devices.strangers().remove(0).unknown_certificate.unwrap();
    assert_eq!(
        (seen.names.as_slice(), seen.reason.as_str()),
        (["mfp7.contoso.lan".to_owned()].as_slice(), "it has expired")
    );
    assert_eq!(seen.entry, Some(expired.fingerprint.to_string()));
    let _same = stranger.certified(&worth(Worth::Nothing("it is too old".into())));
    assert_eq!(devices.strangers().remove(0).unknown_certificate.unwrap().entry, None);
}

#[test]
fn a_certificate_is_as_good_as_the_login_that_is_required_and_a_login_beats_it() {
    let users = vec![fixture::user("erp", "server", "geheim")];
    let devices = fixture::devices(
        vec![certified("printers", &[], &[&pinned(7)]), fixture::device("server", &[])],
        users,
    );
    let stranger = devices.identify("172.16.0.1".parse().unwrap());
    assert!(stranger.permit_sender(&ReversePath::Null, None).is_err());
    let client = stranger.certified(&shown(7, &[]));
    client.permit_sender(&ReversePath::Null, None).unwrap();
    assert_eq!(client.certificate(), Some(pinned(7).as_str()));
    let login = Login::Password { user: "erp".into(), password: Secret::new("geheim".into()) };
    let (client, _) = client.log_in(&login).unwrap();
    assert_eq!(client.device().unwrap().name.as_str(), "server");
}
