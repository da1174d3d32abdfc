//! The claims of an access token, for an administrator who wonders why it is refused. Nothing is
//! verified here: verification is the server's task.

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::{
    model::{Secret, Timestamp},
    oauth::Grant,
};

/// The claims that decide whether Exchange Online accepts an Entra token.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
pub struct Claims {
    /// The audience: the service that the token is for.
    pub aud: Option<Audience>,
    /// The application permissions.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The delegated permissions: what may be done on a person's behalf.
    pub scp: Option<String>,
    /// The id of the tenant.
    pub tid: Option<String>,
    /// The id of the application.
    pub appid: Option<String>,
    /// The user name of the person who signed in.
    pub upn: Option<String>,
    /// The time at which the token expires, in seconds since 1970.
    pub exp: Option<u64>,
}

/// RFC 7519 4.1.3: `aud` is one string or an array of strings.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One audience.
    One(String),
    /// Several audiences.
    Several(Vec<String>),
}

impl Claims {
    /// Reads the claims if the token is a JWT (RFC 7519 3). Google's tokens are not JWTs, and
    /// Microsoft may change the form of its tokens at any time.
    #[must_use]
    pub fn read(token: &Secret) -> Option<Self> {
        let payload = token.expose().split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
    }

    /// The claims as text: `aud https://outlook.office365.com, roles SMTP.SendAsApp, …`.
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
                // Writing to a String cannot fail. The text goes to a terminal, so control
                // characters from the server are replaced.
                write!(text, "{comma}{name} {}", value.replace(char::is_control, " "))
                    .unwrap_or_default();
            }
        }
        text
    }

    /// Why Exchange Online would refuse the token; none when nothing is missing.
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
