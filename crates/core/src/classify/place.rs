//! Where in an attempt something happened, for the log and for people.

use std::fmt;

/// Where in an attempt something happened: a fixed word for logs and people. Code does not compare
/// it; the verdict says what the event means for the recipient and for the account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place(&'static str);

impl Place {
    /// What concerns a message as a whole, before a server was told of it.
    pub const MESSAGE: Self = Self("mail_from");
    /// What concerns a recipient alone, before a server was told of it.
    pub const RECIPIENT: Self = Self("rcpt_to");
    /// What a person did to a message in the queue.
    pub const QUEUE: Self = Self("queue");
    /// The message was held in the queue.
    pub const HELD: Self = Self("held");

    /// A place with this word.
    #[must_use]
    pub const fn new(word: &'static str) -> Self {
        Self(word)
    }

    /// The fixed word of the log and of notices.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
