//! From an accepted socket to a stream that is ready for the banner, and from STARTTLS to one that is encrypted.
//!
//! # Failure
//! Both are logged here, and nobody else needs to know why: a client without a stream is gone.

use std::{collections::BTreeSet, io};

use tokio::time::timeout;
use tracing::{debug, warn};

use crate::{
    device::{Client, Parting},
    listener::{
        ListenerTls, Reception,
        opening::{Beginning, Policy},
        tls::{Agreed, Encrypted, HANDSHAKE_TIMEOUT, HandshakeError},
        wire::{Transport, Wire},
    },
    model::{Recorder, TlsVersion},
    smtp::Quirk,
};

/// A stream that is ready for the banner.
pub(super) struct Begun<IO> {
    pub(super) wire: Wire<IO>,
    pub(super) tls: Option<Agreed>,
    /// What the client said before the banner.
    pub(super) early: Vec<u8>,
    pub(super) quirks: BTreeSet<Quirk>,
}

/// Finds out whether TLS comes first, and if so, does the handshake. None when that failed.
pub(super) async fn begin<IO: Transport + 'static>(
    reception: &Reception,
    client: &Client,
    mode: ListenerTls,
    mut io: IO,
) -> Option<Begun<IO>> {
    let policy = match mode {
        ListenerTls::None => return Some(Begun { wire: Wire::Plain(io), tls: None, early: Vec::new(), quirks: BTreeSet::new() }),
        ListenerTls::Implicit => None,
        ListenerTls::Starttls => Some(Policy::Glance),
        ListenerTls::Auto => Some(Policy::Wait),
    };
    let beginning = match policy {
        None => Beginning::Tls(Vec::new()),
        Some(policy) => reception.habits().observe(client.peer(), policy, &mut io).await.ok()?,
    };
    let mut wire = Wire::Plain(io);
    match beginning {
        Beginning::Plain(early) => {
            let quirks = if early.is_empty() { BTreeSet::new() } else { BTreeSet::from([Quirk::EarlyTalker]) };
            Some(Begun { wire, tls: None, early, quirks })
        }
        Beginning::Tls(seen) => {
            let tls = match encrypt(reception, client, &mut wire, seen).await {
                Ok(agreed) => agreed,
                Err(error) => {
                    part(reception, client, &error);
                    return None;
                }
            };
            let quirks = if mode == ListenerTls::Starttls { BTreeSet::from([Quirk::EarlyTls]) } else { BTreeSet::new() };
            Some(Begun { wire, tls: Some(tls), early: Vec::new(), quirks })
        }
    }
}

/// A handshake is all that there was of a connection.
fn part(reception: &Reception, client: &Client, error: &HandshakeError) {
    let mut recorder = Recorder::default();
    recorder.trouble(&trouble(error));
    client.note_connection(None);
    client.note_parting(Parting {
        helo: "",
        tls: None,
        mechanism: None,
        quirks: &BTreeSet::new(),
        dialogue: recorder.end(reception.shared().clock.now()),
    });
}

/// What the administrator reads of a handshake that failed.
pub(super) fn trouble(error: &HandshakeError) -> String {
    format!("the TLS handshake failed: {error}")
}

/// Replaces a plain stream by an encrypted one. An error when the client did not manage, or took too long.
pub(super) async fn encrypt<IO: Transport + 'static>(
    reception: &Reception,
    client: &Client,
    wire: &mut Wire<IO>,
    seen: Vec<u8>,
) -> Result<Agreed, HandshakeError> {
    let io = wire.take_plain().ok_or(io::Error::from(io::ErrorKind::NotConnected))?;
    let metrics = reception.shared().metrics.receiving();
    let handshake = timeout(HANDSHAKE_TIMEOUT, reception.tls().accept(io, seen, client.oldest_tls())).await;
    match handshake.unwrap_or_else(|_elapsed| Err(io::Error::from(io::ErrorKind::TimedOut).into())) {
        Ok(Encrypted { agreed, stream }) => {
            metrics.handshakes.get_or_create(&agreed.version.into()).inc();
            debug!(peer = %client.peer(), tls = agreed.version.as_str(), cipher = agreed.cipher, "encrypted");
            *wire = Wire::Tls(stream);
            Ok(agreed)
        }
        Err(error) => {
            metrics.handshakes_failed.inc();
            client.note_failed_handshake(&trouble(&error), too_old(&error));
            match (client.device(), &error) {
                (Some(device), HandshakeError::TooOld { .. }) => {
                    warn!(device = %device.name, peer = %client.peer(), %error, "handshake refused");
                }
                (Some(_) | None, _) => debug!(peer = %client.peer(), %error, "handshake failed"),
            }
            Err(error)
        }
    }
}

/// What the client offers at best, when that was the reason.
fn too_old(error: &HandshakeError) -> Option<TlsVersion> {
    match error {
        HandshakeError::TooOld { offered, .. } => TlsVersion::ALL.into_iter().find(|version| version.as_str() == *offered),
        HandshakeError::Broken(_) => None,
    }
}
