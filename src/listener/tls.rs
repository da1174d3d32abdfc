//! TLS 1.2 and 1.3 by rustls, with an RSA certificate.

use std::{
    fmt, io,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    ProtocolVersion, ServerConfig,
    crypto::CryptoProvider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    listener::{
        ListenerError, TlsSettings, certificate,
        wire::{Replay, Transport},
    },
    model::TlsVersion,
};

/// The oldest devices take seconds for the arithmetic; a minute is past what any needs.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);

/// The certificate and the protocol versions of all listeners. Cheap to clone; all clones change with [`Tls::reload`].
#[derive(Clone)]
pub struct Tls {
    settings: Arc<TlsSettings>,
    shown: Arc<Shown>,
    config: Arc<ServerConfig>,
}

/// The certificate that is shown to whoever asks now.
struct Shown(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(***)")
    }
}

impl Tls {
    /// Reads the certificate of the config, else the one made at first start, which is made now when there is none
    /// (some seconds of computing).
    ///
    /// # Errors
    /// When a file cannot be read or written, or certificate and key do not fit each other.
    pub fn load(settings: &TlsSettings) -> Result<Self, ListenerError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let shown = Arc::new(Shown(RwLock::new(Arc::new(certified(settings, &provider)?))));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12, &rustls::version::TLS13])
            .map_err(|error| ListenerError::tls("set up TLS with", &settings.data_dir, &error))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Shown>::clone(&shown));
        Ok(Self { settings: Arc::new(settings.clone()), shown, config: Arc::new(config) })
    }

    /// Reads the files again, for connections from now on. On an error the old certificate stays.
    ///
    /// # Errors
    /// As [`Tls::load`].
    pub fn reload(&self) -> Result<(), ListenerError> {
        let fresh = Arc::new(certified(&self.settings, self.config.crypto_provider())?);
        *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Does the handshake over a transport of which `seen` has been read already.
    pub(super) async fn accept<IO: Transport>(&self, io: IO, seen: Vec<u8>) -> io::Result<(Box<TlsStream<Replay<IO>>>, TlsVersion)> {
        let stream = TlsAcceptor::from(Arc::clone(&self.config)).accept(Replay::new(seen, io)).await?;
        let version = match stream.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
            // The config admits these two alone.
            _ => TlsVersion::Tls12,
        };
        Ok((Box::new(stream), version))
    }
}

fn certified(settings: &TlsSettings, provider: &CryptoProvider) -> Result<CertifiedKey, ListenerError> {
    let (certificate, key) = match &settings.files {
        Some(files) => files.clone(),
        None => certificate::kept_or_made(&settings.data_dir, &settings.hostname)?,
    };
    let chain = read_chain(&certificate)?;
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| ListenerError::tls("read key", &key, &error))?;
    CertifiedKey::from_der(chain, private, provider).map_err(|error| ListenerError::tls("use certificate", &certificate, &error))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, ListenerError> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let chain = read().map_err(|error| ListenerError::tls("read certificate", path, &error))?;
    if chain.is_empty() {
        return Err(ListenerError::tls("read certificate", path, &"there is none in it"));
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    fn settings(data_dir: &Path, files: Option<(PathBuf, PathBuf)>) -> TlsSettings {
        TlsSettings { files, data_dir: data_dir.to_owned(), hostname: "postroom.contoso.lan".into() }
    }

    #[test]
    fn a_certificate_can_be_replaced_while_running_and_a_broken_one_does_not_replace_it() {
        let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (certificate, key) = certificate::kept_or_made(old.path(), "old.contoso.lan").unwrap();
        let tls = Tls::load(&settings(old.path(), Some((certificate.clone(), key.clone())))).unwrap();
        let shown = || tls.shown.0.read().unwrap().cert.clone();
        let first = shown();

        let (other_certificate, other_key) = certificate::kept_or_made(new.path(), "new.contoso.lan").unwrap();
        fs::copy(other_certificate, &certificate).unwrap();
        let error = tls.reload().unwrap_err().to_string();
        assert!(error.starts_with("use certificate"), "{error}");
        assert_eq!(shown(), first);

        fs::copy(other_key, &key).unwrap();
        tls.reload().unwrap();
        assert_ne!(shown(), first);
    }

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tls.pem");
        fs::write(&path, "geheim").unwrap();
        let error = Tls::load(&settings(folder.path(), Some((path.clone(), path)))).err().unwrap().to_string();
        assert!(error.contains("tls.pem") && !error.contains("geheim"), "{error}");
    }
}
