//! Patterns for mail addresses, as in `senders` and `recipients` of the configuration.

use std::str::FromStr;

use crate::model::Address;

/// A pattern for addresses: `scan@contoso.com`, `*@contoso.com`, `*@*.contoso.com` or `*`. The
/// comparison ignores case.
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
                "\"{text}\" is not an address pattern; write for example \"*@contoso.com\", \
                \"scan@contoso.com\" or \"*\""
            ))
        }
    }
}

impl Pattern {
    /// Whether the address matches. `*` stands for any run of characters.
    #[must_use]
    pub fn fits(&self, address: &Address) -> bool {
        glob(&self.0, &address.as_str().to_lowercase())
    }

    /// The pattern as it was written, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Matches `text` against a pattern whose only wildcard is `*`, without recursion.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut rest = rest;
    // Each middle piece is matched at its first occurrence: if there is a match at all, there is
    // one that begins there.
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
    fn a_malformed_pattern_is_refused() {
        assert!("contoso.com".parse::<Pattern>().is_err());
        assert!("a@b@c".parse::<Pattern>().is_err());
    }
}
