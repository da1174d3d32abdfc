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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: PopOffer =
        PopOffer { apop: Apop::Offered, stls: Stls::Offered, logins: Logins::Now };

    /// Plays `input` in chunks of `step` octets, and answers each login with the next of `answers`.
    /// Returns the replies.
    fn play(input: &str, step: usize, answers: &[PopAnswer]) -> (String, Vec<String>, bool) {
        let mut session = PopSession::new("postroom.example", ALL, 0x2a);
        let mut answers = answers.iter();
        let mut logins = Vec::new();
        let mut replies = String::new();
        for chunk in input.as_bytes().chunks(step) {
            let mut rest = chunk;
            loop {
                let PopStep { consumed, action } = session.advance(rest);
                rest = &rest[consumed..];
                match action {
                    PopAction::Read if rest.is_empty() => break,
                    PopAction::Read => replies.push_str(&text(&mut session)),
                    PopAction::Close => return (replies + &text(&mut session), logins, true),
                    PopAction::StartTls => session.tls_started(),
                    PopAction::Verify(login) => {
                        logins.push(login.user().to_owned());
                        session.answer(*answers.next().unwrap());
                    }
                }
            }
        }
        (replies + &text(&mut session), logins, false)
    }

    fn text(session: &mut PopSession) -> String {
        String::from_utf8(std::mem::take(session.replies())).unwrap()
    }

    fn check(input: &str, answers: &[PopAnswer], replies: &str, closed: bool) {
        let greeting = "+OK POP before SMTP ready <000000000000002a@postroom.example>\r\n";
        for step in [1, 2, 3, 7, 4096] {
            let (seen, _, ended) = play(input, step, answers);
            assert_eq!(seen, format!("{greeting}{replies}"), "in steps of {step}");
            assert_eq!(ended, closed);
        }
    }

    #[test]
    fn a_printer_logs_in_looks_and_leaves() {
        check(
            "USER mfp1\r\nPASS secret word\r\nSTAT\r\nLIST\r\nQUIT\r\n",
            &[PopAnswer::Right],
            "+OK send PASS\r\n+OK no messages; mail can be sent now\r\n+OK 0 0\r\n+OK no \
            messages\r\n.\r\n+OK bye\r\n",
            true,
        );
    }

    #[test]
    fn apop_carries_the_timestamp_of_the_greeting() {
        let mut session = PopSession::new("postroom.example", ALL, 1);
        let step = session.advance(b"APOP mfp1 c4c9334bac560ecc979e58001b3e22fb\r\n");
        let PopAction::Verify(PopLogin::Apop { user, timestamp, digest }) = step.action else {
            panic!("no APOP login was asked about");
        };
        assert_eq!(
            (user.as_str(), timestamp.as_str()),
            ("mfp1", "<0000000000000001@postroom.example>")
        );
        assert_eq!(digest, "c4c9334bac560ecc979e58001b3e22fb");
    }

    #[test]
    fn apop_is_neither_shown_nor_taken_where_a_password_is_not_known_in_clear() {
        let mut session =
            PopSession::new("postroom.example", PopOffer { apop: Apop::Absent, ..ALL }, 1);
        let step = session.advance(b"APOP mfp1 c4c9334bac560ecc979e58001b3e22fb\r\n");
        assert!(matches!(step.action, PopAction::Read));
        assert_eq!(text(&mut session), "+OK POP before SMTP ready\r\n-ERR not possible here\r\n");
    }

    #[test]
    fn what_was_sent_before_the_handshake_is_not_taken_for_encrypted() {
        let mut session = PopSession::new("postroom.example", ALL, 1);
        let input = b"CAPA\r\nUSER evil\r\nSTLS\r\nPASS x\r\n";
        let step = session.advance(input);
        assert!(matches!(step.action, PopAction::StartTls));
        assert_eq!(step.consumed, input.len());
        assert!(
            text(&mut session).ends_with("\r\nSTLS\r\n.\r\n+OK send PASS\r\n+OK begin TLS\r\n")
        );
        session.tls_started();
        session.advance(b"PASS x\r\nSTLS\r\nCAPA\r\n");
        let capa = "+OK\r\nUSER\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n.\r\n";
        assert_eq!(
            text(&mut session),
            format!("-ERR not possible here\r\n-ERR not possible here\r\n{capa}")
        );
    }

    #[test]
    fn the_third_wrong_login_ends_the_session() {
        let once = "USER a\r\nPASS b\r\n";
        let reply = "+OK send PASS\r\n-ERR [AUTH] wrong user name or password\r\n";
        check(&once.repeat(4), &[PopAnswer::Wrong; 3], &reply.repeat(3), true);
    }

    #[test]
    fn bare_line_feeds_and_any_letter_case_will_do() {
        check(
            "user a\npass b\nquit\n",
            &[PopAnswer::Right],
            "+OK send PASS\r\n+OK no messages; mail can be sent now\r\n+OK bye\r\n",
            true,
        );
    }

    #[test]
    fn nothing_can_be_read_or_deleted() {
        check("RETR 1\r\n", &[], "-ERR not possible here\r\n", false);
        check(
            "USER a\r\nPASS b\r\nRETR 1\r\nDELE 1\r\n",
            &[PopAnswer::Right],
            "+OK send PASS\r\n+OK no messages; mail can be sent now\r\n-ERR no such \
            message\r\n-ERR no such message\r\n",
            false,
        );
    }

    #[test]
    fn an_endless_line_costs_one_bound_and_is_refused() {
        let long = format!("USER {}\r\nQUIT\r\n", "a".repeat(10_000));
        check(&long, &[], "-ERR line too long\r\n+OK bye\r\n", true);
    }

    #[test]
    fn replies_are_sent_before_they_pile_up() {
        let mut session = PopSession::new("postroom.example", ALL, 1);
        let burst = "CAPA\n".repeat(10_000);
        let step = session.advance(burst.as_bytes());
        assert!(matches!(step.action, PopAction::Read) && step.consumed < burst.len());
        assert!(session.replies().len() < REPLIES_LIMIT + 200);
        check(&"NOOP\r\n".repeat(9), &[], &"-ERR not possible here\r\n".repeat(9), false);
    }

    #[test]
    fn a_client_that_talks_something_else_is_shown_out() {
        check(
            &"GET / HTTP/1.1\r\n".repeat(12),
            &[],
            &"-ERR not possible here\r\n".repeat(10),
            true,
        );
    }

    proptest! {
        #[test]
        fn no_input_panics_or_keeps_more_than_a_line(input in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let mut session = PopSession::new("h", ALL, 0);
            let mut rest = input.as_slice();
            for _ in 0..5000 {
                let step = session.advance(rest);
                rest = &rest[step.consumed..];
                match step.action {
                    PopAction::Verify(_) => session.answer(PopAnswer::Wrong),
                    PopAction::StartTls => session.tls_started(),
                    PopAction::Read | PopAction::Close => break,
                }
                prop_assert!(session.line.len() <= LINE_LIMIT);
            }
        }
    }

    #[test]
    fn who_must_encrypt_is_not_asked_for_a_password_before() {
        let offer = PopOffer { apop: Apop::Absent, logins: Logins::AfterTls, ..ALL };
        let mut session = PopSession::new("postroom.example", offer, 1);
        session.advance(b"CAPA\r\nUSER mfp1\r\n");
        let said = String::from_utf8(session.replies().clone()).unwrap();
        assert!(
            !said.contains('<')
                && !said.contains("\r\nUSER\r\n")
                && said.ends_with(
                    "-ERR use TLS 1.2 or newer first (encryption of its [[device]])\r\n"
                ),
            "{said}"
        );
        session.replies().clear();
        session.tls_started();
        session.advance(b"CAPA\r\nUSER mfp1\r\n");
        let said = String::from_utf8(session.replies().clone()).unwrap();
        assert!(said.contains("\r\nUSER\r\n") && said.ends_with("+OK send PASS\r\n"), "{said}");
    }
}
