//! The message that a connection is handing in, from `DATA` to `250`.
//!
//! # Failure
//! Each step returns the reply to give when the disk refuses, after logging why. Dropped before
//! [`Intake::commit`], a message leaves nothing behind.

use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::{
    device::Client,
    listener::{Receiving, trouble},
    message::{self, FirstLine, HeaderLength, Inspection},
    model::{ByteSize, EnhancedCode, Envelope, Reply, ReversePath, TlsVersion, Via},
    smtp::{Transaction, reply},
    spool::{Committed, Incoming, SpoolError},
};

/// It could be neither read nor mended, and the next server would refuse it when the device has
/// long gone.
const HEADER_TOO_LONG: Reply = Reply::fixed(
    554,
    EnhancedCode(5, 6, 0),
    "The header of the message is larger than 252KB; send to fewer recipients at once",
);

/// A message being received.
pub(super) struct Intake {
    incoming: Incoming,
    inspection: Inspection,
    header: HeaderLength,
    first_line: Option<FirstLine>,
    sender: ReversePath,
    recipients: usize,
    octets: u64,
    begun: Instant,
}

impl Intake {
    /// Opens the spool file and writes our `Received:` field.
    pub(super) async fn open(
        shared: &Receiving,
        client: &Client,
        via: Via,
        transaction: Transaction,
    ) -> Result<Self, Reply> {
        // A stranger's MAIL FROM has been refused, so this is a second lock on the same door.
        let Some(device) = client.device() else {
            return Err(reply::LOCAL_ERROR);
        };
        let Transaction { sender, recipients, parameters, declared_size: _ } = transaction;
        let (id, received) = (shared.spool.new_id(), shared.clock.now());
        let envelope = Envelope {
            id,
            received,
            device: device.name.clone(),
            via,
            sender,
            recipients,
            parameters,
        };
        let routes = shared.spool.route(&envelope);
        let head = message::received(&envelope, &shared.hostname);
        let (sender, recipients) = (envelope.sender.clone(), envelope.recipients.len());
        let refused = |error: SpoolError| refused(shared, client, &error);
        let incoming = shared.spool.receive(envelope, routes).await.map_err(refused)?;
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

    /// Appends text.
    pub(super) async fn write(
        &mut self,
        shared: &Receiving,
        client: &Client,
        text: &[u8],
    ) -> Result<(), Reply> {
        self.inspection.read(text);
        self.octets += u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.header.read(text);
        // Only the first piece begins with it.
        let (before, kept) = match self.first_line {
            Some(_) => (b"".as_slice(), text),
            None => self.first_line.insert(FirstLine::of(text)).stored(text),
        };
        for piece in [before, kept].into_iter().filter(|piece| !piece.is_empty()) {
            self.incoming.write(piece).await.map_err(|error| refused(shared, client, &error))?;
        }
        Ok(())
    }

    /// Makes it durable; the proof that lets the session say `250`.
    pub(super) async fn commit(
        self,
        shared: &Receiving,
        client: &Client,
        tls: Option<TlsVersion>,
    ) -> Result<Committed, Reply> {
        if self.header.is_too_long() {
            let device = client.device().map(|device| device.name.as_str());
            info!(device, peer = %client.peer(), reply = %HEADER_TOO_LONG, "refused");
            return Err(HEADER_TOO_LONG);
        }
        let mut quirks = self.inspection.quirks();
        quirks.extend(self.first_line.and_then(FirstLine::quirk));
        let committed =
            self.incoming.commit().await.map_err(|error| refused(shared, client, &error))?;
        let id = committed.id();
        let size = committed.size().octets();
        let metrics = shared.metrics.receiving();
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

    /// The connection ended first; the device still owns the message.
    pub(super) fn break_off(self, shared: &Receiving, client: &Client) {
        shared.metrics.receiving().messages_broken_off.inc();
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

fn refused(shared: &Receiving, client: &Client, error: &SpoolError) -> Reply {
    shared.metrics.receiving().messages_not_stored.inc();
    error!(device = client.device().map(|device| device.name.as_str()), peer = %client.peer(), %error, "not stored");
    trouble::told(error)
}
