//! The accounts as the settings of one moment have them. When the settings change, another roster
//! takes the place of this one: what an account has at run time goes on in it. A task that still
//! works by the old one ends what it does by the old settings.

use std::sync::Arc;

use crate::{
    clock::Clock,
    model::AccountName,
    queue::{
        AccountSettings, QueueError, QueueSettings, RetrySettings,
        driver::{account::Account, live::Live, opening, transport::Transport},
        engine::{pool::Pool, select::Rules},
    },
    spool::Spool,
};

/// Makes the transport of an account.
pub(in crate::queue) type MakeTransport<T> =
    Box<dyn Fn(&AccountSettings) -> Result<T, QueueError> + Send + Sync>;

/// All accounts of the config, in its order, and the settings that they share.
pub(in crate::queue) struct Roster<T: Transport> {
    pub(in crate::queue) accounts: Vec<Arc<Account<T>>>,
    pub(in crate::queue) pool: Pool,
    pub(in crate::queue) retry: RetrySettings,
}

impl<T: Transport> Roster<T> {
    /// A roster without accounts.
    pub(in crate::queue) const fn empty(retry: RetrySettings) -> Self {
        Self { accounts: Vec::new(), pool: Pool::new(Vec::new()), retry }
    }

    pub(in crate::queue) fn account(&self, name: &AccountName) -> Option<&Arc<Account<T>>> {
        self.accounts.iter().find(|account| account.settings.name == *name)
    }

    pub(in crate::queue) fn rules<'a>(&'a self, account: &'a Account<T>) -> Rules<'a> {
        Rules { pool: &self.pool, account: &account.settings, retry: &self.retry }
    }

    /// Whether the account has the settings and the transport that it has here.
    pub(in crate::queue) fn has(&self, account: &Account<T>) -> bool {
        self.account(&account.settings.name)
            .is_some_and(|ours| Arc::ptr_eq(&ours.settings, &account.settings))
    }

    /// Whether connections of the account serve here, too.
    pub(in crate::queue) fn serves(&self, account: &Account<T>) -> bool {
        self.account(&account.settings.name)
            .is_some_and(|ours| Arc::ptr_eq(&ours.transport, &account.transport))
    }

    /// The roster under other settings. An account that was there before keeps its health, budget
    /// and turns; a new one is opened with what earlier processes have stored of it.
    pub(in crate::queue) fn under(
        &self,
        settings: &QueueSettings,
        make: &MakeTransport<T>,
        spool: &Spool,
        clock: &Clock,
    ) -> Result<Self, QueueError> {
        let mut accounts = Vec::with_capacity(settings.accounts.len());
        for new in &settings.accounts {
            accounts.push(match self.account(&new.name) {
                Some(old) if *old.settings == *new => Arc::clone(old),
                Some(old) if old.settings.route == new.route => {
                    Arc::new(old.with(new.clone(), Arc::clone(&old.transport)))
                }
                Some(old) => Arc::new(old.with(new.clone(), Arc::new(make(new)?))),
                None => {
                    let shared = opening::open(new, spool, clock)?;
                    Arc::new(Account::new(new.clone(), make(new)?, shared))
                }
            });
        }
        let pool = accounts.iter().map(|account| Arc::clone(&account.settings)).collect();
        Ok(Self { accounts, pool: Pool::new(pool), retry: settings.retry.clone() })
    }

    /// Takes over from another roster. Returns the idle connections that serve no longer.
    pub(in crate::queue) fn take_over(&self, former: &Self) -> Vec<Live<T::Link>> {
        for account in &self.accounts {
            account.shared().runtime.adopt(&account.settings);
        }
        let gone = former.accounts.iter().filter(|account| !self.serves(account));
        gone.flat_map(|account| std::mem::take(&mut *account.idle()))
            .map(|idle| idle.live)
            .collect()
    }
}
