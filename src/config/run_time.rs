//! What people have set while the daemon ran: the layer over the file and the environment. Pure.
//!
//! The newest change wins. A value that was set at run time survives restarts until it is taken
//! back, or until the file gives another value than when it was set: the edit of the file is then
//! the newer change.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{AccountName, Timestamp};

/// A person's name is cut to this length: it is displayed, not trusted.
const LONGEST_NAME: usize = 64;

/// One value that a person has set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) value: String,
    /// The value in the file at that time.
    pub(super) file: String,
    pub(super) at: Timestamp,
    pub(super) by: String,
}

impl Change {
    pub(super) fn new(value: &str, file: &str, at: Timestamp, by: &str) -> Self {
        let by = by.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
        Self { value: value.to_owned(), file: file.to_owned(), at, by }
    }
}

/// What people have set of one account, by the name of the key in `[account.batch]`. This is also
/// the form in which the index keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountChanges(pub(super) BTreeMap<String, Change>);

impl AccountChanges {
    /// True when everything is as in the file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What people have set while the daemon ran, by account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunTime(pub(super) BTreeMap<AccountName, AccountChanges>);

impl RunTime {
    /// Adds what the index has kept of an account.
    pub fn recall(&mut self, account: AccountName, changes: AccountChanges) {
        if !changes.is_empty() {
            self.0.insert(account, changes);
        }
    }

    /// What was set of an account.
    #[must_use]
    pub fn of(&self, account: &AccountName) -> AccountChanges {
        self.0.get(account).cloned().unwrap_or_default()
    }

    /// The changes of an account, to be changed themselves.
    pub(super) fn of_mut(&mut self, account: &AccountName) -> &mut BTreeMap<String, Change> {
        &mut self.0.entry(account.clone()).or_default().0
    }
}
