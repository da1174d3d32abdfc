//! `HELO`, `EHLO` and `STARTTLS`.

use crate::{
    model::Reply,
    smtp::{
        Action, Mechanism, Quirk, StartTls,
        command::{Hello, HelloVerb},
        reply,
        session::{
            conversation::{Conversation, Greeting, LoginState},
            state::{Asked, Moved, State, Verdict},
            transaction::CommandState,
        },
    },
};

/// The keywords that the reply to EHLO may announce. Each can be hidden by its name; `AUTH=` means
/// only the old form of `AUTH`.
pub const EXTENSIONS: [&str; 9] = [
    "SIZE",
    "PIPELINING",
    "8BITMIME",
    "SMTPUTF8",
    "ENHANCEDSTATUSCODES",
    "DSN",
    "STARTTLS",
    "AUTH",
    "AUTH=",
];

impl Conversation {
    /// RFC 5321 4.1.4: a greeting resets a transaction. The login is kept: some clients greet again
    /// after AUTH.
    pub(super) fn greet(&mut self, hello: Hello) -> Moved {
        let lines = match hello.verb {
            HelloVerb::Helo => vec![self.settings.hostname.clone()],
            HelloVerb::Ehlo => self.ehlo_lines(),
        };
        self.send(|replies| reply::write_lines(250, &lines, replies));
        self.greeting = Greeting::Given(hello);
        Moved::to(State::IDLE)
    }

    fn ehlo_lines(&self) -> Vec<String> {
        let mut extensions = vec![
            // RFC 1870 3.
            format!("SIZE {}", self.settings.max_message.octets()),
            "PIPELINING".to_owned(),
            "8BITMIME".to_owned(),
            "SMTPUTF8".to_owned(),
            "ENHANCEDSTATUSCODES".to_owned(),
            "DSN".to_owned(),
        ];
        if self.settings.starttls == StartTls::Offered && self.tls.is_none() {
            extensions.push("STARTTLS".to_owned());
        }
        if !self.settings.mechanisms.is_empty() {
            let names: Vec<&str> =
                self.settings.mechanisms.iter().map(|mechanism| mechanism.name()).collect();
            extensions.push(format!("AUTH {}", names.join(" ")));
            // The form before RFC 2554. Exchange 2000 and 2003 sent both, and devices of that age
            // look for it.
            if self.offers("AUTH=") {
                extensions.push(format!("AUTH={}", names.join(" ")));
            }
        }
        extensions.retain(|line| self.offers(line.split([' ', '=']).next().unwrap_or_default()));
        std::iter::once(self.settings.hostname.clone()).chain(extensions).collect()
    }

    /// The refusal of `MAIL` and `AUTH` if there was no greeting. Notes clients that greeted only
    /// before TLS.
    pub(super) fn require_greeting(&mut self) -> Result<(), Reply> {
        match &self.greeting {
            Greeting::Given(_) => Ok(()),
            // Deliberately laxer than RFC 3207 4.2. Nothing depends on the name; it goes into
            // `Received:`.
            Greeting::BeforeTls(_) => {
                self.quirks.insert(Quirk::NoEhloAfterTls);
                Ok(())
            }
            Greeting::Missing => Err(reply::HELO_FIRST),
        }
    }

    pub(super) fn start_tls(&mut self, state: CommandState) -> Moved {
        if self.tls.is_some() {
            return self.fault(state.into(), &reply::TLS_IS_ON);
        }
        match self.settings.starttls {
            StartTls::Absent => self.fault(state.into(), &reply::NO_TLS_HERE),
            StartTls::Offered => {
                self.say(&reply::READY_FOR_TLS);
                Moved::with(Asked::Handshake, Action::StartTls)
            }
        }
    }

    /// RFC 3207 4.2: everything that was said in clear is forgotten, including the login.
    pub(super) fn take_handshake(&mut self, verdict: Verdict) -> State {
        match verdict {
            Verdict::TlsStarted(version, settings) => {
                self.tls = Some(version);
                self.settings = settings;
                self.login = LoginState::Anonymous;
                self.greeting = match std::mem::replace(&mut self.greeting, Greeting::Missing) {
                    Greeting::Missing => Greeting::Missing,
                    Greeting::Given(hello) | Greeting::BeforeTls(hello) => {
                        Greeting::BeforeTls(hello)
                    }
                };
                State::IDLE
            }
            // A client whose handshake has failed cannot be told anything.
            Verdict::Permit | Verdict::Refuse(_) | Verdict::LoggedIn(_) | Verdict::Accepted(_) => {
                State::Closed
            }
        }
    }
}

impl Mechanism {
    /// The name in the announcement (IANA "SASL Mechanisms").
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::CramMd5 => "CRAM-MD5",
            Self::DigestMd5 => "DIGEST-MD5",
        }
    }
}
