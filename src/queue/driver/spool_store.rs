//! The engine's store on top of the spool. The account's lock makes a step atomic, and the lease
//! keeps a message in one step at a time. No lock is held while a change is written: the engine
//! decides under the lock, and its decision is undone when the spool refuses it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    entry::Entry,
    model::{AccountName, DeviceName, MessageId, Timestamp},
    queue::{
        driver::{
            core::{Account, Core},
            leases::Leases,
            transport::Transport,
        },
        engine::{
            account_runtime::{AccountRuntime, Now},
            claim::{Claim, Decision, Work},
            round_robin::FlowKey,
            store::Store,
            view::View,
        },
    },
    spool::{Change, Spool, SpoolError},
};

/// The queue as one step sees it. When it is dropped, the leases it took end unless they were kept.
pub(in crate::queue) struct SpoolView {
    spool: Spool,
    leases: Arc<Leases>,
    taken: Mutex<Vec<MessageId>>,
}

/// A decision that is stored.
pub(in crate::queue) struct Stored {
    pub(in crate::queue) claim: Option<Arc<Claim>>,
    /// The number of messages that were postponed or given to another account.
    pub(in crate::queue) passed: usize,
}

impl SpoolView {
    pub(in crate::queue) const fn new(spool: Spool, leases: Arc<Leases>) -> Self {
        Self { spool, leases, taken: Mutex::new(Vec::new()) }
    }

    /// Passes the lease on to an attempt, which ends it.
    fn keep(&self, id: MessageId) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).retain(|taken| *taken != id);
    }
}

impl View for SpoolView {
    type Error = SpoolError;

    fn devices_waiting(&self, account: &AccountName) -> Vec<DeviceName> {
        self.spool.devices_waiting(account)
    }

    fn accounts_waiting(&self) -> Vec<AccountName> {
        self.spool.accounts_waiting().into_iter().map(|(name, _)| name).collect()
    }

    fn first_due(
        &self,
        (device, account): &FlowKey,
        most: usize,
    ) -> Result<Vec<(Timestamp, MessageId)>, SpoolError> {
        self.spool.first_due(account, device, most)
    }

    fn entry(&self, id: MessageId) -> Result<Option<Entry>, SpoolError> {
        self.spool.entry(id)
    }

    fn leases(&self) -> usize {
        self.leases.count()
    }

    fn is_leased(&self, id: MessageId) -> bool {
        self.leases.is_held(id)
    }

    fn lease(&self, id: MessageId) -> Result<Option<Entry>, SpoolError> {
        if !self.leases.try_take(id) {
            return Ok(None);
        }
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        self.spool.entry(id)
    }

    fn let_go(&self, id: MessageId) {
        self.keep(id);
        self.leases.release(id);
    }
}

impl Drop for SpoolView {
    fn drop(&mut self) {
        let taken = self.taken.get_mut().unwrap_or_else(PoisonError::into_inner);
        for id in taken {
            self.leases.release(*id);
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
        decide: impl FnOnce(&mut AccountRuntime, &SpoolView, Now) -> Result<Decision, SpoolError> + Send,
    ) -> Result<Stored, SpoolError> {
        let view = self.view();
        let decision = self.locked(account, |runtime, now| decide(runtime, &view, now))?;
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
