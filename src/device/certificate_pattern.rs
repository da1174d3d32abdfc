//! `certificates` of a `[[device]]`: the certificates that a device is known by.

use std::{fmt, str::FromStr};

use crate::model::Fingerprint;

/// One entry of `certificates`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum CertificatePattern {
    /// `sha256:…`: exactly this certificate. Neither its issuer nor its dates matter, since a
    /// person has checked it.
    Fingerprint(Fingerprint),
    /// A name in lower case: any certificate with this name whose issuer is in `client_ca`.
    Name(String),
}

impl FromStr for CertificatePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_lowercase();
        if lower.starts_with(Fingerprint::PREFIX) {
            return lower.parse().map(Self::Fingerprint);
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
