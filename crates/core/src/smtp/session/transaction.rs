//! `MAIL`, `RCPT`, `DATA`, and the commands that may stand anywhere (RFC 5321 4.1.4).

use crate::{
    model::Recipient,
    smtp::{
        Action, Question, Transaction,
        command::{self, Command, Mail},
        reply,
        session::{
            conversation::Conversation,
            state::{Ahead, Asked, Moved, State, Verdict, Waiting},
            text::SpoolAsked,
        },
    },
};

/// The state in which the driver decides about the sender.
pub(super) struct SenderAsked(Transaction);

/// The state after the sender; recipients follow.
pub(super) struct Addressing(Transaction);

/// The state in which the driver decides about a further recipient.
pub(super) struct RecipientAsked {
    addressing: Addressing,
    recipient: Recipient,
}

/// Where a command may stand.
pub(super) enum CommandState {
    Idle,
    Addressing(Addressing),
}

impl From<CommandState> for State {
    fn from(state: CommandState) -> Self {
        match state {
            CommandState::Idle => Self::IDLE,
            CommandState::Addressing(addressing) => Waiting::Addressing(addressing).into(),
        }
    }
}

impl CommandState {
    pub(super) fn take_command(self, line: &[u8], ahead: Ahead, talk: &mut Conversation) -> Moved {
        let command = match command::parse(line, &mut talk.quirks) {
            Ok(command) => command,
            Err(refusal) => return talk.fault(self.into(), &refusal),
        };
        match command {
            Command::Hello(hello) => talk.greet(hello),
            Command::Mail(mail) => self.take_mail(mail, talk),
            Command::Rcpt(recipient) => self.take_rcpt(recipient, talk),
            Command::Data => self.take_data(ahead, talk),
            Command::Auth { mechanism, initial } => match self {
                Self::Idle => talk.authenticate(mechanism, initial.as_ref()),
                Self::Addressing(_) => talk.fault(self.into(), &reply::NO_LOGIN_NOW),
            },
            Command::StartTls => talk.start_tls(self),
            Command::Rset => {
                talk.say(&reply::OK);
                Moved::to(State::IDLE)
            }
            Command::Noop => self.stay(&reply::OK, talk),
            Command::Vrfy => self.stay(&reply::CANNOT_VERIFY, talk),
            Command::Help => self.stay(&reply::HELP, talk),
            Command::Quit => talk.close_with(&reply::BYE),
            // What follows is a chunk of text. If it were taken for commands, the author of a text
            // could speak for the device.
            Command::Bdat if ahead == Ahead::More => talk.close_with(&reply::NOT_IMPLEMENTED),
            Command::Bdat => talk.fault(self.into(), &reply::NOT_IMPLEMENTED),
            Command::Http => talk.close_with(&reply::NOT_A_WEB_SERVER),
        }
    }

    fn stay(self, reply: &crate::model::Reply, talk: &mut Conversation) -> Moved {
        talk.say(reply);
        Moved::to(State::from(self))
    }

    fn take_mail(self, mail: Mail, talk: &mut Conversation) -> Moved {
        if matches!(self, Self::Addressing(_)) {
            return talk.fault(self.into(), &reply::SENDER_GIVEN);
        }
        if let Err(refusal) = talk.require_greeting() {
            return talk.fault(State::IDLE, &refusal);
        }
        let Mail { sender, size, parameters } = mail;
        let question = Question::Sender { sender: sender.clone(), size };
        let transaction =
            Transaction { sender, recipients: Vec::new(), parameters, declared_size: size };
        Moved::with(Asked::Sender(SenderAsked(transaction)), Action::Ask(question))
    }

    fn take_rcpt(self, recipient: Recipient, talk: &mut Conversation) -> Moved {
        match self {
            Self::Idle => talk.fault(State::IDLE, &reply::MAIL_FIRST),
            Self::Addressing(addressing) => addressing.add(recipient, talk),
        }
    }

    fn take_data(self, ahead: Ahead, talk: &mut Conversation) -> Moved {
        match self {
            Self::Idle => talk.refuse_text(&reply::MAIL_FIRST, ahead, Self::Idle),
            Self::Addressing(Addressing(transaction)) if transaction.recipients.is_empty() => talk
                .refuse_text(
                    &reply::NO_RECIPIENTS,
                    ahead,
                    Self::Addressing(Addressing(transaction)),
                ),
            Self::Addressing(Addressing(transaction)) => Moved::with(
                Asked::Spool(SpoolAsked::new(ahead)),
                Action::OpenMessage(Box::new(transaction)),
            ),
        }
    }
}

impl Conversation {
    /// `DATA` came too early. RFC 2920 3.1 makes it the last command of a group: a client that has
    /// sent more has sent text without waiting, and text must not be taken for commands.
    fn refuse_text(
        &mut self,
        refusal: &crate::model::Reply,
        ahead: Ahead,
        state: CommandState,
    ) -> Moved {
        match ahead {
            Ahead::Nothing => self.fault(state.into(), refusal),
            Ahead::More => self.close_with(refusal),
        }
    }
}

impl SenderAsked {
    pub(super) fn take_verdict(self, verdict: Verdict, talk: &mut Conversation) -> State {
        let Self(transaction) = self;
        match verdict {
            Verdict::Permit => {
                talk.say(&reply::SENDER_OK);
                Waiting::Addressing(Addressing(transaction)).into()
            }
            Verdict::Refuse(_)
            | Verdict::LoggedIn(_)
            | Verdict::TlsStarted(..)
            | Verdict::Accepted(_) => {
                talk.say(&verdict.refusal());
                State::IDLE
            }
        }
    }
}

impl Addressing {
    fn add(self, recipient: Recipient, talk: &mut Conversation) -> Moved {
        let Self(transaction) = &self;
        if transaction.recipients.iter().any(|known| known.address.same_mailbox(&recipient.address))
        {
            // This recipient was already accepted, and gets one copy.
            talk.say(&reply::RECIPIENT_OK);
            return Moved::to(Waiting::Addressing(self));
        }
        if transaction.recipients.len() >= talk.settings.max_recipients {
            talk.say(&reply::TOO_MANY_RECIPIENTS);
            return Moved::to(Waiting::Addressing(self));
        }
        let question = Question::Recipient(recipient.address.clone());
        Moved::with(
            Asked::Recipient(RecipientAsked { addressing: self, recipient }),
            Action::Ask(question),
        )
    }
}

impl RecipientAsked {
    pub(super) fn take_verdict(self, verdict: Verdict, talk: &mut Conversation) -> State {
        let Self { addressing: Addressing(mut transaction), recipient } = self;
        match verdict {
            Verdict::Permit => {
                // Deliberately laxer than RFC 6531 3.4: an address that needs SMTPUTF8 says so
                // itself.
                transaction.parameters.smtputf8 |= recipient.address.needs_smtputf8();
                transaction.recipients.push(recipient);
                talk.say(&reply::RECIPIENT_OK);
            }
            Verdict::Refuse(_)
            | Verdict::LoggedIn(_)
            | Verdict::TlsStarted(..)
            | Verdict::Accepted(_) => talk.say(&verdict.refusal()),
        }
        Waiting::Addressing(Addressing(transaction)).into()
    }
}
