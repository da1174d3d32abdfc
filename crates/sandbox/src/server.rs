//! Starts and stops a sandbox, and gives access to its addresses and observations.
//!
//! # Failure
//! [`Sandbox::start`] returns an error when something cannot be bound, made or written. Nothing
//! keeps running in that case.

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
    graph::{self, TlsListener},
    keep::{Keeper, KeptMessage},
    stop::Stop,
    tenant::{SandboxState, Tenant},
    token,
};

/// The maximum number of connections at once on each listener: enough for any test, and far fewer
/// than a process may have descriptors.
const CONNECTION_LIMIT: usize = 1000;
/// The time for open connections to end when the sandbox stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// The stand-in for Exchange Online.
pub struct Sandbox;

/// A running sandbox. Dropping it cuts all connections; [`RunningSandbox::stop`] ends them with
/// 421.
pub struct RunningSandbox {
    dir: PathBuf,
    submission: SocketAddr,
    mx: SocketAddr,
    control: SocketAddr,
    token: SocketAddr,
    graph: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<Stop>,
    tasks: JoinSet<()>,
}

impl Sandbox {
    /// Binds all addresses, makes the certificates, writes `ca.pem`, and serves.
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
        let graph = bind(settings.graph).await?;
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
        let graph_address = graph.local_addr()?;
        let graph = TlsListener::new(graph, shared.clone())?;
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(submission, Role::Submission, shared.clone()));
        tasks.spawn(accept(mx, Role::Mx, shared.clone()));
        tasks.spawn(serve_http(control, control::router(shared.clone()), shared.stop.clone()));
        tasks.spawn(serve_http(token, token::router(shared.clone()), shared.stop.clone()));
        tasks.spawn(serve_http(graph, graph::router(shared.clone()), shared.stop.clone()));
        Ok(RunningSandbox {
            dir: settings.dir,
            submission: submission_address,
            mx: mx_address,
            control: control_address,
            token: token_address,
            graph: graph_address,
            shared,
            stop,
            tasks,
        })
    }
}

impl RunningSandbox {
    /// The address of client submission.
    #[must_use]
    pub const fn submission(&self) -> SocketAddr {
        self.submission
    }

    /// The address of the MX host.
    #[must_use]
    pub const fn mx(&self) -> SocketAddr {
        self.mx
    }

    /// The address of the control API.
    #[must_use]
    pub const fn control(&self) -> SocketAddr {
        self.control
    }

    /// The address of the token endpoint: `http://<this>/<directory>/oauth2/v2.0/token`.
    #[must_use]
    pub const fn token(&self) -> SocketAddr {
        self.token
    }

    /// The address of Microsoft Graph: `https://<this>/v1.0/users/<mailbox>/sendMail`.
    #[must_use]
    pub const fn graph(&self) -> SocketAddr {
        self.graph
    }

    /// The folder that has `ca.pem` and `messages/`.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The certificate of the authority to trust, which is also in `ca.pem`.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.shared.certificates.ca_pem
    }

    /// What the sandbox observed of the client, with every limit that the client exceeded.
    #[must_use]
    pub fn state(&self) -> SandboxState {
        self.shared.tenant().state()
    }

    /// The newest messages, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<KeptMessage> {
        self.shared.keeper().messages()
    }

    /// Switches these faults on for everybody and replaces those switched on before. `once-` and
    /// similar prefixes limit how often they strike.
    ///
    /// # Errors
    /// When no fault has one of these names. The error is that name.
    pub fn switch_faults<S: AsRef<str>>(&self, names: &[S]) -> Result<(), String> {
        let switched = |name: &S| Switched {
            fault: name.as_ref().to_owned(),
            times: None,
            every: None,
            listener: None,
        };
        self.shared.tenant().switch_faults(names.iter().map(switched).collect())
    }

    /// Changes the switches and the limits.
    pub fn rule(&self, switches: Switches, limits: Limits) {
        self.shared.tenant().rule(switches, limits);
    }

    /// Stops listening, sends 421 to every client, and waits briefly until they disconnect.
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
            client = listener.accept(), if connections.len() < CONNECTION_LIMIT => {
                Event::Client(client)
            }
            Some(_) = connections.join_next() => Event::Ended,
            _ = stop.wait_for(|stop| *stop == Stop::Now) => Event::Stop,
        };
        match event {
            Event::Client(Ok((tcp, peer))) => {
                // Replies are written whole, so waiting for more output gains nothing.
                let _cosmetic = tcp.set_nodelay(true);
                connections.spawn(serve(tcp, peer, role, shared.clone()));
            }
            // The process has no free descriptor: the next accept would fail at once too.
            Event::Client(Err(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
            Event::Ended => {}
            Event::Stop => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve_http<L>(listener: L, router: axum::Router, mut stop: watch::Receiver<Stop>)
where
    L: axum::serve::Listener,
    L::Addr: std::fmt::Debug,
{
    let stopped = async move {
        // A closed channel also means stop.
        let _gone = stop.wait_for(|stop| *stop == Stop::Now).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
        debug!(%error, "an HTTP side of the sandbox ended");
    }
}

/// Adds the address to the error: the system does not say which of the five addresses is in use.
async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))
}
