//! One device's session: it takes bytes and answers, and returns actions and replies. The
//! transitions between its states are in `state`.
//!
//! - `state`: the states and their transitions
//! - `conversation`: what all states share: greeting, login, TLS, replies, counts
//! - `greeting`: `HELO`, `EHLO`, `STARTTLS`
//! - `login`: `AUTH`
//! - `transaction`: `MAIL`, `RCPT`, `DATA` and the commands that may stand anywhere
//! - `text`: what follows `DATA`

mod conversation;
mod greeting;
mod login;
mod state;
mod text;
mod transaction;

pub use greeting::EXTENSIONS;

use std::{collections::BTreeSet, marker::PhantomData, sync::Arc};

use crate::{
    model::{ByteSize, Dialogue, MessageId, Recorder, Reply, Timestamp, TlsVersion},
    smtp::{
        Action, Answer, Quirk, SessionSettings,
        line::{Ending, Expected, LineBuffer, ReceivedLine, TooLong},
        reply,
        session::{
            conversation::Conversation,
            state::{Ahead, Moved, State, Verdict, Waiting},
        },
    },
};

/// What is wrong with a text that the client believes is complete.
const LOOKALIKE_END: &str = "the text ends with a dot after a lone LF, which does not end a \
    message (end_of_data)";

/// The octets of replies after which they are sent before more commands are read: a client that
/// sends short commands and never reads cannot make us hold more.
const REPLIES_LIMIT: usize = 16 * 1024;

/// One device's session, from banner to close.
pub struct Session<Proof> {
    state: State,
    line: LineBuffer,
    talk: Conversation,
    body: Vec<u8>,
    body_use: BodyUse,
    proof: PhantomData<fn(Proof)>,
}

/// Whether the driver has been told to write what was decoded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyUse {
    Collecting,
    HandedOut,
}

/// What [`Session::advance`] did with the bytes.
#[derive(Debug)]
pub struct SessionStep {
    /// The number of octets consumed. The driver offers the rest again.
    pub consumed: usize,
    /// What the driver must do next.
    pub action: Action,
}

impl<Proof: AsRef<MessageId>> Session<Proof> {
    /// Begins a session whose banner is already among the replies. `entropy` seeds the AUTH
    /// challenges.
    #[must_use]
    pub fn new(settings: Arc<SessionSettings>, tls: Option<TlsVersion>, entropy: u64) -> Self {
        let talk = Conversation::new(settings, tls, entropy);
        Self {
            state: State::IDLE,
            line: LineBuffer::default(),
            talk,
            body: Vec::new(),
            body_use: BodyUse::Collecting,
            proof: PhantomData,
        }
    }

    /// Takes bytes from the client. It never blocks, and never allocates more than its bounds.
    pub fn advance(&mut self, input: &[u8]) -> SessionStep {
        if std::mem::replace(&mut self.body_use, BodyUse::Collecting) == BodyUse::HandedOut {
            self.body.clear();
        }
        let mut consumed = 0;
        loop {
            let rest = input.get(consumed..).unwrap_or_default();
            let state = std::mem::replace(&mut self.state, State::Closed);
            let (used, moved) = match state {
                State::Waiting(_) if self.talk.is_shutting_down() => {
                    (0, self.talk.close_with(&reply::SHUTTING_DOWN))
                }
                State::Waiting(_) if self.talk.replies.len() > REPLIES_LIMIT => {
                    (0, Moved::with(state, Action::Read))
                }
                State::Waiting(waiting) => self.take_line(waiting, rest),
                State::Text(text) => text.take(rest, &mut self.body, &mut self.talk),
                // The driver owes an answer. No session is better than a wrong one.
                State::Asked(_) => (0, self.talk.close_with(&reply::LOCAL_ERROR)),
                State::Closed => (0, Moved::with(State::Closed, Action::Close)),
            };
            self.state = moved.state;
            consumed += used;
            if let Some(action) = moved.action {
                return self.stop_for(action, consumed, input.len());
            }
        }
    }

    fn stop_for(&mut self, action: Action, consumed: usize, offered: usize) -> SessionStep {
        match action {
            Action::WriteBody => self.body_use = BodyUse::HandedOut,
            // An idle connection keeps no buffer for text.
            Action::Commit | Action::Discard => self.body = Vec::new(),
            // RFC 3207 4.2: nothing that was sent in clear counts as sent under TLS.
            Action::StartTls | Action::Close => return SessionStep { consumed: offered, action },
            Action::Read | Action::Ask(_) | Action::OpenMessage(_) => {}
        }
        SessionStep { consumed, action }
    }

    fn take_line(&mut self, waiting: Waiting, input: &[u8]) -> (usize, Moved) {
        let (used, line) = self.line.fill(input, waiting.expects());
        let ahead = Ahead::after(used, input);
        let moved = match line {
            None => Moved::with(waiting, Action::Read),
            Some(Err(TooLong)) => {
                self.talk.recorder.endless_line();
                self.talk.fault(waiting.after_fault(), &reply::LINE_TOO_LONG)
            }
            Some(Ok(ReceivedLine { text, ending })) => {
                match waiting.expects() {
                    Expected::Command => self.talk.recorder.command(&text),
                    Expected::AuthResponse => self.talk.recorder.response(),
                }
                if ending == Ending::BareLf {
                    self.talk.quirks.insert(Quirk::BareLfCommand);
                }
                self.talk.note_pipelining(ahead);
                waiting.take_line(&text, ahead, &mut self.talk)
            }
        };
        (used, moved)
    }

    /// Takes the driver's answer to the last action.
    pub fn answer(&mut self, answer: Answer<Proof>) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        let verdict = match answer {
            Answer::Permit => Verdict::Permit,
            Answer::Refuse(reply) => Verdict::Refuse(reply),
            Answer::LoggedIn { user: _, settings } => Verdict::LoggedIn(settings),
            Answer::TlsStarted { version, settings } => Verdict::TlsStarted(version, settings),
            Answer::Accepted(proof) => Verdict::Accepted(*proof.as_ref()),
        };
        self.state = state.take_verdict(verdict, &mut self.talk);
    }

    /// Replaces the settings, after the driver has learned in another way which client this is.
    pub fn adopt(&mut self, settings: Arc<SessionSettings>) {
        self.talk.settings = settings;
    }

    /// The decoded text to append to the spool file; valid after [`Action::WriteBody`].
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The replies that were not sent yet. The driver writes and clears them.
    pub fn replies(&mut self) -> &mut Vec<u8> {
        &mut self.talk.replies
    }

    /// Ends the session after a long silence: 421 4.4.2, then close.
    pub fn time_out(&mut self) -> Action {
        self.end_with(&reply::TIMED_OUT)
    }

    /// Ends the session with this reply, because the driver needs the connection for something
    /// else. A message in progress is lost.
    pub fn end_with(&mut self, reply: &Reply) -> Action {
        self.record_unended_text();
        let resembles_an_end = self.state.text_resembles_an_end();
        let moved = self.talk.close_with(reply);
        self.state = moved.state;
        if resembles_an_end {
            self.talk.recorder.trouble(LOOKALIKE_END);
        }
        Action::Close
    }

    /// Notes that the connection was closed or lost, and whether the client had said QUIT. A
    /// message in progress is lost.
    pub fn hang_up(&mut self) -> Action {
        if !matches!(self.state, State::Closed) {
            self.record_unended_text();
            if self.state.text_resembles_an_end() {
                self.talk.recorder.trouble(LOOKALIKE_END);
            }
            self.talk.quirks.insert(Quirk::NoQuit);
            self.state = State::Closed;
        }
        Action::Close
    }

    /// Ends the session with 421 4.3.2 at the next command, because the daemon is stopping. A
    /// message in progress may finish.
    pub fn shut_down(&mut self) {
        self.talk.shut_down();
    }

    /// Ends the recording and returns the dialogue.
    pub fn end_dialogue(&mut self, begun: Timestamp) -> Dialogue {
        self.record_unended_text();
        self.talk.recorder.end(begun)
    }

    /// The dialogue so far, to which the driver can add remarks.
    pub fn recorder(&mut self) -> &mut Recorder {
        &mut self.talk.recorder
    }

    fn record_unended_text(&mut self) {
        if let Some(octets) = self.state.unfinished_text() {
            self.talk.recorder.unended_text(octets);
        }
    }

    /// The name that the client gave, made printable; empty before HELO.
    #[must_use]
    pub fn helo(&self) -> &str {
        self.talk.helo()
    }

    /// Whether the client has sent `EHLO`.
    #[must_use]
    pub fn is_esmtp(&self) -> bool {
        self.talk.is_esmtp()
    }

    /// The octets of a text that has begun and not ended: they are lost if the client now falls
    /// silent or disconnects.
    #[must_use]
    pub fn unfinished_text(&self) -> Option<ByteSize> {
        self.state.unfinished_text().map(ByteSize::from_octets)
    }

    /// The quirks seen so far.
    #[must_use]
    pub fn quirks(&self) -> &BTreeSet<Quirk> {
        &self.talk.quirks
    }
}

#[cfg(test)]
mod tests;
