//! The engine's store on top of the spool. The account's lock makes a step atomic, and the lease
//! keeps a message in one step at a time. No lock is held while the disk is read or written: the
//! engine decides under the lock from what was read before, and its decision is undone when the
//! spool refuses it.

use std::sync::Arc;

use crate::{
    queue::{
        driver::{
            account::Account,
            core::Core,
            spool_view::{Missing, SpoolView},
            transport::Transport,
        },
        engine::{
            account_runtime::AccountRuntime,
            claim::{Claim, Decision, Work},
            now::Now,
            store::Store,
        },
    },
    spool::{Change, Memo, SpoolError},
};

/// A decision that is stored.
pub(in crate::queue) struct Stored {
    pub(in crate::queue) claim: Option<Arc<Claim>>,
    /// The number of messages that were postponed or given to another account.
    pub(in crate::queue) passed: usize,
}

impl<T: Transport> Core<T> {
    /// Decides under the account's lock. Reads what the decision asks for while the lock is
    /// released.
    pub(in crate::queue) fn decide<R>(
        &self,
        account: &Account<T>,
        view: &SpoolView,
        decide: impl Fn(&mut AccountRuntime, &SpoolView, Now) -> Result<R, Missing>,
    ) -> Result<R, SpoolError> {
        let mut pages = 0_usize;
        loop {
            let missing = match self.locked(account, |runtime, now| decide(runtime, view, now)) {
                Ok(decision) => {
                    view.decided();
                    return Ok(decision);
                }
                Err(missing) => missing,
            };
            if matches!(missing, Missing::Page(..)) {
                pages = pages.saturating_add(1);
                // The first message of the first flow is usually the one. A decision that looks
                // further looks at all flows.
                if pages == 2 {
                    view.read_first(&self.flows(account))?;
                }
            }
            view.read(missing)?;
        }
    }
}

impl<T: Transport> Store for Core<T> {
    type Error = SpoolError;
    type Account = Account<T>;
    type View = SpoolView;
    type Stored = Stored;

    async fn step(
        &self,
        account: &Account<T>,
        decide: impl Fn(&mut AccountRuntime, &SpoolView, Now) -> Result<Decision, Missing> + Send,
    ) -> Result<Stored, SpoolError> {
        let view = self.view();
        let decision = self.decide(account, &view, decide)?;
        let Decision { claim, passed: put, budget } = decision;
        let passed = put.len();
        let mut change =
            Change { put, charge: budget.charge, refund: budget.refund, ..Change::default() };
        // A claim that is settled without an attempt changes nothing yet.
        if let Some(Claim { entry, work: Work::Send { .. }, .. }) = &claim {
            change.put.push(entry.clone());
        }
        let is_empty =
            change.put.is_empty() && change.charge.is_empty() && change.refund.is_empty();
        if !is_empty {
            // After a power cut the steady time goes on from the last attempt at the latest.
            change.remember.extend(Memo::steady_time(&self.clock));
        }
        if !is_empty && let Err(problem) = self.spool.apply(change) {
            if let Some(Claim { work: Work::Send { charge, .. }, .. }) = &claim {
                // The charge is not in the index, so no change has to be stored.
                let _unstored = self.locked(account, |runtime, _| runtime.undo(charge.as_ref()));
            }
            return Err(problem);
        }
        let claim = claim.map(Arc::new);
        if let Some(claim) = &claim {
            self.leases.attempt(claim);
            view.keep(claim.entry.id);
        }
        Ok(Stored { claim, passed })
    }
}
