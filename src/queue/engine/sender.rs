//! The sender addresses that an account may use. Exchange Online checks both the envelope and the
//! header (SendAsDenied).

use crate::{
    entry::Entry,
    message::Identity,
    model::{Address, FromIdentity, ReversePath},
    queue::{AccountSettings, SenderRewrite},
    reach::Reach,
};

/// The envelope sender that the account may use. A notice keeps its null sender: no notice is sent
/// about a notice.
pub(in crate::queue) fn envelope(entry: &Entry, account: &AccountSettings) -> ReversePath {
    let ReversePath::Mailbox(address) = &entry.sender else {
        return ReversePath::Null;
    };
    let wanted = device(entry, account).and_then(|from| from.address.as_ref()).unwrap_or(address);
    match &account.address {
        Some(own) if !keeps(wanted, own, account) => ReversePath::Mailbox(own.clone()),
        Some(_) | None => ReversePath::Mailbox(wanted.clone()),
    }
}

/// The address in `MAIL FROM` for these recipients. RFC 3464 2 wants notices to have a null sender.
/// A connector that identifies us by our IP address relays none beyond the organization (ATTR36),
/// so there the account's address replaces it. A notice that cannot be delivered then comes back to
/// a mailbox, never to us.
pub(in crate::queue) fn spoken(
    entry: &Entry,
    recipients: &[&Address],
    account: &AccountSettings,
) -> ReversePath {
    match (envelope(entry, account), account.route.reach(), &account.address) {
        (ReversePath::Null, Reach::From(domains), Some(own)) => {
            let inside =
                |recipient: &&Address| domains.iter().any(|domain| domain == recipient.domain());
            if recipients.iter().all(inside) {
                ReversePath::Null
            } else {
                ReversePath::Mailbox(own.clone())
            }
        }
        (sender, Reach::Anywhere | Reach::Within(_) | Reach::From(_), _) => sender,
    }
}

/// The identity that the header must have; `None` keeps `author` and `sender`, the addresses in
/// `From:` and `Sender:`. The `senders` of the device govern both, as they govern the envelope: an
/// address that the device may not use is replaced by that of the envelope.
pub(in crate::queue) fn header(
    entry: &Entry,
    author: Option<&Address>,
    sender: Option<&Address>,
    account: &AccountSettings,
) -> Option<Identity> {
    let device = device(entry, account);
    let claimed = |address: &&Address| may_claim(entry, address, account);
    let honest = || {
        let instead = || entry.sender.mailbox().or(account.address.as_ref()).or(author);
        author.map(|author| Some(author).filter(claimed).or_else(instead).unwrap_or(author))
    };
    let wanted = device.and_then(|from| from.address.as_ref()).or_else(honest);
    let address = match (&account.address, wanted) {
        (Some(own), Some(wanted)) if !keeps(wanted, own, account) => Some(own),
        (_, wanted) => wanted,
    };
    let named = device.is_some_and(|from| from.name.is_some() || from.reply_to.is_some());
    let changed =
        address.is_some_and(|address| author.is_none_or(|author| !author.same_mailbox(address)));
    let forged = sender.is_some_and(|sender| !may_claim(entry, sender, account));
    let address = address.filter(|_| named || changed || forged)?;
    Some(Identity {
        address: address.clone(),
        name: device.and_then(|from| from.name.clone()),
        reply_to: device.and_then(|from| from.reply_to.clone()),
    })
}

/// Whether a device may have this address in its headers.
fn may_claim(entry: &Entry, address: &Address, account: &AccountSettings) -> bool {
    let senders = account.sender.senders.get(&entry.device);
    senders.is_none_or(|senders| senders.iter().any(|pattern| pattern.fits(address)))
}

/// Whether an account may carry another account's mail from this sender: the sender is allowed or
/// will be rewritten.
pub(in crate::queue) fn may_carry(sender: &ReversePath, account: &AccountSettings) -> bool {
    let Some(address) = sender.mailbox() else {
        return true;
    };
    let own = account.address.as_ref();
    own.is_some_and(|own| is_allowed(address, own, account))
        || account.sender.allowed.iter().any(|pattern| pattern.fits(address))
        || (account.sender.rewrite != SenderRewrite::Never && own.is_some())
}

fn device<'a>(entry: &Entry, account: &'a AccountSettings) -> Option<&'a FromIdentity> {
    account.sender.identities.get(&entry.device)
}

fn keeps(address: &Address, own: &Address, account: &AccountSettings) -> bool {
    match account.sender.rewrite {
        SenderRewrite::Never => true,
        SenderRewrite::WhenNotAllowed => is_allowed(address, own, account),
        SenderRewrite::Always => own.same_mailbox(address),
    }
}

fn is_allowed(address: &Address, own: &Address, account: &AccountSettings) -> bool {
    own.same_mailbox(address) || account.sender.allowed.iter().any(|pattern| pattern.fits(address))
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Arc};

    use super::*;
    use crate::queue::fixture::{account, entry};

    fn from(sender: &str) -> Entry {
        Entry { sender: ReversePath::Mailbox(sender.parse().unwrap()), ..entry(1) }
    }

    #[track_caller]
    fn check(rewrite: SenderRewrite, sender: &str, sent: &str, carried: bool) {
        let account = account("scanner", rewrite);
        let entry = from(sender);
        assert_eq!(envelope(&entry, &account).to_string(), sent, "{rewrite:?} {sender}");
        assert_eq!(may_carry(&entry.sender, &account), carried, "{rewrite:?} {sender}");
        let author: Address = sender.parse().unwrap();
        let header = header(&entry, Some(&author), None, &account)
            .map_or(sender.to_owned(), |identity| identity.address.to_string());
        assert_eq!(header, sent, "the header follows the envelope");
    }

    #[test]
    fn the_sender_follows_the_setting() {
        check(SenderRewrite::Never, "mfp1@contoso.com", "mfp1@contoso.com", false);
        check(SenderRewrite::Never, "help@contoso.com", "help@contoso.com", true);
        check(SenderRewrite::WhenNotAllowed, "mfp1@contoso.com", "scanner@contoso.com", true);
        check(SenderRewrite::WhenNotAllowed, "help@contoso.com", "help@contoso.com", true);
        check(SenderRewrite::WhenNotAllowed, "Scanner@contoso.com", "Scanner@contoso.com", true);
        check(SenderRewrite::Always, "help@contoso.com", "scanner@contoso.com", true);
    }

    #[test]
    fn a_header_from_someone_else_than_the_envelope_is_rewritten_too() {
        // Ricoh's default: the envelope sender is the device, `From:` is the user who scans.
        let identity = header(
            &from("scanner@contoso.com"),
            "anna@contoso.com".parse().ok().as_ref(),
            None,
            &account("scanner", SenderRewrite::WhenNotAllowed),
        );
        assert_eq!(identity.unwrap().address.as_str(), "scanner@contoso.com");
    }

    #[test]
    fn a_devices_own_identity_goes_before_what_it_says() {
        let mut account = account("scanner", SenderRewrite::WhenNotAllowed);
        let printers = FromIdentity {
            address: "help@contoso.com".parse().ok(),
            name: Some("Office printers".into()),
            reply_to: "it@contoso.com".parse().ok(),
        };
        account.sender.identities = Arc::new(HashMap::from([("printers".into(), printers)]));
        let entry = from("mfp1@printers.lan");
        assert_eq!(envelope(&entry, &account).to_string(), "help@contoso.com");
        let identity =
            header(&entry, "mfp1@printers.lan".parse().ok().as_ref(), None, &account).unwrap();
        assert_eq!(
            (identity.address.as_str(), identity.name.as_deref()),
            ("help@contoso.com", Some("Office printers"))
        );
    }

    #[test]
    fn the_senders_of_a_device_govern_its_headers_too() {
        let address = |text: &str| text.parse::<Address>().unwrap();
        let (own, boss) = (address("mfp@contoso.com"), address("boss@contoso.com"));
        let mut account = account("scanner", SenderRewrite::WhenNotAllowed);
        account.sender.allowed = vec!["*@contoso.com".parse().unwrap()];
        let entry = from("mfp@contoso.com");
        let seen = |account: &AccountSettings, author: &Address, sender: Option<&Address>| {
            header(&entry, Some(author), sender, account).map(|identity| identity.address)
        };
        assert_eq!(seen(&account, &boss, None), None, "the account may, and nothing is forbidden");
        let senders = vec!["mfp@contoso.com".parse().unwrap()];
        account.sender.senders = Arc::new(HashMap::from([("printers".into(), senders)]));
        assert_eq!(seen(&account, &boss, None), Some(own.clone()));
        assert_eq!(seen(&account, &own, Some(&boss)), Some(own.clone()));
        assert_eq!(seen(&account, &own, Some(&own)), None);
        account.sender.rewrite = SenderRewrite::Never;
        assert_eq!(seen(&account, &boss, None), Some(own), "whatever the account allows");
        let notice = Entry { sender: ReversePath::Null, ..entry.clone() };
        let said = header(&notice, Some(&boss), None, &account).unwrap();
        assert_eq!(said.address.as_str(), "scanner@contoso.com", "no sender: the account's own");
    }

    #[test]
    fn a_notice_keeps_its_null_sender() {
        let notice = Entry { sender: ReversePath::Null, ..entry(1) };
        assert_eq!(
            envelope(&notice, &account("scanner", SenderRewrite::Always)),
            ReversePath::Null
        );
    }
}
