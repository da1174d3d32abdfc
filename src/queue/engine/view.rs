//! The part of the queue that a decision may read.

use crate::{
    entry::Entry,
    model::{AccountName, DeviceName, MessageId, Timestamp},
    queue::engine::round_robin::FlowKey,
};

/// The queue as one step sees it.
pub(in crate::queue) trait View {
    /// Why the view cannot show something: it has not been read yet, or cannot be read.
    type Error;

    /// The devices whose mail waits for an account.
    fn devices_waiting(&self, account: &AccountName) -> Vec<DeviceName>;

    /// The accounts that mail waits for.
    fn accounts_waiting(&self) -> Vec<AccountName>;

    /// The first messages of a flow, in the order in which they are due.
    fn first_due(
        &self,
        flow: &FlowKey,
        most: usize,
    ) -> Result<Vec<(Timestamp, MessageId)>, Self::Error>;

    /// Reads a message without a lease. Another step may change it at any time.
    fn entry(&self, id: MessageId) -> Result<Option<Entry>, Self::Error>;

    /// The number of messages that are leased.
    fn leases(&self) -> usize;

    /// Whether a message is leased: it is being attempted, or another step is deciding about it.
    fn is_leased(&self, id: MessageId) -> bool;

    /// Leases a message to this step and reads it. `None` when it is already leased, or gone.
    fn lease(&self, id: MessageId) -> Result<Option<Entry>, Self::Error>;

    /// Ends a lease of this step, because the message is not part of the decision.
    fn let_go(&self, id: MessageId);
}
