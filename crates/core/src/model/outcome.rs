//! What has become of a recipient: one word for the log, the metrics, the journal, the API and the
//! commands.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What has become of a recipient.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecipientOutcome {
    /// The server accepted the message.
    Delivered,
    /// The message will be tried again.
    Delayed,
    /// The message was given up.
    Failed,
    /// The message will be tried again, and may have been delivered already.
    Doubtful,
    /// A person deleted the message.
    Deleted,
    /// The message is in quarantine and is not sent.
    Quarantined,
    /// The message's file is gone.
    Lost,
}

impl RecipientOutcome {
    /// The fixed word of the log, the metrics and the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Delayed => "delayed",
            Self::Failed => "failed",
            Self::Doubtful => "doubtful",
            Self::Deleted => "deleted",
            Self::Quarantined => "quarantined",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for RecipientOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_fixed_words() {
        use RecipientOutcome::{Delayed, Deleted, Delivered, Doubtful, Failed, Lost, Quarantined};
        for outcome in [Delivered, Delayed, Failed, Doubtful, Deleted, Quarantined, Lost] {
            let record = serde_json::to_string(&outcome).unwrap();
            assert_eq!(record, format!("\"{outcome}\""));
            assert_eq!(serde_json::from_str::<RecipientOutcome>(&record).unwrap(), outcome);
        }
    }
}
