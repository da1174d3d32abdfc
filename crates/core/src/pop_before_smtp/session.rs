//! The states of a POP3 session and what leads from one to the next.
//!
//! ```text
//!   Authorization ──USER──▶ Named ──PASS──▶ Verifying ──right──▶ Transaction ──QUIT──▶ closed
//!        │                    └──QUIT──▶ closed  │ wrong
//!        │ STLS ▶ a handshake ▶ Authorization      │
//!        └────────APOP──────────▶ Verifying ─────┴──▶ Authorization, the third time closed
//! ```

use crate::{
    model::{Recorder, Secret},
    pop_before_smtp::{Apop, Logins, PopLogin, PopOffer, Stls},
};

/// The longest command line that is accepted, with its line ending (RFC 2449 4 allows 255; a
/// password may make it longer).
const LINE_LIMIT: usize = 512;
/// The number of wrong logins after which the session ends. The listener limits further sessions by
/// address and user.
const LOGIN_LIMIT: u32 = 3;
/// The number of unknown commands after which the session ends, since the client speaks another
/// protocol.
const ERROR_LIMIT: u32 = 10;
/// The octets of replies after which they are sent before the next command is read.
const REPLIES_LIMIT: usize = 16 * 1024;

/// What the driver must do next.
#[derive(Debug)]
pub enum PopAction {
    /// Send the replies, then read more.
    Read,
    /// Send the replies, discard everything else that was read (RFC 2595 4), perform the handshake,
    /// and call [`PopSession::tls_started`].
    StartTls,
    /// Verify this login. Answer with [`PopSession::answer`].
    Verify(PopLogin),
    /// Send the replies, close the connection.
    Close,
}

/// The driver's answer about a login.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PopAnswer {
    /// The login is right, and its window for sending is open.
    Right,
    /// The login is wrong.
    Wrong,
    /// The login was not verified, because too many have failed recently.
    TooMany,
    /// The login was not verified, because the device must encrypt first.
    EncryptFirst,
}

/// What [`PopSession::advance`] did with the bytes.
#[derive(Debug)]
pub struct PopStep {
    /// The number of octets consumed. The driver offers the rest again.
    pub consumed: usize,
    /// What the driver must do next.
    pub action: PopAction,
}

enum State {
    Authorization,
    Named { user: String },
    Verifying,
    Transaction,
    Closed,
}

const ENCRYPT_FIRST: &str = "-ERR use TLS 1.2 or newer first (encryption of its [[device]])";

/// One device's session, from greeting to close.
pub struct PopSession {
    state: State,
    offer: PopOffer,
    timestamp: String,
    line: Vec<u8>,
    overlong: bool,
    replies: Vec<u8>,
    recorder: Recorder,
    failed_logins: u32,
    errors: u32,
}

impl PopSession {
    /// A session whose greeting is already among the replies. `entropy` makes its timestamp unique
    /// (RFC 1939 7).
    #[must_use]
    pub fn new(hostname: &str, offer: PopOffer, entropy: u64) -> Self {
        let timestamp = format!("<{entropy:016x}@{hostname}>");
        let greeting = match offer.apop {
            // RFC 1939 7: a timestamp in the greeting offers APOP, and some devices then use
            // nothing else.
            Apop::Offered => format!("+OK POP before SMTP ready {timestamp}"),
            Apop::Absent => "+OK POP before SMTP ready".to_owned(),
        };
        let mut session = Self {
            state: State::Authorization,
            offer,
            timestamp,
            line: Vec::new(),
            overlong: false,
            replies: Vec::new(),
            recorder: Recorder::default(),
            failed_logins: 0,
            errors: 0,
        };
        session.reply(&greeting);
        session
    }

    /// Takes bytes from the client. Never blocks. Holds at most one line, and at most one reply
    /// more than their bound.
    pub fn advance(&mut self, input: &[u8]) -> PopStep {
        let mut consumed = 0;
        for octet in input {
            if matches!(self.state, State::Closed) || self.replies.len() > REPLIES_LIMIT {
                break;
            }
            consumed += 1;
            if *octet != b'\n' {
                self.keep(*octet);
                continue;
            }
            let action = self.end_line();
            match action {
                PopAction::Read => {}
                // RFC 2595 4: nothing that was sent in clear counts as sent under TLS.
                PopAction::StartTls => return PopStep { consumed: input.len(), action },
                PopAction::Verify(_) | PopAction::Close => return PopStep { consumed, action },
            }
        }
        let action =
            if matches!(self.state, State::Closed) { PopAction::Close } else { PopAction::Read };
        PopStep { consumed, action }
    }

    /// Takes the driver's answer to the last [`PopAction::Verify`].
    pub fn answer(&mut self, answer: PopAnswer) {
        if !matches!(self.state, State::Verifying) {
            return;
        }
        match answer {
            PopAnswer::Right => {
                self.reply("+OK no messages; mail can be sent now");
                self.state = State::Transaction;
            }
            PopAnswer::Wrong => self.refuse_login("-ERR [AUTH] wrong user name or password"),
            PopAnswer::EncryptFirst => self.refuse_login(ENCRYPT_FIRST),
            // RFC 3206 3: the client does not have to ask its user for another password.
            PopAnswer::TooMany => {
                self.refuse_login("-ERR [SYS/TEMP] too many failed logins; wait a few minutes");
            }
        }
    }

    /// Records that the handshake is done. RFC 2595 4: what was known before is forgotten, and
    /// there is no second greeting.
    pub fn tls_started(&mut self) {
        self.offer.stls = Stls::Absent;
        // The driver checks whether the TLS protects anything when it verifies a login.
        self.offer.logins = Logins::Now;
        self.state = State::Authorization;
    }

    /// The replies that were not sent yet. The driver writes and clears them.
    pub fn replies(&mut self) -> &mut Vec<u8> {
        &mut self.replies
    }

    /// The recorder of the dialogue.
    pub fn recorder(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    fn refuse_login(&mut self, text: &str) {
        self.reply(text);
        self.failed_logins += 1;
        self.state =
            if self.failed_logins >= LOGIN_LIMIT { State::Closed } else { State::Authorization };
    }

    fn keep(&mut self, octet: u8) {
        if self.line.len() < LINE_LIMIT {
            self.line.push(octet);
        } else {
            self.overlong = true;
        }
    }

    fn end_line(&mut self) -> PopAction {
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.overlong) {
            self.recorder.endless_line();
            return self.complain("-ERR line too long");
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        self.recorder.command(&line);
        let text = String::from_utf8_lossy(&line).into_owned();
        let (verb, argument) = text.split_once(' ').unwrap_or((&text, ""));
        let verb = verb.to_ascii_uppercase();
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Authorization => self.authorize(&verb, argument),
            State::Named { user } => self.take_password(user, &verb, argument),
            State::Transaction => self.transact(&verb, argument),
            // The driver does not call while a login is verified. Bytes wait in its buffer.
            State::Verifying => self.remain(State::Verifying, "-ERR wait"),
            State::Closed => PopAction::Close,
        }
    }

    fn authorize(&mut self, verb: &str, argument: &str) -> PopAction {
        match verb {
            "USER" if self.offer.logins == Logins::AfterTls => {
                self.remain(State::Authorization, ENCRYPT_FIRST)
            }
            // The client has sent this without waiting for the answer.
            "PASS" if self.offer.logins == Logins::AfterTls => {
                self.refuse_login(ENCRYPT_FIRST);
                PopAction::Read
            }
            "USER" if !argument.trim().is_empty() => {
                // RFC 1939 7: the reply does not reveal whether the name exists.
                self.remain(State::Named { user: argument.trim().to_owned() }, "+OK send PASS")
            }
            "STLS" if self.offer.stls == Stls::Offered => {
                self.remain(State::Authorization, "+OK begin TLS");
                PopAction::StartTls
            }
            "APOP" if self.offer.apop == Apop::Offered => {
                let mut words = argument.split_whitespace();
                let (Some(user), Some(digest), None) = (words.next(), words.next(), words.next())
                else {
                    self.state = State::Authorization;
                    return self.complain("-ERR APOP takes a name and a digest");
                };
                self.state = State::Verifying;
                let timestamp = self.timestamp.clone();
                PopAction::Verify(PopLogin::Apop {
                    user: user.to_owned(),
                    timestamp,
                    digest: digest.to_owned(),
                })
            }
            _ => self.common(State::Authorization, verb),
        }
    }

    fn take_password(&mut self, user: String, verb: &str, argument: &str) -> PopAction {
        if verb != "PASS" {
            return self.authorize(verb, argument);
        }
        self.state = State::Verifying;
        // RFC 1939 7: the whole argument is the password, blanks included.
        PopAction::Verify(PopLogin::Password { user, password: Secret::new(argument.to_owned()) })
    }

    fn transact(&mut self, verb: &str, argument: &str) -> PopAction {
        let stay = State::Transaction;
        match verb {
            "STAT" => self.remain(stay, "+OK 0 0"),
            "LIST" | "UIDL" if argument.trim().is_empty() => {
                self.remain(stay, "+OK no messages\r\n.")
            }
            "LIST" | "UIDL" | "RETR" | "DELE" | "TOP" => self.remain(stay, "-ERR no such message"),
            "NOOP" | "RSET" => self.remain(stay, "+OK"),
            _ => self.common(stay, verb),
        }
    }

    /// The commands of every state.
    fn common(&mut self, state: State, verb: &str) -> PopAction {
        match verb {
            // RFC 2449 5.
            "CAPA" => {
                let stls = match self.offer.stls {
                    Stls::Offered => "STLS\r\n",
                    Stls::Absent => "",
                };
                // RFC 2595 4: capabilities that may not be used yet are left out.
                let user = match self.offer.logins {
                    Logins::Now => "USER\r\n",
                    Logins::AfterTls => "",
                };
                self.remain(
                    state,
                    &format!("+OK\r\n{user}UIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n{stls}."),
                )
            }
            "QUIT" => {
                self.reply("+OK bye");
                self.state = State::Closed;
                PopAction::Close
            }
            _ => {
                self.state = state;
                self.complain("-ERR not possible here")
            }
        }
    }

    fn remain(&mut self, state: State, text: &str) -> PopAction {
        self.state = state;
        self.reply(text);
        PopAction::Read
    }

    fn complain(&mut self, text: &str) -> PopAction {
        self.reply(text);
        self.errors += 1;
        if self.errors < ERROR_LIMIT {
            return PopAction::Read;
        }
        self.state = State::Closed;
        PopAction::Close
    }

    fn reply(&mut self, text: &str) {
        self.recorder.reply(text.as_bytes());
        self.replies.extend_from_slice(text.as_bytes());
        self.replies.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests;
