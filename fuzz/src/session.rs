//! The session machine: the same for every cut, within its bounds, and never more messages than
//! ends of data.

use std::{collections::BTreeSet, sync::Arc};

use postroom_core::{
    model::{ByteSize, EnhancedCode, MessageId, Reply, Timestamp, TlsVersion},
    smtp::{
        Action, Answer, EndOfData, Login, Mechanism, NoLogin, Question, Quirk, Session,
        SessionSettings, SessionStep, StartTls, body::CHUNK,
    },
};

use super::{Input, assert_clean, count};

/// Octets of replies that may wait to be sent: the bound, and the longest answer.
const REPLIES_LIMIT: usize = 18 * 1024;

struct Kept(MessageId);

impl AsRef<MessageId> for Kept {
    fn as_ref(&self) -> &MessageId {
        &self.0
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Outcome {
    replies: Vec<String>,
    texts: Vec<Vec<u8>>,
    quirks: BTreeSet<Quirk>,
    closed: bool,
}

/// Plays the octets against a session.
pub fn check(input: &[u8]) {
    let Some(input) = Input::read(input).filter(|input| !input.octets.is_empty()) else { return };
    let settings = settings(&input);
    let seen = Driver::play(&settings, &input.pieces());
    let ends = ends_of_data(input.octets) + usize::from(input.option(0));
    assert!(seen.texts.len() <= ends, "{} messages from {ends} ends of data", seen.texts.len());
    for text in &seen.texts {
        assert_clean(text);
        assert!(u64::try_from(text.len()).unwrap_or(u64::MAX) <= settings.max_message.octets());
    }
    // What is sent ahead of STARTTLS is thrown away, so there the cut does matter.
    if settings.starttls == StartTls::Absent {
        let waiting = Driver::play(&settings, &input.octets.chunks(1).collect::<Vec<_>>());
        assert_same_or_broken_off(&seen, &waiting);
    }
}

/// A client that sends ahead may be disconnected where one that waits is not (text after a refused
/// DATA, BDAT), but never the other way round.
fn assert_same_or_broken_off(ahead: &Outcome, waiting: &Outcome) {
    assert!(ahead.closed || !waiting.closed);
    if ahead.closed == waiting.closed && ahead.replies == waiting.replies {
        assert_eq!(ahead, waiting, "the cut matters");
        return;
    }
    assert!(ahead.closed && waiting.texts.starts_with(&ahead.texts), "{ahead:?}\n{waiting:?}");
    let last = ahead.replies.len().saturating_sub(1);
    assert!(ahead.replies.get(..last) == waiting.replies.get(..last), "{ahead:?}\n{waiting:?}");
    assert!(
        ahead.replies.get(last).is_some_and(|reply| reply.starts_with(['4', '5'])),
        "{ahead:?}"
    );
}

/// CRLF.CRLF, and the dot that follows DATA at once, whatever ended that.
fn ends_of_data(octets: &[u8]) -> usize {
    let empty = octets.split(|octet| *octet == b'\n').collect::<Vec<_>>();
    let says_data = |line: &[u8]| {
        // A lone CR in a command is passed over.
        let line: Vec<u8> =
            line.iter().filter(|octet| **octet != b'\r').map(u8::to_ascii_uppercase).collect();
        line.windows(4).any(|word| word == b"DATA")
    };
    let empty = empty
        .windows(2)
        .filter(|pair| !pair[0].ends_with(b"\r") && pair[1] == b".\r" && says_data(pair[0]));
    count(octets, b"\r\n.\r\n") + empty.count()
}

fn settings(input: &Input<'_>) -> Arc<SessionSettings> {
    let (lone_lf, starttls, no_login, small, hidden) =
        (input.option(0), input.option(1), input.option(2), input.option(3), input.option(4));
    let mechanisms =
        vec![Mechanism::CramMd5, Mechanism::DigestMd5, Mechanism::Plain, Mechanism::Login];
    Arc::new(SessionSettings {
        hostname: "postroom.example".to_owned(),
        max_message: ByteSize::from_octets(if small { 30 } else { 200_000 }),
        max_recipients: 3,
        starttls: if starttls { StartTls::Offered } else { StartTls::Absent },
        mechanisms: if no_login { Vec::new() } else { mechanisms },
        no_login: if starttls { NoLogin::InClear } else { NoLogin::Never },
        hide_extensions: if hidden {
            vec!["PIPELINING".to_owned(), "SIZE".to_owned()]
        } else {
            Vec::new()
        },
        end_of_data: if lone_lf { EndOfData::LoneLfThenClose } else { EndOfData::Strict },
    })
}

/// A driver whose answers depend on the words alone.
struct Driver {
    settings: Arc<SessionSettings>,
    session: Session<Kept>,
    text: Vec<u8>,
    full: bool,
    outcome: Outcome,
    replies: Vec<u8>,
}

impl Driver {
    fn play(settings: &Arc<SessionSettings>, pieces: &[&[u8]]) -> Outcome {
        let session = Session::new(Arc::clone(settings), None, 1);
        let mut driver = Self {
            settings: Arc::clone(settings),
            session,
            text: Vec::new(),
            full: false,
            outcome: Outcome::default(),
            replies: Vec::new(),
        };
        for piece in pieces {
            driver.feed(piece);
            if driver.outcome.closed {
                break;
            }
        }
        let quirks = driver.session.quirks().iter().copied();
        driver.outcome.quirks =
            quirks.filter(|quirk| *quirk != Quirk::UnannouncedPipelining).collect();
        driver.outcome.replies = String::from_utf8(driver.replies)
            .expect("replies are text")
            .lines()
            .map(str::to_owned)
            .collect();
        driver.outcome
    }

    fn feed(&mut self, piece: &[u8]) {
        let mut rest = piece;
        loop {
            let offered = rest.len();
            let SessionStep { consumed, action } = self.session.advance(rest);
            rest = &rest[consumed..];
            match action {
                Action::Read => {
                    self.take_replies();
                    if rest.is_empty() {
                        return;
                    }
                }
                Action::StartTls => {
                    // RFC 3207 4.2: nothing that was sent in clear is left.
                    assert_eq!(consumed, offered);
                    self.session.answer(Answer::TlsStarted {
                        version: TlsVersion::Tls12,
                        settings: Arc::clone(&self.settings),
                    });
                }
                Action::Ask(question) => {
                    let answer = self.decide(question);
                    self.session.answer(answer);
                }
                Action::OpenMessage(transaction) => {
                    assert!(
                        !transaction.recipients.is_empty() && transaction.recipients.len() <= 3
                    );
                    let sender = transaction.sender.to_string();
                    self.full = sender.starts_with("full");
                    self.session.answer(verdict(&sender));
                }
                Action::WriteBody => {
                    assert!(self.session.body().len() <= CHUNK);
                    self.text.extend_from_slice(self.session.body());
                    if self.full {
                        self.text.clear();
                        self.session.answer(Answer::Refuse(Reply::fixed(
                            452,
                            EnhancedCode(4, 3, 1),
                            "Full",
                        )));
                    }
                }
                Action::Commit => {
                    self.outcome.texts.push(std::mem::take(&mut self.text));
                    self.session.answer(Answer::Accepted(Kept(MessageId::new(Timestamp::ZERO, 0))));
                }
                Action::Discard => self.text.clear(),
                Action::Close => {
                    self.take_replies();
                    self.outcome.closed = true;
                    return;
                }
            }
        }
    }

    fn take_replies(&mut self) {
        assert!(self.session.replies().len() <= REPLIES_LIMIT);
        self.replies.append(self.session.replies());
    }

    fn decide(&self, question: Question) -> Answer<Kept> {
        match question {
            Question::Sender { sender, .. } => verdict(&sender.to_string()),
            Question::Recipient(address) => verdict(address.as_str()),
            Question::Login(Login::Password { user, password })
                if user == "a" && password.expose() == "b" =>
            {
                Answer::LoggedIn { user, settings: Arc::clone(&self.settings) }
            }
            Question::Login(_) => Answer::Refuse(Reply::fixed(535, EnhancedCode(5, 7, 8), "No")),
        }
    }
}

fn verdict(address: &str) -> Answer<Kept> {
    match address.as_bytes().first() {
        Some(b'5') => Answer::Refuse(Reply::fixed(550, EnhancedCode(5, 7, 1), "No")),
        Some(b'4') => Answer::Refuse(Reply::fixed(450, EnhancedCode(4, 7, 1), "Not now")),
        Some(b'1') => Answer::Refuse(Reply::fixed(421, EnhancedCode(4, 3, 2), "Away")),
        Some(_) | None => Answer::Permit,
    }
}
