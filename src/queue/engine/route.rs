//! The route of a recipient by an account: to its server, to the mail servers of the recipient's
//! domain, or nowhere.
//!
//! Recipients of one transaction share a next hop. Recipients that an account cannot carry form a
//! group of their own. Once no other recipient of the message is due, they move to an account of
//! `spill_to` that can carry them, or they fail with the reason before any server is contacted.

use crate::{
    attempt::NextHop,
    classify::{Concern, Outcome, Place, Verdict},
    entry::{Entry, RecipientState},
    model::{Address, ByteSize, EnhancedCode, Reply, ReversePath},
    queue::{AccountSettings, Reach, engine::sender},
};

/// The route of a recipient by an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::queue) enum RouteDecision {
    /// To this next hop.
    NextHop(NextHop),
    /// The account cannot carry mail to this recipient.
    Unroutable(Unroutable),
}

/// Why an account cannot carry a recipient's mail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Unroutable {
    /// The message is larger than the account's limit, which is this.
    TooLarge(ByteSize),
    /// The account reaches the organization's own domains only.
    Outside,
    /// A connector identified by our IP address relays only for senders of the organization.
    ForeignSender,
    /// A connector identified by our IP address relays nothing with a null sender.
    NullSender,
}

/// Allowance for our own `Received:` field: it must not make a message too large that the device
/// was allowed to submit.
const OWN_FIELDS: u64 = 2048;

impl Unroutable {
    /// The verdict for the recipients, in the words that the server would use.
    pub(in crate::queue) fn verdict(self, entry: &Entry, account: &AccountSettings) -> Verdict {
        let (place, concern, reply) = match self {
            Self::TooLarge(limit) => {
                let words = format!(
                    "the message has {}; limits.message_size of account \"{}\" is {limit}",
                    entry.size, account.name
                );
                let reply = Reply::with(0, EnhancedCode(5, 3, 4), &words);
                (Place::MESSAGE, Concern::Message, reply)
            }
            Self::Outside | Self::ForeignSender | Self::NullSender => {
                let reply = Reply::fixed(550, EnhancedCode(5, 7, 64), self.words());
                (Place::RECIPIENT, Concern::Recipient, reply)
            }
        };
        Verdict::plain(place, concern, Outcome::Fail, Some(reply), self.advice())
    }

    const fn words(self) -> &'static str {
        match self {
            Self::TooLarge(_) => "The message is too large",
            Self::Outside => "This way out takes mail for the own organization only",
            Self::ForeignSender => "The connector does not relay for this sender (ATTR36)",
            Self::NullSender => "The connector does not relay mail without a sender (ATTR36)",
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::TooLarge(_) => {
                "It was not tried, since the server would refuse it. Lower the resolution on the \
                device. If the mailbox may send more, raise limits.message_size of the account; \
                set max_message of the device to the same, so that it is told at once."
            }
            Self::Outside => {
                "The account reaches recipients of the organization's own domains alone \
                (domains). Name an account in its spill_to that reaches others: one with route = \
                \"submission\" or a connector."
            }
            Self::ForeignSender => {
                "A connector that knows us by our address relays only what is from the \
                organization's own domains (domains). Give the account an address, so that other \
                senders are replaced by it, or use a certificate (certificate, key)."
            }
            Self::NullSender => {
                "A connector that knows us by our address relays no mail with an empty sender \
                beyond the organization's own domains. Give the account an address, which then \
                stands in for it, or use a certificate (certificate, key)."
            }
        }
    }
}

/// The route of a recipient of a message by an account.
pub(in crate::queue) fn route(
    entry: &Entry,
    recipient: &Address,
    account: &AccountSettings,
) -> RouteDecision {
    if let Some(limit) = account.limits.message_size
        && entry.size.octets() > limit.octets().saturating_add(OWN_FIELDS)
    {
        return RouteDecision::Unroutable(Unroutable::TooLarge(limit));
    }
    let within = |domains: &[String]| domains.iter().any(|domain| domain == recipient.domain());
    let obstacle = match &account.reach {
        Reach::Anywhere => None,
        Reach::Within(domains) => (!within(domains)).then_some(Unroutable::Outside),
        Reach::From(domains) if within(domains) => None,
        Reach::From(domains) => match sender::spoken(entry, &[recipient], account) {
            ReversePath::Null => Some(Unroutable::NullSender),
            ReversePath::Mailbox(sender) => {
                let known = domains.iter().any(|domain| domain == sender.domain());
                (!known).then_some(Unroutable::ForeignSender)
            }
        },
    };
    obstacle.map_or_else(
        || RouteDecision::NextHop(account.destination.lane(recipient)),
        RouteDecision::Unroutable,
    )
}

/// The route of the transaction that is due next: that of the first recipient that has a next hop,
/// otherwise that of the first recipient.
pub(in crate::queue) fn next<'a>(
    entry: &Entry,
    due: impl Iterator<Item = &'a RecipientState>,
    account: &AccountSettings,
) -> Option<RouteDecision> {
    let mut first = None;
    for recipient in due {
        match route(entry, &recipient.recipient.address, account) {
            hop @ RouteDecision::NextHop(_) => return Some(hop),
            nowhere @ RouteDecision::Unroutable(_) => first = first.or(Some(nowhere)),
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{SenderRewrite, fixture};

    fn account(reach: Reach, address: Option<&str>) -> AccountSettings {
        let mut account = fixture::account("tenant", SenderRewrite::WhenNotAllowed);
        account.sender.allowed = vec!["*@contoso.com".parse().unwrap()];
        account.address = address.map(|address| address.parse().unwrap());
        AccountSettings { reach, ..account }
    }

    #[track_caller]
    fn check(
        account: &AccountSettings,
        sender: &str,
        recipient: &str,
        expected: Option<Unroutable>,
    ) {
        let sender = if sender.is_empty() {
            ReversePath::Null
        } else {
            ReversePath::Mailbox(sender.parse().unwrap())
        };
        let entry = Entry { sender, ..fixture::entry(1) };
        let expected =
            expected.map_or(RouteDecision::NextHop(NextHop::Server), RouteDecision::Unroutable);
        assert_eq!(
            route(&entry, &recipient.parse().unwrap(), account),
            expected,
            "{} to {recipient}",
            entry.sender
        );
    }

    #[test]
    fn mail_for_others_does_not_go_by_a_way_into_the_organization() {
        let inside = account(Reach::Within(vec!["contoso.com".to_owned()]), None);
        check(&inside, "mfp1@contoso.com", "ann@Contoso.com", None);
        check(&inside, "", "ann@contoso.com", None);
        check(&inside, "mfp1@contoso.com", "bob@fabrikam.com", Some(Unroutable::Outside));
        check(&inside, "mfp1@contoso.com", "bob@sub.contoso.com", Some(Unroutable::Outside));
        check(&account(Reach::Anywhere, None), "mfp1@contoso.com", "bob@fabrikam.com", None);
    }

    #[test]
    fn a_connector_by_address_relays_only_what_is_from_the_organization() {
        let by_address = account(Reach::From(vec!["contoso.com".to_owned()]), None);
        check(&by_address, "mfp1@contoso.com", "bob@fabrikam.com", None);
        check(&by_address, "mfp1@printers.lan", "ann@contoso.com", None);
        check(
            &by_address,
            "mfp1@printers.lan",
            "bob@fabrikam.com",
            Some(Unroutable::ForeignSender),
        );
        check(&by_address, "", "ann@contoso.com", None);
        check(&by_address, "", "bob@fabrikam.com", Some(Unroutable::NullSender));
    }

    #[test]
    fn an_address_of_the_account_stands_in_for_senders_that_are_not_relayed() {
        let by_address =
            account(Reach::From(vec!["contoso.com".to_owned()]), Some("scanner@contoso.com"));
        check(&by_address, "mfp1@printers.lan", "bob@fabrikam.com", None);
        check(&by_address, "", "bob@fabrikam.com", None);
        let notice = Entry { sender: ReversePath::Null, ..fixture::entry(1) };
        let said = |recipient: &str| {
            sender::spoken(&notice, &[&recipient.parse().unwrap()], &by_address).to_string()
        };
        assert_eq!(
            (said("ann@contoso.com"), said("bob@fabrikam.com")),
            (String::new(), "scanner@contoso.com".to_owned())
        );
    }
}
