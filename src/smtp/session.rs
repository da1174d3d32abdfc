//! stub

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    model::{MessageId, TlsVersion},
    smtp::{Action, Answer, Quirk, SessionSettings},
};

/// One device's session, from banner to close.
pub struct Session<Proof> {
    _p: std::marker::PhantomData<Proof>,
}

/// What [`Session::advance`] did with the bytes.
pub struct Step {
    /// How many octets of the input were used up. The driver offers the rest again.
    pub consumed: usize,
    /// What to do.
    pub action: Action,
}

impl<Proof: AsRef<MessageId>> Session<Proof> {
    /// A session whose banner is already among the replies. `entropy` seeds the AUTH challenges.
    #[must_use]
    pub fn new(_settings: Arc<SessionSettings>, _tls: Option<TlsVersion>, _entropy: u64) -> Self {
        todo!()
    }
    /// Takes bytes from the client. Never blocks, never allocates more than its bounds.
    pub fn advance(&mut self, _input: &[u8]) -> Step {
        todo!()
    }
    /// Gives the driver's answer to the last action.
    pub fn answer(&mut self, _answer: Answer<Proof>) {
        todo!()
    }
    /// Decoded text to append to the spool file; valid after [`Action::WriteBody`].
    #[must_use]
    pub fn body(&self) -> &[u8] {
        todo!()
    }
    /// Replies not yet sent; the driver writes and clears them.
    pub fn replies(&mut self) -> &mut Vec<u8> {
        todo!()
    }
    /// The client was silent for too long: 421 4.4.2, then close.
    pub fn time_out(&mut self) -> Action {
        todo!()
    }
    /// The client closed the connection, or it broke: notes whether that was polite. A message in progress is lost.
    pub fn hang_up(&mut self) -> Action {
        todo!()
    }
    /// The daemon is stopping: 421 4.3.2 at the next command boundary. A message in progress may finish.
    pub fn shut_down(&mut self) {
        todo!()
    }
    /// What the client called itself, made printable; empty before HELO.
    #[must_use]
    pub fn helo(&self) -> &str {
        todo!()
    }
    /// True after `EHLO`.
    #[must_use]
    pub fn is_esmtp(&self) -> bool {
        todo!()
    }
    /// Quirks seen so far.
    #[must_use]
    pub fn quirks(&self) -> &BTreeSet<Quirk> {
        todo!()
    }
}
