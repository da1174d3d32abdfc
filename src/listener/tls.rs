//! Our side of TLS: versions 1.2 and 1.3 by rustls, older ones by `legacy`. The ClientHello
//! decides.

use std::{io, sync::Arc, time::Duration};

use rustls::{
    ProtocolVersion, ServerConfig, SignatureAlgorithm,
    crypto::CryptoProvider,
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;
use tracing::warn;

use crate::{
    client_hello::{Ciphers, Offer, Opening},
    device::TlsRefusal,
    listener::{
        ClientCertificates, ListenerError, TlsSettings, certificate,
        client_certificate::{AnyClient, Judge},
        encrypted::{Agreed, Encrypted, HandshakeError},
        legacy::{self, Legacy},
        tls_detection::sniff,
        wire::{Replay, Transport},
    },
    model::TlsVersion,
};

/// The longest time for a handshake. The oldest devices take seconds for the arithmetic, and none
/// needs a minute.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);

/// The certificate and the protocol versions of all listeners. Cheap to clone. A reload replaces it
/// by another.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    legacy: Arc<Legacy>,
    judge: Arc<Judge>,
}

impl Tls {
    /// Reads the certificate of the configuration, or else the one made at the first start. If
    /// there is none, it is made now, which takes some seconds.
    ///
    /// # Errors
    /// A file cannot be read or written, or certificate and key do not match.
    pub fn load(settings: &TlsSettings) -> Result<Self, ListenerError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let shown = SingleCertAndKey::from(certified(settings, &provider)?);
        let judge = Arc::new(Judge::load(&settings.clients, &provider)?);
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS12, &rustls::version::TLS13])
            .map_err(|error| ListenerError::tls("set up TLS with", &settings.data_dir, &error))?;
        let config = match settings.clients {
            ClientCertificates::Ignored => config.with_no_client_auth(),
            ClientCertificates::Asked { .. } => {
                config.with_client_cert_verifier(Arc::new(AnyClient(provider)))
            }
        };
        let config = Arc::new(config.with_cert_resolver(Arc::new(shown)));
        Ok(Self { config, legacy: Arc::new(Legacy::load(settings)?), judge })
    }

    /// What judges the certificates of clients.
    pub(super) fn judge(&self) -> &Judge {
        &self.judge
    }

    /// Performs the handshake over a transport of which `seen` has been read already. Versions
    /// older than `oldest` are refused.
    pub(super) async fn accept<IO: Transport + 'static>(
        &self,
        mut io: IO,
        mut seen: Vec<u8>,
        oldest: TlsVersion,
    ) -> Result<Encrypted, HandshakeError> {
        let choice = match sniff(&mut io, &mut seen).await? {
            Opening::Hello(offer) => choose(offer, oldest),
            Opening::Incomplete => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            // rustls sends the right alert for each kind of malformed hello.
            Opening::NoTls | Opening::Garbled => Choice::Rustls,
        };
        match choice {
            Choice::Rustls => Ok(self.accept_modern(Replay::new(seen, io)).await?),
            Choice::Legacy(offered) => {
                self.legacy.accept(Replay::new(seen, io), oldest, offered).await
            }
            Choice::Refuse(refusal) => {
                // The refusal stands whether or not the alert reaches the client.
                let _unheard = io.write_all(&alert(refusal)).await;
                let _unheard = io.shutdown().await;
                Err(HandshakeError::Refused(refusal))
            }
        }
    }

    async fn accept_modern<IO: Transport + 'static>(
        &self,
        io: Replay<IO>,
    ) -> io::Result<Encrypted> {
        let stream = TlsAcceptor::from(Arc::clone(&self.config)).accept(io).await?;
        let session = stream.get_ref().1;
        let version = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
            // The configuration of rustls admits only these two.
            _ => TlsVersion::Tls12,
        };
        let cipher = session
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or_default();
        let chain = session.peer_certificates().map(<[_]>::to_vec).unwrap_or_default();
        Ok(Encrypted { agreed: Agreed { version, cipher }, chain, stream: Box::new(stream) })
    }
}

/// The library that performs the handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Choice {
    Rustls,
    /// OpenSSL. The client offers this version at best.
    Legacy(TlsVersion),
    Refuse(TlsRefusal),
}

fn choose(offer: Offer, oldest: TlsVersion) -> Choice {
    let Some(highest) = offer.highest else {
        return Choice::Refuse(TlsRefusal::TooOld(None));
    };
    match offer.ciphers {
        Ciphers::Modern if highest.is_secure() => Choice::Rustls,
        Ciphers::Modern | Ciphers::Old if highest < oldest => {
            Choice::Refuse(TlsRefusal::TooOld(Some(highest)))
        }
        Ciphers::Modern | Ciphers::Old if legacy::PRESENT => Choice::Legacy(highest),
        // Without OpenSSL, rustls sends the alert for a hello of TLS 1.2 that has no current
        // cipher.
        Ciphers::Modern | Ciphers::Old if highest.is_secure() => Choice::Rustls,
        Ciphers::Modern | Ciphers::Old => Choice::Refuse(TlsRefusal::NotBuilt(highest)),
    }
}

/// RFC 8446 6.2: a fatal "protocol_version", in a record of the version that the client knows. SSL
/// 3.0 has no such alert; there it is "handshake_failure" (RFC 6101 5.4.2).
fn alert(refusal: TlsRefusal) -> [u8; 7] {
    const ALERT_RECORD: u8 = 21;
    const FATAL: u8 = 2;
    const HANDSHAKE_FAILURE: u8 = 40;
    const PROTOCOL_VERSION: u8 = 70;
    let offered = match refusal {
        TlsRefusal::TooOld(offered) => offered,
        TlsRefusal::NotBuilt(offered) => Some(offered),
        TlsRefusal::OldCiphers => Some(TlsVersion::Tls12),
    };
    let (minor, description) = match offered {
        None | Some(TlsVersion::Ssl3) => (0, HANDSHAKE_FAILURE),
        Some(TlsVersion::Tls10) => (1, PROTOCOL_VERSION),
        Some(TlsVersion::Tls11) => (2, PROTOCOL_VERSION),
        Some(TlsVersion::Tls12 | TlsVersion::Tls13) => (3, PROTOCOL_VERSION),
    };
    [ALERT_RECORD, 3, minor, 0, 2, FATAL, description]
}

fn certified(
    settings: &TlsSettings,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, ListenerError> {
    let (certificate, key) = match &settings.files {
        Some(files) => files.clone(),
        None => certificate::kept_or_made(&settings.data_dir, &settings.hostname)?,
    };
    let chain = certificate::read_chain(&certificate)?;
    let private = PrivateKeyDer::from_pem_file(&key)
        .map_err(|error| ListenerError::tls("read key", &key, &error))?;
    let certified = CertifiedKey::from_der(chain, private, provider);
    let certified =
        certified.map_err(|error| ListenerError::tls("use certificate", &certificate, &error))?;
    if certified.key.algorithm() != SignatureAlgorithm::RSA {
        warn!(certificate = %certificate.display(), "certificate is not RSA");
    }
    Ok(certified)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    use super::*;

    fn settings(data_dir: &Path, files: Option<(PathBuf, PathBuf)>) -> TlsSettings {
        TlsSettings {
            files,
            legacy_files: None,
            clients: ClientCertificates::Ignored,
            data_dir: data_dir.to_owned(),
            hostname: "postroom.contoso.lan".into(),
        }
    }

    #[test]
    fn a_certificate_that_was_replaced_is_read_and_a_broken_one_is_refused() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (certificate, key) = certificate::kept_or_made(old.path(), "old.contoso.lan").unwrap();
        let settings = settings(old.path(), Some((certificate.clone(), key.clone())));
        let provider = rustls::crypto::ring::default_provider();
        let shown = || certified(&settings, &provider).unwrap().cert;
        let first = shown();

        let (other_certificate, other_key) =
            certificate::kept_or_made(new.path(), "new.contoso.lan").unwrap();
        fs::copy(other_certificate, &certificate).unwrap();
        let error = Tls::load(&settings).err().unwrap().to_string();
        assert!(error.starts_with("use certificate"), "{error}");

        fs::copy(other_key, &key).unwrap();
        Tls::load(&settings).unwrap();
        assert_ne!(shown(), first);
    }

    fn check(highest: Option<TlsVersion>, ciphers: Ciphers, oldest: TlsVersion, expected: Choice) {
        assert_eq!(
            choose(Offer { highest, ciphers }, oldest),
            expected,
            "{highest:?} {ciphers:?} {oldest:?}"
        );
    }

    #[test]
    fn what_a_device_may_not_use_is_refused_and_what_rustls_cannot_do_is_not_given_to_it() {
        let too_old = |offered| Choice::Refuse(TlsRefusal::TooOld(offered));
        let old = if legacy::PRESENT {
            Choice::Legacy(TlsVersion::Tls10)
        } else {
            Choice::Refuse(TlsRefusal::NotBuilt(TlsVersion::Tls10))
        };
        check(Some(TlsVersion::Tls13), Ciphers::Modern, TlsVersion::Tls12, Choice::Rustls);
        check(Some(TlsVersion::Tls13), Ciphers::Modern, TlsVersion::Ssl3, Choice::Rustls);
        check(Some(TlsVersion::Tls10), Ciphers::Old, TlsVersion::Tls10, old);
        check(Some(TlsVersion::Tls10), Ciphers::Old, TlsVersion::Ssl3, old);
        check(Some(TlsVersion::Tls10), Ciphers::Modern, TlsVersion::Ssl3, old);
        check(
            Some(TlsVersion::Tls10),
            Ciphers::Old,
            TlsVersion::Tls11,
            too_old(Some(TlsVersion::Tls10)),
        );
        check(
            Some(TlsVersion::Ssl3),
            Ciphers::Old,
            TlsVersion::Tls12,
            too_old(Some(TlsVersion::Ssl3)),
        );
        check(None, Ciphers::Old, TlsVersion::Ssl3, too_old(None));
        let old = if legacy::PRESENT { Choice::Legacy(TlsVersion::Tls12) } else { Choice::Rustls };
        check(Some(TlsVersion::Tls12), Ciphers::Old, TlsVersion::Tls12, old);
    }

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tls.pem");
        fs::write(&path, "geheim").unwrap();
        let error = Tls::load(&settings(folder.path(), Some((path.clone(), path))))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("tls.pem") && !error.contains("geheim"), "{error}");
    }
}
