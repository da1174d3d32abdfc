//! The states of a session. Each step consumes the state that it leaves.
//!
//! ```text
//!   from               on                                    to
//!   Idle               MAIL                                  SenderAsked
//!   Idle               AUTH                                  Responding | LoginAsked
//!   Idle, Addressing   STARTTLS                              HandshakeAsked
//!   Idle, Addressing   HELO, EHLO, RSET                      Idle
//!   Idle, Addressing   QUIT, too many faults, shutdown       Closed
//!   Responding         response                              Responding | LoginAsked
//!   Responding         "*", no base64                        Idle
//!   LoginAsked         logged in                             Idle | Confirming
//!   LoginAsked         refused                               Idle, after the third time Closed
//!   Confirming         any line                              Idle
//!   HandshakeAsked     TLS is on                             Idle
//!   SenderAsked        permitted                             Addressing
//!   SenderAsked        refused                               Idle
//!   Addressing         RCPT                                  RecipientAsked | Addressing (a double, too many)
//!   Addressing         DATA                                  SpoolAsked | Idle (no recipients)
//!   RecipientAsked     permitted, refused                    Addressing
//!   SpoolAsked         permitted                             Receiving
//!   SpoolAsked         refused                               Idle, Closed if text came ahead
//!   Receiving          end of data                           Ended
//!   Receiving          too large, the spool cannot write     Swallowing
//!   Ended              the last text is written              CommitAsked
//!   Ended              the spool cannot write                Idle | Closed (lone LF)
//!   Swallowing         end of data                           Idle | Closed (lone LF)
//!   Swallowing         far too much of it                    Closed
//!   CommitAsked        accepted, refused                     Idle | Closed (lone LF)
//!   any                a refusal with 421, a timeout         Closed
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
            transaction::{Addressing, Place, RecipientAsked, SenderAsked},
        },
    },
};

/// Where a session stands.
pub(super) enum State {
    /// Between messages; expects a command.
    Idle,
    /// In an AUTH exchange; expects a response.
    Responding(Responding),
    /// The driver verifies a login.
    LoginAsked(LoginAsked),
    /// DIGEST-MD5 is won; the client has yet to confirm our proof.
    Confirming(Confirming),
    /// The driver does the TLS handshake.
    HandshakeAsked,
    /// The driver judges the sender.
    SenderAsked(SenderAsked),
    /// The sender stands; expects recipients or `DATA`.
    Addressing(Addressing),
    /// The driver judges a recipient.
    RecipientAsked(RecipientAsked),
    /// The driver opens a spool file.
    SpoolAsked(SpoolAsked),
    /// Text comes in.
    Receiving(Receiving),
    /// Text comes in that nobody wants.
    Swallowing(Swallowing),
    /// All text is in; the driver writes the last of it.
    Ended(Ended),
    /// The driver makes the message safe.
    CommitAsked(CommitAsked),
    /// Nothing more is taken.
    Closed,
}

/// What the driver answered, without the type of its proof.
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
    /// When `used` octets of `input` were used up.
    pub(super) const fn after(used: usize, input: &[u8]) -> Self {
        if used < input.len() { Self::More } else { Self::Nothing }
    }
}

/// The next state, and what the driver must do before it.
pub(super) struct Moved {
    pub(super) state: State,
    pub(super) action: Option<Action>,
}

impl Moved {
    pub(super) const fn to(state: State) -> Self {
        Self { state, action: None }
    }

    pub(super) const fn with(state: State, action: Action) -> Self {
        Self { state, action: Some(action) }
    }
}

impl State {
    /// The kind of line that is expected; none where no line is.
    pub(super) const fn expects(&self) -> Option<Expected> {
        match self {
            Self::Idle | Self::Addressing(_) => Some(Expected::Command),
            Self::Responding(_) | Self::Confirming(_) => Some(Expected::AuthResponse),
            Self::LoginAsked(_)
            | Self::HandshakeAsked
            | Self::SenderAsked(_)
            | Self::RecipientAsked(_)
            | Self::SpoolAsked(_)
            | Self::Receiving(_)
            | Self::Swallowing(_)
            | Self::Ended(_)
            | Self::CommitAsked(_)
            | Self::Closed => None,
        }
    }

    /// Takes a line where one is expected.
    pub(super) fn take_line(self, line: &[u8], ahead: Ahead, talk: &mut Conversation) -> Moved {
        match self {
            Self::Idle => Place::Idle.take_command(line, ahead, talk),
            Self::Addressing(addressing) => Place::Addressing(addressing).take_command(line, ahead, talk),
            Self::Responding(responding) => responding.take_response(line, talk),
            Self::Confirming(confirming) => confirming.take_response(line, talk),
            Self::LoginAsked(_)
            | Self::HandshakeAsked
            | Self::SenderAsked(_)
            | Self::RecipientAsked(_)
            | Self::SpoolAsked(_)
            | Self::Receiving(_)
            | Self::Swallowing(_)
            | Self::Ended(_)
            | Self::CommitAsked(_)
            | Self::Closed => talk.close_with(&reply::LOCAL_ERROR),
        }
    }

    /// Where a line that was too long leaves us: an AUTH exchange is over, a transaction stands.
    pub(super) fn after_fault(self) -> Self {
        match self {
            Self::Responding(_) | Self::Confirming(_) => Self::Idle,
            other @ (Self::Idle
            | Self::Addressing(_)
            | Self::LoginAsked(_)
            | Self::HandshakeAsked
            | Self::SenderAsked(_)
            | Self::RecipientAsked(_)
            | Self::SpoolAsked(_)
            | Self::Receiving(_)
            | Self::Swallowing(_)
            | Self::Ended(_)
            | Self::CommitAsked(_)
            | Self::Closed) => other,
        }
    }

    /// Goes on where no line is expected.
    pub(super) fn continue_text(self, input: &[u8], body: &mut Vec<u8>, talk: &mut Conversation) -> (usize, Moved) {
        match self {
            Self::Receiving(receiving) => receiving.take(input, body, talk),
            Self::Swallowing(swallowing) => swallowing.take(input, talk),
            Self::Ended(ended) => (0, ended.commit()),
            Self::Closed => (0, Moved::with(Self::Closed, Action::Close)),
            Self::LoginAsked(_)
            | Self::HandshakeAsked
            | Self::SenderAsked(_)
            | Self::RecipientAsked(_)
            | Self::SpoolAsked(_)
            | Self::CommitAsked(_)
            | Self::Idle
            | Self::Addressing(_)
            | Self::Responding(_)
            | Self::Confirming(_) => {
                // A driver that owes an answer, or one that has none for us: better no session than a wrong one.
                (0, talk.close_with(&reply::LOCAL_ERROR))
            }
        }
    }

    /// Takes the driver's answer. One that does not fit the question is a fault of ours, never a yes.
    pub(super) fn take_verdict(self, verdict: Verdict, talk: &mut Conversation) -> Self {
        if let Verdict::Refuse(refusal) = &verdict
            && refusal.code == 421
        {
            return talk.close_with(refusal).state;
        }
        match self {
            Self::LoginAsked(asked) => asked.take_verdict(verdict, talk),
            Self::HandshakeAsked => talk.take_handshake(verdict),
            Self::SenderAsked(asked) => asked.take_verdict(verdict, talk),
            Self::RecipientAsked(asked) => asked.take_verdict(verdict, talk),
            Self::SpoolAsked(asked) => asked.take_verdict(verdict, talk),
            Self::Receiving(receiving) => receiving.take_verdict(verdict),
            Self::Ended(ended) => ended.take_verdict(verdict, talk),
            Self::CommitAsked(asked) => asked.take_verdict(verdict, talk),
            Self::Idle | Self::Addressing(_) | Self::Responding(_) | Self::Confirming(_) | Self::Swallowing(_) | Self::Closed => {
                talk.close_with(&reply::LOCAL_ERROR).state
            }
        }
    }

    /// See [`super::Session::unfinished_text`].
    pub(super) const fn unfinished_text(&self) -> Option<u64> {
        match self {
            Self::Receiving(receiving) => Some(receiving.octets()),
            Self::Swallowing(swallowing) => Some(swallowing.octets()),
            Self::Idle
            | Self::Responding(_)
            | Self::LoginAsked(_)
            | Self::Confirming(_)
            | Self::HandshakeAsked
            | Self::SenderAsked(_)
            | Self::Addressing(_)
            | Self::RecipientAsked(_)
            | Self::SpoolAsked(_)
            | Self::Ended(_)
            | Self::CommitAsked(_)
            | Self::Closed => None,
        }
    }
}

impl Verdict {
    /// What to refuse with, when it is not the yes that was asked for.
    pub(super) fn refusal(self) -> Reply {
        match self {
            Self::Refuse(reply) => reply,
            Self::Permit | Self::LoggedIn(_) | Self::TlsStarted(..) | Self::Accepted(_) => reply::LOCAL_ERROR,
        }
    }
}
