//! Finds the connection for a message: an idle one or a new one.

use tokio::time::Instant;

use crate::{
    attempt::{NextHop, Trouble},
    classify::{Outcome, Verdict},
    model::Timestamp,
    queue::{
        driver::{
            account::Account,
            core::Core,
            live::{Idle, Live, close},
            transport::{Link, Transport},
        },
        engine::{claim::Claim, health::Health},
    },
};

impl<T: Transport> Core<T> {
    /// Returns a connection to the account's server. `None` when the account is in trouble; the
    /// trouble is then recorded and reported.
    pub(in crate::queue) async fn connection(
        &self,
        account: &Account<T>,
        next_hop: &NextHop,
    ) -> Option<Live<T::Link>> {
        match self.connect(account, next_hop).await {
            Ok(live) => Some(live),
            Err(trouble) => {
                let open = account.connections();
                let news = self.locked(account, |runtime, now| {
                    runtime.not_connected(next_hop, &trouble, open, now)
                });
                self.tell(account, news).await;
                None
            }
        }
    }

    /// Returns the connection for a claim: the current one if it leads to the claim's next hop,
    /// otherwise another. `None` when there is none: the claim is then settled or given back.
    ///
    /// Trouble of a domain concerns its recipients. When the domain's servers cannot be reached,
    /// its mail is delayed until the give-up time; a delay is not an attempt. When no server at all
    /// can be reached, the account is paused.
    pub(in crate::queue) async fn connection_for(
        &self,
        account: &Account<T>,
        claim: &Claim,
        next_hop: &NextHop,
        held: Option<Live<T::Link>>,
    ) -> Option<Live<T::Link>> {
        match held {
            Some(live) if live.next_hop == *next_hop => return Some(live),
            Some(live) => self.park(account, live).await,
            None => {}
        }
        let (rests, verdict) = self.locked(account, |runtime, now| {
            let domains = &mut runtime.destinations;
            let rests = domains.rests_until(next_hop, now.steady).is_some();
            if !rests {
                domains.probe(next_hop, now.steady);
            }
            (rests, domains.verdict(next_hop))
        });
        // The give-up time has passed, or the trouble began just after the claim.
        if rests {
            self.let_go(account, claim, verdict).await;
            return None;
        }
        let trouble = match self.connect(account, next_hop).await {
            Ok(live) => return Some(live),
            Err(trouble) => trouble,
        };
        match trouble.verdict.outcome {
            Outcome::Pause(_) | Outcome::Stop => {
                self.delay(account, claim, next_hop, &trouble).await;
            }
            Outcome::Deliver
            | Outcome::Retry
            | Outcome::RetryAfter(_)
            | Outcome::NextTransaction
            | Outcome::Fail
            | Outcome::Doubt => self.conclude_unsent(account, claim, &trouble.verdict).await,
        }
        None
    }

    /// Delays a claim whose domain or account is in trouble.
    async fn delay(
        &self,
        account: &Account<T>,
        claim: &Claim,
        next_hop: &NextHop,
        trouble: &Trouble,
    ) {
        let (news, verdict) = self.locked(account, |runtime, now| {
            let news = runtime.trouble(next_hop, trouble, now);
            (news, runtime.destinations.verdict(next_hop))
        });
        self.let_go(account, claim, verdict).await;
        self.tell(account, news).await;
    }

    /// Gives a claim back. The next step postpones it or finds another route. When the give-up time
    /// has passed, the claim is settled with the verdict.
    async fn let_go(&self, account: &Account<T>, claim: &Claim, verdict: Option<Verdict>) {
        let now: Timestamp = self.clock.steady();
        let is_up = self.roster().retry.is_up(claim.entry.queued(), now);
        match verdict.filter(|_| is_up) {
            Some(verdict) => self.conclude_unsent(account, claim, &verdict).await,
            None => self.give_back(account, claim, now),
        }
    }

    /// Uses mail as the probe when a stop has lasted long enough: an account without a server of
    /// its own has nothing to log in to.
    pub(in crate::queue) fn probe_by_mail(&self, account: &Account<T>) {
        self.locked(account, |runtime, now| {
            let health = &mut runtime.health;
            if matches!(health, Health::Stopped { .. }) && health.may_connect(now.steady) {
                // The end of the stop is reported only once mail has proved it.
                let _untold = health.connected(now.steady);
            }
        });
    }

    /// Returns an idle connection to this next hop, or a new one.
    async fn connect(
        &self,
        account: &Account<T>,
        next_hop: &NextHop,
    ) -> Result<Live<T::Link>, Trouble> {
        if self.locked(account, |runtime, _| runtime.health.may_send()) {
            loop {
                let taken = {
                    let mut idle = account.idle();
                    let place = idle.iter().rposition(|idle| idle.live.next_hop == *next_hop);
                    place.map(|place| idle.swap_remove(place))
                };
                match taken {
                    Some(Idle { live, .. }) if live.link.is_reusable() && live.link.is_fresh() => {
                        return Ok(live);
                    }
                    Some(Idle { live, .. }) => close(live).await,
                    None => break,
                }
            }
        }
        let slot = account.reserve();
        self.make_room(account).await;
        let link = loop {
            let orders = account.shared().orders;
            match account.transport.connect(next_hop).await {
                Ok(link) => break link,
                // A person has meanwhile said that the cause is removed.
                Err(_outdated) if account.shared().orders != orders => {}
                Err(trouble) => return Err(trouble),
            }
        };
        let live = Live::new(link, next_hop.clone(), slot);
        let news = self.locked(account, |runtime, now| runtime.connected(next_hop, now));
        self.tell(account, news).await;
        Ok(live)
    }

    /// Closes idle connections while there are too many, the newly reserved one included. Idle
    /// connections to other next hops count too.
    async fn make_room(&self, account: &Account<T>) {
        while account.connections() > account.settings.limits.connections.max(1) {
            let oldest = {
                let mut idle = account.idle();
                (!idle.is_empty()).then(|| idle.remove(0))
            };
            let Some(Idle { live, .. }) = oldest else { break };
            close(live).await;
        }
    }

    /// Keeps a connection idle for the next message if the account may send; closes it otherwise.
    pub(in crate::queue) async fn park(&self, account: &Account<T>, live: Live<T::Link>) {
        let ready = self.locked(account, |runtime, _| runtime.health.may_send());
        let serves = self.roster().serves(account);
        if ready && serves && !self.is_stopping() && live.link.is_reusable() && live.link.is_fresh()
        {
            account.idle().push(Idle { live, since: Instant::now() });
        } else {
            close(live).await;
        }
    }
}
