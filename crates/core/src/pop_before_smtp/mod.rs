//! The part of POP3 that POP before SMTP needs (RFC 1939): a device logs in, finds an empty
//! mailbox, and may then send.
//!
//! Old printers that do not support AUTH can do this. The machine has no sockets, clock or async:
//! the driver (`listener`) feeds bytes to [`PopSession::advance`], verifies a [`PopLogin`], and
//! sends [`PopSession::replies`]. The mailbox is always empty, so nothing can be read or deleted
//! here.

mod session;

pub use session::{PopAction, PopAnswer, PopSession, PopStep};

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::model::Secret;

/// What a session offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PopOffer {
    /// Whether the client may log in without sending its password in clear.
    pub apop: Apop,
    /// Whether the client may start TLS.
    pub stls: Stls,
    /// Whether the client may log in before TLS.
    pub logins: Logins,
}

/// Whether the client may log in on the connection as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Logins {
    /// A login is accepted now.
    Now,
    /// A login is accepted only under TLS. The user name is refused before, so that no password
    /// follows it.
    AfterTls,
}

/// `APOP` (RFC 1939 7), which needs the clear password on our side too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Apop {
    /// The greeting has a timestamp.
    Offered,
    /// The greeting has no timestamp.
    Absent,
}

/// `STLS` (RFC 2595 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stls {
    /// The capabilities include `STLS`.
    Offered,
    /// TLS is not possible, or it is already on.
    Absent,
}

/// What the client presented to log in. The driver verifies it.
pub enum PopLogin {
    /// `USER` and `PASS` (RFC 1939 7): the password itself.
    Password {
        /// The name as sent, which may be `user`, `user@host` or `DOMAIN\user`.
        user: String,
        /// The password as sent, blanks included.
        password: Secret,
    },
    /// `APOP` (RFC 1939 7). Needs the clear password: [`PopLogin::apop_matches`].
    Apop {
        /// The name as sent.
        user: String,
        /// The timestamp of our greeting, with its angle brackets.
        timestamp: String,
        /// MD5 of the timestamp followed by the password, as lower-case hexadecimal.
        digest: String,
    },
}

impl PopLogin {
    /// The user name as sent.
    #[must_use]
    pub fn user(&self) -> &str {
        match self {
            Self::Password { user, .. } | Self::Apop { user, .. } => user,
        }
    }

    /// Whether `digest` was made from this password. The comparison takes constant time.
    #[must_use]
    pub fn apop_matches(timestamp: &str, digest: &str, password: &Secret) -> bool {
        let mut hash = Md5::new();
        hash.update(timestamp.as_bytes());
        hash.update(password.expose().as_bytes());
        let expected: String = hash.finalize().iter().map(|octet| format!("{octet:02x}")).collect();
        expected.as_bytes().ct_eq(digest.to_ascii_lowercase().as_bytes()).into()
    }
}

impl std::fmt::Debug for PopLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PopLogin(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apop_digest_is_the_one_of_the_standard() {
        // RFC 1939 7, the example of APOP.
        let timestamp = "<1896.697170952@dbc.mtview.ca.us>";
        let right = "c4c9334bac560ecc979e58001b3e22fb";
        assert!(PopLogin::apop_matches(timestamp, right, &Secret::new("tanstaaf".into())));
        assert!(PopLogin::apop_matches(
            timestamp,
            &right.to_uppercase(),
            &Secret::new("tanstaaf".into())
        ));
        assert!(!PopLogin::apop_matches(timestamp, right, &Secret::new("tanstaag".into())));
        assert!(!PopLogin::apop_matches(timestamp, "", &Secret::new("tanstaaf".into())));
    }
}
