//! One connection from its first byte to its last.
//!
//! All commands of one read are answered in one write. The only state besides that of the session
//! machine is the stream, what was read ahead, and the message in progress.
//!
//! # Failure
//! A connection ends without reporting to anybody. What a client does is logged at `debug`; what
//! the disk does is logged by `receive_message`.

use std::{io, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    sync::watch,
    time::{Instant, timeout, timeout_at},
};
use tracing::debug;

use crate::{
    device::{Client, Parting},
    listener::{
        ListenerTls,
        context::ConnectionContext,
        encrypted::Agreed,
        error_replies::WANTED_BY_OTHERS,
        handshake::begin,
        input::Input,
        occupant::Occupant,
        receive_message::IncomingMessage,
        slots::{Activity, Slot},
        timeouts::{STRANGER_SILENCE, Standing, Timeouts},
        wire::{Transport, Wire},
    },
    model::{Reply, Timestamp, TlsVersion},
    smtp::{Action, Answer, Session, StartTls},
    spool::Committed,
};

/// How long a client whose place is wanted may take to read that.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(5);

/// One connection from its first byte to its last.
pub(in crate::listener) struct Connection<IO> {
    pub(super) context: ConnectionContext,
    pub(super) occupant: Occupant,
    pub(super) starttls: StartTls,
    timeouts: Timeouts,
    stop: watch::Receiver<bool>,
    /// The session knows that the daemon is stopping. A message in progress is still read to its
    /// end.
    stopping: bool,
    begun: Timestamp,
    /// How long the client may take to read our replies.
    reply_timeout: Duration,
    pub(super) wire: Wire<IO>,
    pub(super) input: Input,
    pub(super) tls: Option<Agreed>,
    pub(super) session: Session<Committed>,
    pub(super) message: Option<IncomingMessage>,
}

/// What the wait for the client has ended with.
enum Event {
    Octets,
    HungUp,
    Silence,
    Stopping,
    Wanted,
}

impl<IO: Transport + 'static> Connection<IO> {
    /// Begins a connection, with the handshake first where the port asks for one. None when the
    /// handshake fails or the client is refused.
    pub(in crate::listener) async fn open(
        context: ConnectionContext,
        client: Client,
        slot: Slot,
        mode: ListenerTls,
        io: IO,
        stop: watch::Receiver<bool>,
    ) -> Option<Self> {
        slot.note(Activity::Idle(Instant::now()));
        let mut begun = tokio::select! {
            begun = begin(&context, &client, mode, io) => begun?,
            () = slot.wanted() => return None,
        };
        slot.note(Activity::Busy);
        let (tls, certificate) =
            begun.tls.map_or((None, None), |secured| (Some(secured.agreed), secured.certificate));
        let starttls = match mode {
            ListenerTls::None | ListenerTls::Implicit => StartTls::Absent,
            ListenerTls::Starttls | ListenerTls::Auto => StartTls::Offered,
        };
        let certified = certificate.map(|shown| client.clone().certified(&shown));
        let mut occupant = Occupant::new(client, slot);
        if let Some(client) = certified
            && let Err(reply) = occupant.identify(client.clone())
        {
            refuse(&client, &reply, &mut begun.wire).await;
            return None;
        }
        let client = occupant.client();
        client.note_connection(tls.map(Agreed::sighting));
        client.note_quirks(&begun.quirks);
        let mut session = {
            let version = tls.map(|agreed| agreed.version);
            Session::new(client.session_settings(starttls, version), version, rand::random())
        };
        if let Some(agreed) = tls {
            session.recorder().open_with(&agreed.to_string());
        }
        let now = context.now();
        Some(Self {
            begun: now,
            reply_timeout: context.limits().command_timeout,
            context,
            occupant,
            starttls,
            timeouts: Timeouts::new(Instant::now()),
            stop,
            stopping: false,
            wire: begun.wire,
            input: Input::new(begun.early),
            tls,
            session,
            message: None,
        })
    }

    /// Serves the client until either side closes.
    pub(in crate::listener) async fn serve(mut self) {
        let mut action = self.advance();
        let ended = loop {
            action = match action {
                Action::Read => match self.read().await {
                    Ok(next) => next,
                    Err(error) => break Err(error),
                },
                Action::StartTls => match self.start_tls().await {
                    Ok(next) => next,
                    Err(error) => break Err(error),
                },
                Action::Ask(question) => {
                    let answer = self.decide(question).await;
                    self.answered(answer)
                }
                Action::OpenMessage(transaction) => self.open_message(*transaction).await,
                Action::WriteBody => self.write_body().await,
                Action::Commit => self.commit().await,
                Action::Discard => {
                    self.message = None;
                    self.input.shrink();
                    self.advance()
                }
                Action::Close => break self.close().await,
            };
        };
        self.farewell(ended);
    }

    pub(super) fn advance(&mut self) -> Action {
        let step = self.session.advance(self.input.unused());
        self.input.use_up(step.consumed);
        step.action
    }

    pub(super) fn answered(&mut self, answer: Answer<Committed>) -> Action {
        self.session.answer(answer);
        self.advance()
    }

    async fn read(&mut self) -> io::Result<Action> {
        self.send_replies().await?;
        let before = self.input.unused().len();
        if before > 0 {
            let action = self.advance();
            // If the machine consumes nothing and wants to read, it waits for the rest of a line.
            if !matches!(action, Action::Read) || self.input.unused().len() < before {
                return Ok(action);
            }
        }
        Ok(match self.wait().await? {
            Event::Octets if self.hears_tls() => {
                self.note_late_tls();
                Action::Close
            }
            Event::Octets => self.advance(),
            Event::HungUp => self.session.hang_up(),
            Event::Silence => self.session.time_out(),
            Event::Wanted => {
                debug!(peer = %self.client().peer(), "place given to another client");
                self.reply_timeout = GOODBYE_TIMEOUT;
                self.session.end_with(&WANTED_BY_OTHERS)
            }
            Event::Stopping => {
                self.stopping = true;
                self.session.shut_down();
                self.advance()
            }
        })
    }

    async fn wait(&mut self) -> io::Result<Event> {
        let standing =
            if self.client().device().is_some() { Standing::Device } else { Standing::Stranger };
        let deadline = self.timeouts.deadline(
            standing,
            self.session.unfinished_text(),
            self.context.limits(),
            Instant::now(),
        );
        let slot = self.occupant.slot();
        slot.note(match self.timeouts.last_progress() {
            Some(progress) => Activity::Receiving(progress),
            None => Activity::Idle(Instant::now()),
        });
        let event = tokio::select! {
            biased;
            () = slot.wanted() => Ok(Event::Wanted),
            read = timeout_at(deadline, self.input.read(&mut self.wire)) => match read {
                Ok(Ok(0)) => Ok(Event::HungUp),
                Ok(Ok(_)) => Ok(Event::Octets),
                Ok(Err(error)) => Err(error),
                Err(_elapsed) => Ok(Event::Silence),
            },
            _ = self.stop.wait_for(|stopping| *stopping), if !self.stopping => Ok(Event::Stopping),
        };
        slot.note(Activity::Busy);
        event
    }

    pub(super) async fn send_replies(&mut self) -> io::Result<()> {
        let replies = self.session.replies();
        if replies.is_empty() {
            return Ok(());
        }
        let written = async {
            self.wire.write_all(replies).await?;
            self.wire.flush().await
        };
        let written = timeout(self.reply_timeout, written).await;
        replies.clear();
        written.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()))
    }

    pub(super) const fn client(&self) -> &Client {
        self.occupant.client()
    }

    pub(super) fn version(&self) -> Option<TlsVersion> {
        self.tls.map(|agreed| agreed.version)
    }

    async fn close(&mut self) -> io::Result<()> {
        self.send_replies().await?;
        match &self.wire {
            // Closing the socket is enough.
            Wire::Plain(_) | Wire::Closed => Ok(()),
            // RFC 8446 6.1: without close_notify the client may think that it was cut off.
            Wire::Tls(_) => self.wire.shutdown().await,
        }
    }

    fn farewell(mut self, ended: io::Result<()>) {
        if let Some(message) = self.message.take() {
            message.break_off(&self.context, self.client());
        }
        match &ended {
            Ok(()) => {}
            // RFC 8446 6.1 asks for close_notify; many clients just close.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.session.recorder().remark("cut off: closed without TLS close_notify");
            }
            // Usually an alert: the device does not trust our certificate.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.session.recorder().trouble(&format!("cut off: {error}"));
            }
            Err(error) => self.session.recorder().remark(&format!("cut off: {error}")),
        }
        let (mechanism, dialogue) =
            (self.session.recorder().mechanism(), self.session.end_dialogue(self.begun));
        let (helo, tls, quirks) =
            (self.session.helo(), self.tls.map(Agreed::sighting), self.session.quirks());
        self.client().note_parting(Parting { helo, tls, mechanism, quirks, dialogue });
        match ended {
            Ok(()) => debug!(peer = %self.client().peer(), "closed"),
            Err(error) => debug!(peer = %self.client().peer(), %error, "cut off"),
        }
    }
}

/// Tells a client that it is not served. Whether it listens or not makes no difference.
async fn refuse<IO: Transport>(client: &Client, reply: &Reply, wire: &mut Wire<IO>) {
    debug!(peer = %client.peer(), %reply, "connection refused");
    let _unheard =
        timeout(STRANGER_SILENCE, wire.write_all(format!("{reply}\r\n").as_bytes())).await;
    let _unheard = timeout(STRANGER_SILENCE, wire.shutdown()).await;
}
