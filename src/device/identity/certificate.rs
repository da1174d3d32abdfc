//! Devices that are known by the certificate they show: `certificates` of a `[[device]]`.
//!
//! A certificate counts as a login does: it beats the network, and `auth = "required"` is content
//! with it. One that fits no device changes nothing.

use std::{fmt, str::FromStr, sync::Arc};

use tracing::{debug, info};

use crate::device::{
    Client,
    registry::{Device, Registry},
};

/// A certificate that a client has shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCertificate {
    /// SHA-256 over the whole certificate.
    pub fingerprint: Fingerprint,
    /// Its common name, host names and mail addresses.
    pub names: Vec<String>,
    /// What they are worth.
    pub worth: Worth,
}

/// What a certificate proves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Worth {
    /// `client_ca` vouches for its names.
    Names,
    /// It is this very certificate, and the client has its key; its names may be anybody's, for
    /// this reason.
    Fingerprint(String),
    /// Nothing, for this reason: whether the client has its key could not be seen.
    Nothing(String),
}

/// SHA-256 over a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint(pub [u8; 32]);

/// One entry of `certificates`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum CertificatePattern {
    /// `sha256:…`: this one certificate, whoever has signed it, expired or not: a person has looked
    /// at it.
    Fingerprint(Fingerprint),
    /// A name in lower case: any certificate with it that `client_ca` vouches for.
    Name(String),
}

/// Names of an unknown certificate that are logged and remembered, and how many characters of each.
const NAMES_SHOWN: usize = 5;
const NAME_SHOWN: usize = 100;

/// What stands before a fingerprint.
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
                "\"{text}\" is no name of a certificate; write for example \"mfp7.contoso.lan\" or \
                \"sha256:…\""
            ))
        }
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    /// 64 hexadecimal digits; openssl puts colons between them.
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

impl ClientCertificate {
    /// The first of its names, each cut: whoever made it chose them, and their length.
    fn some_names(&self) -> Vec<String> {
        self.names
            .iter()
            .take(NAMES_SHOWN)
            .map(|name| name.chars().take(NAME_SHOWN).collect())
            .collect()
    }
}

impl CertificatePattern {
    fn fits(&self, shown: &ClientCertificate) -> bool {
        match (self, &shown.worth) {
            (Self::Fingerprint(_) | Self::Name(_), Worth::Nothing(_))
            | (Self::Name(_), Worth::Fingerprint(_)) => false,
            (Self::Fingerprint(fingerprint), Worth::Names | Worth::Fingerprint(_)) => {
                *fingerprint == shown.fingerprint
            }
            (Self::Name(name), Worth::Names) => {
                shown.names.iter().any(|shown| shown.to_lowercase() == *name)
            }
        }
    }
}

impl Registry {
    /// A fingerprint is one certificate, a name may be many: the narrower wins, among equals the
    /// first in the file.
    fn of_certificate(
        &self,
        shown: &ClientCertificate,
    ) -> Option<(&Arc<Device>, &CertificatePattern)> {
        let all = || {
            self.devices.iter().flat_map(|device| {
                device.settings.certificates.iter().map(move |pattern| (device, pattern))
            })
        };
        let narrow = |(_, pattern): &(&Arc<Device>, &CertificatePattern)| {
            matches!(pattern, CertificatePattern::Fingerprint(_))
        };
        let fits = |(_, pattern): &(&Arc<Device>, &CertificatePattern)| pattern.fits(shown);
        all().filter(narrow).find(fits).or_else(|| all().find(fits))
    }
}

impl Client {
    /// Who it is, now that it has shown this certificate.
    #[must_use]
    pub fn certified(self, shown: &ClientCertificate) -> Self {
        let registry = Arc::clone(self.registry());
        if let Some((device, pattern)) = registry.of_certificate(shown) {
            debug!(device = %device.settings.name, peer = %self.peer(), certificate = %pattern, "known by its certificate");
            return self.known_by(Arc::clone(device), pattern.to_string().into());
        }
        let (some, fingerprint) = (shown.some_names(), shown.fingerprint);
        let names = some.join(", ");
        let reason = match &shown.worth {
            Worth::Names => {
                "no [[device]] has one of its names, or its fingerprint, in certificates"
            }
            Worth::Fingerprint(reason) | Worth::Nothing(reason) => reason,
        };
        match self.device() {
            Some(device) => {
                info!(device = %device.name, peer = %self.peer(), names, %fingerprint, reason, "certificate not known");
            }
            None => {
                debug!(peer = %self.peer(), names, %fingerprint, reason, "certificate not known");
            }
        }
        self.note_unknown_certificate(shown, some, reason);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        device::{DeviceAuth, DeviceSettings, fixture},
        model::{ReversePath, Secret},
        smtp::Login,
    };

    fn shown(first: u8, names: &[&str]) -> ClientCertificate {
        let mut fingerprint = [0; 32];
        fingerprint[0] = first;
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        ClientCertificate { fingerprint: Fingerprint(fingerprint), names, worth: Worth::Names }
    }

    fn certified(name: &str, networks: &[&str], certificates: &[&str]) -> DeviceSettings {
        let certificates = certificates.iter().map(|text| text.parse().unwrap()).collect();
        DeviceSettings {
            certificates,
            auth: DeviceAuth::Required,
            ..fixture::device(name, networks)
        }
    }

    fn pinned(first: u8) -> String {
        shown(first, &[]).fingerprint.to_string()
    }

    #[track_caller]
    fn check(peer: &str, shown: &ClientCertificate, expected: Option<&str>) {
        let devices = fixture::devices(
            vec![
                certified("printers", &["192.168.10.0/24"], &[]),
                certified("reception", &[], &["MFP7.contoso.lan", "mfp@contoso.com"]),
                certified("cellar", &[], &[&pinned(7), "mfp9.contoso.lan"]),
            ],
            vec![],
        );
        let client = devices.identify(peer.parse().unwrap()).certified(shown);
        assert_eq!(client.device().map(|device| device.name.as_str()), expected);
    }

    #[test]
    fn a_client_is_the_device_that_names_its_certificate() {
        check(
            "172.16.0.1",
            &shown(1, &["Multifunction printer", "mfp7.Contoso.lan"]),
            Some("reception"),
        );
        check("172.16.0.1", &shown(1, &["mfp@contoso.com"]), Some("reception"));
        check("172.16.0.1", &shown(7, &[]), Some("cellar"));
        // Of two that fit, the one that names this very certificate.
        check("172.16.0.1", &shown(7, &["mfp7.contoso.lan"]), Some("cellar"));
    }

    #[test]
    fn a_certificate_beats_the_network_and_an_unknown_one_changes_nothing() {
        check("192.168.10.9", &shown(7, &[]), Some("cellar"));
        check("192.168.10.9", &shown(8, &["mfp8.contoso.lan"]), Some("printers"));
        check("172.16.0.1", &shown(8, &["mfp8.contoso.lan"]), None);
    }

    #[test]
    fn a_certificate_counts_for_what_it_is_worth_and_what_is_missing_is_remembered() {
        let worth = |worth| ClientCertificate { worth, ..shown(7, &["mfp7.contoso.lan"]) };
        check("172.16.0.1", &worth(Worth::Fingerprint("it has expired".into())), Some("cellar"));
        check("172.16.0.1", &worth(Worth::Nothing("it is too old".into())), None);
        let expired = ClientCertificate {
            worth: Worth::Fingerprint("it has expired".into()),
            ..shown(8, &["mfp7.contoso.lan"])
        };
        check("172.16.0.1", &expired, None);
        let devices =
            fixture::devices(vec![certified("reception", &[], &["mfp7.contoso.lan"])], vec![]);
        let stranger = devices.identify("172.16.0.1".parse().unwrap()).certified(&expired);
        stranger.note_connection(None);
        let seen = devices.strangers().remove(0).unknown_certificate.unwrap();
        assert_eq!(
            (seen.names.as_slice(), seen.reason.as_str()),
            (["mfp7.contoso.lan".to_owned()].as_slice(), "it has expired")
        );
        assert_eq!(seen.entry, Some(expired.fingerprint.to_string()));
        let _same = stranger.certified(&worth(Worth::Nothing("it is too old".into())));
        assert_eq!(devices.strangers().remove(0).unknown_certificate.unwrap().entry, None);
    }

    #[test]
    fn a_certificate_is_as_good_as_the_login_that_is_required_and_a_login_beats_it() {
        let users = vec![fixture::user("erp", "server", "geheim")];
        let devices = fixture::devices(
            vec![certified("printers", &[], &[&pinned(7)]), fixture::device("server", &[])],
            users,
        );
        let stranger = devices.identify("172.16.0.1".parse().unwrap());
        assert!(stranger.permit_sender(&ReversePath::Null, None).is_err());
        let client = stranger.certified(&shown(7, &[]));
        client.permit_sender(&ReversePath::Null, None).unwrap();
        assert_eq!(client.certificate(), Some(pinned(7).as_str()));
        let login = Login::Password { user: "erp".into(), password: Secret::new("geheim".into()) };
        let (client, _) = client.log_in(&login).unwrap();
        assert_eq!(client.device().unwrap().name.as_str(), "server");
    }

    #[test]
    fn a_fingerprint_is_written_as_openssl_prints_it_or_in_one_piece() {
        let colons = format!("SHA256:07{}", ":00".repeat(31));
        assert_eq!(colons.parse(), Ok(CertificatePattern::Fingerprint(shown(7, &[]).fingerprint)));
        assert_eq!(
            pinned(7).parse(),
            Ok(CertificatePattern::Fingerprint(shown(7, &[]).fingerprint))
        );
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
