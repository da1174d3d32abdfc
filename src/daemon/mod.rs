//! Start order, stop order, and what becomes of a part that ends by itself.
//!
//! - `logging`: where log lines go
//! - `error`: [`DaemonError`], why it did not start or ended
//! - `settings`: what each part takes from the config
//! - `control`: orders of people that change settings; `reload`: another config; `run_time`: what
//!   people have set, kept on the disk; `listeners`: those that are bound; `learning`: unknown
//!   devices that may send for a while
//! - `sockets`: sockets that systemd has bound already
//! - `sightings`: what was seen of devices, kept on the disk
//! - `survey`: the counts of the queue and the devices for the metrics
//! - `supervise`: signals and the watchdog
//! - [`Daemon::start`] then [`Daemon::run`]: in the `postroom run` of a machine, and in one process
//!   with others for the demonstration and the tests
//!
//! # Order
//! Start: spool, queue, listeners, admin, then READY. Each needs those before it. A missing
//! upstream server or token does not prevent the start: mail is accepted all the same.
//!
//! Stop: listeners accept nothing more and sessions end at their next command; no attempt begins,
//! those under way finish; both within `stop_timeout`. Then the spool is synced, and the admin side
//! closes last, so that a stop can be watched.
//!
//! # Failure
//! A part that cannot start ends the start with [`DaemonError`]. A part that ends by itself ends
//! the daemon, in good order: systemd starts it again. A panic in one connection or attempt is
//! caught further down and ends that one alone.

mod control;
mod error;
mod learning;
mod listeners;
mod logging;
mod reload;
mod run_time;
mod settings;
mod sightings;
mod sockets;
mod supervise;
mod survey;

pub use error::DaemonError;
pub use logging::{LogFormat, log_to};
pub use sockets::Sockets;
pub use supervise::{Signal, Signals};

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tracing::{error, info, warn};

use self::{control::Steward, listeners::Listeners, settings::Senders};
use crate::{
    admin::{
        Admin, AdminServer, Audit, Control, Order, OrderError, Parts, Progress, Reloaded, Who,
    },
    clock::Clock,
    config::{Config, Layers},
    daemon::survey::Survey,
    device::Devices,
    listener::{ListenerContext, ListenerParts, Tls},
    metrics::Metrics,
    queue::Queue,
    report::Reporter,
    spool::{History, RouteMessage, Spool, SpoolError},
};

/// How long a start waits for the previous process to release the data folder: the kernel takes a
/// moment to clear away a process that was killed.
const FORMER_PROCESS: Duration = Duration::from_secs(5);
/// The pause between two attempts to open the data folder.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Opens the spool. Waits for a short time while another process holds the data folder, then gives
/// up: a second daemon must not wait for the first one for ever.
async fn open_spool(
    config: &Config,
    route: RouteMessage,
    clock: &Clock,
    metrics: &Metrics,
) -> Result<Spool, SpoolError> {
    let deadline = Instant::now() + FORMER_PROCESS;
    let mut told = false;
    loop {
        match Spool::open(config.spool.clone(), Arc::clone(&route), clock.clone(), metrics.clone())
        {
            Err(SpoolError::Locked(folder)) if Instant::now() < deadline => {
                if !told {
                    warn!(folder = %folder.display(), seconds = FORMER_PROCESS.as_secs(), "data \
                        folder is in use; waiting for the process before");
                    told = true;
                }
                sleep(LOOK_AGAIN).await;
            }
            other => return other,
        }
    }
}

/// A daemon that has started.
pub struct Daemon {
    config: Config,
    admin: Admin,
    control: Control,
    spool: Spool,
    devices: Devices,
    mail: JoinSet<&'static str>,
    services: JoinSet<&'static str>,
    stop_mail: watch::Sender<bool>,
    stop_services: watch::Sender<bool>,
}

impl Daemon {
    /// Starts all parts.
    ///
    /// # Errors
    /// When the data folder, a certificate or an address is not available. Nothing is left running
    /// then.
    pub async fn start(
        config: Config,
        sockets: Sockets,
        clock: Clock,
    ) -> Result<Self, DaemonError> {
        reload::log_warnings(&config.warnings);
        let metrics = Metrics::new();
        let routing = watch::Sender::new(Arc::new(settings::routing(&config)));
        let route = settings::route(routing.subscribe());
        let spool = open_spool(&config, route, &clock, &metrics).await?;
        let layers = laid_over(config, &spool)?;
        let config = layers.config().clone();
        let senders = Senders::new(&config, load_tls(&config).await?, routing);
        let queue = queue(&senders, &spool, &clock, &metrics)?;
        let devices = devices(&senders, &spool, &clock, &metrics);
        let (control, orders) = Control::new();
        let admin = Admin::new(Parts {
            receiving: senders.receiving.subscribe(),
            data_dir: config.data_dir.clone(),
            spool: spool.clone(),
            queue: queue.clone(),
            devices: devices.clone(),
            control: control.clone(),
            audit: Audit::open(spool.clone(), clock.clone())?,
            started: clock.now(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            history: History::default(),
            progress: Progress::default(),
        });
        let stop_mail = watch::Sender::new(false);
        let parts = (devices.clone(), spool.clone(), clock.clone(), metrics.clone());
        let listeners = listeners(&senders, parts, stop_mail.subscribe());
        let steward = Steward {
            layers,
            senders,
            listeners,
            queue: queue.clone(),
            spool: spool.clone(),
            admin: admin.clone(),
            clock: clock.clone(),
            learning: None,
        };
        let mut daemon = Self {
            config,
            admin,
            control,
            spool,
            devices,
            mail: JoinSet::new(),
            services: JoinSet::new(),
            stop_mail,
            stop_services: watch::Sender::new(false),
        };
        daemon.spawn_queue(queue.clone());
        daemon.spawn_listeners(steward, orders, sockets)?;
        daemon.spawn_services().await?;
        daemon.spawn_survey(queue, clock, metrics);
        Ok(daemon)
    }

    fn spawn_survey(&mut self, queue: Queue, clock: Clock, metrics: Metrics) {
        let (spool, devices) = (self.spool.clone(), self.devices.clone());
        let survey = Survey { spool, queue, devices, clock, metrics };
        self.services.spawn(survey::keep_up(survey, self.stop_services.subscribe()));
    }

    fn spawn_queue(&mut self, queue: Queue) {
        let stop = self.stop_mail.subscribe();
        self.mail.spawn(async move {
            queue.run(stop).await;
            "the queue"
        });
    }

    /// Binds every listener before any of them serves: a daemon that cannot bind one address
    /// accepts no mail on another.
    fn spawn_listeners(
        &mut self,
        mut steward: Steward,
        orders: mpsc::Receiver<Order>,
        mut sockets: Sockets,
    ) -> Result<(), DaemonError> {
        let bound = steward.bind(&mut sockets)?;
        if let Some(stray) = sockets.left_over() {
            return Err(DaemonError::StraySocket(stray));
        }
        steward.listen(bound);
        self.mail.spawn(steward.run(orders, self.stop_mail.subscribe()));
        Ok(())
    }

    async fn spawn_services(&mut self) -> Result<(), DaemonError> {
        let server = AdminServer::bind(self.admin.clone(), self.config.admin).await?;
        let stop = self.stop_services.subscribe();
        self.services.spawn(async move {
            server.run(stop).await;
            "the admin side"
        });
        let (spool, admin, mut stop) =
            (self.spool.clone(), self.admin.clone(), self.stop_services.subscribe());
        self.services.spawn(async move {
            tokio::select! {
                report = spool.recovered() => {
                    admin.recovered(report);
                    tokio::select! {
                        () = admin.load_history() => {}
                        () = supervise::stopped(&mut stop) => {}
                    }
                    // The task stays until the stop, because a task that ends stops the daemon.
                    supervise::stopped(&mut stop).await;
                }
                () = supervise::stopped(&mut stop) => {}
            }
            "recovery"
        });
        self.services.spawn(sightings::keep_up(
            self.devices.clone(),
            self.spool.clone(),
            self.stop_services.subscribe(),
        ));
        let stop = self.stop_services.subscribe();
        self.services.spawn(supervise::tell_condition(self.admin.clone(), stop));
        self.services.spawn(supervise::watchdog(self.stop_services.subscribe()));
        Ok(())
    }

    /// What the daemon shows of itself: status and queue.
    #[must_use]
    pub const fn admin(&self) -> &Admin {
        &self.admin
    }

    /// Runs until a signal requests a stop, then stops the parts in order.
    ///
    /// # Errors
    /// When a part ended by itself, or the last sync failed.
    pub async fn run(mut self, mut signals: Signals) -> Result<(), DaemonError> {
        supervise::ready(&self.admin.status());
        let data_dir = self.config.data_dir.display();
        info!(version = env!("CARGO_PKG_VERSION"), %data_dir, "started");
        let outcome = self.watch(&mut signals).await;
        self.stop(signals).await?;
        outcome
    }

    async fn watch(&mut self, signals: &mut Signals) -> Result<(), DaemonError> {
        enum Event {
            Ended(&'static str),
            Signal(Signal),
        }
        loop {
            let event = tokio::select! {
                Some(ended) = self.mail.join_next() => Event::Ended(name_of(ended)),
                Some(ended) = self.services.join_next() => Event::Ended(name_of(ended)),
                signal = signals.next() => Event::Signal(signal),
            };
            match event {
                Event::Ended(part) => return Err(DaemonError::Ended(part)),
                Event::Signal(Signal::Stop) => return Ok(()),
                Event::Signal(Signal::Reload) => self.reload().await,
            }
        }
    }

    /// Handles SIGHUP: reads the config again. The outcome is in the log.
    async fn reload(&self) {
        let who = Who { name: "SIGHUP".to_owned(), uid: None };
        match self.control.order(|answer| Order::Reload(who.name.clone(), answer)).await {
            Ok(Reloaded { changed, .. }) => {
                self.admin.audit().note(&who, "reload", "config", "", &changed.join("; ")).await;
            }
            Err(OrderError::Stopping) => warn!("config not reloaded; the daemon is stopping"),
            // The control has logged why.
            Err(OrderError::NoSuchAccount(_) | OrderError::Invalid(_) | OrderError::Spool(_)) => {}
        }
    }

    async fn stop(mut self, mut signals: Signals) -> Result<(), DaemonError> {
        info!(stop_timeout = %humantime::format_duration(self.config.stop_timeout), "stopping");
        supervise::stopping();
        self.admin.stopping();
        self.stop_mail.send_replace(true);
        tokio::select! {
            drained = timeout(self.config.stop_timeout, self.mail.join_all_in_place()) => {
                if drained.is_err() {
                    warn!("stopped before all sessions and attempts had ended; what was under way \
                        is kept and attempted again");
                }
            }
            () = signals.stop_again() => warn!("stopped at once, by a second signal; what was \
                under way is kept and attempted again"),
        }
        self.mail.shutdown().await;
        sightings::keep(&self.devices, &self.spool).await;
        let synced = self.spool.sync().await;
        self.stop_services.send_replace(true);
        self.services.join_all_in_place().await;
        info!("stopped");
        Ok(synced?)
    }
}

/// Lays what people have set in earlier processes over the config, and says what is not as in the
/// file.
fn laid_over(config: Config, spool: &Spool) -> Result<Layers, DaemonError> {
    let (layers, outdated) = Layers::new(config, run_time::recalled(spool)?)?;
    run_time::forget(spool, &layers, &outdated)?;
    run_time::log_differences(&layers);
    let logged = layers.file().warnings.len();
    reload::log_warnings(layers.config().warnings.get(logged..).unwrap_or_default());
    Ok(layers)
}

/// The devices, with what was seen of them before.
fn devices(senders: &Senders, spool: &Spool, clock: &Clock, metrics: &Metrics) -> Devices {
    let devices = Devices::new(senders.directory.subscribe(), clock.clone(), metrics.clone());
    sightings::restore(&devices, spool);
    devices
}

/// The listeners, before any is bound.
fn listeners(
    senders: &Senders,
    (devices, spool, clock, metrics): (Devices, Spool, Clock, Metrics),
    stop: watch::Receiver<bool>,
) -> Listeners {
    let settings = senders.receiving.subscribe();
    let parts = ListenerParts { devices, spool, settings, clock, metrics };
    Listeners::new(ListenerContext::new(parts), stop)
}

fn queue(
    senders: &Senders,
    spool: &Spool,
    clock: &Clock,
    metrics: &Metrics,
) -> Result<Queue, DaemonError> {
    let report = senders.report.subscribe();
    let reporter = Reporter::new(report, spool.clone(), clock.clone(), metrics.clone());
    let settings = senders.queue.subscribe();
    Ok(Queue::new(settings, spool.clone(), reporter, clock.clone(), metrics.clone())?)
}

/// Loads the certificates outside the async threads: making the keys of a first start takes seconds
/// on a small machine.
async fn load_tls(config: &Config) -> Result<Tls, DaemonError> {
    let settings = config.tls.clone();
    match tokio::task::spawn_blocking(move || Tls::load(&settings)).await {
        Ok(tls) => Ok(tls?),
        Err(panic) => {
            error!(%panic, "the certificate was not loaded");
            Err(DaemonError::Ended("the loading of the certificate"))
        }
    }
}

/// Joins all tasks but keeps the set, which can then be shut down when time is up.
/// `JoinSet::join_all` consumes the set, and panics when a task has panicked.
trait JoinAllInPlace {
    async fn join_all_in_place(&mut self);
}

impl JoinAllInPlace for JoinSet<&'static str> {
    async fn join_all_in_place(&mut self) {
        while let Some(ended) = self.join_next().await {
            name_of(ended);
        }
    }
}

fn name_of(ended: Result<&'static str, tokio::task::JoinError>) -> &'static str {
    ended.unwrap_or_else(|panic| {
        error!(%panic, "a part has panicked");
        "a part that panicked"
    })
}
