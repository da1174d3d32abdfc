//! What the config takes, what it refuses, and what it says then.

mod accounts;
mod devices;
mod form;
mod logins;
mod machine;
mod routes;
mod run_time;

use std::{io, net::SocketAddr, path::Path, sync::OnceLock, time::Duration};

use postroom::{
    config::{Config, ConfigError, Files, Problem, SecretFile, Severity},
    device::{DeviceAuth, PasswordSource},
    model::{Address, ByteSize, Secret, TlsVersion},
    queue::{SenderRewrite, Split},
    upstream::{Security, Verification},
};
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

/// Another account, with a server that needs no preset.
const SMARTHOST: &str =
    "[[account]]\nname = \"lan\"\nroute = \"smarthost\"\nhost = \"mx.contoso.lan\"\n";

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
    let (route, smtp) = (&account.route, account.route.smtp());
    assert_eq!((route.server().unwrap().host.as_str(), smtp.port), ("smtp.office365.com", 587));
    assert_eq!((smtp.security, smtp.verify), (Security::StartTls, Verification::Required));
    assert_eq!(smtp.helo, "relay.contoso.lan");
    assert_eq!(route.auth().unwrap().user, "scanner@contoso.com");
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
