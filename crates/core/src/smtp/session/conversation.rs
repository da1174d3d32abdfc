//! What all states share: greeting, login, TLS, replies, quirks, and the counts that end a session.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    model::{Recorder, Reply, TlsVersion},
    smtp::{
        Action, Quirk, SessionSettings,
        auth::Nonces,
        command::{Hello, HelloVerb},
        reply,
        session::state::{Ahead, Moved, State},
    },
};

/// The number of invalid commands after which a session ends; an accepted message resets the count.
/// A device makes one or two errors; a web page's form or a confused client makes one with every
/// line.
const FAULTS_LIMIT: u32 = 20;
/// The number of failed logins after which a session ends: a device tries each of its mechanisms
/// once, whereas someone who guesses passwords continues.
const FAILED_LOGINS_LIMIT: u32 = 3;

/// What is known about the client, and the replies that it has not received yet.
pub(super) struct Conversation {
    pub(super) settings: Arc<SessionSettings>,
    pub(super) tls: Option<TlsVersion>,
    pub(super) greeting: Greeting,
    pub(super) login: LoginState,
    pub(super) nonces: Nonces,
    pub(super) replies: Vec<u8>,
    pub(super) recorder: Recorder,
    pub(super) quirks: BTreeSet<Quirk>,
    faults: u32,
    failed_logins: u32,
    phase: Phase,
}

/// Whether the client has said who it is.
pub(super) enum Greeting {
    Missing,
    Given(Hello),
    /// The client sent it before STARTTLS. RFC 3207 4.2 demands that it is forgotten; clients that
    /// send no second greeting are accepted with it.
    BeforeTls(Hello),
}

/// Whether the client has logged in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum LoginState {
    Anonymous,
    LoggedIn,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    ShuttingDown,
}

impl Conversation {
    /// Begins a conversation with the banner.
    pub(super) fn new(
        settings: Arc<SessionSettings>,
        tls: Option<TlsVersion>,
        entropy: u64,
    ) -> Self {
        let banner = [format!("{} ESMTP", settings.hostname)];
        let mut talk = Self {
            settings,
            tls,
            greeting: Greeting::Missing,
            login: LoginState::Anonymous,
            nonces: Nonces::new(entropy),
            replies: Vec::new(),
            recorder: Recorder::default(),
            quirks: BTreeSet::new(),
            faults: 0,
            failed_logins: 0,
            phase: Phase::Running,
        };
        talk.send(|replies| reply::write_lines(220, &banner, replies));
        talk
    }

    pub(super) fn say(&mut self, reply: &Reply) {
        self.send(|replies| reply::write(reply, replies));
    }

    /// Appends to the replies, and records what was appended.
    pub(super) fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.replies.len();
        write(&mut self.replies);
        self.recorder.reply(self.replies.get(before..).unwrap_or_default());
    }

    pub(super) fn close_with(&mut self, reply: &Reply) -> Moved {
        self.say(reply);
        Moved::with(State::Closed, Action::Close)
    }

    /// Answers an invalid command; one too many ends the session.
    pub(super) fn fault(&mut self, state: State, reply: &Reply) -> Moved {
        self.faults += 1;
        if self.faults >= FAULTS_LIMIT {
            return self.close_with(&reply::TOO_MANY_ERRORS);
        }
        self.say(reply);
        Moved::to(state)
    }

    /// Answers a failed login; one too many ends the session.
    pub(super) fn login_failed(&mut self, reply: &Reply) -> State {
        self.failed_logins += 1;
        if self.failed_logins >= FAILED_LOGINS_LIMIT {
            return self.close_with(&reply::TOO_MANY_LOGINS).state;
        }
        self.say(reply);
        State::IDLE
    }

    /// Notes that a message was accepted, so that the client knows the protocol.
    pub(super) const fn forgive_faults(&mut self) {
        self.faults = 0;
    }

    /// RFC 2920 3.1: only a client that was offered PIPELINING may send commands ahead.
    pub(super) fn note_pipelining(&mut self, ahead: Ahead) {
        let offered = self.is_esmtp() && self.offers("PIPELINING");
        if ahead == Ahead::More && !offered {
            self.quirks.insert(Quirk::UnannouncedPipelining);
        }
    }

    /// Whether `hide_extensions` does not list this keyword.
    pub(super) fn offers(&self, keyword: &str) -> bool {
        !self.settings.hide_extensions.iter().any(|hidden| hidden.eq_ignore_ascii_case(keyword))
    }

    pub(super) fn hello(&self) -> Option<&Hello> {
        match &self.greeting {
            Greeting::Missing => None,
            Greeting::Given(hello) | Greeting::BeforeTls(hello) => Some(hello),
        }
    }

    pub(super) fn helo(&self) -> &str {
        self.hello().map_or("", |hello| &hello.name)
    }

    pub(super) fn is_esmtp(&self) -> bool {
        self.hello().is_some_and(|hello| hello.verb == HelloVerb::Ehlo)
    }

    pub(super) const fn shut_down(&mut self) {
        self.phase = Phase::ShuttingDown;
    }

    pub(super) fn is_shutting_down(&self) -> bool {
        self.phase == Phase::ShuttingDown
    }
}
