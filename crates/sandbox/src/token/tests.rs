//! The answers of the directory, without sockets.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use ring::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest},
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair},
};

use serde_json::{Value, json};

use super::{
    book::{DEVICE_CODE_LIFETIME, REFRESH_LIFETIME},
    *,
};
use crate::{SignIn, TenantSettings};
use postroom_core::model::{Secret, Timestamp};

const NOW: Timestamp = Timestamp::from_millis(1_763_896_340_000);
const SCOPE: &str = "https%3A%2F%2Foutlook.office365.com%2F.default";
const DELEGATED: &str = "https%3A%2F%2Foutlook.office.com%2FSMTP.Send+offline_access";
const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
const DIRECTORY: &str = "11111111-2222-3333-4444-555555555555";

struct Desk {
    settings: TenantSettings,
    book: TokenBook,
    now: Timestamp,
    asked: u8,
}

impl Desk {
    fn new() -> Self {
        let mut settings = TenantSettings::default();
        settings.application.client_id = CLIENT.to_owned();
        Self { settings, book: TokenBook::default(), now: NOW, asked: 0 }
    }

    fn directory(settings: &TenantSettings) -> Directory<'_> {
        Directory {
            application: &settings.application,
            domains: &settings.domains,
            unlisted: settings.unlisted,
            user: settings.mailboxes.first().map(|mailbox| &mailbox.address),
        }
    }

    fn ask(&mut self, form: &str) -> Answer {
        self.asked += 1;
        self.book.token(
            &Self::directory(&self.settings),
            DIRECTORY,
            &Form::parse(form.as_bytes()),
            self.now,
            [self.asked; 32],
        )
    }

    fn device(&mut self) -> String {
        let form = Form::parse(format!("client_id={CLIENT}&scope={DELEGATED}").as_bytes());
        let answer = self.book.device_code(
            &Self::directory(&self.settings),
            DIRECTORY,
            &form,
            self.now,
            [9; 32],
        );
        answer.body["device_code"].as_str().unwrap().to_owned()
    }

    fn opens(&self, answer: &Answer, mailbox: &str) -> bool {
        self.book.is_good(
            &Secret::new(answer.body["access_token"].as_str().unwrap().to_owned()),
            Resource::Exchange,
            mailbox,
            self.now,
        )
    }
}

fn secret_form(secret: &str, scope: &str) -> String {
    format!("client_id={CLIENT}&client_secret={secret}&scope={scope}&grant_type=client_credentials")
}

fn check(form: &str, status: u16, error: &str, code: u64) {
    let answer = Desk::new().ask(form);
    let seen = (
        answer.status,
        answer.body["error"].as_str().unwrap().to_owned(),
        answer.body["error_codes"][0].as_u64().unwrap(),
    );
    assert_eq!(seen, (status, error.to_owned(), code), "{form}");
}

#[test]
fn a_secret_buys_a_token_for_every_mailbox_until_it_ends() {
    let mut desk = Desk::new();
    let answer = desk.ask(&secret_form("sandbox", SCOPE));
    assert_eq!((answer.status, answer.body["expires_in"].as_u64()), (200, Some(3599)));
    assert!(answer.body["access_token"].as_str().unwrap().len() > 1500);
    assert!(answer.body.get("refresh_token").is_none());
    assert!(desk.opens(&answer, "scanner@contoso.com"));
    desk.now = NOW.plus(Duration::from_secs(3599));
    assert!(!desk.opens(&answer, "scanner@contoso.com"));
}

#[test]
fn a_token_of_another_resource_opens_no_mailbox() {
    let mut desk = Desk::new();
    let answer = desk.ask(&secret_form("sandbox", "https%3A%2F%2Fgraph.microsoft.com%2F.default"));
    assert_eq!(answer.status, 200);
    assert!(!desk.opens(&answer, "scanner@contoso.com"));
}

#[test]
fn what_is_wrong_is_told_as_the_directory_does() {
    check(&secret_form("wrong", SCOPE), 401, "invalid_client", 7_000_215);
    check(&secret_form("sandbox", ""), 400, "invalid_scope", 70011);
    check(
        &secret_form("sandbox", "https%3A%2F%2Foutlook.office.com%2FSMTP.Send"),
        400,
        "invalid_scope",
        1_002_012,
    );
    check("client_id=other&grant_type=client_credentials", 400, "unauthorized_client", 700_016);
    check(&format!("client_id={CLIENT}&grant_type=password"), 400, "unsupported_grant_type", 70003);
    check(
        &format!("client_id={CLIENT}&grant_type=refresh_token&refresh_token=x"),
        400,
        "invalid_grant",
        700_082,
    );
    let two = format!("{SCOPE}+https%3A%2F%2Fgraph.microsoft.com%2F.default");
    check(&secret_form("sandbox", &two), 400, "invalid_request", 28000);
    let mut desk = Desk::new();
    let elsewhere = desk.book.token(
        &Desk::directory(&desk.settings),
        "elsewhere",
        &Form::parse(b""),
        NOW,
        [0; 32],
    );
    assert_eq!(elsewhere.body["error_codes"][0], 90002);
}

#[test]
fn a_device_code_is_polled_until_the_user_has_signed_in_and_then_refreshed() {
    let mut desk = Desk::new();
    let code = desk.device();
    let form = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id={CLIENT}&device_code={code}"
    );
    assert_eq!(desk.ask(&form).body["error"], "authorization_pending");
    assert_eq!(desk.ask(&form).body["error"], "slow_down");
    desk.now = NOW.plus(Duration::from_secs(5));
    let first = desk.ask(&form);
    assert!(desk.opens(&first, "scanner@contoso.com") && !desk.opens(&first, "boss@contoso.com"));
    let refresh = |answer: &Answer| {
        format!(
            "grant_type=refresh_token&client_id={CLIENT}&refresh_token={}&scope={DELEGATED}",
            answer.body["refresh_token"].as_str().unwrap()
        )
    };
    let second = desk.ask(&refresh(&first));
    assert!(desk.opens(&second, "scanner@contoso.com"));
    assert_ne!(first.body["refresh_token"], second.body["refresh_token"]);
    desk.now = NOW.plus(REFRESH_LIFETIME + Duration::from_secs(6));
    assert_eq!(desk.ask(&refresh(&second)).body["error"], "invalid_grant");
}

#[test]
fn a_device_code_can_be_declined_and_ends() {
    let mut desk = Desk::new();
    desk.settings.application.sign_in = SignIn::Declined;
    let code = desk.device();
    let form = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&client_id={CLIENT}&device_code={code}"
    );
    assert_eq!(desk.ask(&form).body["error"], "authorization_declined");
    desk.now = NOW.plus(DEVICE_CODE_LIFETIME);
    assert_eq!(desk.ask(&form).body["error"], "expired_token");
    assert_eq!(desk.ask(&form.replace(&code, "other")).body["error"], "bad_verification_code");
}

/// An application's certificate and its signing key.
struct Credential {
    certificate: Vec<u8>,
    key: RsaKeyPair,
}

impl Credential {
    fn new() -> Self {
        use rsa::pkcs8::EncodePrivateKey;
        let private = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
        let der = private.to_pkcs8_der().unwrap();
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&der.as_bytes().into(), &PKCS_RSA_SHA256)
            .unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        Self {
            certificate: certificate.der().to_vec(),
            key: RsaKeyPair::from_pkcs8(der.as_bytes()).unwrap(),
        }
    }

    fn assertion(
        &self,
        header: &Value,
        claims: &Value,
        padding: &'static dyn RsaEncoding,
    ) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(padding, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

#[test]
fn a_certificate_buys_a_token_when_every_claim_is_right() {
    let credential = Credential::new();
    let thumbprint = |algorithm| URL_SAFE_NO_PAD.encode(digest(algorithm, &credential.certificate));
    let new = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint(&SHA256)});
    let old = json!({"alg": "RS256", "typ": "JWT", "x5t": thumbprint(&SHA1_FOR_LEGACY_USE_ONLY)});
    let claims = json!({
        "aud": format!("https://login.microsoftonline.com/{DIRECTORY}/oauth2/v2.0/token"), "iss": CLIENT, "sub": CLIENT, "jti": "1",
        "nbf": NOW.as_secs(), "exp": NOW.as_secs() + 300,
    });
    let with = |field: &str, value: Value| {
        let mut changed = claims.clone();
        changed[field] = value;
        changed
    };
    let mut desk = Desk::new();
    desk.settings.application.certificate = Some(credential.certificate.clone());
    let mut code = |assertion: String| {
        let kind = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        let form = format!(
            "client_id={CLIENT}&scope={SCOPE}&grant_type=client_credentials&client_assertion_type={kind}&client_assertion={assertion}"
        );
        desk.ask(&form).body["error_codes"][0].as_u64()
    };
    assert_eq!(code(credential.assertion(&new, &claims, &RSA_PSS_SHA256)), None);
    assert_eq!(code(credential.assertion(&old, &claims, &RSA_PKCS1_SHA256)), None);
    assert_eq!(code(credential.assertion(&new, &claims, &RSA_PKCS1_SHA256)), Some(700_027));
    assert_eq!(
        code(credential.assertion(
            &json!({"alg": "PS256", "x5t#S256": "x"}),
            &claims,
            &RSA_PSS_SHA256
        )),
        Some(700_027)
    );
    assert_eq!(
        code(credential.assertion(
            &new,
            &with("aud", json!("https://example.com/")),
            &RSA_PSS_SHA256
        )),
        Some(50027)
    );
    assert_eq!(
        code(credential.assertion(&new, &with("iss", json!("x")), &RSA_PSS_SHA256)),
        Some(50027)
    );
    assert_eq!(
        code(credential.assertion(&new, &with("exp", json!(NOW.as_secs())), &RSA_PSS_SHA256)),
        Some(700_024)
    );
    assert_eq!(code("no.jwt".to_owned()), Some(50027));
}

#[test]
fn every_token_fault_is_told_in_microsofts_form() {
    use crate::{Effect, Fault, Stage, fault::row_names};
    let faults = row_names().filter_map(Fault::named).filter(|fault| fault.stage == Stage::Token);
    let plain = ["token-429", "token-503"].into_iter().filter_map(Fault::named);
    let mut seen = 0;
    for fault in faults.chain(plain) {
        let Effect::Reply(template) = fault.effect else { panic!("{}", fault.name) };
        let answer = Answer::of_template(&template, NOW);
        assert!(answer.status >= 400, "{}", fault.name);
        assert!(answer.body["error"].as_str().unwrap().contains('_'), "{}", fault.name);
        assert_eq!(
            answer.body["error_codes"].as_array().unwrap().is_empty(),
            !template.contains("AADSTS"),
            "{}",
            fault.name
        );
        seen += 1;
    }
    assert!(seen > 10);
}
