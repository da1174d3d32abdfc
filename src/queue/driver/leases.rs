//! Leases on messages, held by an attempt, a step of the engine, or a person's order.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Notify, task};

use crate::{
    model::MessageId,
    queue::{QueueError, engine::claim::Claim},
};

/// The leases by message. Except for a moment, there are at most as many as the accounts have
/// connections.
#[derive(Default)]
pub(in crate::queue) struct Leases {
    held: Mutex<HashMap<MessageId, Holder>>,
    /// Notified when a lease ends or becomes an attempt's.
    ended: Notify,
}

enum Holder {
    /// Held by a step of the engine or by a person's order, while the index is in use.
    Briefly,
    /// Held by an attempt.
    Attempt(InFlight),
}

/// An attempt under way.
struct InFlight {
    /// The task that makes the attempt.
    task: Option<task::Id>,
    claim: Arc<Claim>,
}

/// A lease that ends when it is dropped.
pub(in crate::queue) struct Lease<'a> {
    leases: &'a Leases,
    id: MessageId,
}

impl Leases {
    pub(in crate::queue) fn count(&self) -> usize {
        self.held().len()
    }

    pub(in crate::queue) fn is_held(&self, id: MessageId) -> bool {
        self.held().contains_key(&id)
    }

    /// Leases a message. Returns false when it is leased already.
    pub(in crate::queue) fn try_take(&self, id: MessageId) -> bool {
        let mut held = self.held();
        let free = !held.contains_key(&id);
        if free {
            held.insert(id, Holder::Briefly);
        }
        free
    }

    /// Leases a message for a person's order. Waits while a step of the engine looks at the
    /// message.
    ///
    /// # Errors
    /// When the message is being attempted.
    pub(in crate::queue) async fn take(&self, id: MessageId) -> Result<Lease<'_>, QueueError> {
        loop {
            // Registered before the check, so that an end in between is not missed.
            let ended = self.ended.notified();
            if self.try_take(id) {
                return Ok(Lease { leases: self, id });
            }
            if matches!(self.held().get(&id), Some(Holder::Attempt(_))) {
                return Err(QueueError::Busy(id));
            }
            ended.await;
        }
    }

    /// Turns a step's lease into that of an attempt by the current task.
    pub(in crate::queue) fn attempt(&self, claim: &Arc<Claim>) {
        let in_flight = InFlight { task: task::try_id(), claim: Arc::clone(claim) };
        self.held().insert(claim.entry.id, Holder::Attempt(in_flight));
        // An order that waits for the step learns that it has become an attempt.
        self.ended.notify_waiters();
    }

    /// Ends a lease.
    pub(in crate::queue) fn release(&self, id: MessageId) {
        self.held().remove(&id);
        self.ended.notify_waiters();
    }

    /// The claim that a task attempts.
    pub(in crate::queue) fn attempt_of(&self, task: task::Id) -> Option<Arc<Claim>> {
        self.held().values().find_map(|holder| match holder {
            Holder::Attempt(in_flight) if in_flight.task == Some(task) => {
                Some(Arc::clone(&in_flight.claim))
            }
            Holder::Attempt(_) | Holder::Briefly => None,
        })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<MessageId, Holder>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.leases.release(self.id);
    }
}
