//! The one task that decides when a worker is needed. It sleeps until mail arrives, a message
//! becomes due, a budget or a pause ends, or a worker ends. Its cost depends on the number of
//! accounts and devices, not on the amount of waiting mail.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{self, JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use crate::{
    metrics::{AccountLabel, AccountStateLabel, CredentialLabel, CredentialValue, StateValue},
    oauth::CredentialKind,
    queue::{
        driver::{
            account::Account,
            core::{Core, Note},
            credential::Look,
            live::{Idle, close},
            transport::Transport,
            worker::{self, Starting},
        },
        engine::{claim::Outlook, health::Health},
    },
};

/// An idle connection is closed after this time: Exchange Online allows three in all, and another
/// client may need one.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// An idle connection is kept while mail waits that it will carry within this time. During a flood
/// mail waits for the minute's budget, and a new login in each minute would waste sending time.
const WANTED_SOON: Duration = Duration::from_secs(65);

/// The maximum sleep. The machine may sleep meanwhile, which tokio's timers do not count.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The minimum time between two updates of the accounts' gauges.
const GAUGE_SPACING: Duration = Duration::from_secs(1);

/// The time between two checks of when secrets, certificates and sign-ins expire.
const CREDENTIAL_SPACING: Duration = Duration::from_secs(3600);

/// Sends until `stop` turns true, then lets attempts under way finish.
pub(in crate::queue) async fn run<T: Transport>(core: Arc<Core<T>>, stop: watch::Receiver<bool>) {
    let mut tasks = Tasks { workers: JoinSet::new(), accounts: HashMap::new() };
    let wakeups = core.spool.wakeups();
    let mut settings = core.settings.clone();
    let mut gauges_at = Instant::now();
    let mut catch_up_at = Instant::now() + LONGEST_SLEEP;
    let mut credentials_at = Instant::now();
    let mut look = Look::First;
    let mut stopped = std::pin::pin!(told_to_stop(stop));
    core.tell_of_lost_budgets().await;
    loop {
        // Registered before the check: any later event wakes the scheduler.
        let (arrived, changed) = (wakeups.notified(), core.changed.notified());
        let (mut arrived, mut changed) = (std::pin::pin!(arrived), std::pin::pin!(changed));
        arrived.as_mut().enable();
        changed.as_mut().enable();
        let wake_at = tasks.start_what_can(&core);
        if Instant::now() >= credentials_at {
            core.watch_credentials(std::mem::replace(&mut look, Look::Again)).await;
            credentials_at = Instant::now() + CREDENTIAL_SPACING;
        }
        if Instant::now() >= gauges_at {
            publish(&core);
            gauges_at = Instant::now() + GAUGE_SPACING;
        }
        if Instant::now() >= catch_up_at {
            core.on_disk(core.reporter.catch_up()).await;
            core.note_time(Note::WhenNeeded);
            catch_up_at = Instant::now() + LONGEST_SLEEP;
        }
        tokio::select! {
            () = &mut stopped => break,
            () = arrived => {}
            () = changed => {}
            Ok(()) = settings.changed() => {
                let settings = Arc::clone(&settings.borrow_and_update());
                for live in core.apply(&settings) {
                    tasks.workers.spawn(close(live));
                }
            }
            Some(ended) = tasks.workers.join_next_with_id(), if !tasks.workers.is_empty() => tasks.ended(&core, ended).await,
            () = sleep_until(wake_at) => {}
        }
    }
    core.stopping.store(true, Ordering::Relaxed);
    for account in &core.roster().accounts {
        let idle = std::mem::take(&mut *account.idle());
        for Idle { live, .. } in idle {
            tasks.workers.spawn(close(live));
        }
    }
    while let Some(ended) = tasks.workers.join_next_with_id().await {
        tasks.ended(&core, ended).await;
    }
    core.note_time(Note::Always);
    publish(&core);
}

/// A dropped sender counts as a stop as well.
async fn told_to_stop(mut stop: watch::Receiver<bool>) {
    while !*stop.borrow_and_update() && stop.changed().await.is_ok() {}
}

/// Running workers, and tasks that close idle connections.
struct Tasks<T: Transport> {
    workers: JoinSet<()>,
    /// The account of each worker; no more entries than the accounts have connections.
    accounts: HashMap<task::Id, Arc<Account<T>>>,
}

impl<T: Transport> Tasks<T> {
    /// Starts a worker for each account that has work and room for one more. Returns the time of
    /// the next check.
    fn start_what_can(&mut self, core: &Arc<Core<T>>) -> Instant {
        let now = Instant::now();
        let mut wake_at = now + LONGEST_SLEEP;
        for account in &core.roster().accounts {
            if let Some(at) = self.close_idle(core, account, now) {
                wake_at = wake_at.min(at);
            }
            let full = {
                let shared = account.shared();
                let now = core.now();
                if let Some(at) = shared.runtime.concurrency.widens_at(now.steady) {
                    wake_at = wake_at.min(Instant::now() + at.since(now.steady));
                }
                shared.starting || shared.workers >= shared.runtime.at_once(now)
            };
            if full {
                continue; // Its end, or its first claim, wakes us.
            }
            match core.outlook(account) {
                Outlook::Now => self.start(core, account),
                Outlook::In(wait) => {
                    wake_at = wake_at.min(now + wait.max(Duration::from_millis(1)));
                }
                Outlook::Idle => {}
            }
        }
        wake_at
    }

    fn start(&mut self, core: &Arc<Core<T>>, account: &Arc<Account<T>>) {
        {
            let mut shared = account.shared();
            shared.starting = true;
            shared.workers = shared.workers.saturating_add(1);
        }
        let starting = Starting(Arc::clone(account));
        let handle =
            self.workers.spawn(worker::work(Arc::clone(core), Arc::clone(account), starting));
        self.accounts.insert(handle.id(), Arc::clone(account));
    }

    /// Closes connections that have been idle too long, and all idle ones of an account in trouble.
    /// Returns when the next one is due.
    fn close_idle(
        &mut self,
        core: &Core<T>,
        account: &Account<T>,
        now: Instant,
    ) -> Option<Instant> {
        let ready = core.locked(account, |runtime, _| runtime.health.may_send());
        let is_old = |idle: &Idle<T::Link>| idle.since + IDLE_TIME <= now;
        let wanted = ready && account.idle().iter().any(is_old) && is_soon(core.outlook(account));
        let mut idle = account.idle();
        let old = |idle: &mut Idle<T::Link>| !ready || (is_old(idle) && !wanted);
        for Idle { live, .. } in idle.extract_if(.., old) {
            self.workers.spawn(close(live));
        }
        // Those kept beyond their time are checked again when the mail they wait for is due.
        idle.iter().map(|idle| idle.since + IDLE_TIME).filter(|at| *at > now).min()
    }

    async fn ended(&mut self, core: &Core<T>, ended: Result<(task::Id, ()), JoinError>) {
        let (id, panicked) = match ended {
            Ok((id, ())) => (id, false),
            Err(problem) => (problem.id(), true),
        };
        let Some(account) = self.accounts.remove(&id) else {
            return;
        };
        {
            let mut shared = account.shared();
            shared.workers = shared.workers.saturating_sub(1);
        }
        let lost = if panicked { core.leases.attempt_of(id) } else { None };
        if let Some(claim) = lost {
            core.panicked(&account, &claim).await;
        }
    }
}

fn is_soon(outlook: Outlook) -> bool {
    match outlook {
        Outlook::Now => true,
        Outlook::In(wait) => wait <= WANTED_SOON,
        Outlook::Idle => false,
    }
}

/// Updates the gauges of the accounts.
fn publish<T: Transport>(core: &Core<T>) {
    let metrics = core.metrics.sending();
    for account in &core.roster().accounts {
        let name = account.settings.name.as_str();
        let label = AccountLabel { account: name.to_owned() };
        let (state, (minute, day), held_up) = core.locked(account, |runtime, _| {
            let state = match &runtime.health {
                Health::Ready { .. } | Health::Probing { .. } => StateValue::ready,
                Health::Paused { .. } => StateValue::paused,
                Health::Stopped { .. } => StateValue::stopped,
                Health::Disabled => StateValue::disabled,
            };
            (state, runtime.budget.used(), runtime.destinations.held_up().count())
        });
        let (last, expiry) = {
            let shared = account.shared();
            (shared.last_delivery, shared.expiry)
        };
        for value in StateValue::ALL {
            let label = AccountStateLabel { account: name.to_owned(), state: value };
            metrics.account_state.get_or_create(&label).set(i64::from(value == state));
        }
        let gauge = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        metrics.account_connections.get_or_create(&label).set(gauge(account.connections()));
        metrics.account_domains_held_up.get_or_create(&label).set(gauge(held_up));
        metrics.account_minute_messages.get_or_create(&label).set(gauge(minute));
        metrics
            .account_day_recipients
            .get_or_create(&label)
            .set(i64::try_from(day).unwrap_or(i64::MAX));
        if let Some(expiry) = expiry {
            let credential = match expiry.kind {
                CredentialKind::ClientSecret => CredentialValue::client_secret,
                CredentialKind::ClientCertificate => CredentialValue::client_certificate,
                CredentialKind::RefreshToken => CredentialValue::refresh_token,
            };
            let (now, seconds) = (core.clock.now(), |span: Duration| {
                i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
            });
            let left = seconds(expiry.ends.since(now)) - seconds(now.since(expiry.ends));
            metrics
                .account_credential_expiry
                .get_or_create(&CredentialLabel { account: name.to_owned(), credential })
                .set(left);
        }
        if let Some(last) = last {
            metrics
                .account_last_delivery
                .get_or_create(&label)
                .set(i64::try_from(last.as_secs()).unwrap_or(i64::MAX));
        }
    }
}
