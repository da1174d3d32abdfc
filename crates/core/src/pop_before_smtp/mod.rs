//! Just enough POP3 for POP before SMTP (RFC 1939): a device logs in here, finds an empty mailbox,
//! and may then send.
//!
//! Old printers that know no AUTH can do this. The machine has no sockets, clock or async: the
//! driver (`listener`) feeds bytes to [`PopSession::advance`], verifies a [`PopLogin`], and sends
//! [`PopSession::replies`]. There is never a message in the mailbox, so nothing can be read or
//! deleted through this door.

mod session;

pub use session::{PopAction, PopAnswer, PopSession, PopStep};

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use crate::model::Secret;

/// What a session offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PopOffer {
    /// A login without the password in clear.
    pub apop: Apop,
    /// TLS from a command on.
    pub stls: Stls,
    /// A login as things stand.
    pub logins: Logins,
}

/// Whether the password may come as the connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Logins {
    /// Yes.
    Now,
    /// Only once it is encrypted: no name is taken before, so that no password follows it.
    AfterTls,
}

/// `APOP` (RFC 1939 7), which needs the clear password on our side too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Apop {
    /// The greeting has a timestamp.
    Offered,
    /// It has none.
    Absent,
}

/// `STLS` (RFC 2595 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stls {
    /// Among the capabilities.
    Offered,
    /// Not possible, or on already.
    Absent,
}

/// What the client presented to log in. The driver verifies it.
pub enum PopLogin {
    /// `USER` and `PASS` (RFC 1939 7): the password itself.
    Password {
        /// As sent: may be `user`, `user@host` or `DOMAIN\user`.
        user: String,
        /// As sent, blanks included.
        password: Secret,
    },
    /// `APOP` (RFC 1939 7). Needs the clear password: [`PopLogin::apop_matches`].
    Apop {
        /// As sent.
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

    /// True when `digest` was made from this password. Constant time in the comparison.
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
