//! What follows `DATA` (RFC 5321 4.1.1.4).

use crate::{
    model::Reply,
    smtp::{
        Action,
        body::{Decoder, Ended as TextEnd, Progress},
        reply,
        session::{
            conversation::Conversation,
            state::{Ahead, Asked, BodyPhase, Moved, State, Verdict},
        },
    },
};

/// The octets beyond `max_message` that are discarded for a device that reads a refusal only at the
/// end of its text. No scan is this large; without a bound, a client could keep a connection busy
/// for ever.
pub(super) const SWALLOW_LIMIT: u64 = 256 * 1024 * 1024;

/// The state in which the driver opens a spool file.
pub(super) struct SpoolAsked {
    ahead: Ahead,
}

/// The state in which text is decoded and written.
pub(super) struct Receiving {
    decoder: Decoder,
}

/// The state in which text is discarded up to its end and then refused.
pub(super) struct Swallowing {
    decoder: Decoder,
    refusal: Reply,
}

/// The state after the end of data, while the last text is being written.
pub(super) struct Ended {
    by: TextEnd,
}

/// The state in which the driver makes the message durable.
pub(super) struct CommitAsked {
    by: TextEnd,
}

impl SpoolAsked {
    pub(super) const fn new(ahead: Ahead) -> Self {
        Self { ahead }
    }

    pub(super) fn take_verdict(self, verdict: Verdict, talk: &mut Conversation) -> State {
        match verdict {
            Verdict::Permit => {
                talk.send(|replies| replies.extend_from_slice(reply::START_TEXT.as_bytes()));
                BodyPhase::Receiving(Receiving { decoder: Decoder::new(talk.settings.end_of_data) })
                    .into()
            }
            Verdict::Refuse(_)
            | Verdict::LoggedIn(_)
            | Verdict::TlsStarted(..)
            | Verdict::Accepted(_) => {
                let refusal = verdict.refusal();
                match self.ahead {
                    Ahead::Nothing => {
                        talk.say(&refusal);
                        State::IDLE
                    }
                    // The client sent text without waiting for 354; it must not be taken for
                    // commands.
                    Ahead::More => talk.close_with(&refusal).state,
                }
            }
        }
    }
}

impl Receiving {
    pub(super) fn resembles_an_end(&self) -> bool {
        self.decoder.resembles_an_end()
    }

    pub(super) const fn octets(&self) -> u64 {
        self.decoder.octets()
    }

    pub(super) fn take(
        mut self,
        input: &[u8],
        body: &mut Vec<u8>,
        talk: &mut Conversation,
    ) -> (usize, Moved) {
        let (used, progress) = self.decoder.decode(input, body);
        // RFC 1870 6.3: the text itself is measured, whatever `SIZE=` said.
        if self.decoder.octets() > talk.settings.max_message.octets() {
            let swallowing = Swallowing { decoder: self.decoder, refusal: reply::TOO_LARGE };
            return (
                used,
                Moved::with(
                    swallowing.follow(progress, Ahead::after(used, input), talk),
                    Action::Discard,
                ),
            );
        }
        talk.quirks.extend(self.decoder.quirks());
        let moved = match progress {
            Progress::Ended(by) => {
                talk.recorder.text(self.decoder.octets());
                talk.note_pipelining(Ahead::after(used, input));
                let ended = Ended { by };
                if body.is_empty() {
                    ended.commit()
                } else {
                    Moved::with(BodyPhase::Ended(ended), Action::WriteBody)
                }
            }
            // The chunk is full. A partial chunk waits for more, so that there are few writes to
            // disk.
            Progress::More if used < input.len() => {
                Moved::with(BodyPhase::Receiving(self), Action::WriteBody)
            }
            Progress::More => Moved::with(BodyPhase::Receiving(self), Action::Read),
        };
        (used, moved)
    }

    pub(super) fn take_verdict(self, verdict: Verdict) -> State {
        match verdict {
            Verdict::Permit => BodyPhase::Receiving(self).into(),
            Verdict::Refuse(_)
            | Verdict::LoggedIn(_)
            | Verdict::TlsStarted(..)
            | Verdict::Accepted(_) => BodyPhase::Swallowing(Swallowing {
                decoder: self.decoder,
                refusal: verdict.refusal(),
            })
            .into(),
        }
    }
}

impl Swallowing {
    pub(super) const fn octets(&self) -> u64 {
        self.decoder.octets()
    }

    pub(super) fn take(mut self, input: &[u8], talk: &mut Conversation) -> (usize, Moved) {
        let (used, progress) = self.decoder.decode(input, &mut Vec::new());
        if self.decoder.octets().saturating_sub(SWALLOW_LIMIT) > talk.settings.max_message.octets()
        {
            talk.recorder.unended_text(self.decoder.octets());
            return (used, talk.close_with(&self.refusal));
        }
        let state = self.follow(progress, Ahead::after(used, input), talk);
        let moved = if matches!(state, State::Text(_)) && used == input.len() {
            Moved::with(state, Action::Read)
        } else {
            Moved::to(state)
        };
        (used, moved)
    }

    fn follow(self, progress: Progress, ahead: Ahead, talk: &mut Conversation) -> State {
        talk.quirks.extend(self.decoder.quirks());
        match progress {
            Progress::More => BodyPhase::Swallowing(self).into(),
            Progress::Ended(by) => {
                talk.recorder.text(self.decoder.octets());
                talk.note_pipelining(ahead);
                talk.say(&self.refusal);
                after(by)
            }
        }
    }
}

impl Ended {
    pub(super) fn commit(self) -> Moved {
        Moved::with(Asked::Commit(CommitAsked { by: self.by }), Action::Commit)
    }

    pub(super) fn take_verdict(self, verdict: Verdict, talk: &mut Conversation) -> State {
        match verdict {
            Verdict::Permit => BodyPhase::Ended(self).into(),
            Verdict::Refuse(_)
            | Verdict::LoggedIn(_)
            | Verdict::TlsStarted(..)
            | Verdict::Accepted(_) => {
                talk.say(&verdict.refusal());
                after(self.by)
            }
        }
    }
}

impl CommitAsked {
    pub(super) fn take_verdict(self, verdict: Verdict, talk: &mut Conversation) -> State {
        match verdict {
            Verdict::Accepted(id) => {
                talk.say(&reply::queued(&id));
                talk.forgive_faults();
            }
            Verdict::Refuse(_)
            | Verdict::Permit
            | Verdict::LoggedIn(_)
            | Verdict::TlsStarted(..) => talk.say(&verdict.refusal()),
        }
        after(self.by)
    }
}

/// After `<LF>.<LF>` nothing is ever taken for a command: it might have been text.
const fn after(by: TextEnd) -> State {
    match by {
        TextEnd::Properly => State::IDLE,
        TextEnd::ByLoneLf => State::Closed,
    }
}
