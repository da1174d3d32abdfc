//! DANE for SMTP (RFC 7672): the domain's signed DNS records identify the server, whoever issued
//! its certificate.

use std::sync::Arc;

use rustls::{
    CertificateError, Error as TlsError, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    crypto::CryptoProvider,
};
use rustls_pki_types::CertificateDer;
use sha2::{Digest, Sha256, Sha512};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::upstream::verifier::{Judge, Shown};

/// DANE-TA: the record is for an issuer in the server's chain.
const TRUST_ANCHOR: u8 = 2;
/// DANE-EE: the record is for the server's own certificate.
const END_ENTITY: u8 = 3;

/// One TLSA record (RFC 6698 2.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::upstream) struct Tlsa {
    pub(in crate::upstream) usage: u8,
    pub(in crate::upstream) selector: u8,
    pub(in crate::upstream) matching: u8,
    pub(in crate::upstream) data: Vec<u8>,
}

impl Tlsa {
    /// RFC 7672 3.1.3: usages 0 and 1 are not used between mail servers. Unknown values cannot be
    /// checked.
    pub(in crate::upstream) fn is_usable(&self) -> bool {
        let whole = match self.matching {
            0 => true,
            1 => self.data.len() == 32,
            2 => self.data.len() == 64,
            _unknown => false,
        };
        whole && self.selector <= 1 && matches!(self.usage, TRUST_ANCHOR | END_ENTITY)
    }

    fn fits(&self, certificate: &CertificateDer<'_>) -> bool {
        let selected = match self.selector {
            0 => certificate.to_vec(),
            _key => match X509Certificate::from_der(certificate) {
                Ok((_, parsed)) => parsed.public_key().raw.to_vec(),
                Err(_unreadable) => return false,
            },
        };
        match self.matching {
            0 => self.data == selected,
            1 => self.data == Sha256::digest(&selected).as_slice(),
            2 => self.data == Sha512::digest(&selected).as_slice(),
            _unknown => false,
        }
    }
}

/// Accepts exactly the certificates that the records describe.
#[derive(Debug)]
pub(in crate::upstream) struct ByRecord {
    pub(in crate::upstream) records: Arc<[Tlsa]>,
    pub(in crate::upstream) provider: Arc<CryptoProvider>,
}

impl Judge for ByRecord {
    fn judge(&self, shown: &Shown<'_>) -> Result<(), TlsError> {
        let of = |usage: u8| {
            self.records.iter().filter(move |record| record.is_usable() && record.usage == usage)
        };
        // RFC 7672 3.1.1: for such a record, neither the names nor the dates of the certificate
        // matter.
        if of(END_ENTITY).any(|record| record.fits(shown.end_entity)) {
            return Ok(());
        }
        let mut anchors = RootCertStore::empty();
        for certificate in shown
            .intermediates
            .iter()
            .filter(|certificate| of(TRUST_ANCHOR).any(|record| record.fits(certificate)))
        {
            anchors.add(certificate.clone().into_owned())?;
        }
        if anchors.is_empty() {
            return Err(TlsError::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            ));
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(
            Arc::new(anchors),
            Arc::clone(&self.provider),
        )
        .build();
        let verifier = verifier.map_err(|error| TlsError::General(error.to_string()))?;
        verifier
            .verify_server_cert(
                shown.end_entity,
                shown.intermediates,
                shown.name,
                shown.ocsp_response,
                shown.now,
            )
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData};
    use rustls::crypto::ring;
    use rustls_pki_types::{ServerName, UnixTime};

    use super::*;

    struct Chain {
        leaf: CertificateDer<'static>,
        leaf_key: Vec<u8>,
        root: CertificateDer<'static>,
        root_key: Vec<u8>,
    }

    fn chain(name: &str) -> Chain {
        let (root_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&root_key).unwrap();
        let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &Issuer::from_params(&params, &root_key)).unwrap();
        Chain {
            leaf: leaf.der().clone(),
            leaf_key: key.subject_public_key_info(),
            root: root.der().clone(),
            root_key: root_key.subject_public_key_info(),
        }
    }

    fn check(chain: &Chain, tlsa: &[(u8, u8, u8, Vec<u8>)]) -> bool {
        let record = |(usage, selector, matching, data): &(u8, u8, u8, Vec<u8>)| Tlsa {
            usage: *usage,
            selector: *selector,
            matching: *matching,
            data: data.clone(),
        };
        let verifier = ByRecord {
            records: tlsa.iter().map(record).collect(),
            provider: Arc::new(ring::default_provider()),
        };
        let name = ServerName::try_from("mx.contoso.com").unwrap();
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_763_900_000));
        let intermediates = std::slice::from_ref(&chain.root);
        verifier
            .judge(&Shown {
                end_entity: &chain.leaf,
                intermediates,
                name: &name,
                ocsp_response: &[],
                now,
            })
            .is_ok()
    }

    fn sha256(octets: &[u8]) -> Vec<u8> {
        Sha256::digest(octets).to_vec()
    }

    #[test]
    fn the_servers_own_certificate_is_known_by_itself_or_its_key_whatever_it_names() {
        let chain = chain("other.example");
        assert!(check(&chain, &[(3, 1, 1, sha256(&chain.leaf_key))]));
        assert!(check(&chain, &[(3, 0, 1, sha256(&chain.leaf))]));
        assert!(check(&chain, &[(3, 0, 0, chain.leaf.to_vec())]));
        assert!(check(&chain, &[(3, 1, 2, Sha512::digest(&chain.leaf_key).to_vec())]));
        assert!(
            check(&chain, &[(3, 1, 1, vec![0; 32]), (3, 1, 1, sha256(&chain.leaf_key))]),
            "one of several is enough"
        );
        assert!(
            !check(&chain, &[(3, 1, 1, sha256(&chain.leaf))]),
            "the certificate where the key is meant"
        );
        assert!(!check(&chain, &[(3, 1, 1, vec![0; 32])]));
        assert!(!check(&chain, &[]));
    }

    #[test]
    fn an_issuer_vouches_for_a_server_of_the_right_name_alone() {
        let good = chain("mx.contoso.com");
        assert!(check(&good, &[(2, 0, 1, sha256(&good.root))]));
        assert!(check(&good, &[(2, 1, 1, sha256(&good.root_key))]));
        assert!(!check(&good, &[(2, 1, 1, sha256(&good.leaf_key))]));
        let other = chain("other.example");
        assert!(!check(&other, &[(2, 1, 1, sha256(&other.root_key))]));
    }

    #[test]
    fn records_that_mean_nothing_between_mail_servers_are_not_used() {
        for (usage, selector, matching, length, usable) in [
            (3, 1, 1, 32, true),
            (2, 0, 2, 64, true),
            (0, 0, 1, 32, false),
            (1, 0, 1, 32, false),
            (3, 2, 1, 32, false),
            (3, 1, 3, 32, false),
            (3, 1, 1, 31, false),
        ] {
            let record = Tlsa { usage, selector, matching, data: vec![7; length] };
            assert_eq!(record.is_usable(), usable, "{usage} {selector} {matching} {length}");
        }
    }
}
