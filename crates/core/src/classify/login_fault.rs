//! Why a login cannot be made, as facts.

use std::path::PathBuf;

use thiserror::Error;

/// Why a login cannot be made.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum LoginFault {
    /// The password or token file cannot be used.
    #[error("the file with the secret cannot be used: \"{}\": {reason}", .file.display())]
    NoSecret {
        /// The file.
        file: PathBuf,
        /// The reason.
        reason: SecretFault,
    },
    /// The server does not offer the mechanism that is configured.
    #[error("the server does not offer AUTH {mechanism}; it offers {}", listed(.offered))]
    NoMechanism {
        /// The configured mechanism.
        mechanism: &'static str,
        /// The mechanisms that the server offers.
        offered: Vec<String>,
    },
    /// The server asks for a further response, and the mechanism has none.
    #[error("the server's challenge makes no sense: it asks for more than {mechanism} has")]
    AsksForMore {
        /// The mechanism.
        mechanism: &'static str,
    },
    /// The server's challenge cannot be decoded or answered.
    #[error("the server's challenge makes no sense: {0}")]
    OddChallenge(String),
}

/// Why the file with a secret cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SecretFault {
    /// It cannot be read. The text is that of the operating system.
    #[error("{0}")]
    Unreadable(String),
    /// It is empty, or far too long.
    #[error("it has {octets} octets; 1 to {limit} make sense")]
    Length {
        /// The octets that it has.
        octets: usize,
        /// The octets that it may have.
        limit: usize,
    },
}

fn listed(offered: &[String]) -> String {
    if offered.is_empty() { "none".to_owned() } else { offered.join(", ") }
}
