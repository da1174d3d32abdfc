//! The stop signal that every task of the sandbox watches.

/// Whether the sandbox must stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    NotYet,
    Now,
}
