//! Devices, listeners and what a device is shown.

use std::time::Duration;

use postroom::{device::DeviceAuth, listener::ClientCertificates};

use super::{GOOD, HASHES, good, parse, parse_on, refused, warned, with};

#[test]
fn what_a_device_is_shown_is_read_before_a_device_sees_it() {
    let tls = |lines: &str| format!("{GOOD}[tls]\n{lines}\n");
    assert_eq!(
        good(&tls("certificate = \"/etc/postroom/tls.pem\"\nkey = \"/etc/postroom/tls.key\""))
            .warnings,
        []
    );
    warned(
        &tls("certificate = \"/curve.pem\"\nkey = \"/curve.key\""),
        "tls.certificate",
        "is not RSA",
    );
    warned(
        &tls("legacy_certificate = \"/curve.pem\"\nlegacy_key = \"/curve.key\""),
        "tls.legacy_certificate",
        "is not RSA",
    );
    refused(
        &tls("certificate = \"/etc/postroom/tls.pem\"\nkey = \"/curve.key\""),
        "tls.key",
        "is not the key of the certificate",
    );
    refused(
        &tls("legacy_certificate = \"/etc/postroom/tls.pem\"\nlegacy_key = \"/curve.key\""),
        "tls.legacy_key",
        "is not the key",
    );
    refused(
        &tls("certificate = \"/geheim\"\nkey = \"/etc/postroom/tls.key\""),
        "tls.certificate",
        "/geheim holds no certificate",
    );
    refused(
        &tls("certificate = \"/etc/postroom/tls.pem\"\nkey = \"/geheim\""),
        "tls.key",
        "/geheim holds no private key",
    );
    refused(
        &tls("certificate = \"/etc/postroom/tls.pem\"\nkey = \"/absent\""),
        "tls.key",
        "/absent does not exist",
    );
    refused(
        &tls("legacy_certificate = \"/geheim\"\nlegacy_key = \"/etc/postroom/tls.key\""),
        "tls.legacy_certificate",
        "no certificate",
    );
    let swapped = tls("certificate = \"/etc/postroom/tls.key\"\nkey = \"/etc/postroom/tls.pem\"");
    let problems = parse(&swapped, &[]).map(|_| ()).unwrap_err();
    assert_eq!(
        problems.iter().map(|problem| problem.key.as_str()).collect::<Vec<_>>(),
        ["tls.certificate"]
    );
    let vouched = format!(
        "{}[tls]\nclient_ca = \"/geheim\"\n",
        with("networks =", "certificates = [\"mfp7.contoso.lan\"]\nnetworks =")
    );
    refused(&vouched, "tls.client_ca", "/geheim holds no certificate");
}

#[test]
fn networks_are_written_as_they_are_compared() {
    let networks = |network: &str| with("\"192.168.10.0/24\"", &format!("\"{network}\""));
    warned(
        &networks("192.168.1.7/24"),
        "device[0].networks",
        "treated as the network 192.168.1.0/24; write that, or \"192.168.1.7\"",
    );
    warned(
        &networks("2001:db8::7/64"),
        "device[0].networks",
        "treated as the network \
    2001:db8::/64",
    );
    refused(&networks("::ffff:10.0.0.0/104"), "device[0].networks", "write \"10.0.0.0/8\"");
    refused(&networks("::ffff:10.0.0.7"), "device[0].networks", "write \"10.0.0.7/32\"");
    for fine in ["192.168.1.7", "10.0.0.0/8", "2001:db8::/64", "fe80::1"] {
        assert_eq!(good(&networks(fine)).warnings, [], "{fine}");
    }
}

#[test]
fn a_word_that_is_nearly_right_is_answered_with_the_right_one() {
    let device = |line: &str| with("networks =", &format!("{line}\nnetworks ="));
    refused(
        &device("hide_extensions = [\"PIPELINE\"]"),
        "device[0].hide_extensions",
        "did you mean \"PIPELINING\"?",
    );
    refused(
        &device("hide_extensions = [\"CHUNKING\"]"),
        "device[0].hide_extensions",
        "is none of \"SIZE\"",
    );
    assert_eq!(
        good(&device("hide_extensions = [\"pipelining\", \"AUTH=\"]")).devices[0].hide_extensions,
        ["PIPELINING", "AUTH="]
    );
    refused(
        &device("mechanisms = [\"crammd5\"]"),
        "device[0].mechanisms",
        "did you mean \"cram-md5\"?",
    );
    refused(&device("auth = \"require\""), "device[0].auth", "did you mean \"required\"?");
    refused(&device("mechanisms = []"), "device[0].mechanisms", "nobody could log in");
}

#[test]
fn what_lets_nothing_through_is_pointed_out() {
    let device = |line: &str| with("networks =", &format!("{line}\nnetworks ="));
    refused(
        &device("senders = [\"@contoso.com\"]"),
        "device[0].senders",
        "is not an address pattern; write for example \"*@contoso.com\"",
    );
    warned(&device("senders = []"), "device[0].senders", "nothing is allowed");
    let offered =
        good(&device("auth = \"optional\"\nmechanisms = [\"PLAIN\", \"plain\", \"login\"]"))
            .devices[0]
            .mechanisms
            .len();
    assert_eq!(offered, 2);
    let challenge = device("auth = \"required\"\nmechanisms = [\"cram-md5\"]");
    let problems = parse_on(&challenge, &[], &HASHES).map(|_| ()).unwrap_err();
    assert!(
        problems
            .iter()
            .any(|p| p.key == "device[0].mechanisms"
                && p.text.contains("some have only a hash; add")),
        "{problems:#?}"
    );
}

#[test]
fn a_device_that_is_known_by_its_users_alone_lets_them_log_in() {
    refused(
        &with("networks = [\"192.168.10.0/24\"]", "auth = \"none\""),
        "device[0].auth",
        "identified only by its users",
    );
}

#[test]
fn a_name_in_a_certificate_needs_somebody_who_vouches_for_it_and_a_fingerprint_does_not() {
    let named = with("networks =", "certificates = [\"mfp7.contoso.lan\"]\nnetworks =");
    refused(
        &named,
        "device[0].certificates",
        "write the authority that issues such certificates \
    in [tls] client_ca",
    );
    let vouched = format!("{named}[tls]\nclient_ca = \"/etc/postroom/ca.pem\"\n");
    assert_eq!(good(&vouched).warnings, []);
    let fingerprint = format!("sha256:{}", "0f".repeat(32));
    let pinned = good(&with(
        "networks = [\"192.168.10.0/24\"]",
        &format!("certificates = [\"{fingerprint}\"]"),
    ));
    assert_eq!(
        (pinned.warnings.as_slice(), pinned.devices.first().unwrap().auth),
        (&[][..], DeviceAuth::None)
    );
    assert_eq!(pinned.tls.clients, ClientCertificates::Asked { ca: None });
    assert_eq!(good(GOOD).tls.clients, ClientCertificates::Ignored);
    warned(
        &format!("{GOOD}[tls]\nclient_ca = \"/etc/postroom/ca.pem\"\n"),
        "tls.client_ca",
        "no [[device]] has certificates",
    );
    refused(
        &with("networks =", "certificates = [\"sha256:0f\"]\nnetworks ="),
        "device[0].certificates",
        "64 hexadecimal digits",
    );
    let twice = format!(
        "certificates = [\"{fingerprint}\", \"{}\"]\nnetworks =",
        fingerprint.to_uppercase()
    );
    refused(&with("networks =", &twice), "device[0].certificates", "already uses");
}

#[test]
fn pop_needs_somebody_to_log_in_and_time_to_scan() {
    let pop = with("\"[::]:25\"", "\"[::]:110\"\nprotocol = \"pop3\"");
    assert_eq!(good(&pop).receiving.pop_window, Duration::from_secs(600));
    let nobody = pop.replace(
        "[[user]]\nname = \"erp\"\npassword_file = \
        \"/etc/postroom/erp.pass\"\ndevice = \"printers\"\n",
        "",
    );
    warned(&nobody, "listener[0].protocol", "no [[user]] who could log in");
    refused(
        &format!("{GOOD}[receiving]\npop_window = \"5s\"\n"),
        "receiving.pop_window",
        "write at least \"1m\"",
    );
}

#[test]
fn a_client_is_one_device() {
    let other = |network: &str| {
        with(
            "[[user]]",
            &format!("[[device]]\nname = \"other\"\nnetworks = [\"{network}\"]\n[[user]]"),
        )
    };
    refused(&other("192.168.10.0/24"), "device[1].networks", "already belongs to device[0]");
    // The same network, written with another address of it.
    refused(&other("192.168.10.77/24"), "device[1].networks", "already belongs to device[0]");
    assert_eq!(good(&other("192.168.10.7")).warnings, []);
    warned(&with("192.168.10.0/24", "0.0.0.0/0"), "device[0].networks", "open relay");
    warned(&with("192.168.10.0/24", "::/0"), "device[0].networks", "open relay");
    warned(
        &with(
            "networks = [\"192.168.10.0/24\"]\n",
            "networks = [\"192.168.10.0/24\", \"192.168.10.0/24\"]\n",
        ),
        "device[0].networks",
        "twice",
    );
}

#[test]
fn devices_that_nobody_can_be_are_pointed_out() {
    let lonely = with("[[user]]", "[[device]]\nname = \"lonely\"\n[[user]]");
    warned(&lonely, "device[1]", "no client can be \"lonely\"");
    let mute = with(
        "[[user]]",
        "[[device]]\nname = \"mute\"\nnetworks = [\"10.0.0.1\"]\nauth = \"required\"\n[[user]]",
    );
    warned(&mute, "device[1].auth", "no [[user]] names \"mute\"");
    warned(
        &with("networks =", "oldest_tls = \"ssl3\"\nnetworks ="),
        "device[0].oldest_tls",
        "can read and change ssl3 traffic",
    );
}

#[test]
fn a_mechanism_that_is_asked_for_and_cannot_be_offered_is_warned_about() {
    let warnings = |keys: &str| {
        let text = with("networks =", &format!("{keys}\nnetworks ="));
        let config =
            parse_on(&text, &[], &HASHES).unwrap_or_else(|problems| panic!("{problems:#?}"));
        config
            .warnings
            .iter()
            .map(|warning| format!("{}: {}", warning.key, warning.text))
            .collect::<Vec<_>>()
    };
    let text = "device[0].mechanisms: \"cram-md5\" is not offered: it needs the password itself, \
    but user \"erp\" has only a hash";
    assert_eq!(warnings("auth = \"optional\"\nmechanisms = [\"cram-md5\", \"plain\"]"), [text]);
    let none: [&str; 0] = [];
    assert_eq!(warnings("auth = \"optional\"\nmechanisms = [\"login\", \"plain\"]"), none);
    assert_eq!(warnings("auth = \"none\"\nmechanisms = [\"cram-md5\"]"), none);
    // Not asked for: what can be offered is.
    assert_eq!(warnings("auth = \"optional\""), none);
}

#[test]
fn what_all_devices_have_in_common_is_written_once() {
    let text = with(
        "[[device]]\nname = \"printers\"\n",
        "[defaults.device]\nmax_recipients = 7\nconnections = 3\n\
        from = { address = \"scanner@contoso.com\" }\n[[device]]\nname = \"erp\"\nauth = \
        \"required\"\nconnections = 5\n[[device]]\nname = \"printers\"\n",
    );
    let config = good(&text);
    let each = config.devices.iter().map(|device| (device.max_recipients, device.connections));
    assert_eq!(each.collect::<Vec<_>>(), [(7, 5), (7, 3)]);
    let from = config.devices[1].from.as_ref().unwrap();
    assert_eq!(from.address.as_ref().unwrap().as_str(), "scanner@contoso.com");
}

#[test]
fn a_default_that_is_wrong_or_unwise_is_named_once_where_it_is_written() {
    let defaults = |line: &str| {
        with(
            "[[device]]\n",
            &format!(
                "[defaults.device]\n{line}\n[[device]]\nname = \"erp\"\n\
                networks = [\"10.0.0.1\"]\n[[device]]\n"
            ),
        )
    };
    refused(&defaults("max_recipients = 0"), "defaults.device.max_recipients", "from 1");
    refused(&defaults("networks = [\"10.0.0.0/8\"]"), "defaults.device.networks", "no such key");
    let config = good(&defaults("oldest_tls = \"ssl3\""));
    let [warning] = config.warnings.as_slice() else { panic!("{:#?}", config.warnings) };
    assert_eq!(warning.to_string().split(": ").next(), Some("postroom.toml:5"));
    assert_eq!(warning.key, "defaults.device.oldest_tls");
}
