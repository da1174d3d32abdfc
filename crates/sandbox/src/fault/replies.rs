//! The refusals of Exchange Online as they were seen or documented, each playable as
//! `reply-<slug>`.

mod account;
mod message;

use crate::fault::effect::FaultRow;

/// Each reply, by name.
pub(crate) fn replies() -> impl Iterator<Item = &'static FaultRow> {
    account::REPLIES.iter().chain(message::REPLIES)
}
