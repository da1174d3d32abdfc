//! The route of a recipient by an account: to its server, to the mail servers of the recipient's
//! domain, or nowhere.
//!
//! Recipients of one transaction share a next hop. Recipients that an account cannot carry form a
//! group of their own. Once no other recipient of the message is due, they move to an account of
//! `spill_to` that can carry them, or they fail with the reason before any server is contacted.

use crate::{
    attempt::NextHop,
    entry::{Entry, RecipientState},
    model::Address,
    queue::{AccountSettings, engine::sender},
    reach::Unroutable,
};

/// The route of a recipient by an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::queue) enum RouteDecision {
    /// To this next hop.
    NextHop(NextHop),
    /// The account cannot carry mail to this recipient.
    Unroutable(Unroutable),
}

/// Allowance for our own `Received:` field: it must not make a message too large that the device
/// was allowed to submit.
const OWN_FIELDS: u64 = 2048;

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
    let sender = || sender::spoken(entry, &[recipient], account);
    match account.route.next_hop(recipient, sender) {
        Ok(next_hop) => RouteDecision::NextHop(next_hop),
        Err(unroutable) => RouteDecision::Unroutable(unroutable),
    }
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
    use crate::{
        model::ReversePath,
        queue::{SenderRewrite, fixture},
        upstream::{Connector, Route, Server, Submission},
    };

    /// An account that reaches this domain only.
    fn within(domain: &str) -> AccountSettings {
        let domains = Some(vec![domain.to_owned()]);
        account(Route::Submission(Submission { server: server(), domains }), None)
    }

    /// A connector that knows us by our address.
    fn by_address(address: Option<&str>) -> AccountSettings {
        let domains = vec!["contoso.com".to_owned()];
        account(Route::Connector(Connector { server: server(), domains }), address)
    }

    fn server() -> Server {
        Server::new("127.0.0.1", 25, "postroom.contoso.lan")
    }

    fn account(route: Route, address: Option<&str>) -> AccountSettings {
        let mut account = fixture::account("tenant", SenderRewrite::WhenNotAllowed);
        account.sender.allowed = vec!["*@contoso.com".parse().unwrap()];
        account.address = address.map(|address| address.parse().unwrap());
        AccountSettings { route, ..account }
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
        let inside = within("contoso.com");
        check(&inside, "mfp1@contoso.com", "ann@Contoso.com", None);
        check(&inside, "", "ann@contoso.com", None);
        check(&inside, "mfp1@contoso.com", "bob@fabrikam.com", Some(Unroutable::Outside));
        check(&inside, "mfp1@contoso.com", "bob@sub.contoso.com", Some(Unroutable::Outside));
        let anywhere = fixture::account("tenant", SenderRewrite::WhenNotAllowed);
        check(&anywhere, "mfp1@contoso.com", "bob@fabrikam.com", None);
    }

    #[test]
    fn a_connector_by_address_relays_only_what_is_from_the_organization() {
        let by_address = by_address(None);
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
        let by_address = by_address(Some("scanner@contoso.com"));
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
