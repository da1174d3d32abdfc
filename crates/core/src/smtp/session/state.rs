//! The states of a session. Each step consumes the state that it leaves.
//!
//! ```text
//!   from                   on                              to
//!   Waiting::Idle          MAIL                            Asked::Sender
//!                          AUTH                            Waiting::Responding | Asked::Login
//!   Waiting::Idle,         STARTTLS                        Asked::Handshake
//!   Addressing             HELO, EHLO, RSET                Waiting::Idle
//!   Waiting::Responding    a response                      Waiting::Responding | Asked::Login
//!                          "*", no base64                  Waiting::Idle
//!   Waiting::Confirming    any line                        Waiting::Idle
//!   Waiting::Addressing    RCPT                            Asked::Recipient
//!                                                          | Waiting::Addressing (refused)
//!                          DATA                            Asked::Spool
//!                                                          | Waiting::Addressing (no recipients)
//!   Waiting (all)          QUIT, too many faults, shutdown Closed
//!   Asked::Login           logged in                       Waiting::Idle
//!                                                          | Waiting::Confirming (DIGEST-MD5)
//!                          refused                         Waiting::Idle, the third time Closed
//!   Asked::Handshake       TLS is on                       Waiting::Idle
//!                          failed                          Closed
//!   Asked::Sender          permitted                       Waiting::Addressing
//!                          refused                         Waiting::Idle
//!   Asked::Recipient       permitted, refused              Waiting::Addressing
//!   Asked::Spool           permitted                       BodyPhase::Receiving
//!                          refused                         Waiting::Idle
//!                                                          | Closed (text came ahead)
//!   BodyPhase::Receiving   end of data                     BodyPhase::Ended
//!                                                          | Asked::Commit (all is written)
//!                          too large, cannot be written    BodyPhase::Swallowing
//!   BodyPhase::Ended       the last text is written        Asked::Commit
//!                          the spool cannot write          Waiting::Idle | Closed (lone LF)
//!   BodyPhase::Swallowing  end of data                     Waiting::Idle | Closed (lone LF)
//!                          far too much of it              Closed
//!   Asked::Commit          accepted, refused               Waiting::Idle | Closed (lone LF)
//!   all                    a refusal with 421, a timeout   Closed
//! ```

use std::sync::Arc;

use crate::{
    model::{MessageId, Reply, TlsVersion},
    smtp::{
        Action, SessionSettings,
        line::Expected,
        reply,
        session::{
            conversation::Conversation,
            login::{Confirming, LoginAsked, Responding},
            text::{CommitAsked, Ended, Receiving, SpoolAsked, Swallowing},
            transaction::{Addressing, CommandState, RecipientAsked, SenderAsked},
        },
    },
};

/// The state of a session.
pub(super) enum State {
    Waiting(Waiting),
    Asked(Asked),
    Text(BodyPhase),
    /// The session takes no more input.
    Closed,
}

/// The session waits for a line from the client.
pub(super) enum Waiting {
    /// Between messages: a command is expected.
    Idle,
    /// In an AUTH exchange: a response is expected.
    Responding(Responding),
    /// DIGEST-MD5 succeeded: the client has yet to confirm our proof.
    Confirming(Confirming),
    /// The sender is accepted: recipients or `DATA` are expected.
    Addressing(Addressing),
}

/// The session waits for an answer from the driver.
pub(super) enum Asked {
    /// The driver verifies a login.
    Login(LoginAsked),
    /// The driver performs the TLS handshake.
    Handshake,
    /// The driver decides about the sender.
    Sender(SenderAsked),
    /// The driver decides about a recipient.
    Recipient(RecipientAsked),
    /// The driver opens a spool file.
    Spool(SpoolAsked),
    /// The driver makes the message durable.
    Commit(CommitAsked),
}

/// A message is being received.
pub(super) enum BodyPhase {
    /// Text arrives.
    Receiving(Receiving),
    /// Text arrives that will be refused.
    Swallowing(Swallowing),
    /// All text has arrived; the driver writes the last of it.
    Ended(Ended),
}

/// The driver's answer, without the type of its proof.
pub(super) enum Verdict {
    Permit,
    Refuse(Reply),
    LoggedIn(Arc<SessionSettings>),
    TlsStarted(TlsVersion, Arc<SessionSettings>),
    Accepted(MessageId),
}

/// Whether the client has sent more than the command at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ahead {
    Nothing,
    More,
}

impl Ahead {
    /// The input that is left after `used` octets.
    pub(super) const fn after(used: usize, input: &[u8]) -> Self {
        if used < input.len() { Self::More } else { Self::Nothing }
    }
}

/// The next state, and what the driver must do first.
pub(super) struct Moved {
    pub(super) state: State,
    pub(super) action: Option<Action>,
}

impl Moved {
    pub(super) fn to(state: impl Into<State>) -> Self {
        Self { state: state.into(), action: None }
    }

    pub(super) fn with(state: impl Into<State>, action: Action) -> Self {
        Self { state: state.into(), action: Some(action) }
    }
}

impl State {
    pub(super) const IDLE: Self = Self::Waiting(Waiting::Idle);

    /// Takes the driver's answer. An answer that does not fit the question is a bug, and never
    /// counts as permission.
    pub(super) fn take_verdict(self, verdict: Verdict, talk: &mut Conversation) -> Self {
        if let Verdict::Refuse(refusal) = &verdict
            && refusal.code == 421
        {
            return talk.close_with(refusal).state;
        }
        match self {
            Self::Asked(Asked::Login(asked)) => asked.take_verdict(verdict, talk),
            Self::Asked(Asked::Handshake) => talk.take_handshake(verdict),
            Self::Asked(Asked::Sender(asked)) => asked.take_verdict(verdict, talk),
            Self::Asked(Asked::Recipient(asked)) => asked.take_verdict(verdict, talk),
            Self::Asked(Asked::Spool(asked)) => asked.take_verdict(verdict, talk),
            Self::Asked(Asked::Commit(asked)) => asked.take_verdict(verdict, talk),
            Self::Text(BodyPhase::Receiving(receiving)) => receiving.take_verdict(verdict),
            Self::Text(BodyPhase::Ended(ended)) => ended.take_verdict(verdict, talk),
            Self::Text(BodyPhase::Swallowing(_)) | Self::Waiting(_) | Self::Closed => {
                talk.close_with(&reply::LOCAL_ERROR).state
            }
        }
    }

    /// Whether the text ends with something that resembles the end of data but is not.
    pub(super) fn text_resembles_an_end(&self) -> bool {
        match self {
            Self::Text(BodyPhase::Receiving(receiving)) => receiving.resembles_an_end(),
            Self::Text(BodyPhase::Swallowing(_) | BodyPhase::Ended(_))
            | Self::Waiting(_)
            | Self::Asked(_)
            | Self::Closed => false,
        }
    }

    /// See [`super::Session::unfinished_text`].
    pub(super) const fn unfinished_text(&self) -> Option<u64> {
        match self {
            Self::Text(BodyPhase::Receiving(receiving)) => Some(receiving.octets()),
            Self::Text(BodyPhase::Swallowing(swallowing)) => Some(swallowing.octets()),
            Self::Text(BodyPhase::Ended(_)) | Self::Waiting(_) | Self::Asked(_) | Self::Closed => {
                None
            }
        }
    }
}

impl Waiting {
    pub(super) const fn expects(&self) -> Expected {
        match self {
            Self::Idle | Self::Addressing(_) => Expected::Command,
            Self::Responding(_) | Self::Confirming(_) => Expected::AuthResponse,
        }
    }

    pub(super) fn take_line(self, line: &[u8], ahead: Ahead, talk: &mut Conversation) -> Moved {
        match self {
            Self::Idle => CommandState::Idle.take_command(line, ahead, talk),
            Self::Addressing(addressing) => {
                CommandState::Addressing(addressing).take_command(line, ahead, talk)
            }
            Self::Responding(responding) => responding.take_response(line, talk),
            Self::Confirming(confirming) => confirming.take_response(line, talk),
        }
    }

    /// The state after a line that was too long: an AUTH exchange ends, a transaction continues.
    pub(super) fn after_fault(self) -> State {
        match self {
            Self::Idle | Self::Responding(_) | Self::Confirming(_) => State::IDLE,
            Self::Addressing(_) => self.into(),
        }
    }
}

impl BodyPhase {
    pub(super) fn take(
        self,
        input: &[u8],
        body: &mut Vec<u8>,
        talk: &mut Conversation,
    ) -> (usize, Moved) {
        match self {
            Self::Receiving(receiving) => receiving.take(input, body, talk),
            Self::Swallowing(swallowing) => swallowing.take(input, talk),
            Self::Ended(ended) => (0, ended.commit()),
        }
    }
}

impl From<Waiting> for State {
    fn from(waiting: Waiting) -> Self {
        Self::Waiting(waiting)
    }
}

impl From<Asked> for State {
    fn from(asked: Asked) -> Self {
        Self::Asked(asked)
    }
}

impl From<BodyPhase> for State {
    fn from(text: BodyPhase) -> Self {
        Self::Text(text)
    }
}

impl Verdict {
    /// The refusal, if the answer is not the expected permission.
    pub(super) fn refusal(self) -> Reply {
        match self {
            Self::Refuse(reply) => reply,
            Self::Permit | Self::LoggedIn(_) | Self::TlsStarted(..) | Self::Accepted(_) => {
                reply::LOCAL_ERROR
            }
        }
    }
}
