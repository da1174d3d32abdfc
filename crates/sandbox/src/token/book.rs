//! Records the issued tokens and device codes, and issues new ones.

use std::{collections::VecDeque, time::Duration};

use serde_json::{Value, json};

use crate::{
    Application, SignIn,
    tenant::without_tag,
    token::{
        directory::Directory,
        exchange::{Answer, Form},
        resource::{Resource, Subject, resource},
    },
};
use postroom_core::model::{Secret, Timestamp};

/// The maximum number of tokens of each kind remembered. The oldest are forgotten.
const REMEMBERED_LIMIT: usize = 10_000;
/// The lifetime of Microsoft's refresh tokens: 90 days.
pub(super) const REFRESH_LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);
/// The lifetime of device codes: 15 minutes.
pub(super) const DEVICE_CODE_LIFETIME: Duration = Duration::from_secs(900);

struct Minted {
    token: Secret,
    resource: Resource,
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

/// The tokens and device codes issued.
#[derive(Default)]
pub(crate) struct TokenBook {
    access: VecDeque<Minted>,
    refresh: VecDeque<Minted>,
    devices: VecDeque<DeviceCode>,
}

impl TokenBook {
    /// Whether this token gives access to this mailbox by this service now.
    pub(crate) fn is_good(
        &self,
        token: &Secret,
        resource: Resource,
        mailbox: &str,
        now: Timestamp,
    ) -> bool {
        let opens = |minted: &Minted| match &minted.subject {
            Subject::Application => true,
            Subject::User(user) => user == mailbox,
        };
        self.access.iter().any(|minted| {
            minted.token.expose() == token.expose()
                && minted.resource == resource
                && now < minted.ends
                && opens(minted)
        })
    }

    /// Accepts a token that another authorization server issued to an application.
    pub(crate) fn admit(&mut self, token: Secret, ends: Timestamp) {
        remember(
            &mut self.access,
            Minted { token, resource: Resource::Exchange, subject: Subject::Application, ends },
        );
    }

    /// The scope of the requested token. RFC 8628 3.4: for a device code, the scope was given when
    /// the code was requested.
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
        // Real tokens have 1.5 to 3 KB. This long token reveals a client that puts it on a single
        // line of 512 octets.
        let token = format!("eyJ0eXAiOiJKV1QifQ.{}", hex.repeat(30));
        let lifetime = application.token_lifetime;
        let mut body = json!({
            "token_type": "Bearer", "expires_in": lifetime.as_secs(),
            "ext_expires_in": lifetime.as_secs(), "access_token": token,
        });
        match resource {
            Resource::Exchange | Resource::Graph => {
                remember(
                    &mut self.access,
                    Minted {
                        token: Secret::new(token),
                        resource,
                        subject: subject.clone(),
                        ends: now.plus(lifetime),
                    },
                );
            }
            Resource::Other => {}
        }
        // Only a user's consent yields a refresh token. The token that it replaces stays valid, as
        // with Microsoft.
        if let (Subject::User(_), true, Value::Object(fields)) =
            (&subject, scope.contains("offline_access"), &mut body)
        {
            let token = format!("0.{hex}");
            fields.insert("refresh_token".to_owned(), token.clone().into());
            fields.insert("scope".to_owned(), scope.into());
            remember(
                &mut self.refresh,
                Minted {
                    token: Secret::new(token),
                    resource,
                    subject,
                    ends: now.plus(REFRESH_LIFETIME),
                },
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
            "user_code": user_code, "device_code": code,
            "verification_uri": "https://microsoft.com/devicelogin",
            "expires_in": DEVICE_CODE_LIFETIME.as_secs(), "interval": interval.as_secs(),
            "message": message,
        }))
    }
}

fn remember<T>(among: &mut VecDeque<T>, one: T) {
    if among.len() >= REMEMBERED_LIMIT {
        among.pop_front();
    }
    among.push_back(one);
}
