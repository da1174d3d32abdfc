//! What a client may do.

use std::time::Duration;

use crate::{
    device::{Client, DeviceAuth, DeviceSettings, fixture},
    model::{ByteSize, Reply, ReversePath, Secret},
    pop_before_smtp::{PopAnswer, PopLogin},
    smtp::Login,
};

pub(super) const PEER: &str = "192.168.10.9";

pub(super) fn restricted() -> DeviceSettings {
    DeviceSettings {
        senders: vec!["*@contoso.com".parse().unwrap()],
        recipients: vec![
            "*@contoso.com".parse().unwrap(),
            "postmaster@example.com".parse().unwrap(),
        ],
        max_message: ByteSize::from_mebibytes(50),
        ..fixture::device("printers", &["192.168.10.0/24"])
    }
}

fn client(device: DeviceSettings) -> Client {
    fixture::devices(vec![device], vec![fixture::user("mfp1", "printers", "geheim")])
        .identify(PEER.parse().unwrap())
}

pub(super) fn check<T>(answer: Result<T, Reply>, expected: &str) {
    assert_eq!(answer.err().map_or("ok".to_owned(), |reply| reply.to_string()), expected);
}

fn from(address: &str) -> ReversePath {
    ReversePath::Mailbox(address.parse().unwrap())
}

pub(super) fn plain(user: &str, password: &str) -> Login {
    Login::Password { user: user.into(), password: Secret::new(password.into()) }
}

#[test]
fn a_sender_must_be_among_those_of_the_device() {
    let client = client(restricted());
    check(client.permit_sender(&from("Scan@Contoso.com"), None), "ok");
    check(client.permit_sender(&ReversePath::Null, None), "ok");
    check(
        client.permit_sender(&from("scan@fabrikam.com"), None),
        "550 5.7.1 <scan@fabrikam.com> is not among the senders of device \"printers\"; add it \
        to its senders in the configuration",
    );
}

#[test]
fn a_recipient_must_be_among_those_of_the_device() {
    let client = client(restricted());
    check(client.permit_recipient(&"anna@contoso.com".parse().unwrap()), "ok");
    check(
        client.permit_recipient(&"anna@example.com".parse().unwrap()),
        "550 5.7.1 <anna@example.com> is not among the recipients of device \"printers\"; add \
        it to its recipients in the configuration",
    );
}

#[test]
fn a_message_declared_too_large_is_refused_before_it_is_sent() {
    let client = client(restricted());
    check(client.permit_sender(&from("a@contoso.com"), Some(ByteSize::from_mebibytes(50))), "ok");
    check(
        client.permit_sender(
            &from("a@contoso.com"),
            Some(ByteSize::from_octets(50 * 1024 * 1024 + 1)),
        ),
        "552 5.3.4 too large: max_message of device \"printers\" is 50MB",
    );
}

#[test]
fn a_stranger_may_not_send_and_is_told_which_setting_would_let_it() {
    let devices = fixture::devices(vec![restricted()], Vec::new());
    let stranger = devices.identify("::ffff:192.168.7.9".parse().unwrap());
    let text = "550 5.7.1 192.168.7.9 is not in any device's networks; add it to [[device]] \
        networks in the configuration";
    check(stranger.permit_sender(&from("a@contoso.com"), None), text);
    check(stranger.permit_sender(&ReversePath::Null, None), text);
    check(stranger.permit_recipient(&"anna@contoso.com".parse().unwrap()), text);
    assert_eq!(devices.strangers()[0].last_refusal.as_ref().unwrap().reply.to_string(), text);
}

#[test]
fn a_device_that_must_log_in_may_send_after_it_did() {
    let client = client(DeviceSettings { auth: DeviceAuth::Required, ..restricted() });
    let refusal = "530 5.7.0 log in first: device \"printers\" has auth = \"required\"";
    check(client.permit_sender(&from("a@contoso.com"), None), refusal);
    let (client, user) = client.log_in(&plain("CONTOSO\\MFP1", "geheim")).unwrap();
    assert_eq!(user, "mfp1");
    check(client.permit_sender(&from("a@contoso.com"), None), "ok");
}

#[tokio::test(start_paused = true)]
async fn after_a_login_by_pop_its_address_may_send_for_as_long_as_the_window_says() {
    let devices =
        fixture::devices(vec![restricted()], vec![fixture::user("mfp1", "printers", "geheim")]);
    let identify = |peer: &str| devices.identify(peer.parse().unwrap());
    let pop = |password: &str| PopLogin::Password {
        user: "mfp1".into(),
        password: Secret::new(password.into()),
    };
    let window = Duration::from_secs(600);
    assert_eq!(
        identify("172.16.0.1").log_in_by_pop(&pop("falsch"), None, window),
        PopAnswer::Wrong
    );
    assert!(identify("172.16.0.1").device().is_none());
    let early = identify("172.16.0.1");
    assert!(early.after_pop().is_none());
    assert_eq!(
        identify("172.16.0.1").log_in_by_pop(&pop("geheim"), None, window),
        PopAnswer::Right
    );
    // Connected before the login, it is known after it.
    assert_eq!(early.after_pop().unwrap().user(), Some("mfp1"));
    assert_eq!(identify("172.16.0.1").user(), Some("mfp1"));
    check(identify("172.16.0.1").permit_sender(&from("a@contoso.com"), None), "ok");
    assert!(identify("172.16.0.2").device().is_none());
    tokio::time::advance(Duration::from_secs(601)).await;
    assert!(identify("172.16.0.1").device().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_apop_digest_opens_the_window_too() {
    let devices =
        fixture::devices(vec![restricted()], vec![fixture::user("mrose", "printers", "tanstaaf")]);
    let client = devices.identify("172.16.0.1".parse().unwrap());
    // RFC 1939 7, the example of APOP.
    let apop = PopLogin::Apop {
        user: "mrose".into(),
        timestamp: "<1896.697170952@dbc.mtview.ca.us>".into(),
        digest: "c4c9334bac560ecc979e58001b3e22fb".into(),
    };
    assert_eq!(client.log_in_by_pop(&apop, None, Duration::from_secs(600)), PopAnswer::Right);
}

#[test]
fn a_stranger_becomes_the_device_of_its_user() {
    let devices =
        fixture::devices(vec![restricted()], vec![fixture::user("mfp1", "printers", "geheim")]);
    let stranger = devices.identify("172.16.0.1".parse().unwrap());
    check(
        stranger.permit_sender(&from("a@contoso.com"), None),
        "550 5.7.1 172.16.0.1 is not in any device's networks; log in, or add it to [[device]] \
        networks in the configuration",
    );
    let (client, _) = stranger.log_in(&plain("mfp1@contoso.com", "geheim")).unwrap();
    assert_eq!(client.device().unwrap().name.as_str(), "printers");
    check(client.permit_sender(&from("a@contoso.com"), None), "ok");
}

#[tokio::test(start_paused = true)]
async fn all_connections_of_a_device_share_its_messages_per_minute() {
    let devices = fixture::devices(
        vec![DeviceSettings { messages_per_minute: Some(2), ..restricted() }],
        Vec::new(),
    );
    let (one, other) = (
        devices.identify(PEER.parse().unwrap()),
        devices.identify("192.168.10.10".parse().unwrap()),
    );
    check(one.permit_sender(&from("a@contoso.com"), None), "ok");
    // What is refused for another reason does not count.
    assert!(one.permit_sender(&from("a@fabrikam.com"), None).is_err());
    check(other.permit_sender(&from("a@contoso.com"), None), "ok");
    let refusal =
        "450 4.7.1 too fast: messages_per_minute of device \"printers\" is 2; try again later";
    check(one.permit_sender(&from("a@contoso.com"), None), refusal);
    tokio::time::advance(Duration::from_secs(31)).await;
    check(one.permit_sender(&from("a@contoso.com"), None), "ok");
}
