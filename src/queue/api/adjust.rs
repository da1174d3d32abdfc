//! Changes a person makes to an account's settings while it sends. A change is stored before it is
//! acknowledged and applies from the next message on. No connection is closed for it.
//!
//! # Failure
//! An invalid value changes nothing. When the disk refuses the change, the caller gets the error;
//! the change may then not survive a restart.

use tracing::{info, warn};

use crate::{
    model::AccountName,
    queue::{
        Queue, QueueError, SettingStatus,
        api::tuning::Tuning,
        driver::{account::Account, opening::remember, transport::Transport},
        engine::budget::BudgetChange,
    },
    spool::Change,
};

impl<T: Transport> Queue<T> {
    /// The settings of an account that can be changed while it runs.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn settings(&self, account: &AccountName) -> Result<Vec<SettingStatus>, QueueError> {
        let account = self.known(account)?;
        Ok(account.shared().tuning.status(&account.settings.batch))
    }

    /// Changes settings, given as in the config. Either all of them change or none.
    ///
    /// # Errors
    /// When there is no such account or setting, a value is invalid, or the disk refuses.
    pub async fn set(
        &self,
        account: &AccountName,
        words: &[(String, String)],
        by: &str,
    ) -> Result<Vec<SettingStatus>, QueueError> {
        let at = self.core().clock.now();
        let account = self.known(account)?;
        self.retune(account, by, |tuning| {
            words
                .iter()
                .try_for_each(|(key, text)| tuning.set(key, text, &account.settings.batch, by, at))
        })
        .await
    }

    /// Restores the values of the config file.
    ///
    /// # Errors
    /// When there is no such account, or the disk refuses.
    pub async fn restore_defaults(
        &self,
        account: &AccountName,
        by: &str,
    ) -> Result<Vec<SettingStatus>, QueueError> {
        let account = self.known(account)?;
        self.retune(account, by, |tuning| {
            *tuning = Tuning::default();
            Ok(())
        })
        .await
    }

    /// Stops counting the recipients of everything that was sent. A person orders this after the
    /// index was lost, because the person knows what was really sent.
    ///
    /// # Errors
    /// When there is no such account, or the disk refuses.
    pub async fn forget_budget(&self, account: &AccountName, by: &str) -> Result<(), QueueError> {
        let (core, account) = (self.core(), self.known(account)?);
        let BudgetChange { charge, refund } =
            core.locked(account, |runtime, now| runtime.budget.forget(now.steady));
        core.spool.apply(Change { charge, refund, ..Change::default() })?;
        core.on_disk(core.spool.sync()).await?;
        core.changed.notify_one();
        warn!(account = account.settings.name.as_str(), by, "account budget forgotten");
        Ok(())
    }

    async fn retune(
        &self,
        account: &Account<T>,
        by: &str,
        change: impl Fn(&mut Tuning) -> Result<(), String>,
    ) -> Result<Vec<SettingStatus>, QueueError> {
        let (core, file) = (self.core(), &account.settings.batch);
        let (before, after) = loop {
            let before = account.shared().tuning.clone();
            let mut tuning = before.clone();
            change(&mut tuning).map_err(QueueError::Setting)?;
            remember(&core.spool, &account.settings.name, &tuning)?;
            let mut shared = account.shared();
            // Otherwise another change was made meanwhile: both changes must hold.
            if shared.tuning == before {
                shared.runtime.retune(&tuning.over(file));
                let after = tuning.status(file);
                shared.tuning = tuning;
                break (before.status(file), after);
            }
        };
        core.on_disk(core.spool.sync()).await?;
        core.changed.notify_one();
        for (old, new) in before.iter().zip(&after).filter(|(old, new)| old.value != new.value) {
            let account = account.settings.name.as_str();
            info!(
                account,
                setting = new.key,
                from = old.value,
                to = new.value,
                by,
                "account setting changed"
            );
        }
        Ok(after)
    }
}
