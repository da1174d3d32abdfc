//! An office whose mail goes to the sandbox under simulated time: the real spool, queue and
//! upstream, and the judge at the other end of a pipe.

use std::{fs, sync::Arc, time::Duration};

use tempfile::TempDir;
use tokio::{sync::watch, task::JoinHandle, time::sleep};

use super::house::plan;
use crate::{
    attempt::{NextHop, Report, Trouble},
    clock::{self, Clock, Simulated},
    message::Text,
    metrics::Metrics,
    model::{AccountName, Address, ByteSize, DeviceName, Envelope, MessageId, Recipient},
    queue::{
        AccountSettings, Link, Queue, QueueSettings, SenderRewrite, Transport,
        fixture::{account, at, envelope, stand_still},
    },
    report::{ReportSettings, Reporter},
    sandbox::{MailboxSettings, OverRate, SandboxState, TenantSettings, in_memory::InMemory},
    spool::{JournalLine, Spool, SpoolSettings},
    upstream::{
        Auth, AuthMethod, Connection, Handover, Route, SecretSource, Security, ServerClient,
        Smarthost,
    },
};

/// The durations that no machine can shorten: those of the network and of Exchange Online.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// The time for TCP, TLS and login.
    pub(super) connect: Duration,
    /// The time from `MAIL FROM` to the final dot.
    pub(super) transfer: Duration,
    /// The time from the final dot to the answer.
    pub(super) answer: Duration,
}

impl Pace {
    pub(super) const BRISK: Self = Self {
        connect: Duration::from_millis(400),
        transfer: Duration::from_millis(80),
        answer: Duration::from_millis(120),
    };
}

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// It is told to stop, and lets attempts under way finish.
    Stop,
    /// It dies during its attempts.
    Crash,
    /// It dies because the machine loses its power.
    PowerCut,
    /// It dies, and its index is lost.
    CrashWithoutIndex,
}

/// A process that runs the queue on the spool.
struct Process {
    spool: Spool,
    queue: Queue<Way>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

pub(super) struct Office {
    dir: TempDir,
    machine: Arc<Simulated>,
    /// The clock of the present process. The machine's clock, which it reads, may step.
    pub(super) clock: Clock,
    pub(super) sandbox: InMemory,
    settings: Vec<AccountSettings>,
    metrics: Metrics,
    pace: Pace,
    process: Option<Process>,
    received: u64,
}

impl Office {
    /// Opens an office with an account for each name, and a mailbox behind it with Microsoft's
    /// limits. Mail of the device `x-…` goes by account `x`.
    pub(super) fn open(names: &[&str], pace: Pace, adjust: impl Fn(&mut AccountSettings)) -> Self {
        // Days of mail are millions of octets to sync, so the folder is in memory if possible.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_none| tempfile::tempdir()).unwrap();
        fs::write(dir.path().join("password"), "sandbox").unwrap();
        let secret = SecretSource::File(dir.path().join("password"));
        let settings: Vec<AccountSettings> =
            names.iter().map(|name| going_out(name, &secret, &adjust)).collect();
        let mailbox = |name: &&str| {
            MailboxSettings::new(
                format!("{name}@contoso.com").parse::<Address>().unwrap(),
                "sandbox",
            )
        };
        let mut tenant = TenantSettings {
            mailboxes: names.iter().map(mailbox).collect(),
            ..TenantSettings::default()
        };
        tenant.switches.over_rate = OverRate::Reject;
        let sandbox = InMemory::new(dir.path(), tenant, clock::simulated(at(0)));
        let machine = clock::machine(at(0));
        let clock = Clock::over(machine.clone());
        let mut office = Self {
            dir,
            machine,
            clock,
            sandbox,
            settings,
            metrics: Metrics::new(),
            pace,
            process: None,
            received: 0,
        };
        office.start();
        office
    }

    fn start(&mut self) {
        self.clock = Clock::over(self.machine.clone());
        let settings = SpoolSettings {
            data_dir: self.dir.path().join("data"),
            min_free: ByteSize::from_octets(0),
            journal_keep: Duration::from_secs(400 * 86_400),
        };
        let route = |envelope: &Envelope| account_of(envelope.device.as_str()).into();
        let spool =
            Spool::open(settings, Arc::new(route), self.clock.clone(), self.metrics.clone())
                .unwrap();
        let report = ReportSettings {
            administrator: Some("it@contoso.com".parse().unwrap()),
            from: self.settings.first().and_then(|first| first.address.clone()),
            hostname: "postroom.contoso.lan".into(),
            account: self.settings.last().map(|last| last.name.clone()).unwrap(),
            subjects: crate::report::Subjects::default(),
        };
        let reporter =
            Reporter::new(report, spool.clone(), self.clock.clone(), self.metrics.clone());
        let way = |settings: &AccountSettings| {
            let server = settings.route.server().unwrap().clone();
            let upstream =
                ServerClient::new(server, self.clock.clone(), self.metrics.clone()).unwrap();
            Ok(Way { upstream, sandbox: self.sandbox.clone(), pace: self.pace })
        };
        let settings = QueueSettings { accounts: self.settings.clone(), retry: plan() };
        let queue = Queue::over(
            way,
            watch::Sender::new(Arc::new(settings)).subscribe(),
            spool.clone(),
            reporter,
            self.clock.clone(),
            self.metrics.clone(),
        )
        .unwrap();
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn({
            let queue = queue.clone();
            async move { queue.run(stopped).await }
        });
        self.process = Some(Process { spool, queue, stop, running });
    }

    /// The process ends, and another starts after `down`.
    pub(super) async fn restart(&mut self, ending: Ending, down: Duration) {
        let Process { spool, queue, stop, running } = self.process.take().unwrap();
        match ending {
            Ending::Stop => {
                stop.send_replace(true);
                running.await.unwrap();
            }
            Ending::Crash | Ending::PowerCut | Ending::CrashWithoutIndex => {
                running.abort();
                assert!(running.await.unwrap_err().is_cancelled());
            }
        }
        drop(queue);
        spool.close().await.unwrap();
        drop(spool);
        if ending == Ending::CrashWithoutIndex {
            fs::remove_dir_all(self.dir.path().join("data/index")).unwrap();
        }
        sleep(down).await;
        if ending == Ending::PowerCut {
            self.machine.reboot();
        }
        let _still = stand_still();
        self.start();
        self.spool().recovered().await;
    }

    pub(super) fn spool(&self) -> &Spool {
        &self.process.as_ref().unwrap().spool
    }

    pub(super) fn queue(&self) -> &Queue<Way> {
        &self.process.as_ref().unwrap().queue
    }

    /// A device submits a message, named by its number.
    pub(super) async fn receive(&mut self, device: &str, recipients: &[String]) -> MessageId {
        let _still = stand_still();
        let number = self.received;
        self.received += 1;
        let spool = self.spool();
        let mut envelope = envelope(spool.new_id(), 0);
        envelope.received = self.clock.now();
        envelope.device = DeviceName::from(device);
        envelope.recipients =
            recipients.iter().map(|address| Recipient::new(address.parse().unwrap())).collect();
        let mut incoming = spool.receive(envelope, account_of(device)).await.unwrap();
        incoming
            .write(
                format!("Subject: {number}\r\nMessage-ID: <{number}@{device}>\r\n\r\nA page.\r\n")
                    .as_bytes(),
            )
            .await
            .unwrap();
        incoming.commit().await.unwrap().id()
    }

    /// Whether mail of this account is due and not being sent.
    pub(super) fn has_due(&self, account: &AccountName) -> bool {
        let (spool, now) = (self.spool(), self.clock.steady());
        let due = |device: &DeviceName| {
            spool.first_due(account, device, 1).unwrap().first().is_some_and(|(due, _)| *due <= now)
        };
        spool.devices_waiting(account).iter().any(due)
    }

    pub(super) fn judge(&self) -> SandboxState {
        self.sandbox.state()
    }

    /// The journal lines about devices' mail.
    pub(super) fn journal(&self) -> Vec<JournalLine> {
        let own = |line: &JournalLine| line.device.as_str() == Reporter::OWN_DEVICE;
        self.spool()
            .journal(None, 1_000_000)
            .unwrap()
            .into_iter()
            .filter(|line| !own(line))
            .collect()
    }

    pub(super) async fn stop(mut self) {
        let Process { stop, running, .. } = self.process.take().unwrap();
        stop.send_replace(true);
        running.await.unwrap();
    }
}

fn account_of(device: &str) -> AccountName {
    AccountName::from(device.split('-').next().unwrap())
}

fn going_out(
    name: &str,
    secret: &SecretSource,
    adjust: &impl Fn(&mut AccountSettings),
) -> AccountSettings {
    let mut settings = account(name, SenderRewrite::Always);
    let mut server = settings.route.server().unwrap().clone();
    server.smtp.security = Security::None;
    server.auth = Some(Auth {
        method: AuthMethod::Login,
        user: format!("{name}@contoso.com"),
        secret: secret.clone(),
    });
    settings.route = Route::Smarthost(Smarthost { server });
    adjust(&mut settings);
    settings
}

/// The transport to the sandbox: the real upstream, over a pipe instead of TCP and TLS.
pub(super) struct Way {
    upstream: ServerClient,
    sandbox: InMemory,
    pace: Pace,
}

impl Transport for Way {
    type Link = Ride;

    async fn connect(&self, _lane: &NextHop) -> Result<Ride, Trouble> {
        sleep(self.pace.connect).await;
        let connection = self.upstream.connect_over(Box::new(self.sandbox.connect())).await?;
        Ok(Ride { connection, pace: self.pace })
    }
}

/// A connection to the sandbox.
pub(super) struct Ride {
    connection: Connection,
    pace: Pace,
}

impl Link for Ride {
    async fn send<T: Text>(&mut self, handover: Handover<T>) -> Report {
        sleep(self.pace.transfer).await;
        let report = self.connection.send(handover).await;
        sleep(self.pace.answer).await;
        report
    }

    fn is_reusable(&self) -> bool {
        self.connection.is_reusable()
    }

    fn is_fresh(&self) -> bool {
        self.connection.is_fresh()
    }

    async fn quit(self) {
        self.connection.quit().await;
    }
}
