//! TLS in the middle of a connection: STARTTLS, and a ClientHello that came too late.

use std::{collections::BTreeSet, io};

use tracing::debug;

use crate::{
    client_hello::{self, Opening},
    listener::{
        connection::serve::Connection,
        handshake::{Secured, encrypt},
        wire::Transport,
    },
    smtp::{Action, Answer, Quirk, StartTls},
};

impl<IO: Transport + 'static> Connection<IO> {
    /// Whether a ClientHello came instead of the first command. It was on its way when the banner
    /// was sent, and the device will not understand the banner.
    pub(super) fn hears_tls(&self) -> bool {
        self.tls.is_none()
            && self.session.helo().is_empty()
            && client_hello::read(self.input.unused()) != Opening::NoTls
    }

    /// Records a ClientHello that came after the banner. If TLS is served here, the next connection
    /// of the client will wait for it.
    pub(super) fn note_late_tls(&mut self) {
        let what = match self.starttls {
            StartTls::Offered => {
                self.context.habits().note_late_tls(self.client().peer());
                self.client().note_quirks(&BTreeSet::from([Quirk::EarlyTls]));
                "TLS where a command should be; the next connection will wait for TLS"
            }
            StartTls::Absent => {
                "TLS where a command should be; there is no TLS on this port (tls = \"none\" of \
                the listener)"
            }
        };
        debug!(peer = %self.client().peer(), "{what}");
        self.session.recorder().trouble(what);
    }

    /// Performs the handshake of STARTTLS.
    pub(super) async fn start_tls(&mut self) -> io::Result<Action> {
        self.send_replies().await?;
        self.input.forget();
        let Secured { agreed, certificate } = match encrypt(
            &self.context,
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
        // RFC 3207 4.2: what was known before the handshake is forgotten, including a login.
        let forgotten = self.client().anew();
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
}
