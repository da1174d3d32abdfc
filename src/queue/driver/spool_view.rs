//! The queue as one step sees it: what the step has read so far.
//!
//! A decision is made under an account's lock, where nobody may wait for the disk. So the view
//! answers from memory. What it has not read yet, it names in an error; [`SpoolView::read`] reads
//! that after the lock is released, and the decision is made anew.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    entry::Entry,
    model::{AccountName, DeviceName, MessageId, Timestamp},
    queue::{
        driver::leases::Leases,
        engine::{round_robin::FlowKey, view::View},
    },
    spool::{Spool, SpoolError},
};

/// The queue as one step sees it. When it is dropped, the leases it took end unless they were kept.
pub(in crate::queue) struct SpoolView {
    spool: Spool,
    leases: Arc<Leases>,
    known: Mutex<Known>,
}

/// What a decision asked for and the view has not read.
#[derive(Debug)]
pub(in crate::queue) enum Missing {
    /// The first messages of a flow, as many as this.
    Page(FlowKey, usize),
    /// A message without a lease.
    Entry(MessageId),
    /// A message that the step has leased.
    Leased(MessageId),
}

/// What the step has read and leased. It lives as long as the step, which examines a bounded number
/// of messages of each flow.
#[derive(Default)]
struct Known {
    pages: HashMap<FlowKey, Page>,
    entries: HashMap<MessageId, Option<Entry>>,
    taken: HashMap<MessageId, Taken>,
    /// The number of leases when it was first asked for.
    leases: Option<usize>,
}

/// The beginning of a flow.
struct Page {
    /// The number of messages asked for. There are no further messages if it holds fewer.
    asked: usize,
    messages: Vec<(Timestamp, MessageId)>,
}

/// A message that the step has leased.
enum Taken {
    Unread,
    Read(Option<Entry>),
    /// Read, and not part of the decision.
    LetGo(Option<Entry>),
}

impl SpoolView {
    pub(in crate::queue) fn new(spool: Spool, leases: Arc<Leases>) -> Self {
        Self { spool, leases, known: Mutex::default() }
    }

    /// Reads what a decision asked for.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(in crate::queue) fn read(&self, missing: Missing) -> Result<(), SpoolError> {
        match missing {
            Missing::Page(flow, most) => self.read_page(&flow, most)?,
            Missing::Entry(id) => {
                let entry = self.spool.entry(id)?;
                self.known().entries.insert(id, entry);
            }
            Missing::Leased(id) => {
                let entry = self.spool.entry(id)?;
                self.known().taken.insert(id, Taken::Read(entry));
            }
        }
        Ok(())
    }

    /// Reads the first message of each of these flows.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(in crate::queue) fn read_first(&self, flows: &[FlowKey]) -> Result<(), SpoolError> {
        for flow in flows {
            if !self.known().pages.contains_key(flow) {
                self.read_page(flow, 1)?;
            }
        }
        Ok(())
    }

    /// Ends the leases of messages that the decision let go.
    pub(in crate::queue) fn decided(&self) {
        self.known().taken.retain(|id, taken| {
            let let_go = matches!(taken, Taken::LetGo(_));
            if let_go {
                self.leases.release(*id);
            }
            !let_go
        });
    }

    /// Passes the lease on to an attempt, which ends it.
    pub(in crate::queue) fn keep(&self, id: MessageId) {
        self.known().taken.remove(&id);
    }

    fn read_page(&self, flow: &FlowKey, asked: usize) -> Result<(), SpoolError> {
        let (device, account) = flow;
        let messages = self.spool.first_due(account, device, asked)?;
        self.known().pages.insert(flow.clone(), Page { asked, messages });
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View for SpoolView {
    type Error = Missing;

    fn devices_waiting(&self, account: &AccountName) -> Vec<DeviceName> {
        self.spool.devices_waiting(account)
    }

    fn accounts_waiting(&self) -> Vec<AccountName> {
        self.spool.accounts_waiting().into_iter().map(|(name, _)| name).collect()
    }

    fn first_due(
        &self,
        flow: &FlowKey,
        most: usize,
    ) -> Result<Vec<(Timestamp, MessageId)>, Missing> {
        match self.known().pages.get(flow) {
            Some(page) if page.asked >= most || page.messages.len() < page.asked => {
                Ok(page.messages.iter().take(most).copied().collect())
            }
            Some(_) | None => Err(Missing::Page(flow.clone(), most)),
        }
    }

    fn entry(&self, id: MessageId) -> Result<Option<Entry>, Missing> {
        self.known().entries.get(&id).cloned().ok_or(Missing::Entry(id))
    }

    fn leases(&self) -> usize {
        *self.known().leases.get_or_insert_with(|| self.leases.count())
    }

    fn is_leased(&self, id: MessageId) -> bool {
        self.leases.is_held(id)
    }

    fn lease(&self, id: MessageId) -> Result<Option<Entry>, Missing> {
        let mut known = self.known();
        match known.taken.get_mut(&id) {
            Some(Taken::Unread) => Err(Missing::Leased(id)),
            Some(Taken::Read(entry)) => Ok(entry.clone()),
            Some(taken @ Taken::LetGo(_)) => {
                let entry = taken.entry();
                *taken = Taken::Read(entry.clone());
                Ok(entry)
            }
            None if self.leases.try_take(id) => {
                known.taken.insert(id, Taken::Unread);
                Err(Missing::Leased(id))
            }
            None => Ok(None),
        }
    }

    fn let_go(&self, id: MessageId) {
        // The decision may be made anew and ask again, so the lease ends with the decision.
        if let Some(taken) = self.known().taken.get_mut(&id) {
            *taken = Taken::LetGo(taken.entry());
        }
    }
}

impl Taken {
    fn entry(&self) -> Option<Entry> {
        match self {
            Self::Unread => None,
            Self::Read(entry) | Self::LetGo(entry) => entry.clone(),
        }
    }
}

impl Drop for SpoolView {
    fn drop(&mut self) {
        let known = self.known.get_mut().unwrap_or_else(PoisonError::into_inner);
        for id in known.taken.keys() {
            self.leases.release(*id);
        }
    }
}
