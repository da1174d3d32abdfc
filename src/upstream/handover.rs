//! A message on its way into a transaction.

use crate::model::{Address, MailParameters, Recipient, ReversePath};

/// A message for one transaction.
pub struct Handover<T> {
    /// The reverse-path of `MAIL FROM`.
    pub sender: ReversePath,
    /// The recipients, in the order of `RCPT TO`. The report keeps this order.
    pub recipients: Vec<Recipient>,
    /// The size of the text in octets, for `SIZE=`.
    pub size: u64,
    /// The parameters that the sender gave besides the addresses.
    pub parameters: MailParameters,
    /// The text, without dot-stuffing, its lines ended by CRLF.
    pub text: T,
}

impl<T> Handover<T> {
    /// Whether any address requires SMTPUTF8.
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        self.sender.mailbox().is_some_and(Address::needs_smtputf8)
            || self.recipients.iter().any(|r| r.address.needs_smtputf8())
    }

    /// Separates the text from the envelope: only the text is read piece by piece.
    pub(super) fn into_parts(self) -> (Handover<()>, T) {
        let Self { sender, recipients, size, parameters, text } = self;
        (Handover { sender, recipients, size, parameters, text: () }, text)
    }
}
