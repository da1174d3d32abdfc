//! The accounts of the config, and which accounts take over whose mail.

use std::sync::Arc;

use crate::{
    entry::Entry,
    model::AccountName,
    queue::{
        AccountSettings,
        engine::{
            round_robin::FlowKey,
            route::{self, RouteDecision},
            sender,
            view::View,
        },
    },
};

/// All accounts, in the order of the config.
#[derive(Debug)]
pub(in crate::queue) struct Pool {
    accounts: Vec<Arc<AccountSettings>>,
}

/// Which accounts may take over mail that an account cannot send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum TakeoverScope {
    /// Those of its `spill_to`, and those that spill to it. An earlier takeover may have brought
    /// the mail, and this account will never be able to send it.
    Anybody,
    /// Those of its `spill_to` that have a server of their own. The account cannot send the mail
    /// now, and they do not depend on the same domain.
    Servers,
}

impl Pool {
    pub(in crate::queue) const fn new(accounts: Vec<Arc<AccountSettings>>) -> Self {
        Self { accounts }
    }

    pub(in crate::queue) fn find(&self, name: &AccountName) -> Option<&AccountSettings> {
        self.accounts.iter().find(|account| account.name == *name).map(AsRef::as_ref)
    }

    /// The accounts that name this one in `spill_to`.
    pub(in crate::queue) fn spills_from<'a>(
        &'a self,
        name: &'a AccountName,
    ) -> impl Iterator<Item = &'a AccountSettings> {
        let spills =
            |other: &&Arc<AccountSettings>| other.name != *name && other.spill_to.contains(name);
        self.accounts.iter().filter(move |other| spills(other)).map(AsRef::as_ref)
    }

    /// The flows that an account may send, sorted. They are its own mail, and that of accounts
    /// which are out and name it in `spill_to`. The first account also sends mail of accounts that
    /// are no longer in the config.
    pub(in crate::queue) fn flows(
        &self,
        name: &AccountName,
        view: &impl View,
        is_out: impl Fn(&AccountName) -> bool,
    ) -> Vec<FlowKey> {
        let spilling = self.spills_from(name).map(|other| &other.name).filter(|name| is_out(name));
        let is_first = self.accounts.first().is_some_and(|first| first.name == *name);
        let mut orphans = if is_first { view.accounts_waiting() } else { Vec::new() };
        orphans.retain(|name| self.find(name).is_none());
        let mut flows = Vec::new();
        for carried in std::iter::once(name).chain(spilling).chain(&orphans) {
            let devices = view.devices_waiting(carried).into_iter();
            flows.extend(devices.map(|device| (device, carried.clone())));
        }
        flows.sort();
        flows
    }

    /// The account that takes over recipients which this one cannot carry, and the recipients it
    /// takes.
    pub(in crate::queue) fn takeover<'a>(
        &'a self,
        entry: &Entry,
        stuck: &[usize],
        account: &'a AccountSettings,
        scope: TakeoverScope,
    ) -> Option<(&'a AccountSettings, Vec<usize>)> {
        let taken = |other: &AccountSettings| -> Vec<usize> {
            let goes = |index: &&usize| {
                entry.recipients.get(**index).is_some_and(|state| {
                    let route = route::route(entry, &state.recipient.address, other);
                    matches!(route, RouteDecision::NextHop(_))
                })
            };
            if sender::may_carry(&entry.sender, other) {
                stuck.iter().filter(goes).copied().collect()
            } else {
                Vec::new()
            }
        };
        let fits = |other: &&AccountSettings| {
            scope == TakeoverScope::Anybody || other.route.only_next_hop().is_some()
        };
        let spilling = self.spills_from(&account.name).filter(|_| scope == TakeoverScope::Anybody);
        let others = account.spill_to.iter().filter_map(|name| self.find(name)).chain(spilling);
        others.filter(fits).map(|other| (other, taken(other))).find(|(_, taken)| !taken.is_empty())
    }

    /// Moves recipients that this account cannot carry to one that can, permanently. Returns false
    /// when there is no such account.
    pub(in crate::queue) fn reassign(
        &self,
        entry: &mut Entry,
        stuck: &[usize],
        account: &AccountSettings,
        scope: TakeoverScope,
    ) -> bool {
        let Some((other, moved)) = self.takeover(entry, stuck, account, scope) else {
            return false;
        };
        let name = (other.name != entry.account).then(|| other.name.clone());
        for index in moved {
            if let Some(recipient) = entry.recipients.get_mut(index) {
                recipient.account.clone_from(&name);
            }
        }
        true
    }
}
