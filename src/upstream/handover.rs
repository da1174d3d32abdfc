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
    /// Whether an earlier attempt may have delivered the message to these recipients.
    pub earlier: Earlier,
    /// The text, without dot-stuffing, its lines ended by CRLF.
    pub text: T,
}

/// What became of earlier attempts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Earlier {
    /// None of them can have delivered the message.
    None,
    /// At least one ended without an answer.
    InDoubt,
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
        let Self { sender, recipients, size, parameters, earlier, text } = self;
        (Handover { sender, recipients, size, parameters, earlier, text: () }, text)
    }
}
