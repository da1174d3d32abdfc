//! The word that every task of the sandbox watches for.

/// Whether the sandbox is to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    NotYet,
    Now,
}
