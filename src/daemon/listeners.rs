//! The listeners that are bound, and their change when the config changes.
//!
//! # Failure
//! Binding returns [`ListenerError`] and changes nothing: what was bound for a change that does not
//! come about is closed again.

use std::net::{SocketAddr, TcpListener};

use tokio::{
    sync::watch,
    task::{Id, JoinSet},
};
use tracing::error;

use crate::{
    admin::ListenerStatus,
    daemon::Sockets,
    listener::{Listener, ListenerContext, ListenerError, ListenerSettings},
};

/// All listeners, each with its sessions.
pub(super) struct Listeners {
    context: ListenerContext,
    stop: watch::Receiver<bool>,
    running: Vec<Running>,
    tasks: JoinSet<()>,
}

/// A listener that accepts connections.
struct Running {
    /// As the config has it: the port may be 0.
    settings: ListenerSettings,
    address: SocketAddr,
    /// Keeps the socket open while another listener takes it over.
    socket: TcpListener,
    close: watch::Sender<bool>,
    task: Id,
}

/// What becomes of one listener of another config.
enum Next {
    /// It stays, at this place among those that run.
    Stays(usize),
    /// It is bound and does not accept yet.
    Begins(ListenerSettings, Listener, TcpListener),
}

/// All listeners of another config, ready to begin.
pub(super) struct Bound(Vec<Next>);

impl Listeners {
    /// None yet.
    pub(super) fn new(context: ListenerContext, stop: watch::Receiver<bool>) -> Self {
        Self { context, stop, running: Vec::new(), tasks: JoinSet::new() }
    }

    /// Binds what is not bound yet: a listener whose address stays keeps its socket, whatever else
    /// changes of it. All are bound before any of them serves.
    pub(super) fn bind(
        &self,
        wanted: &[ListenerSettings],
        sockets: &mut Sockets,
    ) -> Result<Bound, ListenerError> {
        let mut next = Vec::with_capacity(wanted.len());
        for (settings, former) in wanted.iter().zip(self.successors(wanted)) {
            let failed = |reason| ListenerError::Bind { address: settings.address, reason };
            let former = former.and_then(|place| Some((place, self.running.get(place)?)));
            let inherited = match former {
                Some((place, running)) if running.settings == *settings => {
                    next.push(Next::Stays(place));
                    continue;
                }
                Some((_, running)) => Some(running.socket.try_clone().map_err(failed)?),
                None => sockets.take(settings.address),
            };
            let listener = Listener::bind(settings, inherited)?;
            let socket = listener.duplicate().map_err(failed)?;
            next.push(Next::Begins(*settings, listener, socket));
        }
        Ok(Bound(next))
    }

    /// For each listener of another config, the one that runs and that it succeeds: the same one,
    /// else one with its address. Several can have one address only if its port is 0.
    fn successors(&self, wanted: &[ListenerSettings]) -> Vec<Option<usize>> {
        let mut former = vec![None; wanted.len()];
        let mut free: Vec<usize> = (0..self.running.len()).collect();
        let rules: [fn(&ListenerSettings, &ListenerSettings) -> bool; 2] =
            [|one, other| one == other, |one, other| one.address == other.address];
        for fits in rules {
            for (settings, former) in wanted.iter().zip(&mut former) {
                let is_its = |place: &usize| {
                    self.running.get(*place).is_some_and(|its| fits(&its.settings, settings))
                };
                if former.is_none() {
                    *former = free.iter().position(is_its).map(|index| free.remove(index));
                }
            }
        }
        former
    }

    /// Lets the new listeners begin. Those that are no longer wanted accept nothing more; their
    /// sessions go on until the devices end them.
    pub(super) fn take(&mut self, Bound(next): Bound) {
        let mut former: Vec<_> = std::mem::take(&mut self.running).into_iter().map(Some).collect();
        for next in next {
            let running = match next {
                Next::Stays(place) => former.get_mut(place).and_then(Option::take),
                Next::Begins(settings, listener, socket) => {
                    Some(self.begin(settings, listener, socket))
                }
            };
            self.running.extend(running);
        }
        for gone in former.into_iter().flatten() {
            gone.close.send_replace(true);
        }
    }

    fn begin(
        &mut self,
        settings: ListenerSettings,
        listener: Listener,
        socket: TcpListener,
    ) -> Running {
        let (close, address) = (watch::Sender::new(false), listener.address());
        let (context, stop) = (self.context.clone(), self.stop.clone());
        let task = self.tasks.spawn(listener.run(context, close.subscribe(), stop)).id();
        Running { settings, address, socket, close, task }
    }

    /// The listeners as people see them, with the ports that are bound.
    pub(super) fn status(&self) -> Vec<ListenerStatus> {
        let status = |running: &Running| ListenerStatus {
            address: running.address,
            tls: running.settings.tls,
            protocol: running.settings.protocol,
        };
        self.running.iter().map(status).collect()
    }

    /// Waits until a listener ends that should not.
    pub(super) async fn broken(&mut self) {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            let id = match &ended {
                Ok((id, ())) => *id,
                Err(panic) => {
                    error!(%panic, "a listener has panicked");
                    panic.id()
                }
            };
            if self.running.iter().any(|running| running.task == id) {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Waits until the last session has ended. The stop must have been ordered.
    pub(super) async fn drain(mut self) {
        // The sockets close now: nothing waits to be accepted any more.
        self.running.clear();
        while self.tasks.join_next().await.is_some() {}
    }
}
