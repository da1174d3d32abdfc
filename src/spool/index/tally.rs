//! Counts that would be too slow to ask the disk for.

use std::collections::BTreeMap;

use crate::{
    model::{AccountName, DeviceName},
    spool::{
        SpoolError,
        index::{index_batch::Effect, keys, place::Located, view::View},
    },
};

/// Counts kept in memory.
#[derive(Default)]
pub(in crate::spool) struct Tally {
    pub(in crate::spool) messages: u64,
    /// Messages in the due index, by account and device. Bounded by the names in the config and in
    /// the queue.
    pub(in crate::spool) waiting: BTreeMap<AccountName, BTreeMap<DeviceName, u64>>,
    pub(in crate::spool) journal_lines: u64,
    /// Octets of waiting messages in the journal's segments.
    pub(in crate::spool) kept_octets: u64,
}

impl Tally {
    /// One walk over the due index, one over the keys of the entries, one over the places.
    pub(in crate::spool) fn count(view: View<'_>) -> Result<Self, SpoolError> {
        let mut tally = Self::default();
        for pair in view.pairs(keys::all(keys::DUE)) {
            if let Some((account, device, _due, _id)) = keys::read_due(&pair?.key) {
                tally.more(account, device);
            }
        }
        for pair in view.pairs(keys::all(keys::ENTRIES)) {
            pair?;
            tally.messages += 1;
        }
        for pair in view.pairs(keys::all(keys::PLACES)) {
            let located = Located::from_value(&pair?.value);
            tally.kept_octets += located.map_or(0, |located| u64::from(located.octets));
        }
        Ok(tally)
    }

    fn more(&mut self, account: AccountName, device: DeviceName) {
        *self.waiting.entry(account).or_default().entry(device).or_default() += 1;
    }

    fn less(&mut self, account: &AccountName, device: &DeviceName) {
        let Some(devices) = self.waiting.get_mut(account) else { return };
        if let Some(messages) = devices.get_mut(device) {
            *messages = messages.saturating_sub(1);
        }
        devices.retain(|_device, messages| *messages > 0);
        if devices.is_empty() {
            self.waiting.remove(account);
        }
    }

    pub(in crate::spool) fn follow(&mut self, effect: &Effect) {
        self.messages = (self.messages + effect.admitted).saturating_sub(effect.removed);
        self.journal_lines += effect.journal_lines;
        self.kept_octets = (self.kept_octets + effect.placed).saturating_sub(effect.freed);
        for (account, device) in &effect.waiting_more {
            self.more(account.clone(), device.clone());
        }
        for (account, device) in &effect.waiting_less {
            self.less(account, device);
        }
    }
}
