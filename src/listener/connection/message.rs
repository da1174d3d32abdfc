//! The message of a connection, from the transaction that the session machine has opened to the
//! commit in the spool.

use crate::{
    listener::{connection::serve::Connection, receive_message::IncomingMessage, wire::Transport},
    model::Via,
    smtp::{Action, Answer, Transaction, reply},
};

impl<IO: Transport + 'static> Connection<IO> {
    /// Opens a message whose transaction was permitted.
    pub(super) async fn open_message(&mut self, transaction: Transaction) -> Action {
        let via = self.via();
        let client = self.occupant.client();
        let answer = match IncomingMessage::open(&self.context, client, via, transaction).await {
            Ok(message) => {
                self.message = Some(message);
                Answer::Permit
            }
            Err(reply) => Answer::Refuse(reply),
        };
        self.answered(answer)
    }

    /// Stores the piece of text that the session machine has decoded.
    pub(super) async fn write_body(&mut self) -> Action {
        let Some(message) = &mut self.message else {
            return self.advance();
        };
        match message.write(&self.context, self.occupant.client(), self.session.body()).await {
            Ok(()) => self.advance(),
            Err(reply) => {
                self.message = None;
                self.answered(Answer::Refuse(reply))
            }
        }
    }

    /// Makes the message durable, so that the session may answer `250`.
    pub(super) async fn commit(&mut self) -> Action {
        self.input.shrink();
        let answer = match self.message.take() {
            Some(message) => {
                match message.commit(&self.context, self.client(), self.version()).await {
                    Ok(committed) => Answer::Accepted(committed),
                    Err(reply) => Answer::Refuse(reply),
                }
            }
            None => Answer::Refuse(reply::LOCAL_ERROR),
        };
        self.answered(answer)
    }

    /// How the message has reached us.
    fn via(&self) -> Via {
        Via {
            peer: Some(self.client().peer()),
            helo: self.session.helo().to_owned(),
            esmtp: self.session.is_esmtp(),
            tls: self.version(),
            user: self.client().user().map(str::to_owned),
        }
    }
}
