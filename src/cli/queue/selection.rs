//! Which messages a command is about: ids, or what all of them have in common.

use std::fmt::Write as _;

use crate::{
    admin::Matching,
    cli::{
        arguments::{Selection, Which},
        client::{Client, encoded},
        output::{Answer, confirm, plural, say},
    },
    model::MessageId,
};

/// When a person is asked before many messages are changed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A person is always asked.
    Always,
    /// A person is asked if the messages are selected by what they have in common.
    IfSelected,
}

impl Selection {
    fn is_empty(&self) -> bool {
        self.parts().is_empty()
    }

    fn parts(&self) -> Vec<(&'static str, String)> {
        let common = &self.common;
        let parts = [
            ("account", self.account.clone()),
            ("device", common.device.clone()),
            ("to", common.to.clone()),
            ("state", common.state.map(|state| state.as_str().to_owned())),
            ("older_than", common.older_than.map(|age| age.as_secs().to_string())),
        ];
        parts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// The selection as a part of a query, with `&` before each of its parts.
    pub(super) fn query(&self) -> String {
        self.parts().iter().fold(String::new(), |mut query, (name, value)| {
            // Writing to a String cannot fail.
            let _infallible = write!(query, "&{name}={}", encoded(value));
            query
        })
    }

    /// The ids of the messages that are selected, the oldest first.
    pub(super) async fn ids(&self, client: &Client) -> anyhow::Result<Vec<MessageId>> {
        let path = format!("/api/v1/queue/matching?{}", self.query().trim_start_matches('&'));
        Ok(client.get::<Matching>(&path).await?.ids)
    }
}

impl Which {
    /// The ids, after a person has seen how many there are and agreed. None after a no.
    ///
    /// Ids that were typed need no question unless the order is `grave`.
    pub(super) async fn agreed(
        &self,
        client: &Client,
        asked: Asked,
        question: impl Fn(&str) -> String,
    ) -> anyhow::Result<Option<Vec<MessageId>>> {
        if !self.matching && !self.selection.is_empty() {
            anyhow::bail!(
                "to select messages by account, device, recipient, state or age, add --match"
            );
        }
        let ids = if self.matching { self.selection.ids(client).await? } else { self.ids.clone() };
        let count = plural(u64::try_from(ids.len())?, "message");
        if ids.is_empty() {
            say("No message matches.")?;
            return Ok(None);
        }
        let must_ask = !self.yes && (self.matching || asked == Asked::Always);
        if must_ask && confirm(&question(&count))? == Answer::No {
            return Ok(None);
        }
        Ok(Some(ids))
    }
}
