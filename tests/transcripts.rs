//! Plays `tests/transcripts/*.smtp` against the session machine: as written, byte by byte, and all at once. The replies,
//! the stored messages and the quirks must be the same. How to read and write one is in `tests/transcripts/README.md`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a broken helper should stop the test"
)]

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use postroom::{
    model::{ByteSize, MessageId, Recipient, Reply, Secret, Timestamp, TlsVersion},
    smtp::{
        Action, Answer, EndOfData, Login, Mechanism, Question, Session, SessionSettings, StartTls, Step, Transaction,
        auth::verify_cram_md5, reply,
    },
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

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Pieces {
    AsWritten,
    Octets,
    AllAtOnce,
}

/// What a session comes to.
#[derive(Clone, PartialEq, Eq, Default)]
struct Outcome {
    replies: Vec<String>,
    envelopes: Vec<String>,
    messages: Vec<Vec<String>>,
    quirks: BTreeSet<String>,
    closed: bool,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.replies.iter().try_for_each(|line| writeln!(f, "S: {line}"))?;
        self.envelopes.iter().try_for_each(|line| writeln!(f, "> {line}"))?;
        for message in &self.messages {
            writeln!(f, "=-")?;
            message.iter().try_for_each(|line| writeln!(f, "= {}", line.escape_debug()))?;
        }
        self.quirks.iter().try_for_each(|quirk| writeln!(f, "? {quirk}"))?;
        writeln!(f, "closed: {}", self.closed)
    }
}

/// One transcript, read.
struct Script {
    events: Vec<Event>,
    expected: Outcome,
    settings: SessionSettings,
    tls: Option<TlsVersion>,
    rules: Rules,
    cuts: Cuts,
}

/// Which pieces a transcript is played in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cuts {
    Every,
    NotAllAtOnce,
    OnlyAsWritten,
}

/// What the driver will say.
#[derive(Default)]
struct Rules {
    senders: Vec<(String, Reply)>,
    recipients: Vec<(String, Reply)>,
    users: Vec<(String, String)>,
    on_open: Option<Reply>,
    on_write: Option<Reply>,
    on_commit: Option<Reply>,
}

/// What happens to the session, in order.
enum Event {
    Octets(Vec<u8>),
    /// The server speaks: what the client sends next comes in another read.
    Pause,
    Silence,
    Stop,
    HangUp,
}

impl Script {
    fn read(path: &Path) -> Self {
        let mut script = Self {
            events: Vec::new(),
            expected: Outcome::default(),
            settings: SessionSettings {
                hostname: "postroom.example".to_owned(),
                max_message: ByteSize::from_mebibytes(50),
                max_recipients: 100,
                starttls: StartTls::Absent,
                mechanisms: Vec::new(),
                hide_extensions: Vec::new(),
                end_of_data: EndOfData::Strict,
            },
            tls: None,
            rules: Rules::default(),
            cuts: Cuts::Every,
        };
        let mut in_message = false;
        for line in fs::read_to_string(path).unwrap().lines() {
            let (mark, text) = line.split_at_checked(2).unwrap_or((line, ""));
            let text = text.strip_prefix(' ').unwrap_or(text);
            if !mark.starts_with('=') {
                in_message = false;
            }
            match mark {
                "" | "# " | "#" => {}
                "S:" => {
                    script.events.push(Event::Pause);
                    script.expected.replies.push(text.to_owned());
                }
                "C:" => script.events.push(Event::Octets([unescape(text), b"\r\n".to_vec()].concat())),
                "C~" => script.events.extend([Event::Octets(unescape(text)), Event::Pause]),
                "=-" => script.expected.messages.push(Vec::new()),
                "= " | "=" => {
                    if !in_message {
                        script.expected.messages.push(Vec::new());
                    }
                    in_message = true;
                    let line = String::from_utf8_lossy(&unescape(line.get(2..).unwrap_or_default())).into_owned();
                    script.expected.messages.last_mut().unwrap().push(line);
                }
                "> " => script.expected.envelopes.push(line[2..].to_owned()),
                "? " => drop(script.expected.quirks.insert(line[2..].to_owned())),
                "! " => script.direct(&line[2..]),
                _ => panic!("{}: what is {line:?}?", path.display()),
            }
        }
        script
    }

    fn direct(&mut self, directive: &str) {
        let words: Vec<&str> = directive.split(' ').collect();
        match words.as_slice() {
            ["starttls"] => self.settings.starttls = StartTls::Offered,
            ["tls"] => self.tls = Some(TlsVersion::Tls12),
            ["mechanisms", names @ ..] => self.settings.mechanisms = names.iter().map(|name| mechanism(name)).collect(),
            ["user", user, password] => self.rules.users.push(((*user).to_owned(), (*password).to_owned())),
            ["hide", keyword] => self.settings.hide_extensions.push((*keyword).to_owned()),
            ["max_message", octets] => self.settings.max_message = ByteSize::from_octets(octets.parse().unwrap()),
            ["max_recipients", number] => self.settings.max_recipients = number.parse().unwrap(),
            ["end_of_data", "lone_lf"] => self.settings.end_of_data = EndOfData::LoneLfThenClose,
            ["refuse", "sender", address, code, rest @ ..] => self.rules.senders.push(((*address).to_owned(), refusal(code, rest))),
            ["refuse", "recipient", address, code, rest @ ..] => self.rules.recipients.push(((*address).to_owned(), refusal(code, rest))),
            ["spool", "is", "full"] => self.rules.on_open = Some(reply::STORAGE_FULL),
            ["spool", "fails"] => self.rules.on_write = Some(reply::STORAGE_FULL),
            ["commit", "fails"] => self.rules.on_commit = Some(reply::STORAGE_FULL),
            ["silence"] => self.events.push(Event::Silence),
            ["stop"] => self.events.push(Event::Stop),
            ["hang", "up"] => self.events.push(Event::HangUp),
            ["closed"] => self.expected.closed = true,
            ["not", "all", "at", "once"] => self.cuts = Cuts::NotAllAtOnce,
            ["only", "as", "written"] => self.cuts = Cuts::OnlyAsWritten,
            _ => panic!("no directive: {directive:?}"),
        }
    }

    fn allows(&self, pieces: Pieces) -> bool {
        // Whatever is sent ahead of STARTTLS is thrown away, and an event has its place.
        let can_be_joined =
            self.settings.starttls == StartTls::Absent && self.events.iter().all(|event| matches!(event, Event::Octets(_) | Event::Pause));
        match pieces {
            Pieces::AsWritten => true,
            Pieces::Octets => self.cuts != Cuts::OnlyAsWritten,
            Pieces::AllAtOnce => self.cuts == Cuts::Every && can_be_joined,
        }
    }

    /// The events with their octets cut as asked for.
    fn cut(&self, pieces: Pieces) -> Vec<Event> {
        let mut cut = Vec::new();
        let mut pending = Vec::new();
        let flush = |pending: &mut Vec<u8>, cut: &mut Vec<Event>| {
            if !pending.is_empty() {
                cut.push(Event::Octets(std::mem::take(pending)));
            }
        };
        for event in &self.events {
            match event {
                Event::Octets(octets) if pieces == Pieces::Octets => cut.extend(octets.iter().map(|octet| Event::Octets(vec![*octet]))),
                Event::Octets(octets) => pending.extend_from_slice(octets),
                Event::Pause if pieces == Pieces::AsWritten => flush(&mut pending, &mut cut),
                Event::Pause => {}
                Event::Silence | Event::Stop | Event::HangUp => {
                    flush(&mut pending, &mut cut);
                    cut.push(match event {
                        Event::Silence => Event::Silence,
                        Event::Stop => Event::Stop,
                        Event::Octets(_) | Event::Pause | Event::HangUp => Event::HangUp,
                    });
                }
            }
        }
        flush(&mut pending, &mut cut);
        cut
    }
}

fn mechanism(name: &str) -> Mechanism {
    let all = [Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5, Mechanism::DigestMd5];
    all.into_iter().find(|mechanism| mechanism.name() == name).unwrap()
}

fn refusal(code: &str, rest: &[&str]) -> Reply {
    Reply::new(code.parse().unwrap(), &rest.join(" "))
}

/// `\r`, `\n`, `\t`, `\0`, `\\`, `\xNN`, and `{A*1000}` for a thousand times `A`.
fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let escape = rest.chars().next().unwrap();
                rest = &rest[1..];
                match escape {
                    'r' => octets.push(b'\r'),
                    'n' => octets.push(b'\n'),
                    't' => octets.push(b'\t'),
                    '0' => octets.push(0),
                    'x' => {
                        octets.push(u8::from_str_radix(&rest[..2], 16).unwrap());
                        rest = &rest[2..];
                    }
                    _ => octets.push(b'\\'),
                }
            }
            '{' if rest.contains('*') => {
                let (repeat, after) = rest.split_once('}').unwrap();
                let (what, times) = repeat.split_once('*').unwrap();
                octets.extend(what.repeat(times.parse().unwrap()).into_bytes());
                rest = after;
            }
            _ => octets.extend(c.to_string().into_bytes()),
        }
    }
    octets
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
    words.extend((*body != postroom::model::BodyKind::SevenBit).then(|| "8bit".to_owned()));
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
