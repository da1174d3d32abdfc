//! One session: the greeting, TLS, the error limits, and the dispatch of commands.

use std::net::IpAddr;

use crate::{
    Effect, Stage, Timing,
    dialect::{
        act::{Act, Handshake, Leave},
        command::Command,
        login::Exchange,
        playing::{Pace, Played, say},
        transaction::Transaction,
        wording::{About, Role, Wording},
    },
    fault::cited,
    tenant::Tenant,
};
use postroom_core::model::{Address, Timestamp, TlsVersion};

/// The default of `MaxProtocolErrors` of a receive connector of Exchange Server.
const PROTOCOL_ERROR_LIMIT: u32 = 5;
/// The default of `MaxLogonFailures` of a receive connector of Exchange Server.
pub(super) const LOGON_FAILURE_LIMIT: u32 = 3;

/// One session.
pub(crate) struct Dialogue {
    pub(super) wording: Wording,
    pub(super) timing: Timing,
    pub(super) opened: Timestamp,
    pub(super) tls: Option<TlsVersion>,
    pub(super) client_names: Vec<String>,
    pub(super) helo: Option<String>,
    pub(super) user: Option<Address>,
    pub(super) exchange: Exchange,
    pub(super) mail: Option<Transaction>,
    pub(super) protocol_errors: u32,
    pub(super) logon_failures: u32,
    /// The listener that counts this connection; none after the connection was counted as ended.
    pub(super) connected: Option<Role>,
}

impl Dialogue {
    /// Opens a session. Returns it with its banner.
    pub(crate) fn open(
        role: Role,
        peer: IpAddr,
        session_id: String,
        timing: Timing,
        tenant: &mut Tenant,
        now: Timestamp,
    ) -> (Self, Vec<Act>) {
        tenant.connected(role);
        let dialogue = Self {
            wording: Wording { role, peer, session_id },
            timing,
            opened: now,
            tls: None,
            client_names: Vec::new(),
            helo: None,
            user: None,
            exchange: Exchange::None,
            mail: None,
            protocol_errors: 0,
            logon_failures: 0,
            connected: Some(role),
        };
        let banner = dialogue.wording.banner(now);
        let acts = dialogue.played(Stage::Greeting, &[], tenant, now).proper(banner);
        (dialogue, acts)
    }

    /// Records that TLS is active.
    pub(crate) fn secured(&mut self, version: TlsVersion, client_names: Vec<String>) {
        self.tls = Some(version);
        self.client_names = client_names;
        // RFC 3207 4.2: both sides discard what was said before the handshake.
        self.helo = None;
    }

    /// Handles a line, given without its line end.
    pub(crate) fn line(&mut self, line: &[u8], tenant: &mut Tenant, now: Timestamp) -> Vec<Act> {
        if now.since(self.opened) >= self.timing.session {
            return self.expired(now);
        }
        match std::mem::replace(&mut self.exchange, Exchange::None) {
            Exchange::None => self.command(Command::parse(line), tenant, now),
            exchange @ (Exchange::LoginUser
            | Exchange::LoginPassword { .. }
            | Exchange::Token
            | Exchange::RefusedToken(_)) => self.login_step(exchange, line, tenant, now),
        }
    }

    fn command(&mut self, command: Command, tenant: &mut Tenant, now: Timestamp) -> Vec<Act> {
        match command {
            Command::Helo(name) => self.hello(name, false, tenant, now),
            Command::Ehlo(name) => self.hello(name, true, tenant, now),
            Command::StartTls => self.start_tls(tenant, now),
            Command::Auth { mechanism, initial } => self.auth(&mechanism, initial, tenant, now),
            Command::Mail { sender, parameters } => self.mail(sender, parameters, tenant, now),
            Command::Rcpt { recipient, parameters } => {
                self.rcpt(recipient, parameters, tenant, now)
            }
            Command::Data => self.data(tenant, now),
            Command::Bdat { octets, last } => self.bdat(octets, last, tenant, now),
            Command::Rset => {
                self.abandon(tenant);
                vec![Act::Lose, Act::Say("250 2.0.0 Resetting\r\n".to_owned())]
            }
            Command::Noop => say("250 2.0.0 OK"),
            Command::Vrfy => say("252 2.1.5 Cannot VRFY user"),
            Command::Quit => {
                // The client is logged out before it can see the answer, because its next session
                // may begin at once.
                self.log_out(tenant);
                let mut acts = self
                    .played(Stage::Quit, &[], tenant, now)
                    .proper("221 2.0.0 Service closing transmission channel\r\n".to_owned());
                acts.push(Act::Leave(Leave::Close));
                acts
            }
            Command::Unknown(word) => {
                let text = self.wording.render(
                    &format!(
                        "500 5.3.3 Unrecognized command '{}' {{fe}}",
                        word.replace(['{', '}'], "")
                    ),
                    About::default(),
                    now,
                );
                self.protocol_error(text)
            }
        }
    }

    fn hello(
        &mut self,
        name: String,
        extended: bool,
        tenant: &mut Tenant,
        now: Timestamp,
    ) -> Vec<Act> {
        let fault = self.strike(Stage::Ehlo, &[], "", tenant);
        if let Some(acts) = fault.as_ref().and_then(|fault| self.instead(fault, "", now)) {
            return acts;
        }
        if name.is_empty() || name.ends_with('.') {
            return say("501 5.5.4 Invalid domain name");
        }
        self.abandon(tenant);
        self.helo = Some(name);
        let effect = fault.as_ref().map(|fault| &fault.effect);
        let text = if extended {
            let offer = match (self.tls, self.wording.role) {
                (None, _) => Some("STARTTLS").filter(|_| effect != Some(&Effect::HideStartTls)),
                (Some(_), Role::Submission) => {
                    Some("AUTH LOGIN XOAUTH2").filter(|_| effect != Some(&Effect::HideAuth))
                }
                (Some(_), Role::Mx) => None,
            };
            self.wording.extensions(tenant.limits().announced_size.octets(), offer)
        } else {
            format!("250 {} Hello [{}]\r\n", self.wording.role.host(), self.wording.peer)
        };
        Pace::of(fault.as_ref()).say(text)
    }

    fn start_tls(&mut self, tenant: &mut Tenant, now: Timestamp) -> Vec<Act> {
        if self.tls.is_some() {
            return say("503 5.5.2 Only one STARTTLS command can be issued per session");
        }
        if self.helo.is_none() {
            return say("503 5.5.2 Send hello first");
        }
        let ready = match self.played(Stage::StartTls, &[], tenant, now) {
            Played::Instead(acts) => return acts,
            Played::Properly(pace) => pace.say("220 2.0.0 SMTP server ready\r\n".to_owned()),
        };
        let handshake = match self.strike(Stage::Tls, &[], "", tenant).map(|fault| fault.effect) {
            None => Act::Handshake(Handshake::Proper),
            Some(Effect::WrongName) => Act::Handshake(Handshake::WrongName),
            Some(Effect::UntrustedIssuer) => Act::Handshake(Handshake::UntrustedIssuer),
            Some(Effect::Expired) => Act::Handshake(Handshake::Expired),
            Some(Effect::Garbage) => Act::Handshake(Handshake::Garbage),
            Some(Effect::Reset) => Act::Leave(Leave::Reset),
            Some(Effect::Silence | Effect::SilenceLost) => Act::Leave(Leave::Silence),
            Some(
                Effect::Drop
                | Effect::DropLost
                | Effect::DropAfter354
                | Effect::Reply(_)
                | Effect::Slow
                | Effect::SlowDot
                | Effect::HideStartTls
                | Effect::HideAuth,
            ) => Act::Leave(Leave::Close),
        };
        self.abandon(tenant);
        ready.into_iter().chain([handshake]).collect()
    }

    /// Handles a command line that is too long.
    pub(crate) fn line_too_long(&mut self) -> Vec<Act> {
        self.exchange = Exchange::None;
        self.protocol_error("500 5.5.2 Command too long\r\n".to_owned())
    }

    pub(super) fn protocol_error(&mut self, text: String) -> Vec<Act> {
        self.protocol_errors += 1;
        let mut acts = vec![Act::Pause(self.timing.tarpit), Act::Say(text)];
        if self.protocol_errors >= PROTOCOL_ERROR_LIMIT {
            acts.extend(self.too_many_errors());
        }
        acts
    }

    pub(super) fn too_many_errors(&self) -> Vec<Act> {
        let text = self.wording.render(cited::TOO_MANY_ERRORS, About::default(), self.opened);
        vec![Act::Say(text), Act::Leave(Leave::Close)]
    }

    /// Ends a session whose client has been idle for too long.
    pub(crate) fn idle() -> Vec<Act> {
        vec![
            Act::Say("451 4.7.0 Timeout waiting for client input\r\n".to_owned()),
            Act::Leave(Leave::Close),
        ]
    }

    fn expired(&self, now: Timestamp) -> Vec<Act> {
        let lasted = now.since(self.opened);
        let (minutes, seconds) = (lasted.as_secs() / 60, lasted.as_secs() % 60);
        let text = format!(
            "421 4.4.1 Connection timed out. Total session duration: \
            {:02}:{:02}:{seconds:02}.{:07}\r\n",
            minutes / 60,
            minutes % 60,
            lasted.subsec_nanos() / 100
        );
        vec![Act::Say(text), Act::Leave(Leave::Close)]
    }

    /// Ends a session because the sandbox stops.
    pub(crate) fn shut_down() -> Vec<Act> {
        vec![Act::Say("421 4.3.2 Service not available\r\n".to_owned()), Act::Leave(Leave::Close)]
    }

    /// Records that the connection has ended or is about to. A second call does nothing.
    pub(crate) fn closed(&mut self, tenant: &mut Tenant) {
        self.log_out(tenant);
        if let Some(connected) = self.connected.take() {
            tenant.disconnected(connected);
        }
    }

    fn log_out(&mut self, tenant: &mut Tenant) {
        self.abandon(tenant);
        if let Some(user) = self.user.take() {
            tenant.logged_out(&user);
        }
    }
}
