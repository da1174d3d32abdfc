//! A spool, a queue and a server for one test.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    clock::{self, Clock, Simulated, TimeSource},
    metrics::Metrics,
    model::{
        AccountName, ByteSize, DeviceName, Envelope, MessageId, Notify, Recipient, ReturnContent,
        ReversePath, Timestamp,
    },
    queue::{
        AccountSettings, Queue, QueueSettings, RetrySettings, Routing, SenderRewrite,
        fixture::{account, at, envelope, stand_still},
        tests::fake_transport::{Seen, Server},
    },
    report::{ReportSettings, Reporter},
    spool::{Entry, JournalLine, Routes, Spool, SpoolSettings},
};

pub(super) struct House {
    dir: TempDir,
    machine: Arc<Simulated>,
    /// The clock of the present process. The machine's clock, which it reads, may be set.
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) server: Server,
    pub(super) settings: Vec<AccountSettings>,
    pub(super) spool: Spool,
    pub(super) queue: Queue<Server>,
    sent: watch::Sender<Arc<QueueSettings>>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
    received: u64,
    notify: Option<Notify>,
    ret: Option<ReturnContent>,
}

pub(super) fn plan() -> RetrySettings {
    RetrySettings {
        spacing: [30, 30, 60, 120, 240].map(|minutes| Duration::from_secs(60 * minutes)).into(),
        give_up_after: Duration::from_secs(5 * 86_400),
        delay_notice_after: Duration::from_secs(4 * 3600),
    }
}

pub(super) fn scanner() -> AccountSettings {
    account("scanner", SenderRewrite::Never)
}

impl House {
    pub(super) fn open(settings: Vec<AccountSettings>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let machine = clock::machine(at(0));
        let clock = Clock::over(machine.clone());
        // Nobody sets the server's clock.
        let server = Server::new(clock::simulated(at(0)));
        let metrics = Metrics::new();
        let (spool, queue, sent) = start(&dir, &clock, &metrics, &server, &settings);
        let (stop, running) = run(&queue);
        Self {
            dir,
            machine,
            clock,
            metrics,
            server,
            settings,
            spool,
            queue,
            sent,
            stop,
            running,
            received: 0,
            notify: None,
            ret: None,
        }
    }

    /// The process dies at once, and starts again after `down`.
    pub(super) async fn crash(self, down: Duration) -> Self {
        self.start_again(down, |_folder, _machine| {}).await
    }

    /// The machine loses its power, and is started again after `off` with its clock set to `wall`.
    pub(super) async fn power_cut(self, off: Duration, wall: Timestamp) -> Self {
        let restart = |_folder: &std::path::Path, machine: &Simulated| {
            machine.set(wall);
            machine.reboot();
        };
        self.start_again(off, restart).await
    }

    /// The process dies, and the index is deleted.
    pub(super) async fn lose_index(self) -> Self {
        self.start_again(Duration::from_secs(1), |folder, _machine| {
            std::fs::remove_dir_all(folder.join("index")).unwrap();
        })
        .await
    }

    async fn start_again(
        self,
        down: Duration,
        meanwhile: impl FnOnce(&std::path::Path, &Simulated),
    ) -> Self {
        let Self {
            dir,
            machine,
            clock: _clock,
            metrics,
            server,
            settings,
            spool,
            queue,
            sent: _sent,
            stop: _stop,
            running,
            received,
            ..
        } = self;
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        server.cut_off();
        drop(queue);
        spool.close().await.unwrap();
        drop(spool);
        tokio::time::sleep(down).await;
        meanwhile(dir.path(), &machine);
        let clock = Clock::over(machine.clone());
        let (spool, queue, sent) = start(&dir, &clock, &metrics, &server, &settings);
        let (stop, running) = run(&queue);
        Self {
            dir,
            machine,
            clock,
            metrics,
            server,
            settings,
            spool,
            queue,
            sent,
            stop,
            running,
            received,
            notify: None,
            ret: None,
        }
    }

    /// The settings change while the queue runs.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Vec<AccountSettings>)) {
        change(&mut self.settings);
        self.sent.send_replace(queue_settings(&self.settings));
    }

    pub(super) async fn stop(&mut self) {
        self.stop.send_replace(true);
        (&mut self.running).await.unwrap();
    }

    /// A device submits a message, named by its number, for `r0` to `r<n-1>`.
    pub(super) async fn receive(&mut self, recipients: usize) -> MessageId {
        self.receive_from("printers", recipients).await
    }

    pub(super) async fn receive_from(&mut self, device: &str, recipients: usize) -> MessageId {
        let names: Vec<String> = (0..recipients).map(|n| format!("r{n}@contoso.com")).collect();
        self.receive_for(device, &names.iter().map(String::as_str).collect::<Vec<_>>()).await
    }

    pub(super) async fn receive_for(&mut self, device: &str, recipients: &[&str]) -> MessageId {
        let text = format!("Subject: {}\r\n\r\nA page.\r\n", self.received);
        self.received += 1;
        self.receive_text(device, recipients, &text).await
    }

    pub(super) async fn receive_text(
        &mut self,
        device: &str,
        recipients: &[&str],
        text: &str,
    ) -> MessageId {
        self.receive_whole(device, "mfp1@contoso.com", recipients, text).await
    }

    /// Like [`House::receive`], with this sender.
    pub(super) async fn receive_as(&mut self, sender: &str) -> MessageId {
        let text = format!("Subject: {}\r\n\r\nA page.\r\n", self.received);
        self.received += 1;
        self.receive_whole("printers", sender, &["r0@contoso.com"], &text).await
    }

    /// Like [`House::receive`], with the DSN requests of RFC 3461.
    pub(super) async fn receive_asking(
        &mut self,
        notify: Notify,
        ret: Option<ReturnContent>,
    ) -> MessageId {
        (self.notify, self.ret) = (Some(notify), ret);
        let id = self.receive(1).await;
        (self.notify, self.ret) = (None, None);
        id
    }

    async fn receive_whole(
        &mut self,
        device: &str,
        sender: &str,
        recipients: &[&str],
        text: &str,
    ) -> MessageId {
        let _still = stand_still();
        let mut envelope = envelope(self.spool.new_id(), 0);
        envelope.sender = match sender {
            "" => ReversePath::Null,
            address => ReversePath::Mailbox(address.parse().unwrap()),
        };
        envelope.received = self.clock.now();
        envelope.device = DeviceName::from(device);
        envelope.recipients =
            recipients.iter().map(|address| Recipient::new(address.parse().unwrap())).collect();
        envelope.parameters.ret = self.ret;
        for recipient in &mut envelope.recipients {
            recipient.notify = self.notify;
        }
        let routes = self.spool.route(&envelope);
        let mut incoming = self.spool.receive(envelope, routes).await.unwrap();
        incoming.write(text.as_bytes()).await.unwrap();
        incoming.commit().await.unwrap().id()
    }

    pub(super) async fn pass(&self, secs: u64) {
        tokio::time::sleep(Duration::from_secs(secs)).await;
    }

    pub(super) fn seconds(&self) -> u64 {
        self.clock.now().since(at(0)).as_secs()
    }

    pub(super) fn entry(&self, id: MessageId) -> Option<Entry> {
        self.spool.entry(id).unwrap()
    }

    /// The transactions of devices' mail, without our own notices.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.server.seen().into_iter().filter(|seen| seen.subject.parse::<u64>().is_ok()).collect()
    }

    /// The subjects of our notices that the server has received.
    pub(super) fn notices(&self) -> Vec<String> {
        let notices = self
            .server
            .seen()
            .into_iter()
            .filter(|seen| seen.subject.parse::<u64>().is_err() && !seen.taken.is_empty());
        notices.map(|seen| seen.subject).collect()
    }

    pub(super) fn journal(&self) -> Vec<JournalLine> {
        let own = |line: &JournalLine| line.device.as_str() == Reporter::OWN_DEVICE;
        self.spool.journal(None, 100_000).unwrap().into_iter().filter(|line| !own(line)).collect()
    }

    /// Checks that no recipient was tried again within thirty minutes of the end of an attempt that
    /// was counted.
    pub(super) fn assert_spacing(&self) {
        let mut last: BTreeMap<(String, String), Timestamp> = BTreeMap::new();
        for seen in self.seen() {
            for recipient in &seen.recipients {
                let key = (seen.subject.clone(), recipient.clone());
                if let Some(ended) = last.get(&key) {
                    let gap = seen.begun.since(*ended);
                    assert!(
                        gap >= RetrySettings::FLOOR,
                        "message {} to {recipient} again after {gap:?}",
                        seen.subject
                    );
                }
                if seen.counted {
                    last.insert(key, seen.ended.unwrap_or(seen.begun));
                }
            }
        }
    }

    /// Checks that the server cannot have counted more than the account's limits in any window, at
    /// whatever moment it counts.
    pub(super) fn assert_limits(&self) {
        let limits = &self.settings[0].limits;
        let log: Vec<Seen> = self.server.seen().into_iter().filter(|seen| seen.counted).collect();
        for last in &log {
            let shares = |seen: &&Seen, window: u64| {
                seen.begun <= last.begun
                    && seen
                        .ended
                        .is_none_or(|ended| ended.plus(Duration::from_secs(window)) >= last.begun)
            };
            let messages = log.iter().filter(|seen| shares(seen, 60)).count();
            let recipients: usize = log
                .iter()
                .filter(|seen| shares(seen, 86_400))
                .map(|seen| seen.recipients.len() - seen.refused)
                .sum();
            assert!(
                limits
                    .messages_per_minute
                    .is_none_or(|limit| messages <= usize::try_from(limit).unwrap()),
                "{messages} in a minute"
            );
            assert!(
                limits
                    .recipients_per_day
                    .is_none_or(|limit| recipients <= usize::try_from(limit).unwrap()),
                "{recipients} in a day"
            );
            assert!(last.at_once <= limits.connections, "{} at once", last.at_once);
        }
    }
}

fn start(
    dir: &TempDir,
    clock: &Clock,
    metrics: &Metrics,
    server: &Server,
    settings: &[AccountSettings],
) -> (Spool, Queue<Server>, watch::Sender<Arc<QueueSettings>>) {
    let routing = Routing::new(settings, HashMap::new());
    let route = Arc::new(move |envelope: &Envelope| Routes::new(routing.accounts(envelope)));
    let disk = SpoolSettings {
        data_dir: dir.path().to_owned(),
        min_free: ByteSize::from_octets(0),
        journal_keep: Duration::from_secs(400 * 86_400),
    };
    let spool = Spool::open(disk, route, clock.clone(), metrics.clone()).unwrap();
    let report = ReportSettings {
        administrator: Some("it@contoso.com".parse().unwrap()),
        from: Some("scanner@contoso.com".parse().unwrap()),
        hostname: "postroom.contoso.lan".into(),
        account: settings.last().map_or(AccountName::from("scanner"), |last| last.name.clone()),
        subjects: crate::report::Subjects::default(),
    };
    let reporter = Reporter::new(report, spool.clone(), clock.clone(), metrics.clone());
    let (transport, sent) = (server.clone(), watch::Sender::new(queue_settings(settings)));
    let queue = Queue::over(
        move |_account: &AccountSettings| Ok(transport.clone()),
        sent.subscribe(),
        spool.clone(),
        reporter,
        clock.clone(),
        metrics.clone(),
    )
    .unwrap();
    (spool, queue, sent)
}

fn queue_settings(accounts: &[AccountSettings]) -> Arc<QueueSettings> {
    Arc::new(QueueSettings { accounts: accounts.to_vec(), retry: plan() })
}

fn run(queue: &Queue<Server>) -> (watch::Sender<bool>, JoinHandle<()>) {
    let (stop, stopped) = watch::channel(false);
    let queue = queue.clone();
    (stop, tokio::spawn(async move { queue.run(stopped).await }))
}
