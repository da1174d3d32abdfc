//! The engine's store in memory: the queue, its charges, and the stored health of accounts. It
//! survives a crash of the engine; leases and runtimes do not.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    convert::Infallible,
    future::Future,
    pin::pin,
    sync::Mutex,
    task::{Context, Poll, Waker},
};

use crate::{
    entry::{Charge, Entry},
    model::{AccountName, DeviceName, MessageId, Timestamp},
    queue::engine::{
        account_runtime::AccountRuntime,
        budget::BudgetChange,
        claim::{Claim, Decision, Work},
        now::Now,
        round_robin::FlowKey,
        store::Store,
        view::View,
    },
};

/// An account and its runtime.
pub(super) struct Desk {
    pub(super) runtime: Mutex<AccountRuntime>,
    pub(super) now: Mutex<Now>,
}

#[derive(Default)]
pub(super) struct MemoryStore {
    queue: Mutex<Queue>,
    leased: Mutex<HashSet<MessageId>>,
}

#[derive(Default)]
struct Queue {
    entries: BTreeMap<MessageId, Entry>,
    due: BTreeMap<FlowKey, BTreeSet<(Timestamp, MessageId)>>,
    charges: BTreeMap<(AccountName, Timestamp, u32), Charge>,
    /// The number of recipients that are not settled.
    open: usize,
}

impl Queue {
    fn remove(&mut self, id: MessageId) {
        let Some(old) = self.entries.remove(&id) else { return };
        self.open -= open(&old);
        for (account, due) in old.due_by_account() {
            let flow = (old.device.clone(), account.clone());
            let messages = self.due.get_mut(&flow).unwrap();
            assert!(messages.remove(&(due, id)));
            if messages.is_empty() {
                self.due.remove(&flow);
            }
        }
    }

    fn put(&mut self, entry: Entry) {
        self.remove(entry.id);
        self.open += open(&entry);
        for (account, due) in entry.due_by_account() {
            let flow = (entry.device.clone(), account.clone());
            self.due.entry(flow).or_default().insert((due, entry.id));
        }
        self.entries.insert(entry.id, entry);
    }

    fn change(&mut self, BudgetChange { refund, charge }: BudgetChange) {
        let key = |charge: &Charge| (charge.account.clone(), charge.at, charge.sequence);
        for old in refund {
            self.charges.remove(&key(&old));
        }
        for new in charge {
            self.charges.insert(key(&new), new);
        }
    }
}

fn open(entry: &Entry) -> usize {
    entry.recipients.iter().filter(|recipient| recipient.due().is_some()).count()
}

impl MemoryStore {
    /// Adds an accepted message.
    pub(super) fn accept(&self, entry: Entry) {
        self.queue.lock().unwrap().put(entry);
    }

    /// Stores the outcome of an attempt.
    pub(super) fn conclude(&self, entry: Entry, budget: BudgetChange) {
        let (id, mut queue) = (entry.id, self.queue.lock().unwrap());
        queue.change(budget);
        if entry.is_settled() {
            queue.remove(id);
        } else {
            queue.put(entry);
        }
        assert!(self.leased.lock().unwrap().remove(&id), "concluded without a lease");
    }

    pub(super) fn store(&self, budget: BudgetChange) {
        self.queue.lock().unwrap().change(budget);
    }

    /// Ends all leases, because the process died.
    pub(super) fn crash(&self) {
        self.leased.lock().unwrap().clear();
    }

    pub(super) fn charges(&self, account: &AccountName) -> Vec<Charge> {
        let queue = self.queue.lock().unwrap();
        queue.charges.values().filter(|charge| charge.account == *account).cloned().collect()
    }

    /// The number of recipients that wait.
    pub(super) fn open(&self) -> usize {
        self.queue.lock().unwrap().open
    }

    /// Whether a flow has a message that is due and not leased.
    pub(super) fn has_free(&self, flow: &FlowKey, now: Timestamp) -> bool {
        let (queue, leased) = (self.queue.lock().unwrap(), self.leased.lock().unwrap());
        queue.due.get(flow).is_some_and(|messages| {
            let due = messages.iter().take_while(|(due, _)| *due <= now);
            due.into_iter().any(|(_, id)| !leased.contains(id))
        })
    }
}

impl View for MemoryStore {
    type Error = Infallible;

    fn devices_waiting(&self, account: &AccountName) -> Vec<DeviceName> {
        let queue = self.queue.lock().unwrap();
        queue.due.keys().filter(|flow| flow.1 == *account).map(|flow| flow.0.clone()).collect()
    }

    fn accounts_waiting(&self) -> Vec<AccountName> {
        let queue = self.queue.lock().unwrap();
        let names: BTreeSet<_> = queue.due.keys().map(|flow| flow.1.clone()).collect();
        names.into_iter().collect()
    }

    fn first_due(
        &self,
        flow: &FlowKey,
        most: usize,
    ) -> Result<Vec<(Timestamp, MessageId)>, Infallible> {
        let queue = self.queue.lock().unwrap();
        Ok(queue.due.get(flow).into_iter().flatten().take(most).copied().collect())
    }

    fn entry(&self, id: MessageId) -> Result<Option<Entry>, Infallible> {
        Ok(self.queue.lock().unwrap().entries.get(&id).cloned())
    }

    fn leases(&self) -> usize {
        self.leased.lock().unwrap().len()
    }

    fn is_leased(&self, id: MessageId) -> bool {
        self.leased.lock().unwrap().contains(&id)
    }

    fn lease(&self, id: MessageId) -> Result<Option<Entry>, Infallible> {
        let free = self.leased.lock().unwrap().insert(id);
        if free { self.entry(id) } else { Ok(None) }
    }

    fn let_go(&self, id: MessageId) {
        self.leased.lock().unwrap().remove(&id);
    }
}

impl Store for MemoryStore {
    type Error = Infallible;
    type Account = Desk;
    type View = Self;
    type Stored = Option<Claim>;

    async fn step(
        &self,
        desk: &Desk,
        decide: impl Fn(&mut AccountRuntime, &Self, Now) -> Result<Decision, Infallible> + Send,
    ) -> Result<Option<Claim>, Infallible> {
        let now = *desk.now.lock().unwrap();
        let Decision { claim, passed, budget } =
            decide(&mut desk.runtime.lock().unwrap(), self, now)?;
        let mut queue = self.queue.lock().unwrap();
        queue.change(budget);
        for entry in passed {
            self.let_go(entry.id);
            queue.put(entry);
        }
        if let Some(Claim { entry, work: Work::Send { .. }, .. }) = &claim {
            queue.put(entry.clone());
        }
        Ok(claim)
    }
}

/// Completes a future of the in-memory store, which never waits.
pub(super) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the store waited"),
    }
}
