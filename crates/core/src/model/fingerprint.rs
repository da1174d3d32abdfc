//! The fingerprint of a certificate.

use std::{fmt, str::FromStr};

/// The SHA-256 fingerprint of a whole certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// What a written fingerprint begins with.
    pub const PREFIX: &'static str = "sha256:";
}

impl FromStr for Fingerprint {
    type Err = String;

    /// Reads the prefix and 64 hexadecimal digits, with or without the colons that openssl puts
    /// between them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            "a fingerprint is \"sha256:\" and 64 hexadecimal digits; print it with: openssl x509 \
            -noout -fingerprint -sha256 -in FILE"
                .to_owned()
        };
        let lower = text.to_lowercase();
        let digits: String = lower
            .strip_prefix(Self::PREFIX)
            .ok_or_else(wrong)?
            .chars()
            .filter(|c| !matches!(c, ':' | ' '))
            .collect();
        let mut octets = [0; 32];
        if digits.len() != 2 * octets.len() || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        for (octet, pair) in octets.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).unwrap_or_default();
            *octet = u8::from_str_radix(pair, 16).map_err(|error| error.to_string())?;
        }
        Ok(Self(octets))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::PREFIX)?;
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}
