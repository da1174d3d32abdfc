//! Answers the questions of the session machine: who may log in, send, and write to whom.

use std::sync::Arc;

use tracing::error;

use crate::{
    device::Client,
    listener::{
        connection::serve::Connection, encrypted::Agreed, error_replies::for_device,
        wire::Transport,
    },
    model::Reply,
    smtp::{Answer, Login, Question, SessionSettings, reply},
    spool::Committed,
};

impl<IO: Transport + 'static> Connection<IO> {
    /// Answers a question of the session machine: may this client log in, send, write to somebody?
    pub(super) async fn decide(&mut self, question: Question) -> Answer<Committed> {
        let verdict = match question {
            Question::Login(login) => return self.log_in(login).await,
            Question::Sender { sender, size } => {
                let known = self
                    .look_for_pop_login()
                    .and_then(|()| self.client().permit_tls(self.version()));
                let permitted = known.and_then(|()| self.client().permit_sender(&sender, size));
                permitted.and_then(|()| {
                    self.context.spool().admits(size).map_err(|error| for_device(&error))
                })
            }
            Question::Recipient(recipient) => self.client().permit_recipient(&recipient),
        };
        match verdict {
            Ok(()) => Answer::Permit,
            Err(reply) => Answer::Refuse(reply),
        }
    }

    /// Looks for a login by POP since the client has connected: it counts for this connection, too.
    fn look_for_pop_login(&mut self) -> Result<(), Reply> {
        let Some(client) = self.client().after_pop() else {
            return Ok(());
        };
        client.permit_tls(self.version())?;
        let settings = self.become_client(client)?;
        self.session.adopt(settings);
        Ok(())
    }

    /// Verifies a login off the async threads.
    async fn log_in(&mut self, login: Login) -> Answer<Committed> {
        if let Err(reply) = self.client().permit_tls(self.version()) {
            return Answer::Refuse(reply);
        }
        let permit = self.context.login_permit(self.client()).await;
        let client = self.client().clone();
        let verified = tokio::task::spawn_blocking(move || client.log_in(&login)).await;
        drop(permit);
        let (client, user) = match verified {
            Ok(Ok(right)) => right,
            Ok(Err(reply)) => return Answer::Refuse(reply),
            Err(broken) => {
                self.context.metrics().session_panics.inc();
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
    pub(super) fn become_client(&mut self, client: Client) -> Result<Arc<SessionSettings>, Reply> {
        let settings = client.session_settings(self.starttls, self.version());
        self.occupant.become_client(client, self.tls.map(Agreed::sighting))?;
        Ok(settings)
    }
}
