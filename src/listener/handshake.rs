//! From an accepted socket to a stream that is ready for the banner, and from STARTTLS to one that
//! is encrypted.
//!
//! # Failure
//! A failed handshake is logged here. The caller needs no reason: without a stream, the client is
//! gone.

use std::{collections::BTreeSet, io};

use tokio::time::timeout;
use tracing::debug;

use crate::{
    device::{Client, ClientCertificate, Parting},
    listener::{
        ListenerTls,
        context::ConnectionContext,
        encrypted::{Agreed, Encrypted, HandshakeError},
        tls::HANDSHAKE_TIMEOUT,
        tls_detection::{Beginning, Policy},
        wire::{Transport, Wire},
    },
    model::Recorder,
    smtp::Quirk,
};

/// A stream that is ready for the banner.
pub(super) struct Begun<IO> {
    pub(super) wire: Wire<IO>,
    pub(super) tls: Option<Secured>,
    /// What the client sent before the banner.
    pub(super) early: Vec<u8>,
    pub(super) quirks: BTreeSet<Quirk>,
}

/// What a handshake results in.
pub(super) struct Secured {
    pub(super) agreed: Agreed,
    /// The certificate that the client has shown, if it was asked for one.
    pub(super) certificate: Option<ClientCertificate>,
}

/// Detects whether the client begins with TLS, and if so, performs the handshake. None when the
/// handshake fails.
pub(super) async fn begin<IO: Transport + 'static>(
    context: &ConnectionContext,
    client: &Client,
    mode: ListenerTls,
    mut io: IO,
) -> Option<Begun<IO>> {
    let policy = match mode {
        ListenerTls::None => {
            return Some(Begun {
                wire: Wire::Plain(io),
                tls: None,
                early: Vec::new(),
                quirks: BTreeSet::new(),
            });
        }
        ListenerTls::Implicit => None,
        ListenerTls::Starttls => Some(Policy::Glance),
        ListenerTls::Auto => Some(Policy::Wait),
    };
    let beginning = match policy {
        None => Beginning::Tls(Vec::new()),
        Some(policy) => context.habits().observe(client.peer(), policy, &mut io).await.ok()?,
    };
    let mut wire = Wire::Plain(io);
    match beginning {
        Beginning::Plain(early) => {
            let quirks = if early.is_empty() {
                BTreeSet::new()
            } else {
                BTreeSet::from([Quirk::EarlyTalker])
            };
            Some(Begun { wire, tls: None, early, quirks })
        }
        Beginning::Tls(seen) => {
            let tls = match encrypt(context, client, &mut wire, seen).await {
                Ok(secured) => secured,
                Err(trouble) => {
                    part(context, client, &trouble);
                    return None;
                }
            };
            let quirks = if mode == ListenerTls::Starttls {
                BTreeSet::from([Quirk::EarlyTls])
            } else {
                BTreeSet::new()
            };
            Some(Begun { wire, tls: Some(tls), early: Vec::new(), quirks })
        }
    }
}

/// Records a connection that has ended with its handshake.
fn part(context: &ConnectionContext, client: &Client, trouble: &str) {
    let mut recorder = Recorder::default();
    recorder.trouble(trouble);
    client.note_connection(None);
    client.note_parting(Parting {
        helo: "",
        tls: None,
        mechanism: None,
        quirks: &BTreeSet::new(),
        dialogue: recorder.end(context.now()),
    });
}

/// Replaces a plain stream with an encrypted one. If the client fails or takes too long, returns
/// the text for the administrator.
pub(super) async fn encrypt<IO: Transport + 'static>(
    context: &ConnectionContext,
    client: &Client,
    wire: &mut Wire<IO>,
    seen: Vec<u8>,
) -> Result<Secured, String> {
    let io = wire.take_plain().ok_or_else(|| "there is nothing to encrypt".to_owned())?;
    let metrics = context.metrics();
    let handshake =
        timeout(HANDSHAKE_TIMEOUT, context.tls().accept(io, seen, client.oldest_tls())).await;
    match handshake.unwrap_or_else(|_elapsed| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    {
        Ok(Encrypted { agreed, chain, stream }) => {
            metrics.handshakes.get_or_create(&agreed.version.into()).inc();
            debug!(
                peer = %client.peer(),
                tls = agreed.version.as_str(),
                cipher = agreed.cipher,
                "encrypted"
            );
            *wire = Wire::Tls(stream);
            let certificate = context.tls().judge().read(&chain, context.now());
            Ok(Secured { agreed, certificate })
        }
        Err(error) => {
            metrics.handshakes_failed.inc();
            let reason = match error {
                HandshakeError::Refused(refusal) => client.refuse_tls(refusal),
                HandshakeError::Broken(error) => {
                    debug!(peer = %client.peer(), %error, "handshake failed");
                    let reason = error.to_string();
                    client.note_failed_handshake(&reason);
                    reason
                }
            };
            Err(format!("the TLS handshake failed: {reason}"))
        }
    }
}
