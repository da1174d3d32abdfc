//! The certificate of the first start: self-signed, RSA, made once and kept in `data_dir/tls`.
//!
//! # Failure
//! Each function returns [`ListenerError`]; none logs. An existing file that cannot be read is
//! never replaced.

use std::{
    fs,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256,
};
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject};

use crate::listener::ListenerError;

/// The oldest devices cannot compute with larger keys, and current ones refuse smaller keys.
const RSA_BITS: usize = 2048;

/// The files of the certificate made at the first start. They are made now if they do not exist.
pub(super) fn kept_or_made(
    data_dir: &Path,
    hostname: &str,
) -> Result<(PathBuf, PathBuf), ListenerError> {
    kept_or(data_dir, "server", || make(hostname))
}

/// `tls/<name>.pem` and `tls/<name>.key`. If they do not exist, `make` makes them.
pub(super) fn kept_or(
    data_dir: &Path,
    name: &str,
    make: impl FnOnce() -> Result<Made, String>,
) -> Result<(PathBuf, PathBuf), ListenerError> {
    let folder = data_dir.join("tls");
    let (certificate, key) =
        (folder.join(name).with_extension("pem"), folder.join(name).with_extension("key"));
    if certificate.exists() && key.exists() {
        return Ok((certificate, key));
    }
    let made =
        make().map_err(|reason| ListenerError::tls("make certificate", &certificate, &reason))?;
    let folder_made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    folder_made.map_err(|error| ListenerError::tls("make folder", &folder, &error))?;
    // The key is written first: after a crash in between there is a key without a certificate, and
    // both are made anew.
    write(&key, made.key.as_bytes())?;
    write(&certificate, made.certificate.as_bytes())?;
    Ok((certificate, key))
}

/// A certificate and its key, in PEM.
pub(super) struct Made {
    pub(super) certificate: String,
    pub(super) key: zeroize::Zeroizing<String>,
}

/// Writes under another name first, so that a crash leaves no partial file under the right one.
fn write(path: &Path, text: &[u8]) -> Result<(), ListenerError> {
    let failed = |error: std::io::Error| ListenerError::tls("write", path, &error);
    let unfinished = path.with_extension("new");
    let open = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished);
    let mut file = open.map_err(failed)?;
    file.write_all(text).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)
}

fn make(hostname: &str) -> Result<Made, String> {
    let key =
        rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, RSA_BITS).map_err(|e| e.to_string())?;
    let der = key.to_pkcs8_der().map_err(|e| e.to_string())?;
    let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|e| e.to_string())?;
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(
        &PrivatePkcs8KeyDer::from(der.as_bytes()),
        &PKCS_RSA_SHA256,
    )
    .map_err(|e| e.to_string())?;
    let certificate = parameters(hostname)
        .and_then(|parameters| parameters.self_signed(&pair))
        .map_err(|e| e.to_string())?;
    Ok(Made { certificate: certificate.pem(), key: pem })
}

fn parameters(hostname: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut names = vec![hostname.to_owned(), "localhost".to_owned()];
    names.extend(local_addresses().iter().map(IpAddr::to_string));
    names.dedup();
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name.push(DnType::CommonName, hostname);
    // RFC 5280 4.1.2.5: dates up to 2049 are written with two digits of year, the only form that
    // the oldest devices read. It begins in the past, because devices without a clock battery live
    // there.
    parameters.not_before = rcgen::date_time_ymd(2000, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(2049, 12, 31);
    parameters.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(parameters)
}

/// The addresses under which devices may know us: loopback, and the one of each family that leads
/// outwards.
fn local_addresses() -> Vec<IpAddr> {
    // Connecting a UDP socket sends nothing; it makes the system choose the address it would send
    // from. The destinations are from the ranges for documentation (RFC 5737, RFC 3849).
    let outward = |bind: IpAddr, to: IpAddr| {
        let socket = UdpSocket::bind((bind, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    };
    let v4 = outward(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let v6 = outward(
        Ipv6Addr::UNSPECIFIED.into(),
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    );
    [Some(Ipv4Addr::LOCALHOST.into()), Some(Ipv6Addr::LOCALHOST.into()), v4, v6]
        .into_iter()
        .flatten()
        .collect()
}

/// Reads a PEM file that holds a chain of certificates.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, ListenerError> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let chain = read().map_err(|error| ListenerError::tls("read certificate", path, &error))?;
    if chain.is_empty() {
        return Err(ListenerError::tls("read certificate", path, &"the file holds no certificate"));
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_certificate_is_made_once_and_only_we_can_read_its_key() {
        let data_dir = tempfile::tempdir().unwrap();
        let (certificate, key) = kept_or_made(data_dir.path(), "postroom.contoso.lan").unwrap();
        let first = (fs::read(&certificate).unwrap(), fs::read(&key).unwrap());
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        let again = kept_or_made(data_dir.path(), "postroom.contoso.lan").unwrap();
        assert_eq!(again, (certificate.clone(), key.clone()));
        assert_eq!((fs::read(&certificate).unwrap(), fs::read(&key).unwrap()), first);
        let left: Vec<_> = fs::read_dir(data_dir.path().join("tls"))
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}
