//! The certificate that we present to a server: its chain, its names and its validity. Everything
//! is pure except [`Chain::load`].
//!
//! Exchange Online matches a connector by the name in the certificate, and only when the
//! intermediate certificates are sent too. Without them it answers `550 5.7.64 TenantAttribution`,
//! as if there were no connector.
//!
//! # Failure
//! Errors are sentences that name the certificate in question, never its key.

use std::{net::IpAddr, path::Path};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::{model::Timestamp, upstream::smtp::settings::ClientCertificate};

/// The maximum number of certificates in a chain. A root, its intermediates and ours are three to
/// five.
const LONGEST: usize = 10;

/// The maximum size in octets of a file with certificates or a key.
const LARGEST_FILE: u64 = 256 * 1024;

/// A checked chain: our certificate first, each one issued by the next.
#[derive(Debug)]
pub struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    /// The names that the certificate covers: its alternative names, or the common name when there
    /// are none.
    pub names: Vec<String>,
    /// The issuer as named in the certificate.
    pub issuer: String,
    /// The time from which the certificate is valid.
    pub not_before: Timestamp,
    /// The time until which the certificate is valid.
    pub not_after: Timestamp,
    /// The kind of chain behind our certificate.
    pub extent: Extent,
}

/// The certificates that follow the first one in a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// None is needed: the certificate is self-signed.
    SelfSigned,
    /// There is at least one issuer.
    WithIssuers,
    /// There is none, although another issuer signed the certificate.
    Alone,
}

impl Chain {
    /// Reads a chain from PEM.
    ///
    /// # Errors
    /// When the text has no certificate, or one that did not issue the one before it.
    pub fn read(pem: &str) -> Result<Self, String> {
        let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let certificates = parsed.map_err(|error| format!("is no PEM file: {error}"))?;
        if certificates.len() > LONGEST {
            return Err(format!(
                "holds {} certificates; a chain has {LONGEST} at most",
                certificates.len()
            ));
        }
        let mut chain = Vec::with_capacity(certificates.len());
        for (place, der) in certificates.iter().enumerate() {
            let (_, certificate) = X509Certificate::from_der(der)
                .map_err(|error| format!("certificate {} cannot be read: {error}", place + 1))?;
            chain.push(certificate);
        }
        let Some(first) = chain.first() else {
            return Err(
                "holds no certificate in PEM form (\"-----BEGIN CERTIFICATE-----\")".to_owned()
            );
        };
        for pair in chain.windows(2) {
            if let [issued, issuer] = pair
                && !has_issued(issuer, issued)
            {
                return Err(format!(
                    "has \"{}\" behind \"{}\", which was issued by \"{}\"; write the certificate \
                    first and behind it its issuers, each behind what it issued",
                    issuer.subject(),
                    issued.subject(),
                    issued.issuer()
                ));
            }
        }
        let extent = match chain.len() {
            1 if has_issued(first, first) => Extent::SelfSigned,
            1 => Extent::Alone,
            _more => Extent::WithIssuers,
        };
        let (names, issuer) = (names_of(first), first.issuer().to_string());
        let validity = first.validity();
        let (not_before, not_after) =
            (time(validity.not_before.timestamp()), time(validity.not_after.timestamp()));
        Ok(Self { certificates, names, issuer, not_before, not_after, extent })
    }

    /// Loads chain and key from their files. Blocks.
    pub(super) fn load(
        files: &ClientCertificate,
    ) -> Result<(Self, PrivateKeyDer<'static>), String> {
        let named =
            |path: &Path, error: &dyn std::fmt::Display| format!("\"{}\" {error}", path.display());
        let read = |path: &Path| {
            read_file(path).map_err(|error| named(path, &format!("cannot be read: {error}")))
        };
        let chain = Self::read(&read(&files.certificate)?)
            .map_err(|error| named(&files.certificate, &error))?;
        let key = zeroize::Zeroizing::new(read(&files.key)?);
        let key = private_key(&key).map_err(|error| named(&files.key, &error))?;
        Ok((chain, key))
    }

    /// The certificates in the order in which they are sent.
    pub(super) fn into_certificates(self) -> Vec<CertificateDer<'static>> {
        self.certificates
    }

    /// Whether a name is one of these domains or a host in one.
    #[must_use]
    pub fn speaks_for(&self, domains: &[String]) -> bool {
        self.names.iter().any(|name| {
            let name = name.strip_prefix("*.").unwrap_or(name).to_lowercase();
            domains.iter().any(|domain| {
                name == *domain
                    || name.strip_suffix(domain.as_str()).is_some_and(|host| host.ends_with('.'))
            })
        })
    }
}

/// A server's certificate, as shown to a person.
pub(super) struct Leaf {
    /// The names: DNS names and addresses, or the common name.
    pub(super) names: Vec<String>,
    /// Whether the names are alternative names. A common name names no host for certain (RFC 9525
    /// 6.3).
    pub(super) has_alternatives: bool,
    /// The time from which the certificate is valid.
    pub(super) not_before: Timestamp,
    /// The issuer as named in the certificate.
    pub(super) issuer: String,
    /// The time until which the certificate is valid.
    pub(super) not_after: Timestamp,
}

impl Leaf {
    /// None when it cannot be read: a display can do without it.
    pub(super) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut names = names_of(&certificate);
        names.extend(addresses_of(&certificate).map(|address| address.to_string()));
        Some(Self {
            names,
            has_alternatives: certificate.subject_alternative_name().ok().flatten().is_some(),
            not_before: time(certificate.validity().not_before.timestamp()),
            issuer: certificate.issuer().to_string(),
            not_after: time(certificate.validity().not_after.timestamp()),
        })
    }
}

/// RFC 5280 4.2.1.6: an address has four octets or sixteen.
fn addresses_of(certificate: &X509Certificate<'_>) -> impl Iterator<Item = IpAddr> {
    let alternatives = certificate
        .subject_alternative_name()
        .ok()
        .flatten()
        .map(|extension| &extension.value.general_names);
    alternatives.into_iter().flatten().filter_map(|name| {
        let GeneralName::IPAddress(octets) = name else { return None };
        let v4 = <[u8; 4]>::try_from(*octets).map(IpAddr::from);
        v4.or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from)).ok()
    })
}

/// Reads the key of a certificate from PEM.
///
/// # Errors
/// When the text has no key. The text is not shown.
pub fn private_key(pem: &str) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_shows_nothing| {
        "holds no private key in PEM form (\"-----BEGIN PRIVATE KEY-----\"); one that is locked \
        with a password cannot be used"
            .to_owned()
    })
}

/// Checks that a chain and a key belong together.
///
/// # Errors
/// When they do not belong together, or the key type is unknown.
pub fn check_pair(chain: &Chain, key: PrivateKeyDer<'static>) -> Result<(), String> {
    let provider = rustls::crypto::ring::default_provider();
    match rustls::sign::CertifiedKey::from_der(chain.certificates.clone(), key, &provider) {
        Ok(_pair) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err("is not the key of the certificate; write the one that it was made with".to_owned())
        }
        Err(error @ rustls::Error::InvalidCertificate(_)) => {
            Err(format!("cannot be used, since its certificate cannot: {error}"))
        }
        Err(error) => Err(format!("cannot be used: {error}")),
    }
}

fn has_issued(issuer: &X509Certificate<'_>, issued: &X509Certificate<'_>) -> bool {
    issued.issuer() == issuer.subject()
        && issued.verify_signature(Some(issuer.public_key())).is_ok()
}

/// RFC 6125 6.4.4: the common name counts only when there is no alternative name.
fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternatives = certificate
        .subject_alternative_name()
        .ok()
        .flatten()
        .map(|extension| &extension.value.general_names);
    let dns = alternatives
        .into_iter()
        .flatten()
        .filter_map(|name| if let GeneralName::DNSName(name) = name { Some(*name) } else { None });
    let names: Vec<String> = dns.map(str::to_owned).collect();
    if !names.is_empty() {
        return names;
    }
    certificate
        .subject()
        .iter_common_name()
        .filter_map(|name| name.as_str().ok())
        .map(str::to_owned)
        .collect()
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_millis(u64::try_from(seconds).unwrap_or(0).saturating_mul(1000))
}

fn read_file(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(LARGEST_FILE).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    use super::*;

    struct Made {
        pem: String,
        params: CertificateParams,
        key: KeyPair,
    }

    fn params(common_name: &str, names: &[&str], ca: IsCa) -> CertificateParams {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
                .unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = ca;
        params
    }

    fn make(common_name: &str, names: &[&str], issuer: Option<&Made>) -> Made {
        let ca =
            if names.is_empty() { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::NoCa };
        let (params, key) = (params(common_name, names, ca), KeyPair::generate().unwrap());
        let certificate = match issuer {
            None => params.self_signed(&key).unwrap(),
            Some(made) => {
                params.signed_by(&key, &Issuer::from_params(&made.params, &made.key)).unwrap()
            }
        };
        Made { pem: certificate.pem(), params, key }
    }

    #[test]
    fn a_chain_is_whole_when_each_is_followed_by_its_issuer() {
        let root = make("Root", &[], None);
        let middle = make("Middle", &[], Some(&root));
        let leaf = make("relay", &["relay.contoso.com", "contoso.com"], Some(&middle));
        let extent = |pem: &str| Chain::read(pem).map(|chain| chain.extent);
        assert_eq!(
            extent(&[leaf.pem.as_str(), &middle.pem, &root.pem].concat()),
            Ok(Extent::WithIssuers)
        );
        assert_eq!(extent(&[leaf.pem.as_str(), &middle.pem].concat()), Ok(Extent::WithIssuers));
        assert_eq!(extent(&leaf.pem), Ok(Extent::Alone));
        assert_eq!(
            extent(&make("relay", &["relay.contoso.com"], None).pem),
            Ok(Extent::SelfSigned)
        );
        let swapped = extent(&[leaf.pem.as_str(), &root.pem, &middle.pem].concat()).unwrap_err();
        assert!(
            swapped
                .contains("has \"CN=Root\" behind \"CN=relay\", which was issued by \"CN=Middle\""),
            "{swapped}"
        );
        assert!(extent("geheim").unwrap_err().contains("holds no certificate"));
    }

    #[test]
    fn an_issuer_of_the_same_name_with_another_key_is_none() {
        let (root, impostor) = (make("Root", &[], None), make("Root", &[], None));
        let leaf = make("relay", &["relay.contoso.com"], Some(&root));
        assert!(Chain::read(&[leaf.pem.as_str(), &root.pem].concat()).is_ok());
        assert!(Chain::read(&[leaf.pem.as_str(), &impostor.pem].concat()).is_err());
    }

    #[test]
    fn a_certificate_speaks_for_its_names_and_the_domains_they_are_in() {
        let chain =
            |names: &[&str]| Chain::read(&make("relay.contoso.com", names, None).pem).unwrap();
        let domains = ["contoso.com".to_owned()];
        for (names, expected) in [
            (&["contoso.com"][..], true),
            (&["relay.Contoso.com"], true),
            (&["*.contoso.com"], true),
            (&["fabrikam.com", "mail.contoso.com"], true),
            (&["notcontoso.com"], false),
            (&["fabrikam.com"], false),
        ] {
            assert_eq!(chain(names).speaks_for(&domains), expected, "{names:?}");
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_noticed() {
        let (ours, other) =
            (make("a", &["a.contoso.com"], None), make("b", &["b.contoso.com"], None));
        let chain = Chain::read(&ours.pem).unwrap();
        let key = |made: &Made| private_key(&made.key.serialize_pem()).unwrap();
        assert_eq!(check_pair(&chain, key(&ours)), Ok(()));
        assert!(check_pair(&chain, key(&other)).unwrap_err().contains("not the key"));
        assert!(private_key("geheim").is_err());
    }
}
