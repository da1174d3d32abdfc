//! `certificates` of a `[[device]]`: the certificates that a device is known by.

use std::{fmt, str::FromStr};

/// The SHA-256 fingerprint of a whole certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint(pub [u8; 32]);

/// One entry of `certificates`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum CertificatePattern {
    /// `sha256:…`: exactly this certificate. Neither its issuer nor its dates matter, since a
    /// person has checked it.
    Fingerprint(Fingerprint),
    /// A name in lower case: any certificate with this name whose issuer is in `client_ca`.
    Name(String),
}

/// The prefix of a fingerprint.
const SHA256: &str = "sha256:";

impl FromStr for CertificatePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_lowercase();
        if let Some(digits) = lower.strip_prefix(SHA256) {
            return digits.parse().map(Self::Fingerprint);
        }
        let good = !lower.is_empty()
            && lower.trim() == lower
            && !lower.chars().any(char::is_control)
            && !lower.contains('*');
        if good {
            Ok(Self::Name(lower))
        } else {
            Err(format!(
                "\"{text}\" is not the name of a certificate; write for example \
                \"mfp7.contoso.lan\" or \"sha256:…\""
            ))
        }
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    /// Reads 64 hexadecimal digits, with or without the colons that openssl puts between them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: String = text.chars().filter(|c| !matches!(c, ':' | ' ')).collect();
        let mut octets = [0; 32];
        let good =
            digits.len() == 2 * octets.len() && digits.chars().all(|c| c.is_ascii_hexdigit());
        if !good {
            return Err(
                "a fingerprint has 64 hexadecimal digits; print it with: openssl x509 -noout \
                -fingerprint -sha256 -in FILE"
                    .to_owned(),
            );
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
        f.write_str(SHA256)?;
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Display for CertificatePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(fingerprint) => fingerprint.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinned(first: u8) -> Fingerprint {
        let mut octets = [0; 32];
        octets[0] = first;
        Fingerprint(octets)
    }

    #[test]
    fn a_fingerprint_is_written_as_openssl_prints_it_or_in_one_piece() {
        let colons = format!("SHA256:07{}", ":00".repeat(31));
        assert_eq!(colons.parse(), Ok(CertificatePattern::Fingerprint(pinned(7))));
        assert_eq!(pinned(7).to_string().parse(), Ok(CertificatePattern::Fingerprint(pinned(7))));
        for bad in [
            "sha256:07",
            "sha256:",
            "",
            " mfp",
            "*.contoso.lan",
            &format!("sha256:0x{}", "0".repeat(62)),
        ] {
            assert!(bad.parse::<CertificatePattern>().is_err(), "{bad}");
        }
    }
}
