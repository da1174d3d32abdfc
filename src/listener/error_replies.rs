//! Our own trouble, as the device is told of it: the one table from errors to replies.

use crate::{
    model::{EnhancedCode, Reply},
    smtp::reply,
    spool::SpoolError,
};

/// Over a limit of all connections together.
pub(super) const TOO_BUSY: Reply = Reply::fixed(
    421,
    EnhancedCode(4, 3, 2),
    "Too many connections (receiving.connections); try again later",
);
/// Over `connections_per_client`.
pub(super) const TOO_MANY_FROM_YOU: Reply = Reply::fixed(
    421,
    EnhancedCode(4, 7, 0),
    "Too many connections from you (receiving.connections_per_client); try again later",
);
/// Over `connections` of the device.
pub(super) const TOO_MANY_OF_DEVICE: Reply = Reply::fixed(
    421,
    EnhancedCode(4, 7, 0),
    "Too many connections from this device (connections of its [[device]]); try again later",
);
/// For a connection that gives up its place to another address of its device.
pub(super) const WANTED_BY_OTHERS: Reply = Reply::fixed(
    421,
    EnhancedCode(4, 3, 2),
    "Other addresses of this device need the connection (connections of its [[device]]); try again \
    later",
);
/// RFC 5321 4.5.3.1.10 and 4.2.1: our own trouble is never permanent, since devices give up on any
/// 5xx.
pub(super) fn for_device(error: &SpoolError) -> Reply {
    match error {
        SpoolError::Full => reply::STORAGE_FULL,
        SpoolError::Io { .. }
        | SpoolError::Index(_)
        | SpoolError::NotFound(_)
        | SpoolError::Unreadable { .. }
        | SpoolError::Locked(_) => reply::LOCAL_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_trouble_is_never_permanent() {
        let io = || std::io::Error::other("broken");
        for error in [
            SpoolError::Full,
            SpoolError::Io { what: "write", path: "x".into(), source: io() },
            SpoolError::Index("broken".into()),
            SpoolError::Unreadable { path: "x".into(), reason: "empty".into() },
        ] {
            assert!(for_device(&error).is_transient(), "{error}");
        }
    }
}
