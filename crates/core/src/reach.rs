//! Whom a route reaches, and why an account cannot carry a recipient's mail.

use crate::{
    classify::{Concern, Outcome, Place, Verdict},
    model::{AccountName, Address, ByteSize, EnhancedCode, Reply, ReversePath},
};

/// The mail that a server accepts, as far as that is known before it is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach<'a> {
    /// The server alone decides what it accepts.
    Anywhere,
    /// Only recipients in these domains: direct send and High Volume Email.
    Within(&'a [String]),
    /// All mail within these domains and from them: a connector that identifies us by our IP
    /// address.
    From(&'a [String]),
}

impl Reach<'_> {
    /// Why a recipient is out of reach; `None` when it is not. `sender` gives the address that
    /// `MAIL FROM` would have for this recipient.
    pub fn obstacle(
        self,
        recipient: &Address,
        sender: impl FnOnce() -> ReversePath,
    ) -> Option<Unroutable> {
        let has = |domains: &[String], address: &Address| {
            domains.iter().any(|domain| domain == address.domain())
        };
        match self {
            Self::Anywhere => None,
            Self::Within(domains) => (!has(domains, recipient)).then_some(Unroutable::Outside),
            Self::From(domains) if has(domains, recipient) => None,
            Self::From(domains) => match sender() {
                ReversePath::Null => Some(Unroutable::NullSender),
                ReversePath::Mailbox(sender) => {
                    (!has(domains, &sender)).then_some(Unroutable::ForeignSender)
                }
            },
        }
    }
}

/// Why an account cannot carry a recipient's mail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unroutable {
    /// The message is larger than the account's limit, which is this.
    TooLarge(ByteSize),
    /// The account reaches the organization's own domains only.
    Outside,
    /// A connector identified by our IP address relays only for senders of the organization.
    ForeignSender,
    /// A connector identified by our IP address relays nothing with a null sender.
    NullSender,
}

impl Unroutable {
    /// The verdict for the recipients of a message of this size, in the words that the server would
    /// use.
    #[must_use]
    pub fn verdict(self, size: ByteSize, account: &AccountName) -> Verdict {
        let (place, concern, reply) = match self {
            Self::TooLarge(limit) => {
                let words = format!(
                    "the message has {size}; limits.message_size of account \"{account}\" is \
                    {limit}"
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
            Self::Outside => "This way out takes mail for the organization only",
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
