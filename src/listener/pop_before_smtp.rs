//! One client's connection for a login by POP, before it sends by SMTP.
//!
//! # Failure
//! The connection ends without reporting to anybody, as in `connection`.

use std::{collections::BTreeSet, io, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    sync::watch,
    time::{Instant, timeout},
};
use tracing::{debug, error};

use crate::{
    device::{Client, Parting},
    listener::{
        ListenerTls,
        context::ConnectionContext,
        encrypted::Agreed,
        handshake::{begin, encrypt},
        input::Input,
        slots::{Activity, Slot},
        wire::{Transport, Wire},
    },
    pop_before_smtp::{Apop, Logins, PopAction, PopAnswer, PopLogin, PopOffer, PopSession, Stls},
};

/// RFC 1939 3 asks for ten minutes, for people who read their mail. A device only logs in.
const SILENCE: Duration = Duration::from_secs(60);

/// Serves a client from its first byte to its last, and holds its place as long.
pub(super) async fn serve_pop<IO: Transport + 'static>(
    context: &ConnectionContext,
    client: &Client,
    slot: Slot,
    mode: ListenerTls,
    io: IO,
    mut stop: watch::Receiver<bool>,
) {
    slot.note(Activity::Idle(Instant::now()));
    let begun = tokio::select! {
        begun = begin(context, client, mode, io) => begun,
        () = slot.wanted() => None,
    };
    let Some(begun) = begun else {
        return;
    };
    let tls = begun.tls.map(|secured| secured.agreed);
    let stls = match (mode, tls) {
        (ListenerTls::Starttls | ListenerTls::Auto, None) => Stls::Offered,
        (ListenerTls::Starttls | ListenerTls::Auto, Some(_))
        | (ListenerTls::None | ListenerTls::Implicit, _) => Stls::Absent,
    };
    client.note_connection(tls.map(Agreed::sighting));
    client.note_quirks(&begun.quirks);
    let began = context.now();
    // A timestamp in the greeting invites a login at once.
    let must_encrypt = client.must_encrypt(tls.map(|agreed| agreed.version));
    let (apop, logins) =
        if must_encrypt { (Apop::Absent, Logins::AfterTls) } else { (client.apop(), Logins::Now) };
    let session =
        PopSession::new(context.hostname(), PopOffer { apop, stls, logins }, rand::random());
    let mut connection = PopConnection {
        context,
        client,
        session,
        wire: begun.wire,
        input: Input::new(begun.early),
        tls,
    };
    let ended = tokio::select! {
        ended = connection.serve() => ended,
        () = slot.wanted() => Ok(()),
        // A client repeats a login that is cut off.
        _ = stop.wait_for(|stopping| *stopping) => Ok(()),
    };
    match ended {
        Ok(()) => debug!(peer = %client.peer(), "POP closed"),
        Err(error) => debug!(peer = %client.peer(), %error, "POP cut off"),
    }
    let tls = connection.tls.map(Agreed::sighting);
    let recorder = connection.session.recorder();
    let (mechanism, dialogue) = (recorder.mechanism(), recorder.end(began));
    // After a login, the client is known by its user.
    let client = client.anew();
    client.note_parting(Parting { helo: "", tls, mechanism, quirks: &BTreeSet::new(), dialogue });
    drop(slot);
}

struct PopConnection<'a, IO> {
    context: &'a ConnectionContext,
    client: &'a Client,
    session: PopSession,
    wire: Wire<IO>,
    input: Input,
    tls: Option<Agreed>,
}

impl<IO: Transport + 'static> PopConnection<'_, IO> {
    async fn serve(&mut self) -> io::Result<()> {
        loop {
            let step = self.session.advance(self.input.unused());
            self.input.use_up(step.consumed);
            match step.action {
                PopAction::Read => {
                    self.send_replies().await?;
                    if !self.input.unused().is_empty() {
                        continue;
                    }
                    let read = timeout(SILENCE, self.input.read(&mut self.wire)).await;
                    if read.map_err(|_elapsed| io::Error::from(io::ErrorKind::TimedOut))?? == 0 {
                        return Ok(());
                    }
                }
                PopAction::StartTls => {
                    self.send_replies().await?;
                    self.input.forget();
                    match encrypt(self.context, self.client, &mut self.wire, Vec::new()).await {
                        Ok(secured) => {
                            self.session.recorder().remark(&secured.agreed.to_string());
                            self.tls = Some(secured.agreed);
                        }
                        Err(trouble) => {
                            self.session.recorder().trouble(&trouble);
                            return Err(io::ErrorKind::ConnectionAborted.into());
                        }
                    }
                    self.session.tls_started();
                }
                PopAction::Verify(login) => {
                    let answer = self.verify(login).await;
                    self.session.answer(answer);
                }
                PopAction::Close => {
                    self.send_replies().await?;
                    return self.wire.shutdown().await;
                }
            }
        }
    }

    async fn send_replies(&mut self) -> io::Result<()> {
        let replies = self.session.replies();
        let written = async {
            self.wire.write_all(replies).await?;
            self.wire.flush().await
        };
        let written = timeout(SILENCE, written).await;
        replies.clear();
        written.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn verify(&mut self, login: PopLogin) -> PopAnswer {
        if self.client.permit_tls(self.tls.map(|agreed| agreed.version)).is_err() {
            return PopAnswer::EncryptFirst;
        }
        let on = self.tls.map(|agreed| agreed.version);
        let permit = self.context.login_permit(self.client).await;
        let (client, window) = (self.client.clone(), self.context.limits().pop_window);
        let verified =
            tokio::task::spawn_blocking(move || client.log_in_by_pop(&login, on, window)).await;
        drop(permit);
        if matches!(verified, Ok(PopAnswer::Right)) {
            let known = self.client.anew();
            known.note_change(self.client, self.tls.map(Agreed::sighting));
        }
        verified.unwrap_or_else(|broken| {
            self.context.metrics().session_panics.inc();
            error!(%broken, "verifying a login ended in a panic");
            PopAnswer::TooMany
        })
    }
}
