//! What the config takes, what it refuses, and what it says then.

use std::{fs, io, net::SocketAddr, path::Path, sync::OnceLock, time::Duration};

use postroom::{
    config::{Config, ConfigError, Files, Place, Problem, SecretFile, Severity, reference},
    device::{DeviceAuth, PasswordSource},
    listener::ClientCertificates,
    model::{Address, ByteSize, Secret, TlsVersion},
    queue::{Reach, SenderRewrite, Split},
    upstream::{AuthMethod, Security, Verification},
};
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use rsa::pkcs8::EncodePrivateKey as _;
use rustls_pki_types::PrivatePkcs8KeyDer;

/// A config with nothing to complain about.
const GOOD: &str = r#"hostname = "relay.contoso.lan"
[[listener]]
address = "[::]:25"
[[device]]
name = "printers"
networks = ["192.168.10.0/24"]
[[user]]
name = "erp"
password_file = "/etc/postroom/erp.pass"
device = "printers"
[[account]]
name = "scanner"
route = "submission"
preset = "office365"
address = "scanner@contoso.com"
auth = { method = "xoauth2", token_file = "/run/postroom/token" }
[report]
administrator = "it@contoso.com"
"#;

/// A certificate with RSA and its key, and the same with an elliptic curve.
fn pairs() -> &'static [(String, String); 2] {
    static PAIRS: OnceLock<[(String, String); 2]> = OnceLock::new();
    PAIRS.get_or_init(|| {
        let names = ["relay.contoso.lan".to_owned()];
        let curve = rcgen::generate_simple_self_signed(names.clone()).unwrap();
        let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
        let der = key.to_pkcs8_der().unwrap();
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from(der.as_bytes()),
            &PKCS_RSA_SHA256,
        )
        .unwrap();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&pair).unwrap().pem();
        [(certificate, pair.serialize_pem()), (curve.cert.pem(), curve.signing_key.serialize_pem())]
    })
}

/// A disk that has every file: certificates and keys that belong together where the name says so,
/// else all with this content; all with these permissions.
struct Disk {
    content: &'static str,
    mode: u32,
}

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<SecretFile> {
        if path.ends_with("absent") {
            return Err(io::ErrorKind::NotFound.into());
        }
        let [rsa, curve] = pairs();
        let (certificate, key) =
            if path.file_stem().is_some_and(|stem| stem == "curve") { curve } else { rsa };
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            Some("pem") => certificate,
            Some("key") => key,
            Some(_) | None => self.content,
        };
        Ok(SecretFile { text: Secret::new(text.to_owned()), mode: self.mode })
    }

    fn octets(&self, path: &Path, _most: u64) -> io::Result<Vec<u8>> {
        if path.ends_with("absent") {
            Err(io::ErrorKind::NotFound.into())
        } else {
            Ok(self.content.as_bytes().to_vec())
        }
    }
}

const PASSWORDS: Disk = Disk { content: "geheim\n", mode: 0o600 };
/// As [`PASSWORDS`], with an argon2 hash in each file.
const HASHES: Disk = Disk {
    content: "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$Tz8mZ3hNy0pDi8OSVYZ8tV0V6o0nTfEoQXqEo7mDcvU\n",
    mode: 0o600,
};

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    parse_on(text, environment, &PASSWORDS)
}

fn parse_on(text: &str, environment: &[(&str, &str)], disk: &Disk) -> Result<Config, Vec<Problem>> {
    let environment: Vec<_> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    match Config::parse(Path::new("postroom.toml"), text, &environment, disk) {
        Ok(config) => Ok(config),
        Err(ConfigError::Invalid(problems)) => Err(problems),
        Err(other) => panic!("{other}"),
    }
}

fn good(text: &str) -> Config {
    parse(text, &[]).unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"))
}

/// The good config with one piece replaced.
fn with(old: &str, new: &str) -> String {
    assert_eq!(
        GOOD.matches(old).count(),
        1,
        "{old:?} does not stand exactly once in the good config"
    );
    GOOD.replace(old, new)
}

/// One error, of this key, that says this, and what to write instead.
fn refused(text: &str, key: &str, says: &str) {
    let problems = parse(text, &[]).map(|_| ()).unwrap_err();
    let errors: Vec<&Problem> =
        problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    let [error] = errors.as_slice() else { panic!("not one error, but {errors:#?}\n{text}") };
    assert_eq!(error.key, key, "{error}");
    assert!(error.text.contains(says), "{says:?} is not in: {error}");
}

/// It loads, with one warning more than the good config has: none.
fn warned(text: &str, key: &str, says: &str) {
    let warnings = good(text).warnings;
    let [warning] = warnings.as_slice() else {
        panic!("not one warning, but {warnings:#?}\n{text}")
    };
    assert_eq!((warning.severity, warning.key.as_str()), (Severity::Warning, key), "{warning}");
    assert!(warning.text.contains(says), "{says:?} is not in: {warning}");
}

#[test]
fn a_good_config_loads_without_a_word() {
    let config = good(GOOD);
    assert_eq!(config.warnings, []);
    let [account] = config.accounts.as_slice() else { panic!("not one account") };
    let destination = &account.destination;
    assert_eq!((destination.host.as_str(), destination.port), ("smtp.office365.com", 587));
    assert_eq!(
        (destination.security, destination.verify),
        (Security::StartTls, Verification::Required)
    );
    assert_eq!(destination.helo, "relay.contoso.lan");
    assert_eq!(destination.auth.as_ref().unwrap().user, "scanner@contoso.com");
    assert_eq!(account.limits.messages_per_minute, Some(30));
    assert_eq!((account.limits.recipients_per_day, account.limits.connections), (Some(10_000), 3));
    assert_eq!(
        (account.batch.split, account.sender.rewrite),
        (Split::OnFailure, SenderRewrite::WhenNotAllowed)
    );
    let [device] = config.devices.as_slice() else { panic!("not one device") };
    assert_eq!((device.auth, device.oldest_tls), (DeviceAuth::None, TlsVersion::Tls12));
    assert_eq!(device.max_message, ByteSize::from_mebibytes(35));
    let password = &config.users.first().unwrap().password;
    assert!(
        matches!(password, PasswordSource::Clear { secret, .. } if secret.expose() == "geheim")
    );
    assert_eq!(config.retry.spacing.first(), Some(&Duration::from_secs(1800)));
    assert_eq!(config.report.from, Some("scanner@contoso.com".parse::<Address>().unwrap()));
    assert_eq!(config.admin.address, "127.0.0.1:8025".parse::<SocketAddr>().unwrap());
}

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
        "/absent is not there",
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
        "taken as the network 192.168.1.0/24; write that, or \"192.168.1.7\"",
    );
    warned(&networks("2001:db8::7/64"), "device[0].networks", "taken as the network 2001:db8::/64");
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
        "do you mean \"PIPELINING\"?",
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
        "do you mean \"cram-md5\"?",
    );
    refused(&device("auth = \"require\""), "device[0].auth", "do you mean \"required\"?");
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
        problems.iter().any(
            |p| p.key == "device[0].mechanisms" && p.text.contains("only a hash is known; add")
        ),
        "{problems:#?}"
    );
}

#[test]
fn a_device_that_is_known_by_its_users_alone_lets_them_log_in() {
    refused(
        &with("networks = [\"192.168.10.0/24\"]", "auth = \"none\""),
        "device[0].auth",
        "known by its users alone",
    );
}

#[test]
fn a_name_in_a_certificate_needs_somebody_who_vouches_for_it_and_a_fingerprint_does_not() {
    let named = with("networks =", "certificates = [\"mfp7.contoso.lan\"]\nnetworks =");
    refused(&named, "device[0].certificates", "name who vouches for it in [tls] client_ca");
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
    refused(&with("networks =", &twice), "device[0].certificates", "is taken already");
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
    warned(&nobody, "listener[0].protocol", "nobody can log in");
    refused(
        &format!("{GOOD}[receiving]\npop_window = \"5s\"\n"),
        "receiving.pop_window",
        "write at least \"1m\"",
    );
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    refused(
        &with("hostname =", "host_name = \"x\"\nhostname ="),
        "host_name",
        "do you mean `hostname`?",
    );
    refused(
        &with("networks =", "max_mesage = \"1MB\"\nnetworks ="),
        "device[0].max_mesage",
        "do you mean `max_message`?",
    );
    refused(
        &with("token_file =", "tokenfile = \"/x\", token_file ="),
        "account[0].auth.tokenfile",
        "do you mean `token_file`?",
    );
    refused(&with("[report]", "[reports]\n[report]"), "reports", "do you mean `report`?");
    refused(&with("[report]", "[zebra]\n[report]"), "zebra", "known are: hostname, data_dir");
}

#[test]
fn every_error_is_found_in_one_look_and_knows_its_line() {
    let text = with("\"[::]:25\"", "\"[::]\"")
        .replace("192.168.10.0/24", "192.168.10")
        .replace("office365", "office356");
    let problems = parse(&text, &[]).map(|_| ()).unwrap_err();
    let places: Vec<(&Place, &str)> =
        problems.iter().map(|problem| (&problem.place, problem.key.as_str())).collect();
    let line = |line| Place::Line { file: "postroom.toml".into(), line };
    let (listener, networks, preset) = (line(3), line(6), line(14));
    let expected = [
        (&listener, "listener[0].address"),
        (&networks, "device[0].networks"),
        (&preset, "account[0].preset"),
    ];
    assert_eq!(places, expected, "{problems:#?}");
}

#[test]
fn what_only_the_whole_shows_is_found_in_the_same_look() {
    let text = with("\"[::]:25\"", "\"[::]\"")
        .replace(
            "networks = [\"192.168.10.0/24\"]",
            "networks = \
            [\"192.168.10.0/24\"]\nmax_message = \"40MB\"",
        )
        .replace(
            "[report]",
            "spill_to = [\"lan\", \"nowhere\"]\n[[account]]\nname = \
            \"lan\"\nroute = \"smarthost\"\n[report]",
        );
    let problems = parse(&text, &[]).map(|_| ()).unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    // "lan" exists, though it lacks its host: that it is wrong is said once.
    assert_eq!(
        keys,
        ["listener[0].address", "device[0].max_message", "account[0].spill_to", "account[1].host"],
        "{problems:#?}"
    );
    let lost = with("password_file = \"/etc/postroom/erp.pass\"\n", "")
        .replace("networks = [\"192.168.10.0/24\"]\n", "");
    let problems = parse(&lost, &[]).map(|_| ()).unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(
        keys,
        ["user[0].password_file"],
        "a device is not called unreachable because its user is wrong: {problems:#?}"
    );
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    let problems = parse("hostname = \"a.b\"\n[[listener]\n", &[]).map(|_| ()).unwrap_err();
    assert_eq!(
        problems.first().unwrap().place,
        Place::Line { file: "postroom.toml".into(), line: 2 }
    );
}

#[test]
fn what_is_missing_is_named_with_what_to_write() {
    refused(
        &with("hostname = \"relay.contoso.lan\"\n", ""),
        "hostname",
        "is missing; write the full name of this machine",
    );
    refused(
        &with("[[listener]]\naddress = \"[::]:25\"\n", ""),
        "listener",
        "write [[listener]] with address",
    );
    refused(
        &with("address = \"[::]:25\"\n", ""),
        "listener[0].address",
        "is missing; write for example",
    );
    refused(
        &with("route = \"submission\"\npreset = \"office365\"\n", "host = \"mx\"\n"),
        "account[0].route",
        "write \"submission\"",
    );
    refused(
        &with("auth = { method = \"xoauth2\", token_file = \"/run/postroom/token\" }\n", ""),
        "account[0].auth",
        "is missing",
    );
    refused(
        &with("address = \"scanner@contoso.com\"\n", ""),
        "account[0].auth.user",
        "write it, or the account's `address`",
    );
    refused(
        &with(", token_file = \"/run/postroom/token\"", ""),
        "account[0].auth.token_file",
        "is missing; write the path",
    );
    refused(
        &with("password_file = \"/etc/postroom/erp.pass\"\n", ""),
        "user[0].password_file",
        "is missing",
    );
}

#[test]
fn values_of_the_wrong_form_say_which_is_right() {
    refused(
        &with("\"[::]:25\"", "\"mail.contoso.com:25\""),
        "listener[0].address",
        "write for example \"[::]:25\"",
    );
    refused(
        &with("address = \"[::]:25\"", "address = \"[::]:25\"\ntls = \"always\""),
        "listener[0].tls",
        "none of \"none\", \"starttls\"",
    );
    refused(
        &with("networks =", "oldest_tls = \"ssl2\"\nnetworks ="),
        "device[0].oldest_tls",
        "none of \"ssl3\", \"tls1.0\"",
    );
    refused(
        &with("networks =", "senders = [\"contoso.com\"]\nnetworks ="),
        "device[0].senders",
        "write for example \"*@contoso.com\"",
    );
    refused(
        &with("networks =", "max_message = \"big\"\nnetworks ="),
        "device[0].max_message",
        "for example \"35MB\"",
    );
    refused(
        &with("networks =", "max_message = \"1KB\"\nnetworks ="),
        "device[0].max_message",
        "carries no scan",
    );
    refused(
        &with("networks =", "mechanisms = [\"ntlm\"]\nnetworks ="),
        "device[0].mechanisms",
        "none of \"plain\", \"login\"",
    );
    refused(
        &with("networks =", "messages_per_minute = 0\nnetworks ="),
        "device[0].messages_per_minute",
        "not a whole number from 1",
    );
}

#[test]
fn accounts_retries_and_tables_of_the_wrong_form_say_which_is_right() {
    refused(
        &with("address = \"scanner@contoso.com\"", "address = \"scanner\""),
        "account[0].address",
        "has no \"@domain\"",
    );
    refused(
        &with("[report]", "[retry]\ngive_up_after = \"5 apples\"\n[report]"),
        "retry.give_up_after",
        "for example \"30m\" or \"5d\"",
    );
    refused(
        &with("hostname =", "data_dir = \"data\"\nhostname ="),
        "data_dir",
        "write the whole path",
    );
    refused(
        &with("[[listener]]", "[listener]"),
        "listener",
        "write [[listener]], in two pairs of brackets",
    );
    refused(
        &with("hostname = \"relay.contoso.lan\"", "hostname = \"relay contoso\""),
        "hostname",
        "is not a host name",
    );
}

#[test]
fn retries_are_never_closer_than_half_an_hour() {
    let retry =
        |spacing: &str| with("[report]", &format!("[retry]\nspacing = {spacing}\n[report]"));
    refused(&retry("[\"30m\", \"29m 59s\"]"), "retry.spacing", "RFC 5321 4.5.4.1");
    refused(&retry("[]"), "retry.spacing", "needs 1 to 100 entries");
    assert_eq!(good(&retry("[\"30m\"]")).retry.spacing, [Duration::from_secs(1800)]);
    warned(
        &with("[report]", "[retry]\ngive_up_after = \"1d\"\n[report]"),
        "retry.give_up_after",
        "shorter than a weekend",
    );
    refused(
        &with("[report]", "[retry]\ngive_up_after = \"10m\"\n[report]"),
        "retry.give_up_after",
        "nothing would ever be tried twice",
    );
}

#[test]
fn names_that_are_referred_to_exist() {
    refused(
        &with("networks =", "account = \"skanner\"\nnetworks ="),
        "device[0].account",
        "there is no \"skanner\"; there is \"scanner\"",
    );
    refused(
        &with("device = \"printers\"", "device = \"printer\""),
        "user[0].device",
        "there is no \"printer\"",
    );
    refused(
        &with("preset =", "spill_to = [\"other\"]\npreset ="),
        "account[0].spill_to",
        "there is no \"other\"",
    );
    refused(
        &with("preset =", "spill_to = [\"scanner\"]\npreset ="),
        "account[0].spill_to",
        "names the account itself",
    );
    refused(
        &with("administrator =", "account = \"other\"\nadministrator ="),
        "report.account",
        "there is no \"other\"",
    );
}

#[test]
fn names_are_unique_and_printable() {
    let device = "[[device]]\nname = \"printers\"\nnetworks = [\"10.0.0.1\"]\n[[user]]";
    refused(
        &with("[[user]]", device),
        "device[1].name",
        "\"printers\" is taken already by device[0]",
    );
    let user =
        "[[user]]\nname = \"ERP\"\npassword_file = \"/x\"\ndevice = \"printers\"\n[[account]]";
    refused(&with("[[account]]", user), "user[1].name", "is taken already");
    refused(
        &with("name = \"scanner\"", "name = \"scan\\nner\""),
        "account[0].name",
        "without control characters",
    );
    refused(
        &with("name = \"scanner\"", "name = \" scanner\""),
        "account[0].name",
        "blanks at its ends",
    );
    refused(
        &with("[[user]]", "[[device]]\nname = \"postroom\"\n[[user]]"),
        "device[1].name",
        "our own mail",
    );
    refused(&with("name = \"erp\"", "name = \"erp@contoso.com\""), "user[0].name", "without \"@\"");
}

#[test]
fn a_client_is_one_device() {
    let other = |network: &str| {
        with(
            "[[user]]",
            &format!("[[device]]\nname = \"other\"\nnetworks = [\"{network}\"]\n[[user]]"),
        )
    };
    refused(&other("192.168.10.0/24"), "device[1].networks", "belongs to device[0] already");
    // The same network, written with another address of it.
    refused(&other("192.168.10.77/24"), "device[1].networks", "belongs to device[0] already");
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
    warned(&lonely, "device[1]", "nobody can be \"lonely\"");
    let mute = with(
        "[[user]]",
        "[[device]]\nname = \"mute\"\nnetworks = [\"10.0.0.1\"]\nauth = \"required\"\n[[user]]",
    );
    warned(&mute, "device[1].auth", "no [[user]] names \"mute\"");
    warned(
        &with("networks =", "oldest_tls = \"ssl3\"\nnetworks ="),
        "device[0].oldest_tls",
        "ssl3 can be read",
    );
}

/// [`GOOD`] with `keys` in its account for Exchange Online.
fn with_exchange_online(keys: &str) -> String {
    with("preset = \"office365\"", &format!("preset = \"office365\"\n{keys}"))
}

#[test]
fn exchange_online_is_used_as_it_can_be() {
    let account = with_exchange_online;
    refused(
        &account("host = \"smtp.office365.com.\"\nport = 465"),
        "account[0].port",
        "on 465 nobody answers; write 587",
    );
    refused(&account("port = 465"), "account[0].port", "on 465 nobody answers; write 587");
    refused(&account("tls = \"implicit\""), "account[0].tls", "\"starttls\" only");
    assert_eq!(good(&account("port = 25")).accounts.first().unwrap().destination.port, 25);
    let password = with("method = \"xoauth2\", token_file", "method = \"login\", password_file");
    warned(&password, "account[0].auth.method", "end of December 2026");
    warned(
        &account("limits = { messages_per_minute = 60 }"),
        "account[0].limits.messages_per_minute",
        "above what office365 allows",
    );
    warned(
        &account("limits = { recipients_per_day = \"none\" }"),
        "account[0].limits.recipients_per_day",
        "above what office365 allows",
    );
    warned(
        &account("limits = { connections = 4 }"),
        "account[0].limits.connections",
        "above what office365 serves at once (3; Microsoft",
    );
}

#[test]
fn the_limits_of_exchange_online_are_known() {
    let account = with_exchange_online;
    let limit = |limit: &str, key: &str, says: &str| {
        warned(
            &account(&format!("limits = {{ {limit} }}")),
            &format!("account[0].limits.{key}"),
            says,
        );
    };
    limit(
        "messages_per_minute = 31",
        "messages_per_minute",
        "(30; Microsoft, \"Exchange Online limits\")",
    );
    limit(
        "recipients_per_message = 501",
        "recipients_per_message",
        "(500; Microsoft, \"Exchange Online limits\"), unless",
    );
    limit(
        "message_size = \"36MB\"",
        "message_size",
        "(35MB; Microsoft, \"Exchange Online limits\"), unless the mailbox's MaxSendSize",
    );
    limit("message_size = \"none\"", "message_size", "is above what office365 takes");
    let size = |text: &str| good(text).accounts.first().unwrap().limits.message_size;
    assert_eq!(size(GOOD), Some(ByteSize::from_mebibytes(35)));
    assert_eq!(size(&account("limits = { message_size = \"none\" }")), None);
    refused(
        &account("limits = { message_size = \"big\" }"),
        "account[0].limits.message_size",
        "write a number and a unit",
    );
    let small = account("limits = { message_size = \"10MB\" }");
    assert_eq!(good(&small).devices.first().unwrap().max_message, ByteSize::from_mebibytes(10));
    let said = small.replacen(
        "networks = [\"192.168.10.0/24\"]",
        "networks = [\"192.168.10.0/24\"]\nmax_message = \"20MB\"",
        1,
    );
    warned(&said, "device[0].max_message", "what is larger is taken and then fails");
    assert_eq!(
        good(&account("limits = { connections = 1 }")).accounts.first().unwrap().limits.connections,
        1
    );
}

#[test]
fn an_account_may_be_for_senders_and_recipients() {
    let text = with(
        "preset =",
        "for_senders = [\"*@sales.contoso.com\"]\nfor_recipients = [\"*@contoso.com\", \
        \"a@b.org\"]\npreset =",
    );
    let account = good(&text).accounts.remove(0);
    assert_eq!((account.for_senders.len(), account.for_recipients.len()), (1, 2));
    let account = good(GOOD).accounts.remove(0);
    assert!(
        account.for_senders.is_empty() && account.for_recipients.is_empty(),
        "absent patterns are none, not all"
    );
    refused(
        &with("preset =", "for_recipients = [\"contoso.com\"]\npreset ="),
        "account[0].for_recipients",
        "*@contoso.com",
    );
}

#[test]
fn a_login_that_the_service_does_not_offer_is_refused_with_those_it_does() {
    let method = |method: &str, preset: &str| {
        let password = format!("method = \"{method}\", password_file");
        with("method = \"xoauth2\", token_file", &password)
            .replace("\"office365\"", &format!("\"{preset}\""))
    };
    for word in ["cram-md5", "plain"] {
        refused(
            &method(word, "office365"),
            "account[0].auth.method",
            &format!("\"{word}\" is not offered by office365"),
        );
        refused(&method(word, "hve"), "account[0].auth.method", "it offers \"login\", \"xoauth2\"");
    }
    refused(
        &method("cram-md5", "gmail"),
        "account[0].auth.method",
        "it offers \"login\", \"plain\", \"xoauth2\"",
    );
    assert_eq!(good(&method("plain", "gmail")).warnings, []);
    assert_eq!(good(&method("login", "hve")).warnings, []);
}

/// The good config and a second account.
fn second(keys: &str) -> String {
    with("[report]", &format!("[[account]]\nname = \"second\"\n{keys}\n[report]"))
}

#[test]
fn a_mailbox_in_two_accounts_has_its_limits_once() {
    let same = |limits: &str| {
        second(&format!(
            "preset = \"office365\"\naddress = \"Scanner@contoso.com\"\nauth = {{ token_file = \
            \"/run/postroom/token\" }}\n{limits}"
        ))
    };
    refused(
        &same(""),
        "account[1].auth",
        "and so does account[0]: the server counts the mailbox, and together they may use 60 \
        messages a minute of its 30",
    );
    refused(
        &same("limits = { messages_per_minute = \"none\" }").replace("none", "1"),
        "account[1].auth",
        "31 messages a minute of its 30",
    );
    let shared = |limits: &str| {
        same(limits).replace(
            "[[account]]\nname = \"second\"",
            &format!("{limits}\n[[account]]\nname = \"second\""),
        )
    };
    assert_eq!(
        good(&shared(
            "limits = { messages_per_minute = 15, recipients_per_day = 5000, connections = 1 }"
        ))
        .warnings,
        []
    );
    refused(
        &shared(
            "limits = { messages_per_minute = 15, recipients_per_day = 5000, connections = 2 }",
        ),
        "account[1].auth",
        "4 connections of its 3",
    );
    let other = same("").replace("Scanner@", "other@");
    assert_eq!(good(&other).warnings, []);
    let elsewhere = same("").replace(
        "name = \"second\"\npreset = \"office365\"",
        "name = \"second\"\npreset = \"gmail\"",
    );
    assert_eq!(good(&elsewhere).warnings, [], "another service has another mailbox of that name");
    let by_another_name = same("host = \"pod51024.outlook.com\"");
    refused(&by_another_name, "account[1].auth", "60 messages a minute of its 30");
}

#[test]
fn a_pattern_that_an_earlier_account_takes_is_pointed_out() {
    let two = |first: &str, later: &str| {
        let keys = format!("route = \"smarthost\"\nhost = \"mx.contoso.lan\"\n{later}");
        second(&keys).replacen("preset = ", &format!("{first}\npreset = "), 1)
    };
    let senders = |first: &str, later: &str| {
        two(&format!("for_senders = [\"{first}\"]"), &format!("for_senders = [\"{later}\"]"))
    };
    warned(
        &senders("*@contoso.com", "*@Contoso.com"),
        "account[1].for_senders",
        "stands in account[0].for_senders; take one of them out",
    );
    warned(
        &senders("*@contoso.com", "erp@contoso.com"),
        "account[1].for_senders",
        "\"erp@contoso.com\" is never chosen here",
    );
    let recipients = two("for_recipients = [\"*\"]", "for_recipients = [\"*@contoso.com\"]");
    warned(&recipients, "account[1].for_recipients", "\"*\" stands in account[0].for_recipients");
    assert_eq!(good(&senders("erp@contoso.com", "*@contoso.com")).warnings, []);
    assert_eq!(
        good(&two("for_senders = [\"*@contoso.com\"]", "for_recipients = [\"*@contoso.com\"]"))
            .warnings,
        []
    );
}

#[test]
fn presets_know_the_usual_services() {
    let check = |preset: &str, host: &str, port: u16, recipients_per_message: usize| {
        let config = good(&with("preset = \"office365\"", &format!("preset = \"{preset}\"")));
        let account = config.accounts.first().unwrap();
        let seen = (
            account.destination.host.as_str(),
            account.destination.port,
            account.limits.recipients_per_message,
        );
        assert_eq!(seen, (host, port, recipients_per_message), "{preset}");
        assert_eq!(account.destination.security, Security::StartTls, "{preset}");
    };
    check("office365", "smtp.office365.com", 587, 500);
    check("office365-gcc-high", "smtp.office365.us", 587, 500);
    check("office365-dod", "outlook-dod.office365.us", 587, 500);
    check("office365-china", "smtp.partner.outlook.cn", 587, 500);
    check("hve", "smtp.hve.mx.microsoft", 587, 50);
    check("azure-communication-services", "smtp.azurecomm.net", 587, 50);
    check("gmail", "smtp.gmail.com", 587, 100);
    assert_eq!(good(&with("route = \"submission\"\n", "")).warnings, []);
    refused(
        &with("preset = \"office365\"\n", ""),
        "account[0].host",
        "write the server's name, or a `preset`",
    );
}

#[test]
fn a_login_has_one_secret_that_fits_its_method() {
    let auth = |auth: &str| {
        with(
            "auth = { method = \"xoauth2\", token_file = \"/run/postroom/token\" }",
            &format!("auth = {{ {auth} }}"),
        )
    };
    let method =
        |text: &str| good(text).accounts.first().unwrap().destination.auth.as_ref().unwrap().method;
    assert_eq!(method(&auth("token_file = \"/t\"")), AuthMethod::Xoauth2);
    assert_eq!(method(&auth("password_file = \"/p\"")), AuthMethod::Login);
    let gmail = auth("password_file = \"/p\"").replace("office365", "gmail");
    assert_eq!(method(&gmail), AuthMethod::Plain);
    refused(
        &auth("password_file = \"/p\", token_file = \"/t\""),
        "account[0].auth.token_file",
        "write one of them",
    );
    refused(
        &auth("method = \"xoauth2\", password_file = \"/p\""),
        "account[0].auth.token_file",
        "is missing",
    );
    refused(
        &auth("method = \"ntlm\", password_file = \"/p\""),
        "account[0].auth.method",
        "none of \"login\"",
    );
    // A secret that is not there yet stops the account, not the daemon.
    warned(
        &auth("token_file = \"/run/absent\""),
        "account[0].auth.token_file",
        "the account will not send until it can be",
    );
}

const SMARTHOST: &str =
    "[[account]]\nname = \"lan\"\nroute = \"smarthost\"\nhost = \"mx.contoso.lan\"\n";

#[test]
fn another_server_needs_no_login_and_no_limits() {
    let config = good(&with("[report]", &format!("{SMARTHOST}[report]")));
    let account = config.accounts.last().unwrap();
    assert_eq!((account.destination.port, account.destination.security), (25, Security::StartTls));
    assert!(account.destination.auth.is_none());
    assert_eq!(
        (
            account.limits.messages_per_minute,
            account.limits.recipients_per_day,
            account.limits.connections
        ),
        (None, None, 10)
    );
    assert_eq!(account.sender.rewrite, SenderRewrite::Never);
}

#[test]
fn unsafe_ways_out_are_pointed_out() {
    let lan = |keys: &str| with("[report]", &format!("{SMARTHOST}{keys}\n[report]"));
    warned(&lan("verify = false"), "account[1].verify", "anyone between us and the server");
    let clear =
        "tls = \"none\"\nauth = { method = \"plain\", user = \"x\", password_file = \"/p\" }";
    warned(&lan(clear), "account[1].auth", "in clear");
    refused(
        &lan("sender = { rewrite = \"always\" }"),
        "account[1].sender.rewrite",
        "needs the account's `address`",
    );
    refused(
        &lan("").replace("mx.contoso.lan", "Relay.contoso.lan"),
        "account[1].host",
        "round in circles",
    );
    refused(
        &lan("").replace("mx.contoso.lan", "smtp://mx"),
        "account[1].host",
        "without \"smtp://\"",
    );
    let none = with("preset = \"office365\"", "host = \"mx.contoso.lan\"\ntls = \"none\"");
    refused(&none, "account[0].tls", "would send the password in clear");
    let implicit = good(&lan("port = 465")).accounts.last().unwrap().destination.security;
    assert_eq!(implicit, Security::Implicit);
}

#[test]
fn a_route_that_does_not_exist_is_refused_with_those_that_do() {
    refused(
        &with("\"submission\"", "\"pigeon\""),
        "account[0].route",
        "none of \"submission\", \"connector\", \"direct\", \"smarthost\"",
    );
}

const DIRECT: &str = "[[account]]\nname = \"inside\"\nroute = \"direct\"\ndomains = \
    [\"contoso.com\", \"contoso.de\"]\n";

#[test]
fn direct_send_reaches_the_own_domains_and_finds_their_servers() {
    let direct = |keys: &str| with("[report]", &format!("{DIRECT}{keys}\n[report]"));
    let config = good(
        &direct("")
            .replace("[report]", "[dns]\nservers = [\"127.0.0.1\", \"[::1]:5353\"]\n[report]"),
    );
    let account = config.accounts.last().unwrap();
    assert_eq!(
        account.reach,
        Reach::Within(vec!["contoso.com".to_owned(), "contoso.de".to_owned()])
    );
    assert_eq!(
        (account.destination.port, account.destination.security),
        (25, Security::Opportunistic)
    );
    assert_eq!(account.limits.recipients_per_message, 200);
    let dns = &account.destination.exchangers.as_ref().unwrap().dns;
    assert_eq!(
        dns.servers,
        ["127.0.0.1:53".parse::<SocketAddr>().unwrap(), "[::1]:5353".parse().unwrap()]
    );
    let required =
        good(&direct("tls = \"required\"")).accounts.last().unwrap().destination.security;
    assert_eq!(required, Security::StartTls);
    refused(
        &direct("auth = { method = \"login\", user = \"x\", password_file = \"/p\" }"),
        "account[1].auth",
        "an MX host takes no login",
    );
    refused(&direct("host = \"mx.contoso.com\""), "account[1].host", "asks DNS");
    refused(&direct("verify = false"), "account[1].verify", "takes any certificate");
    refused(
        &direct("tls = \"implicit\""),
        "account[1].tls",
        "none of \"opportunistic\", \"required\"",
    );
    refused(&direct("preset = \"office365\""), "account[1].preset", "leave the key out");
    refused(
        &direct("").replace("domains = [\"contoso.com\", \"contoso.de\"]\n", ""),
        "account[1].domains",
        "is missing",
    );
    let dns = direct("").replace("[report]", "[dns]\nservers = [\"dns.contoso.com\"]\n[report]");
    refused(&dns, "dns.servers", "is not an address");
}

const CONNECTOR: &str = "[[account]]\nname = \"tenant\"\nroute = \"connector\"\nhost = \
    \"contoso-com.mail.protection.outlook.com\"\ndomains = [\"contoso.com\"]\n";

fn connector(keys: &str) -> String {
    with("[report]", &format!("{CONNECTOR}{keys}\n[report]"))
}

#[test]
fn a_connector_is_the_tenants_mx_host_and_sends_as_the_organization() {
    let config = good(&connector(""));
    let account = config.accounts.last().unwrap();
    let destination = &account.destination;
    assert_eq!(
        (destination.port, destination.security, &destination.identity),
        (25, Security::StartTls, &None)
    );
    assert_eq!(
        (account.limits.recipients_per_message, account.limits.messages_per_minute),
        (200, None)
    );
    assert_eq!(account.reach, Reach::From(vec!["contoso.com".to_owned()]));
    assert!(
        account
            .sender
            .allowed
            .iter()
            .any(|pattern| pattern.fits(&"copier@contoso.com".parse::<Address>().unwrap()))
    );
    assert_eq!(config.warnings, []);
}

#[test]
fn what_does_not_go_with_a_connector_is_refused_with_the_reason() {
    refused(
        &connector("auth = { method = \"login\", user = \"x\", password_file = \"/p\" }"),
        "account[1].auth",
        "an MX host takes no login",
    );
    refused(&connector("tls = \"implicit\""), "account[1].tls", "not served at an MX host");
    refused(&connector("preset = \"office365\""), "account[1].preset", "leave the key out");
    refused(&connector("key = \"/k\""), "account[1].certificate", "is missing");
    refused(
        &connector("").replace("domains = [\"contoso.com\"]\n", ""),
        "account[1].domains",
        "accepted domains",
    );
    refused(
        &connector("").replace("[\"contoso.com\"]", "[\"*\"]"),
        "account[1].domains",
        "is not a domain",
    );
    refused(
        &connector("").replace("contoso-com.mail.protection.outlook.com", "smtp.office365.com"),
        "account[1].host",
        "wants a login",
    );
    refused(
        &connector("").replace("contoso-com.mail.protection.outlook.com", "52.101.73.1"),
        "account[1].host",
        "is an address",
    );
    warned(&connector("port = 587"), "account[1].port", "not where MX hosts take mail");
    warned(&connector("tls = \"none\""), "account[1].tls", "over the internet in clear");
    warned(
        &connector("limits = { recipients_per_message = 500 }"),
        "account[1].limits.recipients_per_message",
        "in one transaction (200; Microsoft, non-delivery report 4.5.3)",
    );
}

#[test]
fn a_notice_that_no_connector_would_relay_is_noticed_before() {
    let carrier = |keys: &str, administrator: &str| {
        connector(keys).replace(
            "administrator = \"it@contoso.com\"",
            &format!("account = \"tenant\"\nadministrator = \"{administrator}\""),
        )
    };
    assert_eq!(good(&carrier("", "it@contoso.com")).warnings, []);
    refused(&carrier("", "it@fabrikam.com"), "report.account", "no mail with an empty sender");
    assert_eq!(good(&carrier("address = \"scanner@contoso.com\"", "it@fabrikam.com")).warnings, []);
}

#[test]
fn hosts_that_do_not_fit_their_route_are_refused() {
    let host = |host: &str| with("preset = \"office365\"", &format!("host = \"{host}\""));
    refused(&host("contoso-com.mail.protection.outlook.com"), "account[0].host", "takes no login");
    refused(&host("contoso-com.a-v1.mx.microsoft"), "account[0].host", "takes no login");
    refused(&host("smtp-emea.outlook.com"), "account[0].host", "is gone");
    let office = |host: &str| {
        with("preset = \"office365\"", &format!("preset = \"office365\"\nhost = \"{host}\""))
    };
    warned(
        &office("pod51024.outlook.com"),
        "account[0].host",
        "write preset = \"office365\" (smtp.office365.com)",
    );
    assert_eq!(
        good(&host("smtp-mail.outlook.com")).warnings,
        [],
        "private mailboxes are served there"
    );
    warned(&host("SMTP.office365.com"), "account[0].host", "is taken for preset = \"office365\"");
    assert_eq!(
        good(&host("smtp.office365.com")).accounts.first().unwrap().limits.messages_per_minute,
        Some(30)
    );
    warned(
        &with(
            "preset = \"office365\"",
            "preset = \"office365\"\nhost = \"smtp-legacy.office365.com\"",
        ),
        "account[0].host",
        "without TLS 1.2",
    );
    refused(
        &with("preset = \"office365\"", "preset = \"office365\"\nhost = \"40.99.1.1\""),
        "account[0].host",
        "write the host's name",
    );
    warned(
        &with("preset = \"office365\"", "preset = \"custom\"\nhost = \"smtp.office365.com\""),
        "account[0].preset",
        "write preset = \"office365\"",
    );
}

#[test]
fn high_volume_email_stays_inside_and_sends_as_itself() {
    let hve = |keys: &str| with("preset = \"office365\"", &format!("preset = \"hve\"\n{keys}"));
    let config = good(&hve(""));
    assert_eq!(
        config.accounts.first().unwrap().reach,
        Reach::Within(vec!["contoso.com".to_owned()])
    );
    refused(
        &hve("sender = { rewrite = \"never\" }"),
        "account[0].sender.rewrite",
        "takes scanner@contoso.com alone",
    );
    refused(
        &hve("sender = { allowed = [\"*@contoso.com\"] }"),
        "account[0].sender.allowed",
        "takes no other sender",
    );
    warned(
        &hve("limits = { recipients_per_message = 100 }"),
        "account[0].limits.recipients_per_message",
        "in one transaction (50; Microsoft, ",
    );
    let outside = hve("").replace("it@contoso.com", "it@fabrikam.com");
    refused(&outside, "report.account", "outside its `domains`");
}

#[test]
fn an_azure_login_has_three_parts() {
    let azure = |user: &str| {
        with("preset = \"office365\"", "preset = \"azure-communication-services\"").replace(
            "method = \"xoauth2\", token_file = \"/run/postroom/token\"",
            &format!("{user}password_file = \"/p\""),
        )
    };
    warned(&azure(""), "account[0].auth.user", "resource|application ID|tenant ID");
    refused(&azure("user = \"mail|1111\", "), "account[0].auth.user", "two \"|\"");
    assert_eq!(good(&azure("user = \"mail|1111|2222\", ")).warnings, []);
    warned(&azure("user = \"contoso-mail\", "), "account[0].auth.user", "has not the three parts");
    assert_eq!(good(&azure("user = \"scanner@contoso.com\", ")).warnings, []);
}

#[test]
fn a_data_folder_that_can_be_none_is_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let folder = file.path().join("postroom");
    let text = format!("data_dir = \"{}\"\n{GOOD}", folder.display());
    let Err(ConfigError::Invalid(problems)) =
        Config::parse(Path::new("postroom.toml"), &text, &[], &postroom::config::Disk)
    else {
        panic!("{} was taken for a folder", folder.display())
    };
    assert!(
        problems
            .iter()
            .any(|problem| problem.key == "data_dir" && problem.text.contains("is a file")),
        "{problems:#?}"
    );
}

#[test]
fn files_that_cannot_be_used_are_spoken_of_before_the_start() {
    let lan = |keys: &str| with("[report]", &format!("{SMARTHOST}{keys}\n[report]"));
    refused(&lan("ca_file = \"/etc/absent\""), "account[1].ca_file", "cannot be read");
    refused(&lan("ca_file = \"/etc/ca.txt\""), "account[1].ca_file", "holds no certificate");
    let empty = Disk { content: "\n", mode: 0o600 };
    let password = with("method = \"xoauth2\", token_file", "method = \"plain\", password_file")
        .replace("office365", "gmail");
    let problems = parse_on(
        &password.replace(
            "[[user]]\nname = \"erp\"\npassword_file = \
            \"/etc/postroom/erp.pass\"\ndevice = \"printers\"\n",
            "",
        ),
        &[],
        &empty,
    );
    let warnings = problems.unwrap().warnings;
    assert!(
        warnings
            .iter()
            .any(|w| w.key == "account[0].auth.password_file" && w.text.contains("is empty")),
        "{warnings:#?}"
    );
}

#[test]
fn senders_that_would_be_refused_are_pointed_out() {
    let sender = |sender: &str| with("preset =", &format!("sender = {{ {sender} }}\npreset ="));
    warned(
        &sender("allowed = [\"*@fabrikam.com\"]"),
        "account[0].sender.allowed",
        "does not allow the account's own address",
    );
    let from = |rewrite: &str| {
        let text = sender(&format!("rewrite = \"{rewrite}\""));
        text.replace("[[user]]", "[device.from]\naddress = \"copier@contoso.com\"\n[[user]]")
    };
    warned(&from("never"), "device[0].from.address", "the server will probably refuse it");
    warned(
        &from("when_not_allowed"),
        "device[0].from.address",
        "replaced by the account's address",
    );
    assert_eq!(good(&from("always")).warnings, []);
}

#[test]
fn addresses_are_bound_once() {
    let second = |address: &str| {
        with("[[device]]", &format!("[[listener]]\naddress = \"{address}\"\n[[device]]"))
    };
    refused(&second("[::]:25"), "listener[1].address", "is taken already by listener[0]");
    refused(&second("127.0.0.1:8025"), "admin.address", "is taken already by listener[1]");
    let free = second("127.0.0.1:0").replace("[::]:25", "127.0.0.1:0");
    assert_eq!(good(&free).listeners.len(), 2);
}

#[test]
fn password_files_are_for_the_daemon_alone() {
    let open = parse_on(GOOD, &[], &Disk { content: "geheim\n", mode: 0o644 })
        .unwrap_or_else(|problems| panic!("{problems:#?}"));
    let keys: Vec<&str> = open.warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(keys, ["user[0].password_file", "account[0].auth.token_file"]);
    assert!(open.warnings.iter().all(|warning| warning.text.contains("chmod 600")));
    let refused_content = |content: &'static str, says: &str| {
        let problems = parse_on(GOOD, &[], &Disk { content, mode: 0o600 }).map(|_| ()).unwrap_err();
        assert!(
            problems.iter().any(
                |problem| problem.key == "user[0].password_file" && problem.text.contains(says)
            ),
            "{problems:#?}"
        );
    };
    refused_content("", "is empty");
    refused_content("a\nb\n", "several lines");
    refused_content("$argon2id$rubbish\n", "is none");
    refused(
        &with("/etc/postroom/erp.pass", "/etc/postroom/absent"),
        "user[0].password_file",
        "cannot be read",
    );
}

#[test]
fn a_hash_is_taken_for_a_hash() {
    let config = parse_on(GOOD, &[], &HASHES).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let password = &config.users.first().unwrap().password;
    let hash = HASHES.content.trim_end();
    assert!(matches!(password, PasswordSource::Argon2(text) if text == hash));
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
        and of user \"erp\" only a hash is known";
    assert_eq!(warnings("auth = \"optional\"\nmechanisms = [\"cram-md5\", \"plain\"]"), [text]);
    let none: [&str; 0] = [];
    assert_eq!(warnings("auth = \"optional\"\nmechanisms = [\"login\", \"plain\"]"), none);
    assert_eq!(warnings("auth = \"none\"\nmechanisms = [\"cram-md5\"]"), none);
    // Not asked for: what can be offered is.
    assert_eq!(warnings("auth = \"optional\""), none);
}

#[test]
fn the_environment_wins_over_the_file() {
    let variables = [
        ("POSTROOM_ADMIN__ADDRESS", "127.0.0.1:9"),
        ("POSTROOM_ACCOUNT__0__ADDRESS", "other@contoso.com"),
        ("POSTROOM_ACCOUNT__0__LIMITS__CONNECTIONS", "2"),
        ("POSTROOM_RETRY__SPACING", "1h, 2h"),
        ("PATH", "/bin"),
    ];
    let config = parse(GOOD, &variables).unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(config.admin.address, "127.0.0.1:9".parse::<SocketAddr>().unwrap());
    let account = config.accounts.first().unwrap();
    assert_eq!(account.address, Some("other@contoso.com".parse().unwrap()));
    assert_eq!(account.limits.connections, 2);
    assert_eq!(config.retry.spacing, [Duration::from_secs(3600), Duration::from_secs(7200)]);
    assert_eq!(config.warnings, []);
}

#[test]
fn a_wrong_variable_is_named() {
    let problems = parse(GOOD, &[("POSTROOM_ACCOUNT__0__PORT", "465")]).map(|_| ()).unwrap_err();
    assert_eq!(
        problems.first().unwrap().place,
        Place::Variable("POSTROOM_ACCOUNT__0__PORT".to_owned())
    );
}

#[test]
fn variables_that_others_set_do_not_stop_the_daemon() {
    // Kubernetes sets these for a service of this name.
    let config = parse(
        GOOD,
        &[("POSTROOM_PORT", "tcp://10.0.0.1:25"), ("POSTROOM_SERVICE_HOST", "10.0.0.1")],
    );
    let warnings = config.unwrap_or_else(|problems| panic!("{problems:#?}")).warnings;
    assert_eq!(warnings.len(), 2);
    assert!(warnings.iter().all(|warning| warning.text.starts_with("there is no such key")));
}

#[test]
fn the_reference_in_the_repository_is_the_one_that_is_printed_and_it_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/reference.toml");
    let text = fs::read_to_string(path).unwrap();
    assert!(
        text == reference(),
        "config/reference.toml is stale: postroom reference > config/reference.toml"
    );
    let config = good(&text);
    // A mailbox with a password is what the reference shows; of nothing else is there a warning.
    let warned: Vec<&str> = config.warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(warned, ["account[0].auth.method"]);
}

#[test]
fn the_short_config_in_the_repository_loads() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/postroom.toml"))
            .unwrap();
    let warned: Vec<String> = good(&text).warnings.into_iter().map(|warning| warning.key).collect();
    assert_eq!(warned, ["device[0].oldest_tls"]);
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(
        cut in 0usize..8000,
        insert in "[\\[\\]{}=\".,a-z0-9\n-]{0,12}",
        variable in "[A-Z_0-9]{0,20}",
        value in ".{0,12}",
    ) {
        let mut text = reference();
        let cut = text.floor_char_boundary(cut.min(text.len()));
        text.insert_str(cut, &insert);
        let name = format!("POSTROOM_{variable}");
        drop(parse(&text, &[(&name, &value)]));
    }

    #[test]
    fn every_problem_says_something(key in "[a-z_]{1,12}", value in "[a-z0-9]{0,8}") {
        let text = format!("{key} = \"{value}\"\n{GOOD}");
        if let Err(problems) = parse(&text, &[]) {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.iter().all(|problem| !problem.text.is_empty()));
        }
    }
}

#[test]
fn a_footer_is_understood_before_any_message_needs_it() {
    let footer = |keys: &str| {
        format!("{GOOD}[account.footer]\n{keys}\n")
            .replace("[report]\nadministrator = \"it@contoso.com\"\n", "")
    };
    let footer = |keys: &str| footer(keys) + "[report]\nadministrator = \"it@contoso.com\"\n";
    assert!(good(&footer("text = \"Scanned by {device}\"")).accounts[0].footer.is_some());
    assert!(good(&footer("text_file = \"/etc/postroom/footer.txt\"")).accounts[0].footer.is_some());
    assert!(good(GOOD).accounts[0].footer.is_none(), "off unless it is asked for");
    refused(&footer("text = \"by {devise}\""), "account[0].footer.text", "do you mean {device}?");
    refused(
        &footer("text = \"by {printer}\""),
        "account[0].footer.text",
        "known are {device}, {sender}",
    );
    refused(
        &footer("html_file = \"/etc/postroom/footer.html\""),
        "account[0].footer.text",
        "is missing",
    );
    refused(
        &footer("text = \"x\"\ntext_file = \"/etc/x\""),
        "account[0].footer.text_file",
        "write one of them",
    );
    refused(&footer("text_file = \"/absent\""), "account[0].footer.text_file", "cannot be read");
    refused(
        &footer("text = \"x\"\nimage = \"/etc/logo.svg\""),
        "account[0].footer.image",
        "not a PNG, JPEG or GIF",
    );
    warned(
        &footer(&format!("text = \"{}\"", "x".repeat(1025))),
        "account[0].footer.text",
        "more than 1024 characters",
    );
}

#[test]
fn the_end_of_a_client_secret_is_a_date() {
    let secret = |more: &str| {
        let auth = "auth = { method = \"xoauth2\", token_file = \"/run/postroom/token\" }";
        with(auth, &format!("auth = {{ tenant = \"t\", client_id = \"c\", {more} }}"))
    };
    good(&secret("client_secret_file = \"/etc/s\", client_secret_expires = \"2027-05-01\""));
    let key = "account[0].auth.client_secret_expires";
    refused(
        &secret("client_secret_file = \"/etc/s\", client_secret_expires = \"May 2027\""),
        key,
        "is not a date",
    );
    refused(&secret("client_secret_expires = \"2027-05-01\""), key, "needs client_secret_file");
}

#[test]
fn a_scope_fits_whoever_asks_for_the_token() {
    let auth = |keys: &str| {
        let old = "auth = { method = \"xoauth2\", token_file = \"/run/postroom/token\" }";
        with(old, &format!("auth = {{ tenant = \"t\", client_id = \"c\", {keys} }}"))
    };
    let (key, application) = ("account[0].auth.scope", "client_secret_file = \"/etc/s\", ");
    let scope = |scope: &str| format!("scope = \"{scope}\"");
    warned(
        &auth(&format!("{application}{}", scope("https://outlook.office.com/SMTP.Send"))),
        key,
        "has to end in \"/.default\"",
    );
    assert_eq!(
        good(&auth(&format!("{application}{}", scope("https://outlook.office365.com/.default"))))
            .warnings,
        []
    );
    warned(
        &auth(&scope("https://outlook.office365.com/.default")),
        key,
        "without it a sign-in is good for an hour",
    );
    assert_eq!(
        good(&auth(&scope("https://outlook.office.com/SMTP.Send offline_access"))).warnings,
        []
    );
    let other = "token_url = \"https://login.example.com/token\", ";
    assert_eq!(
        good(
            &auth(&format!("{other}{application}{}", scope("mail")))
                .replace("tenant = \"t\", ", "")
        )
        .warnings,
        []
    );
}

#[test]
fn a_file_in_another_encoding_is_named_as_such() {
    let check = |octets: &[u8], line: usize, says: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), octets).unwrap();
        let Err(ConfigError::Invalid(problems)) = Config::load(file.path()) else {
            panic!("{says:?} was not said")
        };
        let [problem] = problems.as_slice() else { panic!("not one problem: {problems:#?}") };
        assert_eq!(problem.place, Place::Line { file: file.path().into(), line }, "{problem}");
        assert!(problem.text.contains(says), "{says:?} is not in: {problem}");
    };
    check(b"hostname = \"a.b\"\n# Biuro g\xb3\xf3wne\n", 2, "0xb3 is not UTF-8");
    check(b"# Biuro g\xb3\xf3wne\n", 1, "Latin-2 (ISO 8859-2)");
    let utf16: Vec<u8> =
        "\u{feff}hostname = \"a.b\"\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(&utf16, 1, "is in UTF-16; save it as UTF-8");
}

#[test]
fn a_server_without_a_login_has_no_auth() {
    let lan = format!("{SMARTHOST}auth = {{ method = \"none\" }}\n[report]");
    refused(&with("[report]", &lan), "account[1].auth.method", "leave `auth` out");
}

#[test]
fn an_address_is_checked_as_a_recipient_is() {
    for address in ["it@firma.pl,szef@firma.pl", "a@b@c.pl", "it@firma.pl;", "it@firma,pl"] {
        let text = with("it@contoso.com", address);
        refused(&text, "report.administrator", "is not one address; write for example");
    }
    for address in ["postmaster", "it+alerts@firma.pl", "it@[192.0.2.1]"] {
        let text = with("it@contoso.com", address);
        assert_eq!(good(&text).warnings, [], "{address}");
    }
}
