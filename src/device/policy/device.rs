//! One device's rules: who may send through it, to whom, how much, and how well encrypted.

use std::{num::NonZeroU32, sync::Arc};

use crate::{
    device::{
        DeviceAuth, DeviceEncryption, DeviceSettings, UserSettings,
        policy::{
            message_rate::MessageRate,
            offer::Offer,
            refusal::{self, Refusal},
        },
    },
    model::{Address, ByteSize, ReversePath, TlsVersion},
};

/// One device, with everything that follows from its settings computed once.
pub(in crate::device) struct Device {
    pub(in crate::device) settings: DeviceSettings,
    pub(in crate::device) offer: Offer,
    rate: Option<Arc<MessageRate>>,
}

/// Whether a client has shown who it is. Its network alone proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::device) enum Authentication {
    /// The client has neither logged in nor shown a known certificate.
    Missing,
    /// The client has logged in, or has shown a known certificate.
    Given,
}

impl Device {
    /// A device as configured. `before` is the same device in the configuration that this one
    /// replaces: what it has sent in this minute still counts.
    pub(in crate::device) fn new(
        settings: DeviceSettings,
        users: &[UserSettings],
        hostname: &str,
        before: Option<&Self>,
    ) -> Self {
        let offer = Offer::to_device(&settings, users, hostname);
        let same_limit =
            |before: &&Self| before.settings.messages_per_minute == settings.messages_per_minute;
        let rate = match before.filter(same_limit) {
            Some(before) => before.rate.clone(),
            None => settings
                .messages_per_minute
                .and_then(NonZeroU32::new)
                .map(|limit| Arc::new(MessageRate::per_minute(limit))),
        };
        Self { settings, offer, rate }
    }

    /// Whether the client may send a message from this address now. A permitted message counts
    /// against `messages_per_minute`.
    pub(in crate::device) fn permit_sender(
        &self,
        authentication: Authentication,
        sender: &ReversePath,
        size: Option<ByteSize>,
    ) -> Result<(), Refusal> {
        let settings = &self.settings;
        if settings.auth == DeviceAuth::Required && authentication == Authentication::Missing {
            return Err(refusal::login_required(settings));
        }
        // RFC 5321 4.5.5: a notification has the null sender. It claims to be nobody, so `senders`
        // has nothing to forbid.
        if let Some(address) = sender.mailbox()
            && !settings.senders.iter().any(|pattern| pattern.fits(address))
        {
            return Err(refusal::sender(settings, address));
        }
        if size.is_some_and(|size| size > settings.max_message) {
            return Err(refusal::size(settings));
        }
        if self.rate.as_ref().is_some_and(|rate| !rate.admit()) {
            return Err(refusal::rate(settings));
        }
        Ok(())
    }

    /// Whether the client may write to this address.
    pub(in crate::device) fn permit_recipient(&self, recipient: &Address) -> Result<(), Refusal> {
        if self.settings.may_write_to(recipient) {
            return Ok(());
        }
        Err(refusal::recipient(&self.settings, recipient))
    }

    /// Whether the client must encrypt before it says anything that matters: the device requires
    /// encryption, and the connection has none that protects anything.
    pub(in crate::device) fn must_encrypt(&self, on: Option<TlsVersion>) -> bool {
        self.settings.encryption == DeviceEncryption::Required
            && !on.is_some_and(TlsVersion::is_secure)
    }

    /// Whether the TLS of the connection, if any, is good enough for this device.
    pub(in crate::device) fn permit_tls(&self, on: Option<TlsVersion>) -> Result<(), Refusal> {
        if let Some(version) = on.filter(|version| *version < self.settings.oldest_tls) {
            return Err(refusal::old_tls(&self.settings, version));
        }
        if self.must_encrypt(on) {
            return Err(refusal::plaintext(&self.settings, on));
        }
        Ok(())
    }
}
