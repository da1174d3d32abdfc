//! Plays `tests/transcripts/*.smtp` against the session machine: as written, byte by byte, and all at once. The replies,
//! the stored messages and the quirks must be the same. How to read and write one is in `tests/transcripts/README.md`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a broken helper should stop the test"
)]

#[path = "support/script.rs"]
mod script;

use std::{fs, path::Path, sync::Arc};

use crate::script::{Event, Outcome, Pieces, Script};
use postroom::{
    model::{BodyKind, MessageId, Recipient, Reply, Secret, Timestamp, TlsVersion},
    smtp::{Action, Answer, Login, Question, Session, Step, Transaction, auth::verify_cram_md5},
};

#[test]
fn every_transcript_plays_as_written_whatever_the_pieces() {
    let mut files: Vec<_> = fs::read_dir("tests/transcripts").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "smtp"));
    files.sort();
    assert!(files.len() >= 30, "the transcripts are gone");
    let failed: Vec<_> = files.iter().filter(|path| !plays(path)).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

fn plays(path: &Path) -> bool {
    let script = Script::read(path);
    let mut good = true;
    for pieces in [Pieces::AsWritten, Pieces::Octets, Pieces::AllAtOnce] {
        if !script.allows(pieces) {
            continue;
        }
        let mut expected = script.expected.clone();
        let mut seen = Stage::play(&script, pieces);
        if pieces != Pieces::AsWritten {
            // How much comes in one read is what this one is about.
            expected.quirks.remove("unannounced_pipelining");
            seen.quirks.remove("unannounced_pipelining");
        }
        if seen != expected {
            eprintln!("{} ({pieces:?})\n--- expected\n{expected}\n--- seen\n{seen}", path.display());
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
    replies: Vec<u8>,
    outcome: Outcome,
}

impl<'a> Stage<'a> {
    fn play(script: &'a Script, pieces: Pieces) -> Outcome {
        let session = Session::new(Arc::new(script.settings.clone()), script.tls, 1);
        let mut stage = Self { script, session, text: Vec::new(), replies: Vec::new(), outcome: Outcome::default() };
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
        stage.outcome.quirks = stage.session.quirks().iter().map(|quirk| quirk.name().to_owned()).collect();
        stage.outcome.replies = String::from_utf8(stage.replies).unwrap().lines().map(str::to_owned).collect();
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
            let Step { consumed, action } = self.session.advance(rest);
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
                    self.session.answer(Answer::TlsStarted { version: TlsVersion::Tls13, settings });
                }
                Action::Ask(question) => self.decide(question),
                Action::OpenMessage(transaction) => {
                    self.outcome.envelopes.push(envelope(&transaction));
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
        let text = String::from_utf8_lossy(&std::mem::take(&mut self.text)).into_owned();
        let answer = match &self.script.rules.on_commit {
            Some(refusal) => Answer::Refuse(refusal.clone()),
            None => {
                self.outcome.messages.push(text.split_terminator("\r\n").map(str::to_owned).collect());
                Answer::Accepted(Kept(MessageId::new(Timestamp::ZERO, 0)))
            }
        };
        self.session.answer(answer);
    }

    fn decide(&mut self, question: Question) {
        let rules = &self.script.rules;
        let refused =
            |rules: &[(String, Reply)], who: &str| rules.iter().find(|(address, _)| address == who).map(|(_, reply)| reply.clone());
        let answer = match question {
            Question::Sender { sender, .. } => verdict(refused(&rules.senders, &sender.to_string())),
            Question::Recipient(address) => verdict(refused(&rules.recipients, address.as_str())),
            Question::Login(login) => match rules.users.iter().find(|(user, password)| is_right(&login, user, password)) {
                Some((user, _)) => Answer::LoggedIn { user: user.clone(), settings: Arc::new(self.script.settings.clone()) },
                None => Answer::Refuse(Reply::new(535, "5.7.8 Authentication credentials invalid")),
            },
        };
        self.session.answer(answer);
    }
}

fn verdict(refusal: Option<Reply>) -> Answer<Kept> {
    refusal.map_or(Answer::Permit, Answer::Refuse)
}

fn is_right(login: &Login, user: &str, password: &str) -> bool {
    let secret = Secret::new(password.to_owned());
    match login {
        Login::Password { user: given, password: sent } => given == user && sent.expose() == password,
        Login::CramMd5 { user: given, challenge, digest } => given == user && verify_cram_md5(challenge, digest, &secret),
        Login::DigestMd5(response) => response.user() == user && response.verify(&secret),
    }
}

/// `<sender> options: <recipient> options, <recipient> options`
fn envelope(transaction: &Transaction) -> String {
    let Transaction { sender, recipients, body, smtputf8, ret, envid, declared_size } = transaction;
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
        let named = [("success", notify.success), ("failure", notify.failure), ("delay", notify.delay)];
        let named: Vec<&str> = named.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect();
        words.push(if named.is_empty() { "never".to_owned() } else { named.join("+") });
    }
    words.extend(orcpt.clone());
    words.join(" ")
}
