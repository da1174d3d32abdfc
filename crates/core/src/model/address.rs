//! Mail addresses as the envelope carries them (RFC 5321 4.1.2).

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One mailbox: `local-part@domain`, or the bare `postmaster` that RFC 5321 4.5.1 demands.
///
/// The domain is kept in lower case, the local part as it came. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address(Arc<str>);

/// The reason why a text is not a mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AddressError {
    /// There is nothing between the brackets.
    #[error("the address is empty")]
    Empty,
    /// There is no `@`, and the text is not `postmaster`.
    #[error("the address has no \"@domain\"")]
    NoDomain,
    /// There is nothing before the `@`.
    #[error("the address has nothing before the \"@\"")]
    NoLocalPart,
    /// RFC 5321 4.5.3.1: 64 octets of local part, 255 of domain. A local part of up to 128 octets
    /// is accepted, because devices send such addresses.
    #[error("the address is too long")]
    TooLong,
    /// The text contains control characters, white space or angle brackets.
    #[error("the address contains a character that no address can have")]
    BadCharacter,
}

impl Address {
    /// The largest local part that is accepted, in octets. Deliberately laxer than RFC 5321
    /// 4.5.3.1.1 (64).
    pub const LOCAL_PART_LIMIT: usize = 128;
    /// RFC 5321 4.5.3.1.2: the largest domain, in octets.
    pub const DOMAIN_LIMIT: usize = 255;

    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the last `@`; for `postmaster`, the whole text.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or(&self.0, |(local, _)| local)
    }

    /// The part after the last `@`, in lower case; empty for `postmaster`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// True when the address cannot be sent without SMTPUTF8 (RFC 6531).
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !self.0.is_ascii()
    }

    /// The same mailbox with its domain in ASCII (RFC 5891). None when that is not possible: only an
    /// SMTPUTF8 server takes a local part beyond ASCII.
    #[must_use]
    pub fn in_ascii(&self) -> Option<Self> {
        if !self.needs_smtputf8() {
            return Some(self.clone());
        }
        let local = Some(self.local_part()).filter(|local| local.is_ascii())?;
        let domain = idna::domain_to_ascii(self.domain()).ok()?;
        format!("{local}@{domain}").parse().ok()
    }

    /// Whether both are the same mailbox for policy. The comparison ignores case, as every mail
    /// system does in practice.
    #[must_use]
    pub fn same_mailbox(&self, other: &Address) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let quoted = text.starts_with('"');
        let bad =
            |c: char| c.is_control() || (!quoted && (c.is_whitespace() || c == '<' || c == '>'));
        if text.chars().any(bad) {
            return Err(AddressError::BadCharacter);
        }
        let Some((local, domain)) = text.rsplit_once('@') else {
            // RFC 5321 4.5.1: "postmaster" without a domain is always a recipient.
            return if text.eq_ignore_ascii_case("postmaster") {
                Ok(Self(text.to_ascii_lowercase().into()))
            } else {
                Err(AddressError::NoDomain)
            };
        };
        // RFC 5321 2.3.5 has no dot at the end of a domain; servers refuse it, but devices write
        // it.
        let domain = match domain.trim_end_matches('.') {
            "" => domain,
            name => name,
        };
        if local.is_empty() {
            return Err(AddressError::NoLocalPart);
        }
        if domain.is_empty() {
            return Err(AddressError::NoDomain);
        }
        if domain.chars().any(|c| c.is_whitespace() || c == '<' || c == '>' || c == '"') {
            return Err(AddressError::BadCharacter);
        }
        if local.len() > Self::LOCAL_PART_LIMIT || domain.len() > Self::DOMAIN_LIMIT {
            return Err(AddressError::TooLong);
        }
        Ok(Self(format!("{local}@{}", domain.to_lowercase()).into()))
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0.as_ref().to_owned()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

/// The sender of an envelope (RFC 5321 4.1.2 "Reverse-path").
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReversePath {
    /// `<>`: the sender of a notice. Nobody is told when a notice fails (RFC 5321 4.5.5).
    Null,
    /// A mailbox.
    Mailbox(Address),
}

impl ReversePath {
    /// The mailbox, when there is one.
    #[must_use]
    pub fn mailbox(&self) -> Option<&Address> {
        match self {
            Self::Null => None,
            Self::Mailbox(address) => Some(address),
        }
    }
}

impl fmt::Display for ReversePath {
    /// The path as in the envelope, without the angle brackets; empty for the null path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Mailbox(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(&str, &str), AddressError>) {
        let parsed = text.parse::<Address>();
        let seen = parsed.as_ref().map(|a| (a.local_part(), a.domain())).map_err(|e| *e);
        assert_eq!(seen, expected, "{text:?}");
    }

    #[test]
    fn a_domain_beyond_ascii_has_a_form_in_ascii() {
        let ascii = |text: &str| {
            text.parse::<Address>().unwrap().in_ascii().map(|address| address.to_string())
        };
        assert_eq!(ascii("r@bücher.example").as_deref(), Some("r@xn--bcher-kva.example"));
        assert_eq!(ascii("R.x@Contoso.com").as_deref(), Some("R.x@contoso.com"));
        assert_eq!(ascii("bü@bücher.example"), None);
    }

    #[test]
    fn an_address_has_a_local_part_and_a_lower_case_domain() {
        check("Scan@Contoso.COM", Ok(("Scan", "contoso.com")));
        check("\"a@b\"@contoso.com", Ok(("\"a@b\"", "contoso.com")));
        check("\"two words\"@contoso.com", Ok(("\"two words\"", "contoso.com")));
        check("root@[192.168.1.9]", Ok(("root", "[192.168.1.9]")));
        check("Postmaster", Ok(("postmaster", "")));
        check("r@contoso.com.", Ok(("r", "contoso.com")));
        check("r@contoso.com..", Ok(("r", "contoso.com")));
    }

    #[test]
    fn what_is_no_address_says_why() {
        check("", Err(AddressError::Empty));
        check("scanner", Err(AddressError::NoDomain));
        check("scanner@", Err(AddressError::NoDomain));
        check("@contoso.com", Err(AddressError::NoLocalPart));
        check("a b@contoso.com", Err(AddressError::BadCharacter));
        check("a@contoso.com\r\nRCPT TO:<x@y>", Err(AddressError::BadCharacter));
        check("\"a\"@x> y", Err(AddressError::BadCharacter));
        check(&format!("{}@contoso.com", "a".repeat(129)), Err(AddressError::TooLong));
    }
}
