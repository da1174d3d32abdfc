//! Decides who may use Microsoft Graph, and counts the requests that are in progress.

use crate::{
    tenant::{Limit, Tenant, count, mailbox::without_tag},
    token::Resource,
};
use postroom_core::model::{Address, Secret, Timestamp};

/// Microsoft, "Microsoft Graph service-specific throttling limits": four requests at once for each
/// application and mailbox.
const CONCURRENT: usize = 4;

impl Tenant {
    /// Counts the beginning of a request. Returns whether it is one too many.
    pub(crate) fn graph_begins(&mut self, mailbox: &Address, now: Timestamp) -> bool {
        let seen = self.state.graph.rise();
        if seen > CONCURRENT {
            let (seen, allowed) = (count(seen), count(CONCURRENT));
            self.violate(now, Some(mailbox), Limit::GraphRequests, seen, allowed);
        }
        seen > CONCURRENT
    }

    /// Counts the end of a request.
    pub(crate) fn graph_ends(&mut self) {
        self.state.graph.fall();
    }

    /// Whether the token gives access to the mailbox by Graph.
    pub(crate) fn graph_admits(
        &mut self,
        token: &Secret,
        mailbox: &Address,
        now: Timestamp,
    ) -> bool {
        self.tokens.is_good(token, Resource::Graph, &without_tag(mailbox), now)
    }

    /// Whether there is such a mailbox.
    pub(crate) fn graph_knows(&mut self, mailbox: &Address) -> bool {
        self.admit_mailbox(&without_tag(mailbox));
        self.mailbox(mailbox).is_some()
    }
}
