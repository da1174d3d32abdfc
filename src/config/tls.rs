//! `[tls]`: the certificates that devices see, and the authorities that issue theirs.

use std::{
    io,
    path::{Path, PathBuf},
};

use rustls::SignatureAlgorithm;

use super::{
    files::SecretFile,
    placed::{Here, Placed},
    problem::Severity,
    schema::{
        Key,
        listener::{CERTIFICATE, CLIENT_CA, KEY, LEGACY_CERTIFICATE, LEGACY_KEY},
    },
    secret_file::{warn_if_open_to_all, warn_of_dates},
    table::Table,
};
use crate::{
    device::{CertificatePattern, DeviceSettings},
    listener::{
        BadPair, ClientCertificates, KeyKind, TlsSettings, check_authority, check_legacy_pair,
    },
    model::Timestamp,
    upstream::{Chain, certificates, check_pair, private_key},
};

pub(super) fn read(
    table: &Table<'_>,
    here: &Here<'_>,
    devices: &[Placed<DeviceSettings>],
) -> TlsSettings {
    let files = pair(table, &CERTIFICATE, &KEY, Server::Rustls, here.now);
    let legacy_files = pair(table, &LEGACY_CERTIFICATE, &LEGACY_KEY, Server::OpenSsl, here.now);
    let clients = clients(table, devices);
    TlsSettings {
        files,
        legacy_files,
        clients,
        data_dir: here.data_dir.to_owned(),
        hostname: here.hostname.to_owned(),
    }
}

/// Clients are asked for a certificate only if a device is identified by one. A name in a
/// certificate counts only if a trusted authority has issued it.
fn clients(table: &Table<'_>, devices: &[Placed<DeviceSettings>]) -> ClientCertificates {
    let ca = table.get(&CLIENT_CA);
    if let Some(file) = ca.as_deref()
        && let Some(found) = text(table, &CLIENT_CA, file)
        && let Err(error) = certificates(found.text.expose()).and_then(check_authority)
    {
        table.error(&CLIENT_CA, format!("{} {error}", file.display()));
    }
    let named = |device: &&Placed<DeviceSettings>| {
        device.value.certificates.iter().any(|c| matches!(c, CertificatePattern::Name(_)))
    };
    if !table.has(&CLIENT_CA)
        && let Some(device) = devices.iter().find(named)
    {
        let text = "contains a name, which anyone can write into a certificate; write the \
        authority that issues such certificates in [tls] client_ca, or write the certificate's \
        \"sha256:…\"";
        table.reader.note(Severity::Error, &format!("{}.certificates", device.key), text);
    }
    if devices.iter().all(|device| device.value.certificates.is_empty()) {
        if ca.is_some() {
            table.warning(&CLIENT_CA, "has no effect: no [[device]] has certificates");
        }
        return ClientCertificates::Ignored;
    }
    ClientCertificates::Asked { ca }
}

/// The protocol versions that use a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Server {
    Rustls,
    OpenSsl,
}

fn pair(
    table: &Table<'_>,
    certificate: &Key<Option<PathBuf>>,
    key: &Key<Option<PathBuf>>,
    server: Server,
    now: Timestamp,
) -> Option<(PathBuf, PathBuf)> {
    let (certificate_file, key_file) = (table.get(certificate), table.get(key));
    if certificate_file.is_some() && !table.has(key) {
        table.error(key, "is missing; a certificate needs its private key");
    }
    if key_file.is_some() && !table.has(certificate) {
        table.error(certificate, "is missing; a private key needs its certificate");
    }
    let chain_text = certificate_file.as_deref().and_then(|file| text(table, certificate, file));
    let key_text = key_file.as_deref().and_then(|file| text(table, key, file));
    if let (Some(file), Some(found)) = (key_file.as_deref(), &key_text) {
        warn_if_open_to_all(table, key, file, found.mode);
    }
    let chain = chain_text.as_ref().map(|found| Chain::read(found.text.expose()));
    if let Some(Ok(chain)) = &chain {
        warn_of_dates(table, certificate, chain, now);
    }
    let judged = match server {
        Server::Rustls => modern(chain, key_text.as_ref()),
        Server::OpenSsl => match (&chain_text, &key_text) {
            (Some(chain), Some(key)) => check_legacy_pair(chain.text.expose(), key.text.expose()),
            (None, _) | (_, None) => Ok(KeyKind::Rsa),
        },
    };
    let shown =
        |file: &Option<PathBuf>| file.as_deref().unwrap_or(Path::new("")).display().to_string();
    match judged {
        Ok(KeyKind::Rsa) => {}
        Ok(KeyKind::Other) => table.warning(
            certificate,
            "is not RSA: many devices support nothing else and will fail to connect",
        ),
        Err(BadPair::Certificate(error)) => {
            table.error(certificate, format!("{} {error}", shown(&certificate_file)));
        }
        Err(BadPair::Key(error)) => table.error(key, format!("{} {error}", shown(&key_file))),
    }
    certificate_file.zip(key_file)
}

/// Reads a certificate and a key for TLS 1.2 and 1.3, as far as they are readable.
fn modern(
    chain: Option<Result<Chain, String>>,
    key: Option<&SecretFile>,
) -> Result<KeyKind, BadPair> {
    let chain = chain.transpose().map_err(BadPair::Certificate)?;
    let Some(key) = key else {
        return Ok(KeyKind::Rsa);
    };
    let key = private_key(key.text.expose()).map_err(BadPair::Key)?;
    let is_rsa = rustls::crypto::ring::sign::any_supported_type(&key)
        .is_ok_and(|key| key.algorithm() == SignatureAlgorithm::RSA);
    if let Some(chain) = &chain {
        check_pair(chain, key).map_err(BadPair::Key)?;
    }
    Ok(if is_rsa { KeyKind::Rsa } else { KeyKind::Other })
}

/// A file that the user who runs the check cannot read may still be readable for the daemon.
fn text(table: &Table<'_>, key: &Key<Option<PathBuf>>, file: &Path) -> Option<SecretFile> {
    match table.reader.files.read(file) {
        Ok(found) => Some(found),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            table.error(
                key,
                format!("{} does not exist; write the path of a file (PEM)", file.display()),
            );
            None
        }
        Err(error) => {
            table.error(
                key,
                format!(
                    "{} cannot be read ({error}); write the path of a file (PEM)",
                    file.display()
                ),
            );
            None
        }
    }
}
