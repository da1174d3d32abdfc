//! The client of a connection, and the place that it holds.

use crate::{
    device::{Client, TlsSighting},
    listener::slots::Slot,
    model::Reply,
};

/// The client of a connection, and the place that it holds until the connection ends.
pub(super) struct Occupant {
    client: Client,
    slot: Slot,
}

impl Occupant {
    pub(super) const fn new(client: Client, slot: Slot) -> Self {
        Self { client, slot }
    }

    /// The place that the client holds.
    pub(super) const fn slot(&self) -> &Slot {
        &self.slot
    }

    pub(super) const fn client(&self) -> &Client {
        &self.client
    }

    /// Makes the client another one, before its connection has been recorded.
    ///
    /// # Errors
    /// 421, when the device that it turns out to be has no place left.
    pub(super) fn identify(&mut self, client: Client) -> Result<(), Reply> {
        self.slot.pass_to(&client)?;
        self.client = client;
        Ok(())
    }

    /// Makes the client another one: it has shown a certificate, has logged in, or has lost its
    /// login to a handshake. Its place and its record follow.
    ///
    /// # Errors
    /// 421, when its new device has no place left. The client then stays what it was.
    pub(super) fn become_client(
        &mut self,
        client: Client,
        tls: Option<TlsSighting>,
    ) -> Result<(), Reply> {
        self.slot.pass_to(&client)?;
        client.note_change(&self.client, tls);
        self.client = client;
        Ok(())
    }
}
