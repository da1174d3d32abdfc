//! What the config says of devices and users, checked.

use std::{path::PathBuf, str::FromStr};

use ipnet::IpNet;

use crate::{
    device::CertificatePattern,
    model::{AccountName, Address, ByteSize, DeviceName, Secret, TlsVersion},
    smtp::{EndOfData, Mechanism},
};

/// One `[[device]]`.
#[derive(Clone, Debug)]
pub struct DeviceSettings {
    /// `name`.
    pub name: DeviceName,
    /// `networks`. Empty: known by its users and certificates only.
    pub networks: Vec<IpNet>,
    /// `certificates`.
    pub certificates: Vec<CertificatePattern>,
    /// `auth`.
    pub auth: DeviceAuth,
    /// `oldest_tls`.
    pub oldest_tls: TlsVersion,
    /// `encryption`.
    pub encryption: DeviceEncryption,
    /// `senders`.
    pub senders: Vec<Pattern>,
    /// `recipients`.
    pub recipients: Vec<Pattern>,
    /// `messages_per_minute`; none is no limit.
    pub messages_per_minute: Option<u32>,
    /// `max_message`.
    pub max_message: ByteSize,
    /// `max_recipients`.
    pub max_recipients: usize,
    /// `connections` at once.
    pub connections: usize,
    /// `mechanisms`; which of them are offered depends on what its users' secrets can verify.
    pub mechanisms: Vec<Mechanism>,
    /// `hide_extensions`, in upper case.
    pub hide_extensions: Vec<String>,
    /// `end_of_data`.
    pub end_of_data: EndOfData,
    /// `account`; none is the first.
    pub account: Option<AccountName>,
    /// `from`.
    pub from: Option<FromIdentity>,
}

/// `auth = "none" | "optional" | "required"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceAuth {
    /// AUTH is not offered.
    None,
    /// Offered, not asked for.
    Optional,
    /// Nothing is taken before a login.
    Required,
}

/// `encryption = "optional" | "required"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceEncryption {
    /// Plaintext will do.
    Optional,
    /// Nothing is taken without TLS 1.2 or newer. What is older counts as plaintext.
    Required,
}

/// `from = { address, name, reply_to }`: who the device's mail is from, whatever the device says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FromIdentity {
    /// For the envelope and `From:`.
    pub address: Option<Address>,
    /// Display name.
    pub name: Option<String>,
    /// `Reply-To:`.
    pub reply_to: Option<Address>,
}

/// One `[[user]]`.
#[derive(Clone)]
pub struct UserSettings {
    /// `name`, without realm or domain.
    pub name: String,
    /// How its password is known.
    pub password: PasswordSource,
    /// `device`.
    pub device: DeviceName,
}

/// How a user's password is known.
#[derive(Clone)]
pub enum PasswordSource {
    /// The clear password, read from this file: serves every mechanism.
    Clear {
        /// `password_file`.
        file: PathBuf,
        /// Its content, without the final line end.
        secret: Secret,
    },
    /// An argon2 hash in PHC form, from `password_file`: serves PLAIN and LOGIN only.
    Argon2(String),
}

/// A pattern for addresses: `scan@contoso.com`, `*@contoso.com`, `*@*.contoso.com` or `*`. Compared
/// without regard to case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern(String);

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let whole = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@')
        });
        if text == "*" || (whole && !text.contains(char::is_whitespace)) {
            Ok(Self(text.to_lowercase()))
        } else {
            Err(format!(
                "\"{text}\" is no address pattern; write for example \"*@contoso.com\", \
                \"scan@contoso.com\" or \"*\""
            ))
        }
    }
}

impl Pattern {
    /// True when the address fits. `*` stands for any run of characters.
    #[must_use]
    pub fn fits(&self, address: &Address) -> bool {
        glob(&self.0, &address.as_str().to_lowercase())
    }

    /// As it was written, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Matches with `*` only, in linear time for one star and without recursion for several.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut rest = rest;
    // Each middle piece is taken at its first place: if any match exists, one with that place does.
    while let Some((piece, after)) = rest.split_once('*') {
        let Some(place) = text.find(piece) else {
            return false;
        };
        text = text.get(place + piece.len()..).unwrap_or_default();
        rest = after;
    }
    text.ends_with(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, address: &str, fits: bool) {
        let pattern: Pattern = pattern.parse().unwrap();
        assert_eq!(pattern.fits(&address.parse().unwrap()), fits, "{pattern:?} {address}");
    }

    #[test]
    fn a_pattern_fits_what_it_says() {
        check("*", "scan@contoso.com", true);
        check("*@contoso.com", "Scan@Contoso.com", true);
        check("*@contoso.com", "scan@contoso.com.evil.example", false);
        check("*@contoso.com", "scan@notcontoso.com", false);
        check("scan@contoso.com", "SCAN@contoso.com", true);
        check("*@*.contoso.com", "scan@hq.contoso.com", true);
        check("*@*.contoso.com", "scan@contoso.com", false);
        check("scan*@contoso.com", "scanner@contoso.com", true);
        check("a*a@b", "a@b", false);
    }

    #[test]
    fn a_pattern_without_sense_is_refused() {
        assert!("contoso.com".parse::<Pattern>().is_err());
        assert!("a@b@c".parse::<Pattern>().is_err());
    }
}
