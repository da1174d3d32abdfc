//! AUTH LOGIN and AUTH XOAUTH2, both with and without an initial response.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    Stage, TokenRefusal,
    dialect::{
        act::Act,
        dialogue::{Dialogue, LOGON_FAILURE_LIMIT},
        playing::{Pace, say},
        wording::{About, Role},
    },
    fault::cited,
    tenant::{Credential, Tenant},
};
use postroom_core::model::{Address, Secret, Timestamp};

/// The text of the challenge with which Google refuses a token (Google, "OAuth 2.0 Mechanism").
const GOOGLES_REASON: &str =
    r#"{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}"#;

/// The state of a login.
pub(crate) enum Exchange {
    None,
    LoginUser,
    LoginPassword {
        user: String,
    },
    Token,
    /// The reason for a refusal was sent. The client must acknowledge it with an empty line.
    RefusedToken(&'static str),
}

impl Dialogue {
    pub(crate) fn auth(
        &mut self,
        mechanism: &str,
        initial: Option<String>,
        tenant: &mut Tenant,
        now: Timestamp,
    ) -> Vec<Act> {
        if self.helo.is_none() {
            return say("503 5.5.2 Send hello first");
        }
        match (self.wording.role, self.tls) {
            (Role::Mx, _) => return say("503 5.5.1 Bad sequence of commands"),
            (Role::Submission, None) => {
                return say("530 5.7.0 Must issue a STARTTLS command first");
            }
            (Role::Submission, Some(_)) => {}
        }
        if self.user.is_some() {
            return say("503 5.5.2 Auth command already specified");
        }
        match (mechanism, initial) {
            ("LOGIN", None) => self.prompt(Exchange::LoginUser, "VXNlcm5hbWU6"),
            ("LOGIN", Some(user)) => {
                self.login_step(Exchange::LoginUser, user.as_bytes(), tenant, now)
            }
            ("XOAUTH2", None) => self.prompt(Exchange::Token, ""),
            ("XOAUTH2", Some(token)) => {
                self.login_step(Exchange::Token, token.as_bytes(), tenant, now)
            }
            _unknown => self.refuse_login("504 5.7.4 Unrecognized authentication type {fe}", now),
        }
    }

    fn prompt(&mut self, exchange: Exchange, challenge: &str) -> Vec<Act> {
        self.exchange = exchange;
        say(&format!("334 {challenge}"))
    }

    /// Handles the client's next line of a login.
    pub(crate) fn login_step(
        &mut self,
        exchange: Exchange,
        line: &[u8],
        tenant: &mut Tenant,
        now: Timestamp,
    ) -> Vec<Act> {
        if line == b"*" {
            return say("501 5.5.4 Authentication cancelled");
        }
        let decoded = STANDARD.decode(line).ok().and_then(|octets| String::from_utf8(octets).ok());
        let Some(text) = decoded else { return self.refuse_login(cited::AUTH_FAILED, now) };
        match exchange {
            Exchange::None => Vec::new(),
            Exchange::LoginUser => {
                self.prompt(Exchange::LoginPassword { user: text }, "UGFzc3dvcmQ6")
            }
            Exchange::LoginPassword { user } => {
                self.log_in(&user, &Credential::Password(Secret::new(text)), tenant, now)
            }
            Exchange::RefusedToken(refusal) if text.is_empty() => self.refuse_login(refusal, now),
            Exchange::RefusedToken(_) => self.refuse_login("501 5.5.4 Invalid arguments {fe}", now),
            Exchange::Token => match split_token(&text) {
                Some((user, token)) => self.log_in(
                    user,
                    &Credential::Token(Secret::new(token.to_owned())),
                    tenant,
                    now,
                ),
                None => self.refuse_login(cited::AUTH_FAILED, now),
            },
        }
    }

    fn log_in(
        &mut self,
        user: &str,
        credential: &Credential,
        tenant: &mut Tenant,
        now: Timestamp,
    ) -> Vec<Act> {
        let address: Option<Address> = user.parse().ok();
        let fault = self.strike(Stage::Auth, address.as_ref().as_slice(), "", tenant);
        if let Some(mut acts) = fault.as_ref().and_then(|fault| self.instead(fault, "", now)) {
            acts.insert(0, Act::Pause(self.timing.tarpit));
            return acts;
        }
        match tenant.log_in(user, credential, now) {
            Ok(address) => {
                self.user = Some(address);
                Pace::of(fault.as_ref()).say("235 2.7.0 Authentication successful\r\n".to_owned())
            }
            Err(refusal) => match (credential, tenant.switches().token_refusal) {
                (Credential::Token(_), TokenRefusal::Challenge) => {
                    self.prompt(Exchange::RefusedToken(refusal), &STANDARD.encode(GOOGLES_REASON))
                }
                (Credential::Token(_), TokenRefusal::AtOnce) | (Credential::Password(_), _) => {
                    self.refuse_login(refusal, now)
                }
            },
        }
    }

    fn refuse_login(&mut self, template: &str, now: Timestamp) -> Vec<Act> {
        self.logon_failures += 1;
        let mut acts = vec![
            Act::Pause(self.timing.tarpit),
            Act::Say(self.wording.render(template, About::default(), now)),
        ];
        if self.logon_failures >= LOGON_FAILURE_LIMIT {
            acts.extend(self.too_many_errors());
        }
        acts
    }
}

/// Splits `user=…^Aauth=Bearer …^A^A`.
fn split_token(text: &str) -> Option<(&str, &str)> {
    let (user, rest) = text.strip_prefix("user=")?.split_once('\x01')?;
    let token = rest.strip_prefix("auth=")?.strip_suffix("\x01\x01")?;
    let (scheme, token) = token.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some((user, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microsofts_own_example_is_understood() {
        let text = STANDARD
            .decode(
                "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==",
            )
            .unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(
            split_token(&text),
            Some(("test@contoso.onmicrosoft.com", "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA"))
        );
    }
}
