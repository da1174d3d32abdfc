//! The domains that an account cannot send to now, when it finds servers by DNS. Each has a
//! [`Health`] of its own, so that one domain's trouble does not delay the others. Pure.
//!
//! A healthy domain has no entry. So there are at most as many entries as the account has
//! `domains`, and usually none.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    attempt::{NextHop, Trouble},
    classify::{Concern, Fault, Outcome, Verdict},
    model::{EnhancedCode, Reply, Timestamp},
    queue::{
        AccountState, Enabled,
        engine::health::{Health, News},
    },
};

/// Mail for a domain in trouble is checked again after this time at the latest, so that it goes
/// soon after the first message got through.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// While one worker probes a domain, the others leave it alone: a failed connection takes a minute
/// for each of its servers.
const PROBE_TIME: Duration = Duration::from_secs(2 * 60);

/// The domains in trouble, by name.
#[derive(Clone, Debug, Default)]
pub(in crate::queue) struct DestinationHealth(BTreeMap<String, Domain>);

#[derive(Clone, Debug)]
struct Domain {
    health: Health,
    /// The verdict for mail whose give-up time has passed.
    verdict: Verdict,
    /// A worker probes the domain until this time at the latest.
    probed_until: Timestamp,
}

impl DestinationHealth {
    /// Records trouble that concerns a whole domain.
    pub(in crate::queue) fn trouble(
        &mut self,
        domain: &str,
        trouble: &Trouble,
        now: Timestamp,
    ) -> Option<News> {
        let reply = trouble
            .verdict
            .reply
            .clone()
            .or_else(|| Some(in_the_form_of_a_reply(domain, &trouble.fault)));
        let verdict = Verdict {
            concern: Concern::Message,
            outcome: Outcome::Retry,
            reply,
            ..trouble.verdict.clone()
        };
        let entry = self.0.entry(domain.to_owned()).or_insert_with(|| Domain {
            health: Health::ready(),
            verdict: verdict.clone(),
            probed_until: Timestamp::ZERO,
        });
        (entry.verdict, entry.probed_until) = (verdict, Timestamp::ZERO);
        entry.health.trouble(trouble, now)
    }

    /// Records that a worker is about to connect there.
    pub(in crate::queue) fn probe(&mut self, lane: &NextHop, now: Timestamp) {
        if let NextHop::Domain(domain) = lane
            && let Some(domain) = self.0.get_mut(domain)
        {
            domain.probed_until = now.plus(PROBE_TIME);
        }
    }

    /// Records that one of its servers accepted a connection.
    pub(in crate::queue) fn connected(&mut self, lane: &NextHop, now: Timestamp) -> Option<News> {
        self.change(lane, |domain| domain.health.connected(now))
    }

    /// Records that one of its servers accepted mail.
    pub(in crate::queue) fn works(&mut self, lane: &NextHop) -> Option<News> {
        self.change(lane, |domain| {
            domain.probed_until = Timestamp::ZERO;
            domain.health.works()
        })
    }

    fn change(
        &mut self,
        lane: &NextHop,
        change: impl FnOnce(&mut Domain) -> Option<News>,
    ) -> Option<News> {
        let NextHop::Domain(domain) = lane else {
            return None;
        };
        let found = self.0.get_mut(domain)?;
        let news = change(found);
        if found.health.is_well() {
            self.0.remove(domain);
        }
        news
    }

    /// Ends pauses whose time is over.
    pub(in crate::queue) fn lapse(&mut self, now: Timestamp) {
        for domain in self.0.values_mut() {
            domain.health.lapse(now);
        }
    }

    /// When mail for the domain should be checked again; `None` when it may be tried now.
    pub(in crate::queue) fn rests_until(
        &self,
        lane: &NextHop,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let Domain { health, probed_until, .. } = self.find(lane)?;
        let soon = now.plus(LOOK_AGAIN);
        if health.may_connect(now) {
            return (now < *probed_until).then_some((*probed_until).min(soon));
        }
        Some(health.next_at().map_or(soon, |at| at.min(soon)))
    }

    /// Whether to look for another route because the domain will not be tried for a while.
    pub(in crate::queue) fn is_out(&self, lane: &NextHop, now: Timestamp) -> bool {
        self.find(lane).is_some_and(|domain| domain.health.is_out(now))
    }

    /// The verdict for its mail whose give-up time has passed.
    pub(in crate::queue) fn verdict(&self, lane: &NextHop) -> Option<Verdict> {
        self.find(lane).map(|domain| domain.verdict.clone())
    }

    /// The state of the domain; `None` when it is healthy.
    pub(in crate::queue) fn state(&self, lane: &NextHop) -> Option<AccountState> {
        self.find(lane).map(|domain| domain.health.account_state())
    }

    /// What happened and what to do.
    pub(in crate::queue) fn words(&self, domain: &str) -> (String, String) {
        let (reason, advice) = self.0.get(domain).map_or(("", ""), |domain| domain.health.words());
        (reason.to_owned(), advice.to_owned())
    }

    /// The paused and stopped domains, as people see them.
    pub(in crate::queue) fn held_up(&self) -> impl Iterator<Item = (&String, AccountState)> {
        self.0.iter().map(|(name, domain)| (name, domain.health.account_state())).filter(
            |(_, state)| match state {
                AccountState::Paused { .. } | AccountState::Stopped { .. } => true,
                AccountState::Ready | AccountState::Disabled => false,
            },
        )
    }

    /// Trusts every domain again, because a person says that the causes were removed.
    pub(in crate::queue) fn trust(&mut self) {
        for domain in self.0.values_mut() {
            domain.health.set_enabled(Enabled::On);
            domain.probed_until = Timestamp::ZERO;
        }
        self.0.retain(|_, domain| !domain.health.is_well());
    }

    fn find(&self, lane: &NextHop) -> Option<&Domain> {
        match lane {
            NextHop::Domain(domain) => self.0.get(domain),
            NextHop::Server => None,
        }
    }
}

/// A reply for the notice that says why mail is delayed. RFC 3463 4.4.1: no answer from host.
fn in_the_form_of_a_reply(domain: &str, fault: &Fault) -> Reply {
    match fault {
        Fault::Reply(reply) => reply.clone(),
        Fault::Closed | Fault::TimedOut | Fault::Local(_) => {
            Reply::with(451, EnhancedCode(4, 4, 1), &format!("{domain}: {fault}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{classify::Stage, queue::fixture::at};

    fn lane(domain: &str) -> NextHop {
        NextHop::Domain(domain.to_owned())
    }

    fn trouble(stage: Stage, outcome: Outcome) -> Trouble {
        let verdict = stage.verdict(Concern::Account, outcome, None, "Wait.");
        Trouble { fault: Fault::TimedOut, verdict }
    }

    #[test]
    fn one_in_trouble_rests_and_the_others_do_not() {
        let mut domains = DestinationHealth::default();
        domains.trouble(
            "contoso.de",
            &trouble(Stage::Connect, Outcome::Pause(Duration::from_secs(60))),
            at(0),
        );
        assert_eq!(domains.rests_until(&lane("contoso.de"), at(1)), Some(at(60)));
        assert_eq!(domains.rests_until(&lane("contoso.com"), at(1)), None);
        assert!(!domains.is_out(&lane("contoso.de"), at(1)));
        domains.lapse(at(60));
        assert_eq!(domains.rests_until(&lane("contoso.de"), at(60)), None);
        assert_eq!(
            domains.connected(&lane("contoso.de"), at(60)),
            None,
            "a short pause is told to nobody, and so is its end"
        );
        assert_eq!(domains.state(&lane("contoso.de")), None);
    }

    #[test]
    fn one_worker_tries_and_the_others_wait_for_what_it_finds() {
        let mut domains = DestinationHealth::default();
        let pause = Outcome::Pause(Duration::from_secs(60));
        domains.trouble("contoso.de", &trouble(Stage::Connect, pause), at(0));
        domains.lapse(at(60));
        domains.probe(&lane("contoso.de"), at(60));
        assert_eq!(domains.rests_until(&lane("contoso.de"), at(61)), Some(at(121)));
        assert_eq!(domains.rests_until(&lane("contoso.de"), at(180)), None, "it may have died");
        domains.trouble("contoso.de", &trouble(Stage::Connect, pause), at(100));
        assert_eq!(
            domains.rests_until(&lane("contoso.de"), at(101)),
            Some(at(161)),
            "the second pause is longer"
        );
        domains.lapse(at(220));
        domains.probe(&lane("contoso.de"), at(220));
        domains.connected(&lane("contoso.de"), at(221));
        assert_eq!(domains.rests_until(&lane("contoso.de"), at(221)), None);
    }

    #[test]
    fn a_long_rest_is_looked_at_every_minute() {
        let mut domains = DestinationHealth::default();
        assert_eq!(
            domains.trouble(
                "contoso.de",
                &trouble(Stage::RcptTo, Outcome::Pause(Duration::from_secs(3600))),
                at(0)
            ),
            Some(News::Alarm)
        );
        assert_eq!(domains.rests_until(&lane("contoso.de"), at(10)), Some(at(70)));
        assert!(domains.is_out(&lane("contoso.de"), at(10)));
        assert_eq!(domains.held_up().count(), 1);
        domains.trust();
        assert_eq!(domains.rests_until(&lane("contoso.de"), at(10)), None);
        assert_eq!(domains.works(&lane("contoso.de")), Some(News::AllClear));
    }

    #[test]
    fn a_stopped_one_is_tried_by_mail_and_its_end_is_told_when_mail_goes() {
        let mut domains = DestinationHealth::default();
        assert_eq!(
            domains.trouble("contoso.de", &trouble(Stage::RcptTo, Outcome::Stop), at(0)),
            Some(News::Alarm)
        );
        assert_eq!(domains.rests_until(&lane("contoso.de"), at(299)), Some(at(300)));
        assert_eq!(domains.rests_until(&lane("contoso.de"), at(300)), None);
        assert_eq!(domains.connected(&lane("contoso.de"), at(300)), None);
        assert_eq!(domains.works(&lane("contoso.de")), Some(News::AllClear));
        assert_eq!(domains.state(&lane("contoso.de")), None);
    }
}
