//! When an account's OAuth credential expires. The server does not announce it: without a warning,
//! mail simply stops one morning.
//!
//! # Failure
//! A file that cannot be read is an error. Nothing is logged.

use std::{io, path::Path, time::Duration};

use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{
    model::{AccountName, Timestamp},
    oauth::{Grant, OAuthSettings, RefreshTokenStore},
};

/// Entra ends a sign-in that has not been used for this long.
const SIGN_IN_LIFETIME: Duration = Duration::from_secs(90 * DAY);
const DAY: u64 = 24 * 3600;

/// A kind of credential that expires.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// The application's secret. Its expiry is configured as `client_secret_expires`.
    ClientSecret,
    /// The application's certificate. It contains its expiry.
    ClientCertificate,
    /// A person's sign-in. It expires 90 days after its last use.
    RefreshToken,
}

/// A credential and its expiry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Expiry {
    /// The kind of credential.
    pub kind: CredentialKind,
    /// The time at which the credential expires.
    pub ends: Timestamp,
}

impl CredentialKind {
    /// The name of the credential, as the beginning of a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClientSecret => "The client secret",
            Self::ClientCertificate => "The client certificate",
            Self::RefreshToken => "The sign-in",
        }
    }

    /// The next step for the administrator.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::ClientSecret => {
                "Make a new secret in the Entra admin center under App registrations > \
                Certificates & secrets, store its Value in client_secret_file (no restart is \
                needed), and write its end into client_secret_expires."
            }
            Self::ClientCertificate => {
                "Make a new certificate, upload it in the Entra admin center under App \
                registrations > Certificates & secrets > Certificates, then replace \
                client_certificate and client_key (no restart is needed)."
            }
            Self::RefreshToken => "Sign in again: postroom account login NAME.",
        }
    }
}

impl Expiry {
    /// The number of whole days left; zero when it expires today or has expired.
    #[must_use]
    pub fn days_left(&self, now: Timestamp) -> u64 {
        self.ends.since(now).as_secs() / DAY
    }

    /// Whether the credential has expired.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.ends <= now
    }

    /// The notice for a person: `The client secret ends in 12 days, on 2027-05-01.`
    #[must_use]
    pub fn sentence(&self, now: Timestamp) -> String {
        let (name, date) = (self.kind.name(), self.ends.to_date());
        match self.days_left(now) {
            _ if self.is_over(now) => format!("{name} has ended on {date}."),
            0 => format!("{name} ends within a day, on {date}."),
            1 => format!("{name} ends in 1 day, on {date}."),
            days => format!("{name} ends in {days} days, on {date}."),
        }
    }
}

/// The expiry of an account's credential, as far as it is known.
///
/// # Errors
/// When a file cannot be read.
pub fn read(
    settings: &OAuthSettings,
    store: &RefreshTokenStore,
    account: &AccountName,
) -> io::Result<Option<Expiry>> {
    let (kind, ends) = match &settings.grant {
        Grant::ClientSecret { file: _, expires } => (CredentialKind::ClientSecret, *expires),
        Grant::ClientCertificate { certificate, key: _ } => {
            (CredentialKind::ClientCertificate, Some(end_of(certificate)?))
        }
        Grant::RefreshToken => (
            CredentialKind::RefreshToken,
            store.last_used(account)?.map(|used| used.plus(SIGN_IN_LIFETIME)),
        ),
    };
    Ok(ends.map(|ends| Expiry { kind, ends }))
}

/// RFC 5280 4.1.2.5: the time in `notAfter`.
fn end_of(certificate: &Path) -> io::Result<Timestamp> {
    let bad = |error: &dyn std::fmt::Display| {
        io::Error::other(format!("{}: {error}", certificate.display()))
    };
    let der = CertificateDer::from_pem_file(certificate).map_err(|error| bad(&error))?;
    let (_, parsed) = X509Certificate::from_der(&der).map_err(|error| bad(&error))?;
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
    Ok(Timestamp::from_millis(seconds.saturating_mul(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::Cloud;

    fn of(grant: Grant) -> io::Result<Option<Expiry>> {
        read(
            &Cloud::Global.settings("t", "app", grant),
            &RefreshTokenStore::new("/nowhere".into()),
            &"scanner".into(),
        )
    }

    #[test]
    fn a_certificate_says_itself_when_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.pem");
        let mut wanted = rcgen::CertificateParams::new(vec!["app".to_owned()]).unwrap();
        wanted.not_after = rcgen::date_time_ymd(2027, 5, 1);
        std::fs::write(
            &path,
            wanted.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem(),
        )
        .unwrap();
        let expiry =
            of(Grant::ClientCertificate { certificate: path, key: "k".into() }).unwrap().unwrap();
        assert_eq!(
            (expiry.kind, expiry.ends.to_date()),
            (CredentialKind::ClientCertificate, "2027-05-01".to_owned())
        );
        assert!(
            of(Grant::ClientCertificate {
                certificate: dir.path().join("none.pem"),
                key: "k".into()
            })
            .is_err()
        );
    }

    #[test]
    fn a_secret_ends_when_the_config_says_so() {
        assert_eq!(of(Grant::ClientSecret { file: "s".into(), expires: None }).unwrap(), None);
        let ends = Timestamp::from_date("2027-05-01").unwrap();
        let expiry =
            of(Grant::ClientSecret { file: "s".into(), expires: Some(ends) }).unwrap().unwrap();
        assert_eq!(
            expiry.sentence(ends.minus(Duration::from_secs(12 * DAY + 5))),
            "The client secret ends in 12 days, on 2027-05-01."
        );
        assert_eq!(expiry.sentence(ends), "The client secret has ended on 2027-05-01.");
    }
}
