//! Which way the recipients of a message take by an account: to its server, to the mail servers of
//! their domain, to another account, or nowhere. Pure, but for what is done about those that go
//! nowhere.
//!
//! Recipients of one transaction share a lane. Those that an account cannot carry are a lane, too:
//! once nobody else of the message is due, the message moves to an account of `spill_to` that can,
//! or they fail with the reason, before anything is said to a server.

use std::sync::Arc;

use crate::{
    model::{Address, ByteSize, EnhancedCode, Reply, ReversePath},
    queue::{
        AccountSettings, Reach,
        driver::claim::Claim,
        driver::core::{Account, Core, Live},
        driver::transport::Transport,
        engine::{health::Health, sender},
    },
    spool::{Change, Entry, RecipientState, SpoolError},
    upstream::{Concern, Counted, Dsn, NextHop, Outcome, Report, Stage, Trouble, Verdict},
};

/// Where a recipient goes by an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::queue) enum RouteDecision {
    /// There.
    NextHop(NextHop),
    /// Nowhere, for this reason.
    Barred(&'static Unroutable),
    /// Nowhere: the message is larger than the account lets through.
    TooLarge(ByteSize),
}

/// Our own `Received:` is no reason to fail what the device was allowed to hand in.
const OWN_FIELDS: u64 = 2048;

/// Why an account cannot carry a recipient's mail, with what its server would say.
#[derive(PartialEq, Eq, Debug)]
pub(in crate::queue) struct Unroutable {
    code: EnhancedCode,
    words: &'static str,
    advice: &'static str,
}

static OUTSIDE: Unroutable = Unroutable {
    code: EnhancedCode(5, 7, 64),
    words: "This way out takes mail for the own organization only",
    advice: "The account reaches recipients of the organization's own domains alone (domains). \
        Name an account in its spill_to that reaches others: one with route = \"submission\" or a \
        connector.",
};

static FOREIGN_SENDER: Unroutable = Unroutable {
    code: EnhancedCode(5, 7, 64),
    words: "The connector does not relay for this sender (ATTR36)",
    advice: "A connector that knows us by our address relays only what is from the organization's \
        own domains (domains). Give the account an address, so that other senders are replaced by \
        it, or use a certificate (certificate, key).",
};

static NULL_SENDER: Unroutable = Unroutable {
    code: EnhancedCode(5, 7, 64),
    words: "The connector does not relay mail without a sender (ATTR36)",
    advice: "A connector that knows us by our address relays no mail with an empty sender beyond \
        the organization's own domains. Give the account an address, which then stands in for it, \
        or use a certificate (certificate, key).",
};

/// Who may take over what an account cannot send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum TakeoverScope {
    /// Any account of its `spill_to`, and any that spills to it, as after an earlier move: it will
    /// never send it.
    Anybody,
    /// Those of its `spill_to` that have a server of their own: it cannot send it now, and they do
    /// not depend on the same domain.
    Servers,
}

/// Where a recipient goes.
pub(in crate::queue) fn way(
    entry: &Entry,
    recipient: &Address,
    account: &AccountSettings,
) -> RouteDecision {
    if let Some(limit) = account.limits.message_size
        && entry.size.octets() > limit.octets().saturating_add(OWN_FIELDS)
    {
        return RouteDecision::TooLarge(limit);
    }
    let within = |domains: &[String]| domains.iter().any(|domain| domain == recipient.domain());
    let bar = match &account.reach {
        Reach::Anywhere => None,
        Reach::Within(domains) => (!within(domains)).then_some(&OUTSIDE),
        Reach::From(domains) if within(domains) => None,
        Reach::From(domains) => match sender::spoken(entry, &[recipient], account) {
            ReversePath::Null => Some(&NULL_SENDER),
            ReversePath::Mailbox(sender) => {
                (!domains.iter().any(|domain| domain == sender.domain())).then_some(&FOREIGN_SENDER)
            }
        },
    };
    bar.map_or_else(
        || RouteDecision::NextHop(account.destination.lane(recipient)),
        RouteDecision::Barred,
    )
}

/// The way of the transaction that is due next: of those that go somewhere the first, else of those
/// that do not.
pub(in crate::queue) fn next<'a>(
    entry: &Entry,
    due: impl Iterator<Item = &'a RecipientState>,
    account: &AccountSettings,
) -> Option<RouteDecision> {
    let mut first = None;
    for recipient in due {
        match way(entry, &recipient.recipient.address, account) {
            lane @ RouteDecision::NextHop(_) => return Some(lane),
            nowhere @ (RouteDecision::Barred(_) | RouteDecision::TooLarge(_)) => {
                first = first.or(Some(nowhere));
            }
        }
    }
    first
}

impl<T: Transport> Core<T> {
    /// Who else may carry what goes nowhere here, and which of it.
    pub(in crate::queue) fn better_way(
        &self,
        entry: &Entry,
        stuck: &[usize],
        account: &Account<T>,
        heirs: TakeoverScope,
    ) -> Option<(&Account<T>, Vec<usize>)> {
        let taken = |other: &AccountSettings| -> Vec<usize> {
            let goes = |index: &&usize| {
                let recipient = entry.recipients.get(**index);
                recipient.is_some_and(|state| {
                    matches!(way(entry, &state.recipient.address, other), RouteDecision::NextHop(_))
                })
            };
            if sender::may_carry(&entry.sender, other) {
                stuck.iter().filter(goes).copied().collect()
            } else {
                Vec::new()
            }
        };
        let spills_from = match heirs {
            TakeoverScope::Anybody => account.spills_from.as_slice(),
            TakeoverScope::Servers => &[],
        };
        let fits = |other: &&Arc<Account<T>>| {
            heirs == TakeoverScope::Anybody || other.settings.destination.exchangers.is_none()
        };
        let others = account
            .settings
            .spill_to
            .iter()
            .chain(spills_from)
            .filter_map(|name| self.account(name))
            .filter(fits);
        others
            .map(|other| (other.as_ref(), taken(&other.settings)))
            .find(|(_, taken)| !taken.is_empty())
    }

    /// Gives what this account cannot carry to one that can, for good. False when there is none.
    pub(in crate::queue) fn move_on(
        &self,
        entry: &mut Entry,
        indexes: &[usize],
        account: &Account<T>,
        heirs: TakeoverScope,
    ) -> Result<bool, SpoolError> {
        let Some((better, moved)) = self.better_way(entry, indexes, account, heirs) else {
            return Ok(false);
        };
        let name = (better.settings.name != entry.account).then(|| better.settings.name.clone());
        for index in moved {
            if let Some(recipient) = entry.recipients.get_mut(index) {
                recipient.account.clone_from(&name);
            }
        }
        self.spool.apply(Change { put: vec![entry.clone()], ..Change::default() })?;
        self.changed.notify_one();
        Ok(true)
    }

    /// The connection for a claim: the one at hand if it leads there, else another. None when there
    /// is none: the claim is then settled, or given back.
    ///
    /// What a domain lacks concerns its recipients. What keeps us from its servers holds up the
    /// mail for that domain, which is no attempt of it, until its time is up; what keeps us from
    /// everybody pauses the account.
    pub(in crate::queue) async fn connection_for(
        &self,
        account: &Account<T>,
        claim: &Claim,
        lane: &NextHop,
        held: Option<Live<T::Link>>,
    ) -> Option<Live<T::Link>> {
        match held {
            Some(live) if live.lane == *lane => return Some(live),
            Some(live) => self.park(account, live).await,
            None => {}
        }
        let now = self.clock.now();
        let (rests, verdict) = {
            let mut runtime = self.runtime(account);
            let rests = runtime.domains.rests_until(lane, now).is_some();
            if !rests {
                runtime.domains.probe(lane, now);
            }
            (rests, runtime.domains.verdict(lane))
        };
        // Its time is up, or the trouble is so new that it was claimed just before.
        if rests {
            self.let_go(account, claim, verdict).await;
            return None;
        }
        let trouble = match self.connect(account, lane).await {
            Ok(live) => return Some(live),
            Err(trouble) => trouble,
        };
        match trouble.verdict.outcome {
            Outcome::Pause(_) | Outcome::Stop => {}
            Outcome::Deliver
            | Outcome::Retry
            | Outcome::RetryAfter(_)
            | Outcome::NextTransaction
            | Outcome::Fail
            | Outcome::Doubt => {
                self.conclude_unsent(account, claim, &trouble.verdict).await;
                return None;
            }
        }
        self.hold_up(account, claim, lane, &trouble).await;
        None
    }

    /// A claim whose domain, or account, is in trouble.
    async fn hold_up(
        &self,
        account: &Account<T>,
        claim: &Claim,
        lane: &NextHop,
        trouble: &Trouble,
    ) {
        let now = self.clock.now();
        let (news, verdict) = {
            let mut runtime = self.runtime(account);
            (runtime.trouble(lane, trouble, now), runtime.domains.verdict(lane))
        };
        self.let_go(account, claim, verdict).await;
        self.tell(account, news).await;
    }

    /// Gives a claim back, which the next one then puts off or sends another way. When its time is
    /// up, it meets with the verdict.
    async fn let_go(&self, account: &Account<T>, claim: &Claim, verdict: Option<Verdict>) {
        let now = self.clock.now();
        match verdict.filter(|_| self.plan.is_up(claim.entry.received, now)) {
            Some(verdict) => self.conclude_unsent(account, claim, &verdict).await,
            None => self.give_back(account, claim, now),
        }
    }

    /// An account without a server of its own has nothing to log in to: when a stop has lasted,
    /// mail is the probe.
    pub(in crate::queue) fn probe_by_mail(&self, account: &Account<T>) {
        let now = self.clock.now();
        let mut runtime = self.runtime(account);
        if matches!(runtime.health, Health::Stopped { .. }) && runtime.health.may_connect(now) {
            // Nobody is told that it is over before mail has shown it.
            let _unsaid = runtime.health.connected(now);
        }
    }

    /// Recipients that the account cannot carry, and nobody else: they fail, and nothing is
    /// charged.
    pub(in crate::queue) async fn bar(
        &self,
        account: &Account<T>,
        claim: &Claim,
        bar: &Unroutable,
    ) {
        let verdict = Verdict::plain(
            Stage::RcptTo,
            Concern::Recipient,
            Outcome::Fail,
            Some(Reply::fixed(550, bar.code, bar.words)),
            bar.advice,
        );
        self.conclude_unsent(account, claim, &verdict).await;
    }

    /// The recipients of a claim meet with this before anything was said of the message to a
    /// server.
    pub(in crate::queue) async fn conclude_unsent(
        &self,
        account: &Account<T>,
        claim: &Claim,
        verdict: &Verdict,
    ) {
        let recipients = claim.attempt.recipients.iter().map(|_before| verdict.clone()).collect();
        let report =
            Report { recipients, account: None, counted: Counted::Perhaps, dsn: Dsn::PassedOn };
        self.conclude_with(account, claim, &report, self.cancel(account, claim)).await;
    }
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
        expected: Option<&'static Unroutable>,
    ) {
        let sender = if sender.is_empty() {
            ReversePath::Null
        } else {
            ReversePath::Mailbox(sender.parse().unwrap())
        };
        let entry = Entry { sender, ..fixture::entry(1) };
        let expected =
            expected.map_or(RouteDecision::NextHop(NextHop::Server), RouteDecision::Barred);
        assert_eq!(
            way(&entry, &recipient.parse().unwrap(), account),
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
        check(&inside, "mfp1@contoso.com", "bob@fabrikam.com", Some(&OUTSIDE));
        check(&inside, "mfp1@contoso.com", "bob@sub.contoso.com", Some(&OUTSIDE));
        check(&account(Reach::Anywhere, None), "mfp1@contoso.com", "bob@fabrikam.com", None);
    }

    #[test]
    fn a_connector_by_address_relays_only_what_is_from_the_organization() {
        let by_address = account(Reach::From(vec!["contoso.com".to_owned()]), None);
        check(&by_address, "mfp1@contoso.com", "bob@fabrikam.com", None);
        check(&by_address, "mfp1@printers.lan", "ann@contoso.com", None);
        check(&by_address, "mfp1@printers.lan", "bob@fabrikam.com", Some(&FOREIGN_SENDER));
        check(&by_address, "", "ann@contoso.com", None);
        check(&by_address, "", "bob@fabrikam.com", Some(&NULL_SENDER));
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
