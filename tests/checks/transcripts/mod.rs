//! Plays `tests/transcripts/*.smtp` against the session machine: as written, byte by byte, and all
//! at once. The replies, the stored messages and the quirks must be the same. How to read and write
//! one is in `tests/transcripts/README.md`.

mod script;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use self::script::{Event, Outcome, Pieces, Script};
use postroom::{
    message::{Edits, FirstLine, Inspection},
    model::{
        BodyKind, MailParameters, MessageId, Recipient, Reply, ReversePath, Secret, Timestamp,
        TlsVersion,
    },
    pop_before_smtp::{Apop, Logins, PopAction, PopAnswer, PopLogin, PopOffer, PopSession, Stls},
    smtp::{
        Action, Answer, Login, Question, Quirk, Session, SessionStep, Transaction,
        auth::verify_cram_md5,
    },
};
use postroom_core::fuzzing::edited;

#[test]
fn every_transcript_plays_as_written_whatever_the_pieces() {
    let files = transcripts("smtp");
    assert!(files.len() >= 100, "transcripts are gone");
    let failed: Vec<_> = files
        .iter()
        .filter(|path| !plays(path, |script, pieces| Stage::play(script, pieces)))
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_pop_transcript_plays_as_written_whatever_the_pieces() {
    let files = transcripts("pop");
    assert!(files.len() >= 5, "transcripts are gone");
    let failed: Vec<_> = files.iter().filter(|path| !plays(path, play_pop)).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn the_page_names_every_transcript_every_row_and_every_quirk() {
    let page = fs::read_to_string("tests/transcripts/README.md").unwrap();
    let files = [transcripts("smtp"), transcripts("pop")].concat();
    let names = files.iter().map(|path| path.file_name().unwrap().to_str().unwrap());
    let is_named = |name: &str| page.contains(&format!("`{name}`"));
    let missing: Vec<&str> = names.filter(|name| !is_named(name)).collect();
    assert!(missing.is_empty(), "not in the table: {missing:#?}");
    let named = page.split('`').filter(|word| word.ends_with(".smtp") || word.ends_with(".pop"));
    let gone: Vec<&str> = named
        .filter(|name| !name.contains('*') && !Path::new("tests/transcripts").join(name).exists())
        .collect();
    assert!(gone.is_empty(), "there is no such file: {gone:#?}");
    assert!((1..=33).all(|row| page.contains(&format!("\n| {row} |"))), "a row is missing");
    let unseen: Vec<&str> =
        Quirk::ALL.iter().map(|quirk| quirk.name()).filter(|name| !is_named(name)).collect();
    assert!(unseen.is_empty(), "no row leaves the quirk {unseen:?}");
}

fn transcripts(extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir("tests/transcripts").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

fn plays(path: &Path, play: fn(&Script, Pieces) -> Outcome) -> bool {
    let script = Script::read(path);
    let mut good = true;
    for pieces in [Pieces::AsWritten, Pieces::Octets, Pieces::AllAtOnce] {
        if !script.allows(pieces) {
            continue;
        }
        let mut expected = script.expected.clone();
        let mut seen = play(&script, pieces);
        if pieces != Pieces::AsWritten {
            // How much comes in one read is what this one is about.
            expected.quirks.remove("unannounced_pipelining");
            seen.quirks.remove("unannounced_pipelining");
        }
        if expected.sent.is_empty() {
            // Its messages stand for any: how they are written is not what this one is about.
            seen.sent.clear();
        }
        if seen != expected {
            eprintln!(
                "{} ({pieces:?})\n--- expected\n{expected}\n--- seen\n{seen}",
                path.display()
            );
            good = false;
        }
    }
    good
}

/// Only here can a message be called safe without a disk.
struct Kept(MessageId);

impl AsRef<MessageId> for Kept {
    fn as_ref(&self) -> &MessageId {
        &self.0
    }
}

/// A driver that follows the script's rules.
struct Stage<'a> {
    script: &'a Script,
    session: Session<Kept>,
    text: Vec<u8>,
    sender: ReversePath,
    replies: Vec<u8>,
    outcome: Outcome,
}

/// A POP session whose logins are checked against the script's users.
fn play_pop(script: &Script, pieces: Pieces) -> Outcome {
    let mut session = PopSession::new(
        &script.settings.hostname,
        PopOffer { apop: Apop::Offered, stls: Stls::Absent, logins: Logins::Now },
        1,
    );
    let mut replies = Vec::new();
    let mut closed = false;
    for event in script.cut(pieces) {
        let Event::Octets(octets) = event else { continue };
        let mut rest = octets.as_slice();
        while !closed {
            let step = session.advance(rest);
            rest = &rest[step.consumed..];
            match step.action {
                PopAction::Read if rest.is_empty() => break,
                PopAction::Read => {}
                PopAction::StartTls => session.tls_started(),
                PopAction::Verify(login) => session.answer(pop_answer(script, &login)),
                PopAction::Close => closed = true,
            }
        }
        replies.append(session.replies());
    }
    let replies = String::from_utf8(replies).unwrap().lines().map(str::to_owned).collect();
    Outcome { replies, closed, ..Outcome::default() }
}

fn pop_answer(script: &Script, login: &PopLogin) -> PopAnswer {
    let is_right = |(user, password): &(String, String)| {
        let secret = Secret::new(password.clone());
        login.user() == user
            && match login {
                PopLogin::Password { password, .. } => password.expose() == secret.expose(),
                PopLogin::Apop { timestamp, digest, .. } => {
                    PopLogin::apop_matches(timestamp, digest, &secret)
                }
            }
    };
    if script.rules.users.iter().any(is_right) { PopAnswer::Right } else { PopAnswer::Wrong }
}

impl<'a> Stage<'a> {
    fn play(script: &'a Script, pieces: Pieces) -> Outcome {
        let session = Session::new(Arc::new(script.settings.clone()), script.tls, 1);
        let mut stage = Self {
            script,
            session,
            text: Vec::new(),
            sender: ReversePath::Null,
            replies: Vec::new(),
            outcome: Outcome::default(),
        };
        stage.feed(&[]);
        for event in script.cut(pieces) {
            if stage.outcome.closed {
                break;
            }
            match event {
                Event::Octets(octets) => stage.feed(&octets),
                Event::Silence => stage.close_after(Session::time_out),
                Event::HangUp => stage.close_after(Session::hang_up),
                Event::Stop => {
                    stage.session.shut_down();
                    stage.feed(&[]);
                }
                Event::Pause => {}
            }
        }
        stage
            .outcome
            .quirks
            .extend(stage.session.quirks().iter().map(|quirk| quirk.name().to_owned()));
        stage.outcome.replies =
            String::from_utf8(stage.replies).unwrap().lines().map(str::to_owned).collect();
        stage.outcome
    }

    fn close_after(&mut self, event: fn(&mut Session<Kept>) -> Action) {
        assert!(matches!(event(&mut self.session), Action::Close));
        self.replies.append(self.session.replies());
        self.outcome.closed = true;
    }

    fn feed(&mut self, input: &[u8]) {
        let mut rest = input;
        loop {
            let SessionStep { consumed, action } = self.session.advance(rest);
            rest = &rest[consumed..];
            match action {
                Action::Read => {
                    self.replies.append(self.session.replies());
                    if rest.is_empty() {
                        return;
                    }
                }
                Action::StartTls => {
                    rest = &[];
                    let settings = Arc::new(self.script.settings.clone());
                    self.session
                        .answer(Answer::TlsStarted { version: TlsVersion::Tls13, settings });
                }
                Action::Ask(question) => self.decide(question),
                Action::OpenMessage(transaction) => {
                    self.outcome.envelopes.push(envelope(&transaction));
                    self.sender = transaction.sender.clone();
                    self.session.answer(verdict(self.script.rules.on_open.clone()));
                }
                Action::WriteBody => {
                    self.text.extend_from_slice(self.session.body());
                    if let Some(refusal) = &self.script.rules.on_write {
                        self.text.clear();
                        self.session.answer(Answer::Refuse(refusal.clone()));
                    }
                }
                Action::Commit => self.commit(),
                Action::Discard => self.text.clear(),
                Action::Close => {
                    self.replies.append(self.session.replies());
                    self.outcome.closed = true;
                    return;
                }
            }
        }
    }

    fn commit(&mut self) {
        let text = self.without_odd_beginning();
        let answer = match &self.script.rules.on_commit {
            Some(refusal) => Answer::Refuse(refusal.clone()),
            None => {
                self.outcome.messages.push(lines(&text));
                self.send(&text);
                Answer::Accepted(Kept(MessageId::new(Timestamp::ZERO, 0)))
            }
        };
        self.session.answer(answer);
    }

    /// As it is stored below our own field.
    fn without_odd_beginning(&mut self) -> Vec<u8> {
        let text = std::mem::take(&mut self.text);
        let first = FirstLine::of(&text);
        if !self.script.expected.sent.is_empty() {
            self.outcome.quirks.extend(first.quirk().map(|quirk| quirk.name().to_owned()));
        }
        let (before, kept) = first.stored(&text);
        [before, kept].concat()
    }

    /// As the account sends it on, and what of it is noted for the device.
    fn send(&mut self, text: &[u8]) {
        if !self.script.expected.sent.is_empty() {
            let mut inspection = Inspection::default();
            inspection.read(text);
            self.outcome
                .quirks
                .extend(inspection.quirks().into_iter().map(|quirk| quirk.name().to_owned()));
        }
        let edits = Edits {
            id: MessageId::new(Timestamp::ZERO, 0),
            received: Timestamp::ZERO,
            hostname: self.script.settings.hostname.clone(),
            fallback: self.sender.mailbox().cloned(),
            identity: self.script.identity.clone(),
            sender: None,
        };
        self.outcome.sent.push(lines(&edited(text, &edits, 1000)));
    }

    fn decide(&mut self, question: Question) {
        let rules = &self.script.rules;
        let refused = |rules: &[(String, Reply)], who: &str| {
            rules.iter().find(|(address, _)| address == who).map(|(_, reply)| reply.clone())
        };
        let answer = match question {
            Question::Sender { sender, .. } => {
                verdict(refused(&rules.senders, &sender.to_string()))
            }
            Question::Recipient(address) => verdict(refused(&rules.recipients, address.as_str())),
            Question::Login(login) => {
                match rules.users.iter().find(|(user, password)| is_right(&login, user, password)) {
                    Some((user, _)) => Answer::LoggedIn {
                        user: user.clone(),
                        settings: Arc::new(self.script.settings.clone()),
                    },
                    None => {
                        Answer::Refuse(Reply::new(535, "5.7.8 Authentication credentials invalid"))
                    }
                }
            }
        };
        self.session.answer(answer);
    }
}

fn lines(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).split_terminator("\r\n").map(str::to_owned).collect()
}

fn verdict(refusal: Option<Reply>) -> Answer<Kept> {
    refusal.map_or(Answer::Permit, Answer::Refuse)
}

fn is_right(login: &Login, user: &str, password: &str) -> bool {
    let secret = Secret::new(password.to_owned());
    match login {
        Login::Password { user: given, password: sent } => {
            given == user && sent.expose() == password
        }
        Login::CramMd5 { user: given, challenge, digest } => {
            given == user && verify_cram_md5(challenge, digest, &secret)
        }
        Login::DigestMd5(response) => response.user() == user && response.verify(&secret),
    }
}

/// `<sender> options: <recipient> options, <recipient> options`
fn envelope(transaction: &Transaction) -> String {
    let Transaction { sender, recipients, parameters, declared_size } = transaction;
    let MailParameters { body, smtputf8, ret, envid } = parameters;
    let mut words = vec![format!("<{sender}>")];
    words.extend((*body != BodyKind::SevenBit).then(|| "8bit".to_owned()));
    words.extend(smtputf8.then(|| "utf8".to_owned()));
    words.extend(ret.map(|ret| format!("{ret:?}").to_lowercase()));
    words.extend(envid.clone());
    words.extend(declared_size.map(|size| format!("size={}", size.octets())));
    let recipients: Vec<String> = recipients.iter().map(recipient).collect();
    format!("{}: {}", words.join(" "), recipients.join(", "))
}

fn recipient(Recipient { address, notify, orcpt }: &Recipient) -> String {
    let mut words = vec![format!("<{address}>")];
    if let Some(notify) = notify {
        let named =
            [("success", notify.success), ("failure", notify.failure), ("delay", notify.delay)];
        let named: Vec<&str> =
            named.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect();
        words.push(if named.is_empty() { "never".to_owned() } else { named.join("+") });
    }
    words.extend(orcpt.clone());
    words.join(" ")
}
