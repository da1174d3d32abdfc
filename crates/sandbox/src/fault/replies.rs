//! Refusals of Exchange Online, as observed or documented. Each can be played as `reply-<slug>`.

mod account;
mod message;

use crate::fault::effect::FaultRow;

/// All replies.
pub(crate) fn replies() -> impl Iterator<Item = &'static FaultRow> {
    account::REPLIES.iter().chain(message::REPLIES)
}
