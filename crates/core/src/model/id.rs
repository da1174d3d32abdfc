//! Names of things: messages, devices, accounts.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::Timestamp;

/// RFC 4648 7 ("base32hex") in lower case: sorts as the number does, has no `w`, `x`, `y`, `z`.
const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// Identifies one accepted message, from `250 queued as <id>` to the journal.
///
/// Twenty characters: ten for the time (milliseconds, so that ids sort by age) and ten at random
/// (50 bits).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MessageId([u8; MessageId::LENGTH]);

/// A text that is not a [`MessageId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a message id has 20 characters, each a digit or a letter from a to v")]
pub struct InvalidId;

impl MessageId {
    /// The number of characters of an id.
    pub const LENGTH: usize = 20;
    const TIME_LENGTH: usize = 10;

    /// Makes the id of a message received `at`, from fresh `random` bits (50 are used).
    #[must_use]
    pub fn new(at: Timestamp, random: u64) -> Self {
        let mut characters = [b'0'; Self::LENGTH];
        let (time, rest) = characters.split_at_mut(Self::TIME_LENGTH);
        write_digits(time, at.as_millis());
        write_digits(rest, random);
        Self(characters)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Every constructor writes ASCII digits only, so the fallback is never used.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The two characters that name the spool folder of this message.
    ///
    /// They come from the time. They change every 33 seconds and repeat after nine hours. Messages
    /// that arrive together are thus in one folder, so that one sync of the folder serves them all,
    /// and no folder grows without limit.
    #[must_use]
    pub fn shard(&self) -> &str {
        self.as_str().get(5..7).unwrap_or_default()
    }
}

fn write_digits(into: &mut [u8], mut number: u64) {
    for place in into.iter_mut().rev() {
        let digit = usize::try_from(number & 31).unwrap_or(0);
        *place = DIGITS.get(digit).copied().unwrap_or(b'0');
        number >>= 5;
    }
}

impl FromStr for MessageId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let characters: [u8; Self::LENGTH] =
            text.as_bytes().try_into().map_err(|_not_twenty| InvalidId)?;
        if characters.iter().all(|c| DIGITS.contains(c)) {
            Ok(Self(characters))
        } else {
            Err(InvalidId)
        }
    }
}

impl TryFrom<String> for MessageId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.as_str().to_owned()
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! name {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name! {
    /// The name of a `[[device]]` of the config. Cheap to clone.
    DeviceName
}

name! {
    /// The name of an `[[account]]` of the config. Cheap to clone.
    AccountName
}

impl AccountName {
    /// Advice that mentions `postroom account login NAME`, with the account's name filled in and
    /// quoted for a shell.
    #[must_use]
    pub fn in_advice(&self, advice: &str) -> String {
        let is_word = !self.0.is_empty()
            && self.0.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@'));
        let name = if is_word {
            self.0.to_string()
        } else {
            format!("'{}'", self.0.replace('\'', "'\\''"))
        };
        advice.replace("postroom account login NAME", &format!("postroom account login {name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_age_and_survive_their_text() {
        let older = MessageId::new(Timestamp::from_millis(1_763_900_000_000), u64::MAX);
        let newer = MessageId::new(Timestamp::from_millis(1_763_900_000_001), 0);
        assert!(older < newer);
        assert!(older.as_str() < newer.as_str());
        assert_eq!(older.as_str().parse(), Ok(older));
    }

    #[test]
    fn an_advice_names_the_account() {
        let advice =
            |name: &str| AccountName::from(name).in_advice("Sign in: postroom account login NAME.");
        assert_eq!(advice("scanner"), "Sign in: postroom account login scanner.");
        assert_eq!(
            advice("Anna's scanner"),
            "Sign in: postroom account login 'Anna'\\''s scanner'."
        );
        assert_eq!(AccountName::from("scanner").in_advice("Wait."), "Wait.");
    }

    #[test]
    fn a_path_is_no_id() {
        assert_eq!("../../../etc/passwd.".parse::<MessageId>(), Err(InvalidId));
        assert_eq!("".parse::<MessageId>(), Err(InvalidId));
    }

    #[test]
    fn messages_of_the_same_half_minute_share_a_folder_and_later_ones_do_not() {
        let at = |ms| MessageId::new(Timestamp::from_millis(ms), 7).shard().to_owned();
        assert_eq!(at(32_768 * 1000), at(32_768 * 1000 + 32_767));
        assert_ne!(at(32_768 * 1000), at(32_768 * 1001));
        assert_eq!(at(0).len(), 2);
    }
}
