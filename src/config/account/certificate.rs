//! The client certificate of an account, checked before the server sees it.

use std::path::Path;

use crate::{
    config::{
        schema::{
            Key,
            account::{CLIENT_CERTIFICATE, CLIENT_KEY},
        },
        secret_file::{warn_if_open_to_all, warn_of_dates},
        table::Table,
    },
    model::Timestamp,
    upstream::{Chain, ClientCertificate, Extent, check_pair, private_key},
};

/// `certificate` and `key`: shown to the server when it asks.
pub(super) fn read(
    table: &Table<'_>,
    domains: &[String],
    now: Timestamp,
) -> Option<ClientCertificate> {
    let (certificate, key) = (table.get(&CLIENT_CERTIFICATE), table.get(&CLIENT_KEY));
    match (table.has(&CLIENT_CERTIFICATE), table.has(&CLIENT_KEY)) {
        (false, false) => return None,
        (true, false) => table.error(
            &CLIENT_KEY,
            "is missing: the certificate cannot be used without it; write the path of its private \
            key (PEM)",
        ),
        (false, true) => {
            table.error(
                &CLIENT_CERTIFICATE,
                "is missing: the key cannot be used without it; write the path of the certificate \
                and its chain (PEM)",
            );
        }
        (true, true) => {}
    }
    let files = ClientCertificate { certificate: certificate?, key: key? };
    check(table, &files, domains, now);
    Some(files)
}

/// Notes whatever would make the server refuse the certificate. A file that does not exist yet
/// stops the account, not the daemon.
fn check(table: &Table<'_>, files: &ClientCertificate, domains: &[String], now: Timestamp) {
    let open = |key: &Key<_>, path: &Path| match table.reader.files.read(path) {
        Ok(found) => Some(found),
        Err(error) => {
            table.warning(
                key,
                format!(
                    "{} cannot be read now ({error}); the account does not send until it is \
                    readable",
                    path.display()
                ),
            );
            None
        }
    };
    let certificate = open(&CLIENT_CERTIFICATE, &files.certificate);
    let key = open(&CLIENT_KEY, &files.key);
    let chain = certificate.and_then(|file| match Chain::read(file.text.expose()) {
        Ok(chain) => Some(chain),
        Err(error) => {
            table.error(&CLIENT_CERTIFICATE, format!("{} {error}", files.certificate.display()));
            None
        }
    });
    if let Some(chain) = &chain {
        check_chain(table, chain, domains, now);
    }
    let Some(found) = key else { return };
    warn_if_open_to_all(table, &CLIENT_KEY, &files.key, found.mode);
    let fits = private_key(found.text.expose())
        .and_then(|key| chain.as_ref().map_or(Ok(()), |chain| check_pair(chain, key)));
    if let Err(error) = fits {
        table.error(&CLIENT_KEY, format!("{} {error}", files.key.display()));
    }
}

fn check_chain(table: &Table<'_>, chain: &Chain, domains: &[String], now: Timestamp) {
    let names = chain.names.join(", ");
    match chain.extent {
        Extent::Alone => table.warning(
            &CLIENT_CERTIFICATE,
            format!(
                "is alone in its file, but \"{}\" has issued it; Exchange Online does not \
                recognise it (5.7.64 TenantAttribution) without its intermediate certificates: \
                append them to the file (the CA's \"full chain\")",
                chain.issuer
            ),
        ),
        Extent::SelfSigned => table.warning(
            &CLIENT_CERTIFICATE,
            "is self-signed: Exchange Online matches a connector only by certificates of public \
            authorities; use such a certificate",
        ),
        Extent::WithIssuers => {}
    }
    if chain.names.is_empty() {
        table.error(
            &CLIENT_CERTIFICATE,
            "contains no name, neither an alternative name nor a common name; a connector matches \
            by name",
        );
    } else if !domains.is_empty() && !chain.speaks_for(domains) {
        table.warning(
            &CLIENT_CERTIFICATE,
            format!(
                "is for {names}, which is neither one of `domains` nor a host in one: Exchange \
                Online refuses to relay with it (5.7.64 ATTR36)"
            ),
        );
    }
    warn_of_dates(table, &CLIENT_CERTIFICATE, chain, now);
}
