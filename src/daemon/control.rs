//! Carries out the orders of people that change settings, one after the other. It holds the config
//! in force and sends the settings of each part when they change.
//!
//! # Failure
//! An order that is wrong, or that the disk refuses to keep, changes nothing; whoever gave it gets
//! the reason.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::{
    admin::{Answer, Order, Ordered, SettingStatus},
    clock::Clock,
    config::{AccountChanges, Config, Layers, Outdated, RunTime},
    daemon::{error::DaemonError, supervise},
    model::AccountName,
    queue::QueueSettings,
    spool::{Change, Memo, MemoKind, Spool, SpoolError},
};

/// The settings in force, and where they are sent.
pub(super) struct Steward {
    layers: Layers,
    spool: Spool,
    clock: Clock,
    queue: watch::Sender<Arc<QueueSettings>>,
}

impl Steward {
    /// Lays what people have set in earlier processes over the config.
    pub(super) fn new(config: Config, spool: Spool, clock: Clock) -> Result<Self, DaemonError> {
        let (layers, outdated) = Layers::new(config, recalled(&spool)?)?;
        forget(&spool, &layers, &outdated)?;
        log_differences(&layers);
        let queue = watch::Sender::new(Arc::new(queue_settings(layers.config())));
        Ok(Self { layers, spool, clock, queue })
    }

    /// The config in force.
    pub(super) const fn config(&self) -> &Config {
        self.layers.config()
    }

    /// The settings of the queue, now and later.
    pub(super) fn queue(&self) -> watch::Receiver<Arc<QueueSettings>> {
        self.queue.subscribe()
    }

    /// Carries orders out, until the stop.
    pub(super) async fn run(
        mut self,
        mut orders: mpsc::Receiver<Ordered>,
        mut stop: watch::Receiver<bool>,
    ) -> &'static str {
        loop {
            tokio::select! {
                Some(Ordered { order, by, answer }) = orders.recv() => {
                    let answered = self.carry_out(order, &by).await;
                    // Whoever asked may have gone away meanwhile.
                    if answer.send(answered).is_err() {}
                }
                () = supervise::stopped(&mut stop) => return "the control of settings",
            }
        }
    }

    async fn carry_out(&mut self, order: Order, by: &str) -> Answer {
        let (account, changed) = match order {
            Order::Settings(account) => return self.layers.settings(&account),
            Order::Set(account, values) => {
                let changed = self.layers.set(&account, &values, by, self.clock.now())?;
                (account, changed)
            }
            Order::RestoreDefaults(account) => {
                let changed = self.layers.restored(&account)?;
                (account, changed)
            }
        };
        self.change(&account, changed, by).await
    }

    /// Puts other settings of an account into force once they are kept.
    async fn change(&mut self, account: &AccountName, changed: Layers, by: &str) -> Answer {
        keep(&self.spool, account, &changed)?;
        self.spool.sync().await?;
        let (before, after) = (self.layers.settings(account)?, changed.settings(account)?);
        self.layers = changed;
        self.queue.send_replace(Arc::new(queue_settings(self.layers.config())));
        for (old, new) in before.iter().zip(&after).filter(|(old, new)| old.value != new.value) {
            let SettingStatus { key, value, .. } = new;
            info!(
                account = account.as_str(),
                setting = key,
                from = old.value,
                to = value,
                by,
                "account setting changed"
            );
        }
        Ok(after)
    }
}

fn queue_settings(config: &Config) -> QueueSettings {
    QueueSettings { accounts: config.accounts.clone(), retry: config.retry.clone() }
}

/// What people have set in earlier processes.
fn recalled(spool: &Spool) -> Result<RunTime, SpoolError> {
    let mut run_time = RunTime::default();
    for (account, changes) in spool.recall_all::<AccountChanges>(MemoKind::RunTimeSettings)? {
        // A record that cannot be read has an older form, which does not prevent the start.
        run_time.recall(account.into(), changes.unwrap_or_default());
    }
    Ok(run_time)
}

/// Removes what no longer holds from the disk.
fn forget(spool: &Spool, layers: &Layers, outdated: &[Outdated]) -> Result<(), SpoolError> {
    for Outdated { account, key, value, file } in outdated {
        warn!(
            account = account.as_str(),
            setting = key,
            dropped = value,
            file,
            "account setting dropped; the file has changed since"
        );
        keep(spool, account, layers)?;
    }
    Ok(())
}

fn keep(spool: &Spool, account: &AccountName, layers: &Layers) -> Result<(), SpoolError> {
    let (kind, name) = (MemoKind::RunTimeSettings, account.as_str());
    let changes = layers.run_time().of(account);
    let memo = if changes.is_empty() {
        Memo::forget(kind, name)
    } else {
        Memo::keep(kind, name, &changes)?
    };
    spool.apply(Change { remember: vec![memo], ..Change::default() })
}

/// Logs what is not as the file has it.
fn log_differences(layers: &Layers) {
    for account in &layers.config().accounts {
        let rows = layers.settings(&account.name).unwrap_or_default();
        for SettingStatus { key, value, file, .. } in
            rows.iter().filter(|row| row.changed.is_some() && row.value != row.file)
        {
            info!(
                account = account.name.as_str(),
                setting = key,
                value,
                file,
                "account setting differs from the file"
            );
        }
    }
}
