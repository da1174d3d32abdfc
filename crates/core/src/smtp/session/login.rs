//! `AUTH` (RFC 4954).

use std::sync::Arc;

use crate::{
    model::Reply,
    smtp::{
        Action, Login, Mechanism, NoLogin, Question, Quirk, SessionSettings,
        auth::{self, Exchange, Next, RspAuth},
        command::{HelloVerb, InitialResponse},
        reply,
        session::{
            conversation::{Conversation, LoginState},
            state::{Asked, Moved, State, Verdict, Waiting},
        },
    },
};

/// The client owes a response.
pub(super) struct Responding(Exchange);

/// The driver owes a verdict.
pub(super) struct LoginAsked {
    /// Where the driver's verification leaves our proof, for DIGEST-MD5.
    rspauth: Option<RspAuth>,
}

/// The client owes the empty line that follows our proof (RFC 2831 2.1.3).
pub(super) struct Confirming {
    settings: Arc<SessionSettings>,
}

impl Conversation {
    /// `AUTH` between messages.
    pub(super) fn authenticate(
        &mut self,
        mechanism: Option<Mechanism>,
        initial: Option<&InitialResponse>,
    ) -> Moved {
        match self.permit_auth(mechanism) {
            Ok(mechanism) => {
                let initial = initial.map(|InitialResponse(text)| text.as_str());
                let next =
                    auth::begin(mechanism, initial, &self.settings.hostname, &mut self.nonces);
                self.follow(next)
            }
            Err(refusal) => self.fault(State::IDLE, &refusal),
        }
    }

    fn permit_auth(&mut self, mechanism: Option<Mechanism>) -> Result<Mechanism, Reply> {
        self.require_greeting()?;
        if self.login == LoginState::LoggedIn {
            return Err(reply::ALREADY_LOGGED_IN);
        }
        if self.settings.mechanisms.is_empty() {
            return Err(match self.settings.no_login {
                NoLogin::Never => reply::NO_LOGIN_HERE,
                NoLogin::InClear => reply::ENCRYPT_FIRST,
            });
        }
        let mechanism = mechanism
            .filter(|mechanism| self.settings.mechanisms.contains(mechanism))
            .ok_or(reply::UNKNOWN_MECHANISM)?;
        // Deliberately laxer than RFC 4954 4, which allows AUTH only after EHLO: cameras send EHLO,
        // HELO, AUTH.
        if self.hello().is_some_and(|hello| hello.verb == HelloVerb::Helo) {
            self.quirks.insert(Quirk::AuthAfterHelo);
        }
        Ok(mechanism)
    }

    fn follow(&mut self, next: Result<Next, Reply>) -> Moved {
        match next {
            Ok(Next::Challenge(challenge, exchange)) => {
                self.send(|replies| reply::write_challenge(&challenge, replies));
                Moved::to(Waiting::Responding(Responding(exchange)))
            }
            Ok(Next::Verify(login)) => {
                let rspauth = match &login {
                    Login::DigestMd5(response) => Some(response.rspauth()),
                    Login::Password { .. } | Login::CramMd5 { .. } => None,
                };
                Moved::with(
                    Asked::Login(LoginAsked { rspauth }),
                    Action::Ask(Question::Login(login)),
                )
            }
            Err(refusal) => self.fault(State::IDLE, &refusal),
        }
    }

    fn log_in(&mut self, settings: Arc<SessionSettings>) -> State {
        self.settings = settings;
        self.login = LoginState::LoggedIn;
        self.say(&reply::LOGGED_IN);
        State::IDLE
    }
}

impl Responding {
    pub(super) fn take_response(self, line: &[u8], talk: &mut Conversation) -> Moved {
        let Self(exchange) = self;
        // Base64 is ASCII; anything else fails to decode.
        let next = std::str::from_utf8(line)
            .map_err(|_no_base64| reply::BAD_RESPONSE)
            .and_then(|line| exchange.respond(line));
        talk.follow(next)
    }
}

impl LoginAsked {
    pub(super) fn take_verdict(self, verdict: Verdict, talk: &mut Conversation) -> State {
        match verdict {
            Verdict::LoggedIn(settings) => {
                match self.rspauth.as_deref().map(std::sync::OnceLock::get) {
                    None => talk.log_in(settings),
                    Some(Some(rspauth)) => {
                        talk.send(|replies| {
                            reply::write_challenge(&auth::encode_rspauth(rspauth), replies);
                        });
                        Waiting::Confirming(Confirming { settings }).into()
                    }
                    // The driver accepted the login without verifying it: there is no proof, so
                    // there is no login.
                    Some(None) => talk.login_failed(&reply::LOGIN_UNAVAILABLE),
                }
            }
            Verdict::Refuse(_)
            | Verdict::Permit
            | Verdict::TlsStarted(..)
            | Verdict::Accepted(_) => talk.login_failed(&verdict.refusal()),
        }
    }
}

impl Confirming {
    pub(super) fn take_response(self, line: &[u8], talk: &mut Conversation) -> Moved {
        if line.trim_ascii() == b"*" {
            // The client did not accept our proof.
            return talk.fault(State::IDLE, &reply::LOGIN_CANCELLED);
        }
        Moved::to(talk.log_in(self.settings))
    }
}
