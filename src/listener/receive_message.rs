//! A message that a client hands in, from `DATA` to `250`.
//!
//! # Failure
//! When the disk refuses, each step logs why and returns the reply for the client. A message that
//! is dropped before [`IncomingMessage::commit`] leaves nothing behind.

use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::{
    device::Client,
    listener::{context::ConnectionContext, error_replies},
    message::{self, FirstLine, HeaderLength, Inspection},
    model::{ByteSize, EnhancedCode, Envelope, Reply, ReversePath, TlsVersion, Via},
    smtp::{Transaction, reply},
    spool::{Committed, Incoming, SpoolError},
};

/// A larger header could be neither read nor repaired, and the next server would refuse it when the
/// device is gone.
const HEADER_TOO_LONG: Reply = Reply::fixed(
    554,
    EnhancedCode(5, 6, 0),
    "The header of the message is larger than 252KB; send to fewer recipients at once",
);

/// RFC 5321 6.3: a message that comes back again and again is in a loop.
const LOOP: Reply = Reply::fixed(
    554,
    EnhancedCode(5, 4, 6),
    "The message has passed more than 50 servers: it is in a loop",
);

/// A message being received.
pub(super) struct IncomingMessage {
    incoming: Incoming,
    inspection: Inspection,
    header: HeaderLength,
    first_line: Option<FirstLine>,
    sender: ReversePath,
    recipients: usize,
    octets: u64,
    begun: Instant,
}

impl IncomingMessage {
    /// Opens a file in the spool and writes our `Received:` field.
    pub(super) async fn open(
        context: &ConnectionContext,
        client: &Client,
        via: Via,
        transaction: Transaction,
    ) -> Result<Self, Reply> {
        // A stranger's MAIL FROM has been refused already. This is a second check.
        let Some(device) = client.device() else {
            return Err(reply::LOCAL_ERROR);
        };
        let Transaction { sender, mut recipients, parameters, declared_size: _ } = transaction;
        // Otherwise a device could make Postroom, or the next server, write to anybody.
        if sender.mailbox().is_some_and(|sender| !device.may_write_to(sender)) {
            for notify in recipients.iter_mut().filter_map(|one| one.notify.as_mut()) {
                notify.success = false;
            }
        }
        let (id, received) = (context.spool().new_id(), context.now());
        let envelope = Envelope {
            id,
            received,
            device: device.name.clone(),
            via,
            sender,
            recipients,
            parameters,
        };
        let routes = context.spool().route(&envelope);
        let head = message::received(&envelope, context.hostname());
        let (sender, recipients) = (envelope.sender.clone(), envelope.recipients.len());
        let refused = |error: SpoolError| refused(context, client, &error);
        let incoming = context.spool().receive(envelope, routes).await.map_err(refused)?;
        let mut intake = Self {
            incoming,
            inspection: Inspection::default(),
            header: HeaderLength::default(),
            first_line: None,
            sender,
            recipients,
            octets: 0,
            begun: Instant::now(),
        };
        intake.incoming.write(head.as_bytes()).await.map_err(refused)?;
        Ok(intake)
    }

    /// Appends a piece of the text.
    pub(super) async fn write(
        &mut self,
        context: &ConnectionContext,
        client: &Client,
        text: &[u8],
    ) -> Result<(), Reply> {
        self.inspection.read(text);
        self.octets += u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.header.read(text);
        // Only the first piece begins with the first line.
        let (before, kept) = match self.first_line {
            Some(_) => (b"".as_slice(), text),
            None => self.first_line.insert(FirstLine::of(text)).stored(text),
        };
        for piece in [before, kept].into_iter().filter(|piece| !piece.is_empty()) {
            self.incoming.write(piece).await.map_err(|error| refused(context, client, &error))?;
        }
        Ok(())
    }

    /// Makes the message durable. Returns the proof that lets the session say `250`.
    pub(super) async fn commit(
        self,
        context: &ConnectionContext,
        client: &Client,
        tls: Option<TlsVersion>,
    ) -> Result<Committed, Reply> {
        if self.header.is_too_long() {
            let device = client.device().map(|device| device.name.as_str());
            info!(device, peer = %client.peer(), reply = %HEADER_TOO_LONG, "refused");
            return Err(HEADER_TOO_LONG);
        }
        if self.header.loops() {
            let device = client.device().map(|device| device.name.as_str());
            warn!(device, peer = %client.peer(), sender = %self.sender, reply = %LOOP, "mail loop");
            return Err(LOOP);
        }
        let mut quirks = self.inspection.quirks();
        quirks.extend(self.first_line.and_then(FirstLine::quirk));
        let committed =
            self.incoming.commit().await.map_err(|error| refused(context, client, &error))?;
        let id = committed.id();
        let size = committed.size().octets();
        let metrics = context.metrics();
        metrics.messages_accepted.inc();
        metrics.message_bytes.inc_by(size);
        client.note_message(id, size);
        client.note_quirks(&quirks);
        info!(
            %id,
            device = client.device().map(|device| device.name.as_str()),
            peer = %client.peer(),
            sender = %self.sender,
            recipients = self.recipients,
            size,
            tls = tls.map(TlsVersion::as_str),
            user = client.user(),
            certificate = client.certificate(),
            ms = self.begun.elapsed().as_millis(),
            "accepted"
        );
        Ok(committed)
    }

    /// Drops the message because the connection has ended. The device still has it.
    pub(super) fn break_off(self, context: &ConnectionContext, client: &Client) {
        context.metrics().messages_broken_off.inc();
        warn!(
            id = %self.incoming.id(),
            device = client.device().map(|device| device.name.as_str()),
            peer = %client.peer(),
            size = %ByteSize::from_octets(self.octets),
            ms = self.begun.elapsed().as_millis(),
            "broken off before end of data"
        );
    }
}

fn refused(context: &ConnectionContext, client: &Client, error: &SpoolError) -> Reply {
    context.metrics().messages_not_stored.inc();
    let device = client.device().map(|device| device.name.as_str());
    error!(device, peer = %client.peer(), %error, "not stored");
    error_replies::for_device(error)
}
