//! Reads a transcript: what the client sends, what the driver says, and what must come of it.

use std::{collections::BTreeSet, fs, path::Path};

use postroom::{
    message::Identity,
    model::{ByteSize, Reply, TlsVersion},
    smtp::{EndOfData, Mechanism, NoLogin, SessionSettings, StartTls, reply},
};

/// How the client's octets are cut into reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pieces {
    AsWritten,
    Octets,
    AllAtOnce,
}

/// What a session comes to.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Outcome {
    pub(crate) replies: Vec<String>,
    pub(crate) envelopes: Vec<String>,
    pub(crate) messages: Vec<Vec<String>>,
    /// The messages as they go out; empty when the transcript is not about that.
    pub(crate) sent: Vec<Vec<String>>,
    pub(crate) quirks: BTreeSet<String>,
    pub(crate) closed: bool,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.replies.iter().try_for_each(|line| writeln!(f, "S: {line}"))?;
        self.envelopes.iter().try_for_each(|line| writeln!(f, "> {line}"))?;
        for message in &self.messages {
            writeln!(f, "=-")?;
            message.iter().try_for_each(|line| writeln!(f, "= {}", line.escape_debug()))?;
        }
        for message in &self.sent {
            writeln!(f, "*-")?;
            message.iter().try_for_each(|line| writeln!(f, "* {}", line.escape_debug()))?;
        }
        self.quirks.iter().try_for_each(|quirk| writeln!(f, "? {quirk}"))?;
        writeln!(f, "closed: {}", self.closed)
    }
}

/// One transcript, read.
pub(crate) struct Script {
    events: Vec<Event>,
    pub(crate) expected: Outcome,
    pub(crate) settings: SessionSettings,
    pub(crate) tls: Option<TlsVersion>,
    pub(crate) rules: Rules,
    /// Whom the account lets the message be from.
    pub(crate) identity: Option<Identity>,
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
pub(crate) struct Rules {
    pub(crate) senders: Vec<(String, Reply)>,
    pub(crate) recipients: Vec<(String, Reply)>,
    pub(crate) users: Vec<(String, String)>,
    pub(crate) on_open: Option<Reply>,
    pub(crate) on_write: Option<Reply>,
    pub(crate) on_commit: Option<Reply>,
}

/// What happens to the session, in order.
pub(crate) enum Event {
    Octets(Vec<u8>),
    /// The server speaks: what the client sends next comes in another read.
    Pause,
    Silence,
    Stop,
    HangUp,
}

impl Script {
    pub(crate) fn read(path: &Path) -> Self {
        let mut script = Self {
            events: Vec::new(),
            expected: Outcome::default(),
            settings: SessionSettings {
                hostname: "postroom.example".to_owned(),
                max_message: ByteSize::from_mebibytes(50),
                max_recipients: 100,
                starttls: StartTls::Absent,
                mechanisms: Vec::new(),
                no_login: NoLogin::Never,
                hide_extensions: Vec::new(),
                end_of_data: EndOfData::Strict,
            },
            tls: None,
            rules: Rules::default(),
            identity: None,
            cuts: Cuts::Every,
        };
        let mut before = "";
        let text = fs::read_to_string(path).unwrap();
        for line in text.lines() {
            let (mark, text) = line.split_at_checked(2).unwrap_or((line, ""));
            let text = text.strip_prefix(' ').unwrap_or(text);
            match mark {
                "" | "# " | "#" => {}
                "S:" => {
                    script.events.push(Event::Pause);
                    script.expected.replies.push(text.to_owned());
                }
                "C:" => {
                    script.events.push(Event::Octets([unescape(text), b"\r\n".to_vec()].concat()));
                }
                "C~" => script.events.extend([Event::Octets(unescape(text)), Event::Pause]),
                "=-" => script.expected.messages.push(Vec::new()),
                "*-" => script.expected.sent.push(Vec::new()),
                "= " | "=" => put_line(&mut script.expected.messages, before, line),
                "* " | "*" => put_line(&mut script.expected.sent, before, line),
                "> " => script.expected.envelopes.push(line[2..].to_owned()),
                "? " => drop(script.expected.quirks.insert(line[2..].to_owned())),
                "! " => script.direct(&line[2..]),
                _ => panic!("{}: what is {line:?}?", path.display()),
            }
            before = mark;
        }
        script
    }

    fn direct(&mut self, directive: &str) {
        let words: Vec<&str> = directive.split(' ').collect();
        match words.as_slice() {
            ["starttls"] => self.settings.starttls = StartTls::Offered,
            ["tls"] => self.tls = Some(TlsVersion::Tls12),
            ["logins", "encrypted"] => self.settings.no_login = NoLogin::InClear,
            ["mechanisms", names @ ..] => {
                self.settings.mechanisms = names.iter().map(|name| mechanism(name)).collect();
            }
            ["user", user, password] => {
                self.rules.users.push(((*user).to_owned(), (*password).to_owned()));
            }
            ["hide", keyword] => self.settings.hide_extensions.push((*keyword).to_owned()),
            ["max_message", octets] => {
                self.settings.max_message = ByteSize::from_octets(octets.parse().unwrap());
            }
            ["max_recipients", number] => self.settings.max_recipients = number.parse().unwrap(),
            ["end_of_data", "lone_lf"] => self.settings.end_of_data = EndOfData::LoneLfThenClose,
            ["refuse", "sender", address, code, rest @ ..] => {
                self.rules.senders.push(((*address).to_owned(), refusal(code, rest)));
            }
            ["refuse", "recipient", address, code, rest @ ..] => {
                self.rules.recipients.push(((*address).to_owned(), refusal(code, rest)));
            }
            ["identity", address, name @ ..] => {
                let name = (!name.is_empty()).then(|| name.join(" "));
                self.identity =
                    Some(Identity { address: address.parse().unwrap(), name, reply_to: None });
            }
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

    pub(crate) fn allows(&self, pieces: Pieces) -> bool {
        // Whatever is sent ahead of STARTTLS is thrown away, and an event has its place.
        let can_be_joined = self.settings.starttls == StartTls::Absent
            && self.events.iter().all(|event| matches!(event, Event::Octets(_) | Event::Pause));
        match pieces {
            Pieces::AsWritten => true,
            Pieces::Octets => self.cuts != Cuts::OnlyAsWritten,
            Pieces::AllAtOnce => self.cuts == Cuts::Every && can_be_joined,
        }
    }

    /// The events with their octets cut as asked for.
    pub(crate) fn cut(&self, pieces: Pieces) -> Vec<Event> {
        let mut cut = Vec::new();
        let mut pending = Vec::new();
        let flush = |pending: &mut Vec<u8>, cut: &mut Vec<Event>| {
            if !pending.is_empty() {
                cut.push(Event::Octets(std::mem::take(pending)));
            }
        };
        for event in &self.events {
            match event {
                Event::Octets(octets) if pieces == Pieces::Octets => {
                    cut.extend(octets.iter().map(|octet| Event::Octets(vec![*octet])));
                }
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

/// A line of a message, which begins after any other line.
fn put_line(messages: &mut Vec<Vec<String>>, before: &str, line: &str) {
    let mark = line.get(..1).unwrap_or_default();
    if !before.starts_with(mark) {
        messages.push(Vec::new());
    }
    let line = String::from_utf8_lossy(&unescape(line.get(2..).unwrap_or_default())).into_owned();
    messages.last_mut().unwrap().push(line);
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
