//! A short message, ready to be handed over.

use postroom::{
    message::Text,
    model::{MailParameters, Recipient, ReversePath},
    upstream::{Earlier, Handover},
};

/// From somebody, or nobody, to these.
pub(crate) fn handover(sender: &str, recipients: &[&str]) -> Handover<Letter> {
    Handover {
        sender: if sender.is_empty() {
            ReversePath::Null
        } else {
            ReversePath::Mailbox(sender.parse().unwrap())
        },
        recipients: recipients
            .iter()
            .map(|address| Recipient::new(address.parse().unwrap()))
            .collect(),
        size: 100,
        parameters: MailParameters::default(),
        earlier: Earlier::None,
        text: Letter { given: false },
    }
}

/// A short message.
pub(crate) struct Letter {
    given: bool,
}

impl Text for Letter {
    fn size(&self) -> u64 {
        100
    }

    async fn read(&mut self, buffer: &mut Vec<u8>) -> std::io::Result<()> {
        buffer.clear();
        if !std::mem::replace(&mut self.given, true) {
            buffer.extend_from_slice(
                b"From: <scanner@contoso.com>\r\nMessage-ID: <1@contoso.com>\r\n\r\nScan\r\n",
            );
        }
        Ok(())
    }
}
