//! Certificates for the routes' tests: authorities, their intermediates, and what they issue.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// Something that issues certificates.
pub(crate) struct Authority {
    pub(crate) pem: String,
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    /// One of its own, or under another.
    pub(crate) fn new(name: &str, under: Option<&Self>) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = match under {
            None => params.self_signed(&key).unwrap(),
            Some(above) => {
                params.signed_by(&key, &Issuer::from_params(&above.params, &above.key)).unwrap()
            }
        };
        Self { pem: certificate.pem(), params, key }
    }

    /// A certificate for these names, in PEM, and its key.
    pub(crate) fn issue(&self, names: &[&str]) -> (String, KeyPair) {
        let mut params =
            CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
                .unwrap();
        params.distinguished_name.push(DnType::CommonName, "issued for a test");
        let key = KeyPair::generate().unwrap();
        let certificate =
            params.signed_by(&key, &Issuer::from_params(&self.params, &self.key)).unwrap();
        (certificate.pem(), key)
    }
}
