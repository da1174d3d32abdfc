//! Spool and queue at work, as the daemon runs them.

use std::{sync::Arc, time::Duration};

use postroom::{
    clock::{self, Clock},
    config::Config,
    metrics::Metrics,
    model::{DeviceName, Envelope, MailParameters, MessageId, Recipient, ReversePath, Via},
    queue::{AccountState, Queue, QueueSettings},
    report::Reporter,
    spool::{Progress, RecipientState, RouteMessage, Spool, SpoolError},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::RECIPIENTS;

/// The limit for anything that should happen at once, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time between two looks.
const STEP: Duration = Duration::from_millis(20);

/// A queue at work.
pub(super) struct Process {
    spool: Spool,
    pub(super) queue: Queue,
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

/// Opens the spool with the daemon's patience: a child that another test has just forked holds the
/// lock of the data folder until it executes its program.
fn open_spool(config: &Config, route: &RouteMessage, clock: &Clock, metrics: &Metrics) -> Spool {
    let begun = Instant::now();
    loop {
        let settings = config.spool.clone();
        match Spool::open(settings, Arc::clone(route), clock.clone(), metrics.clone()) {
            Err(SpoolError::Locked(_)) if begun.elapsed() < PATIENCE => std::thread::sleep(STEP),
            opened => return opened.unwrap(),
        }
    }
}

impl Process {
    pub(super) fn start(config: &Config) -> Self {
        let (clock, metrics) = (clock::system(), Metrics::new());
        let account = config.accounts.first().unwrap().name.clone();
        let route: RouteMessage = Arc::new(move |_: &Envelope| account.clone().into());
        let spool = open_spool(config, &route, &clock, &metrics);
        let reporter = Reporter::new(
            watch::Sender::new(Arc::new(config.report.clone())).subscribe(),
            spool.clone(),
            clock.clone(),
            metrics.clone(),
        );
        let settings =
            QueueSettings { accounts: config.accounts.clone(), retry: config.retry.clone() };
        let queue = Queue::new(
            watch::Sender::new(Arc::new(settings)).subscribe(),
            spool.clone(),
            reporter,
            clock,
            metrics,
        )
        .unwrap();
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn({
            let queue = queue.clone();
            async move { queue.run(stopped).await }
        });
        Self { spool, queue, stop, running }
    }

    pub(super) async fn stop(self) -> (Spool, Queue) {
        self.stop.send_replace(true);
        self.running.await.unwrap();
        (self.spool, self.queue)
    }

    pub(super) async fn hand_in(&self) -> MessageId {
        let envelope = Envelope {
            id: self.spool.new_id(),
            received: clock::system().now(),
            device: DeviceName::from("printers"),
            via: Via { peer: None, helo: "mfp1".into(), esmtp: true, tls: None, user: None },
            sender: ReversePath::Mailbox("scanner@contoso.com".parse().unwrap()),
            recipients: RECIPIENTS.map(|address| Recipient::new(address.parse().unwrap())).into(),
            parameters: MailParameters::default(),
        };
        let account = self.queue.accounts().remove(0).name;
        let mut incoming = self.spool.receive(envelope, account).await.unwrap();
        // Longer than the sandbox reads before it breaks off in the text.
        incoming
            .write(
                format!(
                    "From: scanner@contoso.com\r\nSubject: Scan\r\n\r\n{}",
                    "A line.\r\n".repeat(200)
                )
                .as_bytes(),
            )
            .await
            .unwrap();
        incoming.commit().await.unwrap().id()
    }

    /// Until the fault has had its effect: the account is in trouble, or the message was tried and
    /// is no longer being tried.
    pub(super) async fn await_outcome(&self, id: MessageId) {
        let begun = Instant::now();
        loop {
            let in_trouble =
                self.queue.accounts().iter().any(|account| account.state != AccountState::Ready);
            let tried = self.spool.entry(id).unwrap().is_none_or(|entry| {
                let under_way = |recipient: &RecipientState| {
                    matches!(recipient.progress, Progress::Attempting(_))
                };
                let untouched = |recipient: &RecipientState| {
                    recipient.due().is_some() && recipient.last_attempt.is_none()
                };
                !entry
                    .recipients
                    .iter()
                    .any(|recipient| under_way(recipient) || untouched(recipient))
            });
            if in_trouble || tried {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "nothing came of it: {:?}", self.spool.entry(id));
            sleep(STEP).await;
        }
    }

    /// Until nothing waits, the notices included.
    pub(super) async fn drain(&self, id: MessageId) {
        let begun = Instant::now();
        while self.spool.count() > 0 {
            // Of no account while it is being tried, or once it is settled.
            drop(self.queue.retry(id).await);
            for notice in self.spool.list(None, 100).unwrap() {
                drop(self.queue.retry(notice.id).await);
            }
            assert!(begun.elapsed() < PATIENCE, "still there: {:?}", self.spool.list(None, 100));
            sleep(STEP).await;
        }
    }
}
