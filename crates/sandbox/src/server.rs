//! Starts a sandbox, tells where it is and what it saw, stops it.
//!
//! # Failure
//! [`Sandbox::start`] returns what could not be bound, made or written; nothing keeps running then.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};
use tracing::debug;

use crate::{
    Limits, SandboxSettings, Switches,
    certificate::Certificates,
    connection::{Shared, serve},
    control,
    dialect::Role,
    fault::Switched,
    keep::{Keeper, KeptMessage},
    stop::Stop,
    tenant::{SandboxState, Tenant},
    token,
};

/// Connections at once on each listener: as many as any test opens, far fewer than the descriptors
/// of a process.
const CONNECTION_LIMIT: usize = 1000;
/// How long open connections may take to say goodbye.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// The Exchange Online stand-in.
pub struct Sandbox;

/// A sandbox at work. Dropping it cuts everything off; [`RunningSandbox::stop`] says goodbye.
pub struct RunningSandbox {
    dir: PathBuf,
    submission: SocketAddr,
    mx: SocketAddr,
    control: SocketAddr,
    token: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<Stop>,
    tasks: JoinSet<()>,
}

impl Sandbox {
    /// Binds everything, makes the certificates, writes `ca.pem`, and serves.
    ///
    /// # Errors
    /// When an address cannot be bound or the folder cannot be written.
    pub async fn start(settings: SandboxSettings) -> io::Result<RunningSandbox> {
        fs::create_dir_all(&settings.dir)?;
        let certificates = Certificates::make(&settings.names)?;
        fs::write(settings.dir.join("ca.pem"), &certificates.ca_pem)?;
        let keeper = Keeper::open(&settings.dir, settings.keep)?;
        let submission = bind(settings.submission).await?;
        let mx = bind(settings.mx).await?;
        if !settings.control.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the control API has no login: its address must be a loopback one",
            ));
        }
        let control = bind(settings.control).await?;
        let token = bind(settings.token).await?;
        let (stop, stopped) = watch::channel(Stop::NotYet);
        let shared = Arc::new(Shared {
            tenant: Mutex::new(Tenant::new(settings.tenant)),
            keeper: Mutex::new(keeper),
            certificates,
            timing: settings.timing,
            clock: settings.clock,
            sessions: AtomicU64::new(0),
            stop: stopped,
        });
        let (submission_address, mx_address) = (submission.local_addr()?, mx.local_addr()?);
        let (control_address, token_address) = (control.local_addr()?, token.local_addr()?);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(submission, Role::Submission, shared.clone()));
        tasks.spawn(accept(mx, Role::Mx, shared.clone()));
        tasks.spawn(serve_http(control, control::router(shared.clone()), shared.stop.clone()));
        tasks.spawn(serve_http(token, token::router(shared.clone()), shared.stop.clone()));
        Ok(RunningSandbox {
            dir: settings.dir,
            submission: submission_address,
            mx: mx_address,
            control: control_address,
            token: token_address,
            shared,
            stop,
            tasks,
        })
    }
}

impl RunningSandbox {
    /// Where client submission is served.
    #[must_use]
    pub const fn submission(&self) -> SocketAddr {
        self.submission
    }

    /// Where the MX host is served.
    #[must_use]
    pub const fn mx(&self) -> SocketAddr {
        self.mx
    }

    /// Where the control API is served.
    #[must_use]
    pub const fn control(&self) -> SocketAddr {
        self.control
    }

    /// Where tokens are fetched: `http://<this>/<directory>/oauth2/v2.0/token`.
    #[must_use]
    pub const fn token(&self) -> SocketAddr {
        self.token
    }

    /// The folder of `ca.pem` and `messages/`.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The authority to trust; also in `ca.pem`.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.shared.certificates.ca_pem
    }

    /// What was seen of the client, and every limit that it exceeded.
    #[must_use]
    pub fn state(&self) -> SandboxState {
        self.shared.tenant().state()
    }

    /// The newest messages, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<KeptMessage> {
        self.shared.keeper().messages()
    }

    /// Switches faults on for everybody, in place of those switched on before. `once-` and the like
    /// end them.
    ///
    /// # Errors
    /// The name that no fault has.
    pub fn switch_faults<S: AsRef<str>>(&self, names: &[S]) -> Result<(), String> {
        let switched = |name: &S| Switched {
            fault: name.as_ref().to_owned(),
            times: None,
            every: None,
            listener: None,
        };
        self.shared.tenant().switch_faults(names.iter().map(switched).collect())
    }

    /// Changes switches and limits.
    pub fn rule(&self, switches: Switches, limits: Limits) {
        self.shared.tenant().rule(switches, limits);
    }

    /// Stops listening, tells every client 421, waits a little for them to go.
    pub async fn stop(mut self) {
        self.stop.send_replace(Stop::Now);
        let gone = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(STOP_PATIENCE, gone).await.is_err() {
            debug!("clients of the sandbox were cut off");
        }
    }
}

async fn accept(listener: TcpListener, role: Role, shared: Arc<Shared>) {
    enum Event {
        Client(io::Result<(TcpStream, SocketAddr)>),
        Ended,
        Stop,
    }
    let mut stop = shared.stop.clone();
    let mut connections = JoinSet::new();
    loop {
        let event = tokio::select! {
            client = listener.accept(), if connections.len() < CONNECTION_LIMIT => Event::Client(client),
            Some(_) = connections.join_next() => Event::Ended,
            _ = stop.wait_for(|stop| *stop == Stop::Now) => Event::Stop,
        };
        match event {
            Event::Client(Ok((tcp, peer))) => {
                // Replies are written whole, so nothing is gained by waiting for more.
                let _cosmetic = tcp.set_nodelay(true);
                connections.spawn(serve(tcp, peer, role, shared.clone()));
            }
            // Out of descriptors: the next accept would fail at once, too.
            Event::Client(Err(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
            Event::Ended => {}
            Event::Stop => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve_http(listener: TcpListener, router: axum::Router, mut stop: watch::Receiver<Stop>) {
    let stopped = async move {
        // A sender that is gone means the same.
        let _gone = stop.wait_for(|stop| *stop == Stop::Now).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
        debug!(%error, "an HTTP side of the sandbox ended");
    }
}

/// Which of the four addresses is taken, the system does not say.
async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))
}
