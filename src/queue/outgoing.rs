//! What an account sends of a message: envelope and text, with the edits of delivery. The spool file stays as it was accepted.

use std::io;

use crate::{
    message::Text,
    model::ReversePath,
    queue::{AccountSettings, SenderRewrite},
    spool::{Entry, MessageReader},
    upstream::Handover,
};

/// The text of a message on its way out.
pub(super) struct Outgoing(MessageReader);

impl Text for Outgoing {
    fn size(&self) -> u64 {
        self.0.size()
    }

    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        self.0.read(buffer).await.map_err(io::Error::other)
    }
}

/// Puts together what is handed over for some recipients of a message.
pub(super) fn handover(entry: &Entry, indexes: &[usize], account: &AccountSettings, text: MessageReader) -> Handover<Outgoing> {
    let recipients = indexes.iter().filter_map(|index| entry.recipients.get(*index)).map(|state| state.recipient.clone());
    Handover {
        sender: sender(&entry.sender, account),
        recipients: recipients.collect(),
        size: text.size(),
        body: entry.body,
        smtputf8: entry.smtputf8,
        ret: entry.ret,
        envid: entry.envid.clone(),
        text: Outgoing(text),
    }
}

/// The envelope's sender as the account may use it. A notice keeps its null sender: nobody is to be told about it.
fn sender(sender: &ReversePath, account: &AccountSettings) -> ReversePath {
    let (ReversePath::Mailbox(address), Some(own)) = (sender, &account.address) else {
        return sender.clone();
    };
    let keep = match account.sender.rewrite {
        SenderRewrite::Never => true,
        SenderRewrite::WhenNotAllowed => own.same_mailbox(address) || account.sender.allowed.iter().any(|pattern| pattern.fits(address)),
        SenderRewrite::Always => false,
    };
    if keep { sender.clone() } else { ReversePath::Mailbox(own.clone()) }
}

/// Whether an account may carry another's mail from this sender: it is allowed, or will be rewritten.
pub(super) fn may_carry(sender: &ReversePath, account: &AccountSettings) -> bool {
    let Some(address) = sender.mailbox() else {
        return true;
    };
    let own = account.address.as_ref();
    own.is_some_and(|own| own.same_mailbox(address))
        || account.sender.allowed.iter().any(|pattern| pattern.fits(address))
        || (account.sender.rewrite != SenderRewrite::Never && own.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::fixture::account;

    fn check(rewrite: SenderRewrite, from: &str, sent: &str, carried: bool) {
        let account = account("scanner", rewrite);
        let from = ReversePath::Mailbox(from.parse().unwrap());
        assert_eq!(sender(&from, &account).to_string(), sent, "{rewrite:?} {from}");
        assert_eq!(may_carry(&from, &account), carried, "{rewrite:?} {from}");
    }

    #[test]
    fn the_envelope_sender_follows_the_setting() {
        check(SenderRewrite::Never, "mfp1@contoso.com", "mfp1@contoso.com", false);
        check(SenderRewrite::Never, "help@contoso.com", "help@contoso.com", true);
        check(SenderRewrite::WhenNotAllowed, "mfp1@contoso.com", "scanner@contoso.com", true);
        check(SenderRewrite::WhenNotAllowed, "help@contoso.com", "help@contoso.com", true);
        check(SenderRewrite::WhenNotAllowed, "Scanner@contoso.com", "Scanner@contoso.com", true);
        check(SenderRewrite::Always, "help@contoso.com", "scanner@contoso.com", true);
    }

    #[test]
    fn a_notice_keeps_its_null_sender() {
        assert_eq!(sender(&ReversePath::Null, &account("scanner", SenderRewrite::Always)), ReversePath::Null);
    }
}
