//! Carries out the orders of people that change settings, one after the other. It holds the config
//! in force, sends the settings of each part when they change, and has the listeners.
//!
//! # Failure
//! An order that is wrong, or that the disk refuses to keep, changes nothing; whoever gave it gets
//! the reason.

use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::{
    learning::{self, Begun},
    listeners::{Bound, Listeners},
    reload::{self, Loaded},
    run_time,
    settings::{self, Senders},
    sockets::Sockets,
    supervise,
};
use crate::{
    admin::{Admin, Answer, LearnRequest, Learning, Order, OrderError, Reloaded, SettingStatus},
    clock::Clock,
    config::{Config, Layers},
    listener::ListenerError,
    model::AccountName,
    queue::Queue,
    spool::Spool,
};

/// The settings in force, and all that goes by them.
pub(super) struct Steward {
    pub(super) layers: Layers,
    pub(super) senders: Senders,
    pub(super) listeners: Listeners,
    pub(super) queue: Queue,
    pub(super) spool: Spool,
    pub(super) admin: Admin,
    pub(super) clock: Clock,
    pub(super) learning: Option<Begun>,
}

impl Steward {
    /// The config in force.
    pub(super) const fn config(&self) -> &Config {
        self.layers.config()
    }

    /// Binds all listeners of the start.
    pub(super) fn bind(&self, sockets: &mut Sockets) -> Result<Bound, ListenerError> {
        self.listeners.bind(&self.config().listeners, sockets)
    }

    /// Lets listeners begin.
    pub(super) fn listen(&mut self, bound: Bound) {
        self.listeners.take(bound);
        self.admin.listening(self.listeners.status());
    }

    /// Carries orders out until the stop, then waits for the last session. Ends before, when a
    /// listener does.
    pub(super) async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut stop: watch::Receiver<bool>,
    ) -> &'static str {
        loop {
            tokio::select! {
                // A stop comes first: it lets listeners end, which is trouble at any other time.
                biased;
                () = supervise::stopped(&mut stop) => break,
                Some(order) = orders.recv() => self.carry_out(order).await,
                () = learning::over(self.learning.as_ref()) => {
                    self.end_learning("its time is over");
                }
                () = self.listeners.broken() => return "a listener",
            }
        }
        // Whoever orders something now learns at once that it is too late.
        drop(orders);
        self.listeners.drain().await;
        "the control of settings"
    }

    async fn carry_out(&mut self, order: Order) {
        match order {
            Order::Settings(account, to) => answer(to, self.layers.settings(&account)),
            Order::Set(account, values, by, to) => {
                let changed = self.layers.set(&account, &values, &by, self.clock.now());
                answer(to, self.change(&account, changed, &by).await);
            }
            Order::RestoreDefaults(account, by, to) => {
                let changed = self.layers.restored(&account);
                answer(to, self.change(&account, changed, &by).await);
            }
            Order::Reload(by, to) => answer(to, self.reload(&by).await),
            Order::Learn(request, by, to) => answer(to, self.learn(&request, by)),
            Order::EndLearning(by, to) => {
                answer(to, Ok(self.end_learning(&format!("{by} has ended it"))));
            }
        }
    }

    /// Puts other settings of an account into force once they are kept.
    async fn change(
        &mut self,
        account: &AccountName,
        changed: Result<Layers, OrderError>,
        by: &str,
    ) -> Result<Vec<SettingStatus>, OrderError> {
        let changed = changed?;
        run_time::keep(&self.spool, account, &changed)?;
        self.spool.sync().await?;
        let (before, after) = (self.layers.settings(account)?, changed.settings(account)?);
        self.layers = changed;
        self.senders.queue.send_replace(settings::queue(self.layers.config()).into());
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

    /// Lets unknown devices of a network send for a while, in the place of another network.
    fn learn(&mut self, request: &LearnRequest, by: String) -> Result<Learning, OrderError> {
        let begun = learning::begin(self.layers.file(), request, by, self.clock.now())?;
        let learning = begun.learning.clone();
        self.end_learning("another has begun");
        self.senders.send_devices(self.layers.config(), Some(&begun.device));
        self.admin.learning(Some(learning.clone()));
        self.learning = Some(begun);
        let Learning { network, until, by, .. } = &learning;
        warn!(%network, %until, by, "learning mode has begun: unknown devices may send");
        Ok(learning)
    }

    fn end_learning(&mut self, reason: &str) -> Option<Learning> {
        let Begun { learning, .. } = self.learning.take()?;
        self.senders.send_devices(self.layers.config(), None);
        self.admin.learning(None);
        warn!(network = %learning.network, reason, "learning mode has ended");
        Some(learning)
    }

    /// Reads the whole config again. A wrong one changes nothing.
    async fn reload(&mut self, by: &str) -> Result<Reloaded, OrderError> {
        supervise::reloading();
        let reloaded = match self.prepare().await {
            Ok((loaded, bound)) => Ok(self.adopt(loaded, bound)),
            Err(error) => Err(error),
        };
        supervise::ready(&self.admin.status());
        match &reloaded {
            Ok(Reloaded { changed, needs_restart, .. }) => info!(
                by,
                changed = changed.join(", "),
                needs_restart = needs_restart.join(", "),
                "config reloaded"
            ),
            Err(error) => error!(by, %error, "config not reloaded; the former one stays in force"),
        }
        reloaded
    }

    /// Everything of a reload that can fail. Nothing changes.
    async fn prepare(&self) -> Result<(Loaded, Bound), OrderError> {
        let loaded = reload::load(&self.layers).await?;
        let config = loaded.layers.config();
        if config.data_dir != self.config().data_dir {
            return Err(OrderError::Invalid(
                "data_dir: the data directory cannot change while the daemon runs; restart it"
                    .to_owned(),
            ));
        }
        self.queue.check(&settings::queue(config)).map_err(invalid)?;
        let bound = self.listeners.bind(&config.listeners, &mut Sockets::none());
        Ok((loaded, bound.map_err(invalid)?))
    }

    /// Puts another config into force. Nothing of it can fail.
    fn adopt(&mut self, Loaded { layers, outdated, tls }: Loaded, bound: Bound) -> Reloaded {
        let (old, new) = (self.layers.config(), layers.config());
        let reloaded = Reloaded {
            changed: reload::changed(old, new),
            needs_restart: reload::needs_restart(old, new),
            warnings: new.warnings.iter().map(ToString::to_string).collect(),
        };
        reload::log_warnings(&new.warnings);
        if let Err(error) = run_time::forget(&self.spool, &layers, &outdated) {
            error!(%error, "dropped account settings are still on the disk");
        }
        self.senders.send(new, tls, self.learning.as_ref().map(|begun| &begun.device));
        self.layers = layers;
        self.listen(bound);
        reloaded
    }
}

/// Answers an order.
fn answer<T>(to: Answer<T>, answered: Result<T, OrderError>) {
    // Whoever asked may have gone away meanwhile.
    if to.send(answered).is_err() {}
}

fn invalid(error: impl std::fmt::Display) -> OrderError {
    OrderError::Invalid(error.to_string())
}
