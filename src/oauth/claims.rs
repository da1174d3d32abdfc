//! What an access token says of itself, for an administrator who wonders why it is refused. Nothing
//! is verified: that is the server's part.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::{
    model::{Secret, Timestamp},
    oauth::Grant,
};

/// The claims of an Entra token that decide whether Exchange Online takes it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub struct Claims {
    /// For whom it is.
    pub aud: Option<Audience>,
    /// What an application may do.
    #[serde(default)]
    pub roles: Vec<String>,
    /// What may be done for a person.
    pub scp: Option<String>,
    /// The tenant.
    pub tid: Option<String>,
    /// The application.
    pub appid: Option<String>,
    /// The person.
    pub upn: Option<String>,
    /// Until when.
    pub exp: Option<u64>,
}

/// RFC 7519 4.1.3: one, or several.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One audience.
    One(String),
    /// Several audiences.
    Several(Vec<String>),
}

impl Claims {
    /// Reads them, if the token is a JWT (RFC 7519 3). Google's are not, and Microsoft may change
    /// its own at any time.
    #[must_use]
    pub fn read(token: &Secret) -> Option<Self> {
        let payload = token.expose().split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
    }

    /// In words: `aud https://outlook.office365.com, roles SMTP.SendAsApp, …`.
    #[must_use]
    pub fn summary(&self) -> String {
        let audience = self.aud.as_ref().map(|audience| match audience {
            Audience::One(one) => one.clone(),
            Audience::Several(several) => several.join(" "),
        });
        let roles = (!self.roles.is_empty()).then(|| self.roles.join(" "));
        let ends =
            self.exp.map(|exp| Timestamp::from_millis(exp.saturating_mul(1000)).to_rfc3339());
        let claims = [
            ("aud", &audience),
            ("roles", &roles),
            ("scp", &self.scp),
            ("tid", &self.tid),
            ("appid", &self.appid),
            ("upn", &self.upn),
            ("exp", &ends),
        ];
        let mut text = String::new();
        for (name, value) in claims {
            if let Some(value) = value {
                let comma = if text.is_empty() { "" } else { ", " };
                // Writing to a String cannot fail. A server's words go to a terminal: no control
                // characters.
                write!(text, "{comma}{name} {}", value.replace(char::is_control, " "))
                    .unwrap_or_default();
            }
        }
        text
    }

    /// What the token lacks to be taken by Exchange Online.
    #[must_use]
    pub fn hint(&self, grant: &Grant) -> Option<&'static str> {
        match grant {
            Grant::ClientSecret { .. } | Grant::ClientCertificate { .. } => {
                let may = self.roles.iter().any(|role| role == "SMTP.SendAsApp");
                (!may).then_some(
                    "The token lacks the role SMTP.SendAsApp: add the application permission \
                    SMTP.SendAsApp of Office 365 Exchange Online under App registrations > API \
                    permissions, and grant admin consent.",
                )
            }
            Grant::RefreshToken => {
                let may = self
                    .scp
                    .as_deref()
                    .is_some_and(|scopes| scopes.split(' ').any(|scope| scope == "SMTP.Send"));
                (!may).then_some(
                    "The token lacks the scope SMTP.Send: add the delegated permission SMTP.Send \
                    under App registrations > API permissions, leave scope at its default, and \
                    sign in again.",
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> Secret {
        Secret::new(format!("eyJ0eXAiOiJKV1QifQ.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims)))
    }

    #[test]
    fn the_claims_that_decide_are_told_and_the_missing_role_is_named() {
        let grant = Grant::ClientSecret { file: "s".into(), expires: None };
        let claims = Claims::read(&token(
            r#"{"aud":"https://outlook.office365.com","roles":["SMTP.SendAsApp"],"tid":"t-1","appid":"a-1","exp":1763900000,"rh":"x"}"#,
        ))
        .unwrap();
        assert_eq!(
            claims.summary(),
            "aud https://outlook.office365.com, roles SMTP.SendAsApp, tid t-1, appid a-1, exp \
            2025-11-23T12:13:20.000Z"
        );
        assert_eq!(claims.hint(&grant), None);
        let claims = Claims::read(&token(r#"{"aud":["https://outlook.office365.com"]}"#)).unwrap();
        assert!(claims.hint(&grant).unwrap().contains("SMTP.SendAsApp"));
        let claims = Claims::read(&token(r#"{"scp":"Mail.Read SMTP.Send"}"#)).unwrap();
        assert_eq!(claims.hint(&Grant::RefreshToken), None);
    }

    #[test]
    fn a_token_that_is_no_jwt_has_no_claims() {
        assert_eq!(Claims::read(&Secret::new("ya29.opaque".into())), None);
        assert_eq!(Claims::read(&Secret::new(String::new())), None);
    }
}
