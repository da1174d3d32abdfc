//! The token endpoint of the directory: requests in, answers out, with time and randomness as
//! arguments.
//!
//! - `assertion`: client assertions signed with a certificate
//! - `http`: the socket's side
//!
//! Codes and texts follow Microsoft's identity platform (`AADSTS…`).

mod assertion;
mod http;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use serde_json::{Value, json};

pub(crate) use http::router;

use crate::{Application, SignIn, Unlisted, tenant::without_tag, token::assertion::AssertionError};
use postroom_core::model::{Address, Secret, Timestamp};

/// Tokens of each kind remembered; the oldest are forgotten.
const REMEMBERED_LIMIT: usize = 10_000;
/// Microsoft's refresh tokens hold 90 days.
const REFRESH_LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);
/// Device codes hold 15 minutes.
const DEVICE_CODE_LIFETIME: Duration = Duration::from_secs(900);
/// Hosts whose scopes are good for SMTP, in all clouds.
const EXCHANGE_HOSTS: &[&str] = &[
    "outlook.office365.com",
    "outlook.office.com",
    "outlook.office365.us",
    "webmail.apps.mil",
    "partner.outlook.cn",
    "ps.outlook.com",
];

/// The fields of a request.
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    pub(crate) fn parse(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    fn field(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// What the endpoint answers.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    const fn good(body: Value) -> Self {
        Self { status: 200, body }
    }

    /// A refusal in Microsoft's form. The number behind `AADSTS` is told twice.
    pub(crate) fn refusal(status: u16, error: &str, description: &str, now: Timestamp) -> Self {
        let digits: String = description
            .strip_prefix("AADSTS")
            .unwrap_or_default()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        let codes: Vec<u64> = digits.parse().into_iter().collect();
        let trace = "0f0e0d0c-0b0a-0908-0706-050403020100";
        let time = now.to_rfc3339();
        let description =
            format!("{description} Trace ID: {trace} Correlation ID: {trace} Timestamp: {time}");
        let uri = format!("https://login.microsoftonline.com/error?code={digits}");
        let body = json!({
            "error": error, "error_description": description, "error_codes": codes, "timestamp": time,
            "trace_id": trace, "correlation_id": trace, "error_uri": uri,
        });
        Self { status, body }
    }

    /// A refusal as a fault's row has it: `401 invalid_client AADSTS…`.
    pub(crate) fn of_template(template: &str, now: Timestamp) -> Self {
        let mut words = template.splitn(3, ' ');
        let status = words.next().and_then(|status| status.parse().ok()).unwrap_or(500);
        let error =
            words.next().filter(|error| error.contains('_')).unwrap_or("temporarily_unavailable");
        Self::refusal(status, error, words.next().unwrap_or_default(), now)
    }

    pub(crate) fn is_granted(&self) -> bool {
        self.body.get("access_token").is_some()
    }
}

/// What the directory knows.
pub(crate) struct Directory<'a> {
    pub(crate) application: &'a Application,
    pub(crate) domains: &'a [String],
    pub(crate) unlisted: Unlisted,
    pub(crate) user: Option<&'a Address>,
}

/// Whom a token speaks for.
#[derive(Clone, PartialEq, Eq)]
enum Subject {
    /// The application itself: any mailbox.
    Application,
    /// One user's mailbox.
    User(String),
}

struct Minted {
    token: Secret,
    subject: Subject,
    ends: Timestamp,
}

struct DeviceCode {
    code: String,
    scope: String,
    polls: u32,
    polled: Timestamp,
    ends: Timestamp,
}

/// What was handed out.
#[derive(Default)]
pub(crate) struct TokenBook {
    access: VecDeque<Minted>,
    refresh: VecDeque<Minted>,
    devices: VecDeque<DeviceCode>,
}

impl TokenBook {
    /// Whether this token opens this mailbox now.
    pub(crate) fn is_good(&self, token: &Secret, mailbox: &str, now: Timestamp) -> bool {
        let opens = |minted: &Minted| match &minted.subject {
            Subject::Application => true,
            Subject::User(user) => user == mailbox,
        };
        self.access.iter().any(|minted| {
            minted.token.expose() == token.expose() && now < minted.ends && opens(minted)
        })
    }

    /// Takes over a token that another authorization server has handed out to an application.
    pub(crate) fn admit(&mut self, token: Secret, ends: Timestamp) {
        remember(&mut self.access, Minted { token, subject: Subject::Application, ends });
    }

    /// What the token is to be for. RFC 8628 3.4: of a device code it was said when the code was
    /// asked for.
    fn scope_of(&self, form: &Form) -> String {
        let presented = form.field("device_code");
        match self.devices.iter().find(|device| device.code == presented) {
            Some(device) if form.field("scope").is_empty() => device.scope.clone(),
            Some(_) | None => form.field("scope").to_owned(),
        }
    }

    pub(crate) fn token(
        &mut self,
        directory: &Directory<'_>,
        name: &str,
        form: &Form,
        now: Timestamp,
        random: [u8; 32],
    ) -> Answer {
        if let Err(refusal) = directory.knows(name, form, now) {
            return refusal;
        }
        let granted = match form.field("grant_type") {
            "client_credentials" => {
                directory.authenticate(name, form, now).map(|()| Subject::Application)
            }
            "refresh_token" => self.refreshed(form, now),
            "urn:ietf:params:oauth:grant-type:device_code" => self.signed_in(directory, form, now),
            other => Err(Answer::refusal(
                400,
                "unsupported_grant_type",
                &format!("AADSTS70003: The app requested an unsupported grant type '{other}'."),
                now,
            )),
        };
        let scope = self.scope_of(form);
        match granted
            .and_then(|subject| resource(&scope, &subject, now).map(|resource| (subject, resource)))
        {
            Err(refusal) => refusal,
            Ok((subject, resource)) => {
                self.mint(directory.application, subject, resource, &scope, now, random)
            }
        }
    }

    fn mint(
        &mut self,
        application: &Application,
        subject: Subject,
        resource: Resource,
        scope: &str,
        now: Timestamp,
        random: [u8; 32],
    ) -> Answer {
        let hex: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
        // Real tokens have 1.5 to 3 KB: a client that puts one on a single line of 512 octets
        // should learn it here.
        let token = format!("eyJ0eXAiOiJKV1QifQ.{}", hex.repeat(30));
        let lifetime = application.token_lifetime;
        let mut body = json!({
            "token_type": "Bearer", "expires_in": lifetime.as_secs(), "ext_expires_in": lifetime.as_secs(), "access_token": token,
        });
        match resource {
            Resource::Exchange => {
                remember(
                    &mut self.access,
                    Minted {
                        token: Secret::new(token),
                        subject: subject.clone(),
                        ends: now.plus(lifetime),
                    },
                );
            }
            Resource::Other => {}
        }
        // Only a user's consent gives a refresh token. The one it replaces stays good, as
        // Microsoft's do.
        if let (Subject::User(_), true, Value::Object(fields)) =
            (&subject, scope.contains("offline_access"), &mut body)
        {
            let token = format!("0.{hex}");
            fields.insert("refresh_token".to_owned(), token.clone().into());
            fields.insert("scope".to_owned(), scope.into());
            remember(
                &mut self.refresh,
                Minted { token: Secret::new(token), subject, ends: now.plus(REFRESH_LIFETIME) },
            );
        }
        Answer::good(body)
    }

    fn refreshed(&self, form: &Form, now: Timestamp) -> Result<Subject, Answer> {
        let presented = form.field("refresh_token");
        let known = self
            .refresh
            .iter()
            .find(|minted| minted.token.expose() == presented && now < minted.ends);
        known.map(|minted| minted.subject.clone()).ok_or_else(|| {
            Answer::refusal(
                400,
                "invalid_grant",
                "AADSTS700082: The refresh token has expired due to inactivity.",
                now,
            )
        })
    }

    fn signed_in(
        &mut self,
        directory: &Directory<'_>,
        form: &Form,
        now: Timestamp,
    ) -> Result<Subject, Answer> {
        let refusal = |error: &str, text: &str| Err(Answer::refusal(400, error, text, now));
        let presented = form.field("device_code");
        let Some(device) = self.devices.iter_mut().find(|device| device.code == presented) else {
            return refusal("bad_verification_code", "AADSTS70000: The device code is not valid.");
        };
        if now >= device.ends {
            return refusal(
                "expired_token",
                "AADSTS70020: The provided value for the input parameter 'device_code' is not \
                valid. This device code has expired.",
            );
        }
        if now.since(device.polled) < directory.application.poll_interval {
            return refusal("slow_down", "AADSTS90100: The device code is polled too often.");
        }
        device.polls += 1;
        device.polled = now;
        match (directory.application.sign_in, directory.user) {
            (SignIn::Declined, _) => {
                refusal("authorization_declined", "AADSTS70018: The user declined.")
            }
            (SignIn::AfterPolls(polls), Some(user)) if device.polls > polls => {
                Ok(Subject::User(without_tag(user)))
            }
            (SignIn::AfterPolls(_), _) => refusal(
                "authorization_pending",
                "AADSTS70016: OAuth 2.0 device flow error. Authorization is pending. Continue \
                polling.",
            ),
        }
    }

    pub(crate) fn device_code(
        &mut self,
        directory: &Directory<'_>,
        name: &str,
        form: &Form,
        now: Timestamp,
        random: [u8; 32],
    ) -> Answer {
        if let Err(refusal) = directory.knows(name, form, now) {
            return refusal;
        }
        let code: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
        let user_code: String = code.chars().take(9).collect::<String>().to_uppercase();
        let interval = directory.application.poll_interval;
        remember(
            &mut self.devices,
            DeviceCode {
                code: code.clone(),
                scope: form.field("scope").to_owned(),
                polls: 0,
                polled: now.minus(interval),
                ends: now.plus(DEVICE_CODE_LIFETIME),
            },
        );
        let message = format!(
            "To sign in, use a web browser to open the page https://microsoft.com/devicelogin and \
            enter the code {user_code} to authenticate."
        );
        Answer::good(json!({
            "user_code": user_code, "device_code": code, "verification_uri": "https://microsoft.com/devicelogin",
            "expires_in": DEVICE_CODE_LIFETIME.as_secs(), "interval": interval.as_secs(), "message": message,
        }))
    }
}

impl Directory<'_> {
    fn is_open(&self) -> bool {
        match self.unlisted {
            Unlisted::Admitted => true,
            Unlisted::Refused => false,
        }
    }

    fn knows(&self, name: &str, form: &Form, now: Timestamp) -> Result<(), Answer> {
        if self.is_open() {
            return Ok(());
        }
        let named = name.eq_ignore_ascii_case(&self.application.directory)
            || self.domains.iter().any(|domain| domain.eq_ignore_ascii_case(name));
        if !named {
            let text = format!(
                "AADSTS90002: Tenant '{name}' not found. Check to make sure you have the correct \
                tenant ID."
            );
            return Err(Answer::refusal(400, "invalid_request", &text, now));
        }
        let client = form.field("client_id");
        if !client.eq_ignore_ascii_case(&self.application.client_id) {
            let text = format!(
                "AADSTS700016: Application with identifier '{client}' was not found in the \
                directory '{name}'."
            );
            return Err(Answer::refusal(400, "unauthorized_client", &text, now));
        }
        Ok(())
    }

    /// The application proves itself, by secret or by certificate.
    fn authenticate(&self, name: &str, form: &Form, now: Timestamp) -> Result<(), Answer> {
        let assertion = form.field("client_assertion");
        let refused = |text: &str| Err(Answer::refusal(401, "invalid_client", text, now));
        if assertion.is_empty() {
            let right =
                self.is_open() || form.field("client_secret") == self.application.secret.expose();
            let wrong = "AADSTS7000215: Invalid client secret provided. Ensure the secret being \
                sent in the request is the client secret value, not the client secret ID.";
            return if right { Ok(()) } else { refused(wrong) };
        }
        if form.field("client_assertion_type")
            != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        {
            return refused(
                "AADSTS50027: JWT token is invalid or malformed: client_assertion_type.",
            );
        }
        let Some(certificate) = &self.application.certificate else {
            return if self.is_open() {
                Ok(())
            } else {
                refused("AADSTS700027: No certificate is registered on application.")
            };
        };
        match assertion::verify(assertion, certificate, form.field("client_id"), name, now) {
            Ok(()) => Ok(()),
            Err(AssertionError::UnknownKey) => refused(
                "AADSTS700027: The certificate with identifier used to sign the client assertion \
                is not registered on application.",
            ),
            Err(AssertionError::BadSignature) => {
                refused("AADSTS700027: Client assertion contains an invalid signature.")
            }
            Err(AssertionError::Malformed(what)) => {
                refused(&format!("AADSTS50027: JWT token is invalid or malformed: {what}."))
            }
            Err(AssertionError::NotNow) => {
                refused("AADSTS700024: Client assertion is not within its valid time range.")
            }
        }
    }
}

/// What a token is for.
#[derive(Clone, Copy)]
enum Resource {
    Exchange,
    /// Something else: a token is given, and SMTP refuses it.
    Other,
}

fn resource(scope: &str, subject: &Subject, now: Timestamp) -> Result<Resource, Answer> {
    let invalid = |text: &str| Err(Answer::refusal(400, "invalid_scope", text, now));
    let mut hosts: Vec<&str> = scope
        .split_ascii_whitespace()
        .filter_map(|one| one.strip_prefix("https://")?.split('/').next())
        .collect();
    hosts.dedup();
    let [host] = hosts.as_slice() else {
        return if hosts.is_empty() {
            invalid("AADSTS70011: The provided value for the input parameter 'scope' is not valid.")
        } else {
            Err(Answer::refusal(
                400,
                "invalid_request",
                "AADSTS28000: The input parameter scope contains more than one resource.",
                now,
            ))
        };
    };
    let fits = match subject {
        Subject::Application => scope.ends_with("/.default"),
        Subject::User(_) => scope.contains("/SMTP.Send") || scope.contains("/.default"),
    };
    match (fits, subject) {
        (true, _) if EXCHANGE_HOSTS.contains(host) => Ok(Resource::Exchange),
        (true, _) | (false, Subject::User(_)) => Ok(Resource::Other),
        (false, Subject::Application) => invalid(
            "AADSTS1002012: The provided value for scope is not valid. Client credential flows \
            must have a scope value with /.default suffixed to the resource identifier.",
        ),
    }
}

fn remember<T>(among: &mut VecDeque<T>, one: T) {
    if among.len() >= REMEMBERED_LIMIT {
        among.pop_front();
    }
    among.push_back(one);
}

#[cfg(test)]
mod tests;
