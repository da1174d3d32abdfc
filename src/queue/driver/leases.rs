//! The messages that somebody is at work on: an attempt, a step of the engine, or a person.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Notify, task};

use crate::{
    model::MessageId,
    queue::{QueueError, engine::claim::Claim},
};

/// Who works on which message. No more than the accounts have connections, save for a moment.
#[derive(Default)]
pub(in crate::queue) struct Leases {
    held: Mutex<HashMap<MessageId, Holder>>,
    /// A lease has ended, or has become an attempt's.
    ended: Notify,
}

enum Holder {
    /// A step of the engine or a person, for as long as the index needs.
    Briefly,
    /// An attempt.
    Attempt(InFlight),
}

/// An attempt under way.
struct InFlight {
    /// The task that makes it.
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

    /// Takes a message that nobody works on. False when somebody does.
    pub(in crate::queue) fn try_take(&self, id: MessageId) -> bool {
        let mut held = self.held();
        let free = !held.contains_key(&id);
        if free {
            held.insert(id, Holder::Briefly);
        }
        free
    }

    /// Takes a message for a person's order, after a step that looks at it.
    ///
    /// # Errors
    /// When it is being attempted.
    pub(in crate::queue) async fn take(&self, id: MessageId) -> Result<Lease<'_>, QueueError> {
        loop {
            // Registered before looking, so that an end in between is not missed.
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

    /// A step's lease becomes that of an attempt by the present task.
    pub(in crate::queue) fn attempt(&self, claim: &Arc<Claim>) {
        let in_flight = InFlight { task: task::try_id(), claim: Arc::clone(claim) };
        self.held().insert(claim.entry.id, Holder::Attempt(in_flight));
        // A person who waits for the step hears that it has become an attempt.
        self.ended.notify_waiters();
    }

    /// Ends a lease.
    pub(in crate::queue) fn release(&self, id: MessageId) {
        self.held().remove(&id);
        self.ended.notify_waiters();
    }

    /// What a task attempts.
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
