//! Asks the engine which message an account sends next.

use std::{sync::Arc, time::Duration};

use tracing::error;

use crate::{
    queue::{
        driver::{
            account::Account, core::Core, spool_store::Stored, spool_view::SpoolView,
            transport::Transport,
        },
        engine::{
            claim::{self, Claim, Outlook},
            round_robin::FlowKey,
            store::Store,
        },
    },
    spool::SpoolError,
};

/// The maximum number of steps that may pass mail on without finding any to send. Then other tasks
/// get a turn.
const MOST_STEPS: usize = 64;

/// The pause after the index could not be read.
const READ_PAUSE: Duration = Duration::from_secs(10);

impl<T: Transport> Core<T> {
    /// Claims the next message for an account, if there is one and the engine permits it. The claim
    /// is stored but not yet durable: the caller syncs before `MAIL FROM`.
    pub(in crate::queue) async fn claim(
        &self,
        account: &Account<T>,
    ) -> Result<Option<Arc<Claim>>, SpoolError> {
        for _ in 0..MOST_STEPS {
            let roster = self.roster();
            // Under other settings, another worker takes over.
            if self.is_stopping() || !roster.has(account) {
                return Ok(None);
            }
            let flows = self.flows(account);
            let rules = roster.rules(account);
            let decide = |runtime: &mut _, view: &SpoolView, now| {
                claim::claim(rules, &flows, runtime, view, now)
            };
            let Stored { claim, passed } = self.step(account, decide).await?;
            if passed > 0 {
                self.changed.notify_one();
            }
            if claim.is_some() || passed == 0 {
                return Ok(claim);
            }
        }
        Ok(None)
    }

    /// When the account next has something to do.
    pub(in crate::queue) fn outlook(&self, account: &Account<T>) -> Outlook {
        let roster = self.roster();
        let (flows, rules) = (self.flows(account), roster.rules(account));
        let view = self.view();
        let outlook = self.decide(account, &view, |runtime, view, now| {
            claim::outlook(rules, &flows, runtime, view, now)
        });
        outlook.unwrap_or_else(|problem| {
            error!(account = %account.settings.name, %problem, "queue not read");
            Outlook::In(READ_PAUSE)
        })
    }

    /// The flows that the account may send.
    pub(in crate::queue) fn flows(&self, account: &Account<T>) -> Vec<FlowKey> {
        let is_out = |name: &_| {
            self.account(name)
                .is_some_and(|other| self.locked(&other, |runtime, now| runtime.is_out(now)))
        };
        // Which flows wait is known in memory.
        self.roster().pool.flows(&account.settings.name, &self.view(), is_out)
    }

    pub(in crate::queue) fn view(&self) -> SpoolView {
        SpoolView::new(self.spool.clone(), Arc::clone(&self.leases))
    }
}
