//! One device's connection: reads, feeds the session machine, does what it says, writes its
//! replies.
//!
//! All commands of one read are answered in one write. The only state beside the machine's is the
//! stream, what was read ahead, and the message in progress.
//!
//! # Failure
//! A connection ends by itself and reports to nobody: what a client does is logged at `debug`, what
//! the disk does by `intake`.

use std::{collections::BTreeSet, io, sync::Arc};

use tokio::{
    io::AsyncWriteExt,
    sync::watch,
    time::{Instant, timeout, timeout_at},
};
use tracing::{debug, error};

use crate::{
    client_hello::{self, Opening},
    device::{Client, Parting},
    listener::{
        ListenerTls, Reception,
        begin::{Secured, begin, encrypt},
        input::Input,
        intake::Intake,
        occupant::Occupant,
        patience::{Patience, STRANGER_SILENCE, Standing},
        slots::Slot,
        tls::Agreed,
        trouble::told,
        wire::{Transport, Wire},
    },
    model::{Reply, Timestamp, TlsVersion, Via},
    smtp::{Action, Answer, Login, Question, Quirk, Session, SessionSettings, StartTls, reply},
    spool::Committed,
};

/// One connection from its first byte to its last.
pub(super) struct Connection<IO> {
    reception: Reception,
    occupant: Occupant,
    starttls: StartTls,
    patience: Patience,
    stop: watch::Receiver<bool>,
    /// The session has been told of it; a message in progress is then read on as ever.
    stopping: bool,
    begun: Timestamp,
    wire: Wire<IO>,
    input: Input,
    tls: Option<Agreed>,
    session: Session<Committed>,
    message: Option<Intake>,
}

/// What came of waiting for the client.
enum Event {
    Octets,
    HungUp,
    Silence,
    Stopping,
}

impl<IO: Transport + 'static> Connection<IO> {
    /// Does the handshake of an implicit-TLS port. None when the client did not get that far.
    pub(super) async fn open(
        reception: Reception,
        client: Client,
        slot: Slot,
        mode: ListenerTls,
        io: IO,
        stop: watch::Receiver<bool>,
    ) -> Option<Self> {
        let mut begun = begin(&reception, &client, mode, io).await?;
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
        let now = reception.shared().clock.now();
        Some(Self {
            begun: now,
            reception,
            occupant,
            starttls,
            patience: Patience::new(Instant::now()),
            stop,
            stopping: false,
            wire: begun.wire,
            input: Input::new(begun.early),
            tls,
            session,
            message: None,
        })
    }

    /// Serves the client until it or we close.
    pub(super) async fn serve(mut self) {
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
                Action::OpenMessage(transaction) => {
                    let answer = match Intake::open(
                        self.reception.shared(),
                        self.client(),
                        self.via(),
                        *transaction,
                    )
                    .await
                    {
                        Ok(intake) => {
                            self.message = Some(intake);
                            Answer::Permit
                        }
                        Err(reply) => Answer::Refuse(reply),
                    };
                    self.answered(answer)
                }
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

    fn advance(&mut self) -> Action {
        let step = self.session.advance(self.input.unused());
        self.input.use_up(step.consumed);
        step.action
    }

    fn answered(&mut self, answer: Answer<Committed>) -> Action {
        self.session.answer(answer);
        self.advance()
    }

    async fn read(&mut self) -> io::Result<Action> {
        self.send_replies().await?;
        let before = self.input.unused().len();
        if before > 0 {
            let action = self.advance();
            // A machine that wants to read and uses nothing up waits for the rest of something.
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
            Event::Stopping => {
                self.stopping = true;
                self.session.shut_down();
                self.advance()
            }
        })
    }

    /// A ClientHello where the first command should be: it was on its way when the banner was sent,
    /// and the device will not understand the banner.
    fn hears_tls(&self) -> bool {
        self.tls.is_none()
            && self.session.helo().is_empty()
            && client_hello::read(self.input.unused()) != Opening::NoTls
    }

    /// Only where TLS is served will the next connection be any better.
    fn note_late_tls(&mut self) {
        let what = match self.starttls {
            StartTls::Offered => {
                self.reception.habits().note_late_tls(self.client().peer());
                self.client().note_quirks(&BTreeSet::from([Quirk::EarlyTls]));
                "TLS where a command should be; the next connection is waited for"
            }
            StartTls::Absent => {
                "TLS where a command should be; there is no TLS on this port (tls = \"none\" of \
                the listener)"
            }
        };
        debug!(peer = %self.client().peer(), "{what}");
        self.session.recorder().trouble(what);
    }

    async fn wait(&mut self) -> io::Result<Event> {
        let limits = &self.reception.shared().limits;
        let standing =
            if self.client().device().is_some() { Standing::Device } else { Standing::Stranger };
        let deadline = self.patience.deadline(
            standing,
            self.session.unfinished_text(),
            limits,
            Instant::now(),
        );
        tokio::select! {
            biased;
            read = timeout_at(deadline, self.input.read(&mut self.wire)) => match read {
                Ok(Ok(0)) => Ok(Event::HungUp),
                Ok(Ok(_)) => Ok(Event::Octets),
                Ok(Err(error)) => Err(error),
                Err(_elapsed) => Ok(Event::Silence),
            },
            _ = self.stop.wait_for(|stopping| *stopping), if !self.stopping => Ok(Event::Stopping),
        }
    }

    async fn send_replies(&mut self) -> io::Result<()> {
        let replies = self.session.replies();
        if replies.is_empty() {
            return Ok(());
        }
        let written = async {
            self.wire.write_all(replies).await?;
            self.wire.flush().await
        };
        let written = timeout(self.reception.shared().limits.command_timeout, written).await;
        replies.clear();
        written.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn start_tls(&mut self) -> io::Result<Action> {
        self.send_replies().await?;
        self.input.forget();
        let Secured { agreed, certificate } = match encrypt(
            &self.reception,
            self.occupant.client(),
            &mut self.wire,
            Vec::new(),
        )
        .await
        {
            Ok(secured) => secured,
            Err(trouble) => {
                self.session.recorder().trouble(&trouble);
                return Ok(Action::Close);
            }
        };
        self.session.recorder().remark(&agreed.to_string());
        self.tls = Some(agreed);
        // RFC 3207 4.2: what was known from before the handshake is forgotten, a login too.
        let forgotten = self.reception.shared().devices.identify(self.client().peer());
        let known = match certificate {
            Some(shown) => forgotten.certified(&shown),
            None => forgotten,
        };
        let answer = match self.become_client(known) {
            Ok(settings) => Answer::TlsStarted { version: agreed.version, settings },
            Err(reply) => Answer::Refuse(reply),
        };
        Ok(self.answered(answer))
    }

    async fn decide(&mut self, question: Question) -> Answer<Committed> {
        let verdict = match question {
            Question::Login(login) => return self.log_in(login).await,
            Question::Sender { sender, size } => {
                let known = self
                    .look_for_pop_login()
                    .and_then(|()| self.client().permit_tls(self.version()));
                let permitted = known.and_then(|()| self.client().permit_sender(&sender, size));
                permitted.and_then(|()| {
                    self.reception.shared().spool.admits(size).map_err(|error| told(&error))
                })
            }
            Question::Recipient(recipient) => self.client().permit_recipient(&recipient),
        };
        match verdict {
            Ok(()) => Answer::Permit,
            Err(reply) => Answer::Refuse(reply),
        }
    }

    /// A login by POP counts for connections that were there before it, too.
    fn look_for_pop_login(&mut self) -> Result<(), Reply> {
        let Some(client) = self.client().after_pop() else {
            return Ok(());
        };
        client.permit_tls(self.version())?;
        let settings = self.become_client(client)?;
        self.session.adopt(settings);
        Ok(())
    }

    async fn log_in(&mut self, login: Login) -> Answer<Committed> {
        if let Err(reply) = self.client().permit_tls(self.version()) {
            return Answer::Refuse(reply);
        }
        let permit = self.reception.login_permit(self.client()).await;
        let client = self.client().clone();
        let verified = tokio::task::spawn_blocking(move || client.log_in(&login)).await;
        drop(permit);
        let (client, user) = match verified {
            Ok(Ok(right)) => right,
            Ok(Err(reply)) => return Answer::Refuse(reply),
            Err(broken) => {
                self.reception.shared().metrics.receiving().session_panics.inc();
                error!(%broken, "verifying a login ended in a panic");
                return Answer::Refuse(reply::LOCAL_ERROR);
            }
        };
        match client.permit_tls(self.version()).and_then(|()| self.become_client(client)) {
            Ok(settings) => Answer::LoggedIn { user, settings },
            Err(reply) => Answer::Refuse(reply),
        }
    }

    /// Makes the client another one. Returns what the session offers it.
    fn become_client(&mut self, client: Client) -> Result<Arc<SessionSettings>, Reply> {
        let settings = client.session_settings(self.starttls, self.version());
        self.occupant.become_client(client, self.tls.map(Agreed::sighting))?;
        Ok(settings)
    }

    async fn write_body(&mut self) -> Action {
        let Some(message) = &mut self.message else {
            return self.advance();
        };
        match message
            .write(self.reception.shared(), self.occupant.client(), self.session.body())
            .await
        {
            Ok(()) => self.advance(),
            Err(reply) => {
                self.message = None;
                self.answered(Answer::Refuse(reply))
            }
        }
    }

    async fn commit(&mut self) -> Action {
        self.input.shrink();
        let answer = match self.message.take() {
            Some(message) => {
                match message.commit(self.reception.shared(), self.client(), self.version()).await {
                    Ok(committed) => Answer::Accepted(committed),
                    Err(reply) => Answer::Refuse(reply),
                }
            }
            None => Answer::Refuse(reply::LOCAL_ERROR),
        };
        self.answered(answer)
    }

    const fn client(&self) -> &Client {
        self.occupant.client()
    }

    fn version(&self) -> Option<TlsVersion> {
        self.tls.map(|agreed| agreed.version)
    }

    fn via(&self) -> Via {
        Via {
            peer: Some(self.client().peer()),
            helo: self.session.helo().to_owned(),
            esmtp: self.session.is_esmtp(),
            tls: self.version(),
            user: self.client().user().map(str::to_owned),
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.send_replies().await?;
        match &self.wire {
            // Closing the socket says it all.
            Wire::Plain(_) | Wire::Closed => Ok(()),
            // RFC 8446 6.1: without close_notify the client may think that it was cut off.
            Wire::Tls(_) => self.wire.shutdown().await,
        }
    }

    fn farewell(mut self, ended: io::Result<()>) {
        if let Some(message) = self.message.take() {
            message.break_off(self.reception.shared(), self.client());
        }
        match &ended {
            Ok(()) => {}
            // An alert, as a rule: the device does not like our certificate.
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
