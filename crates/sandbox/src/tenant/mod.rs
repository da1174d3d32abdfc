//! What Exchange Online remembers between commands and sessions. The time is an argument.
//!
//! - `window`: exact sliding windows
//! - `mailbox`: the windows, throttle and quota of one mailbox
//! - `access`: who may log in, send, or relay
//! - `submit`: the decision at end of data
//! - `graph`: who may use Graph, and how many requests at once
//! - `attempts`: earlier attempts to send a message
//! - `judge`: the observations and the exceeded limits

mod access;
mod attempts;
mod graph;
mod judge;
mod mailbox;
mod submit;
mod window;

use std::collections::HashMap;

pub(crate) use access::Credential;
pub(crate) use attempts::Ending;
pub use judge::{Gauge, Limit, MailboxReport, SandboxState, Violation};
pub(crate) use mailbox::without_tag;
pub(crate) use submit::{Submission, Verdict};

use crate::{
    Limits, MailboxSettings, Switches, TenantSettings,
    dialect::Role,
    fault::{Fault, FaultPlan, Occasion, Stage, Switched},
    tenant::{attempts::Attempts, mailbox::Mailbox},
    token::{Answer, Directory, Form, TokenBook},
};
use postroom_core::model::{Address, Secret, Timestamp};

/// The maximum number of mailboxes that an open sandbox creates at first login.
const MAILBOX_LIMIT: usize = 1000;

/// The tenant.
pub(crate) struct Tenant {
    settings: TenantSettings,
    mailboxes: HashMap<String, Mailbox>,
    faults: FaultPlan,
    tokens: TokenBook,
    attempts: Attempts,
    state: SandboxState,
}

impl Tenant {
    pub(crate) fn new(settings: TenantSettings) -> Self {
        let keyed = |mailbox: &MailboxSettings| {
            (without_tag(&mailbox.address), Mailbox::new(mailbox.clone()))
        };
        let mailboxes = settings.mailboxes.iter().map(keyed).collect();
        Self {
            settings,
            mailboxes,
            faults: FaultPlan::default(),
            tokens: TokenBook::default(),
            attempts: Attempts::default(),
            state: SandboxState::default(),
        }
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    pub(crate) const fn switches(&self) -> Switches {
        self.settings.switches
    }

    /// Changes the settings that can change while the sandbox runs.
    pub(crate) fn rule(&mut self, switches: Switches, limits: Limits) {
        self.settings.switches = switches;
        self.settings.limits = limits;
    }

    /// Replaces the faults that are switched on for everybody.
    pub(crate) fn switch_faults(&mut self, wanted: Vec<Switched>) -> Result<(), String> {
        self.faults.switch(wanted)
    }

    pub(crate) fn switched_faults(&self) -> Vec<Switched> {
        self.faults.switched()
    }

    /// The fault that strikes now, if any.
    pub(crate) fn strike(&mut self, occasion: &Occasion<'_>) -> Option<Fault> {
        let fault = self.faults.strike(occasion);
        self.state.faults_played += u64::from(fault.is_some());
        fault
    }

    /// Forgets all observations and faults. Settings, switches and connections stay.
    pub(crate) fn reset(&mut self) {
        self.faults = FaultPlan::default();
        self.attempts = Attempts::default();
        self.mailboxes.values_mut().for_each(Mailbox::reset);
        let (mut connections, mut mx_connections) =
            (self.state.connections, self.state.mx_connections);
        let mut graph = self.state.graph;
        connections.reset();
        mx_connections.reset();
        graph.reset();
        self.state = SandboxState { connections, mx_connections, graph, ..SandboxState::default() };
    }

    /// The observations of the client.
    pub(crate) fn state(&self) -> SandboxState {
        let mailboxes = self
            .mailboxes
            .iter()
            .map(|(address, mailbox)| (address.clone(), mailbox.report()))
            .collect();
        SandboxState { mailboxes, ..self.state.clone() }
    }

    pub(crate) fn connected(&mut self, role: Role) {
        self.connections(role).rise();
    }

    pub(crate) fn disconnected(&mut self, role: Role) {
        self.connections(role).fall();
    }

    /// Handles a token request. The issued tokens are made from `random`.
    pub(crate) fn token(
        &mut self,
        directory: &str,
        form: &Form,
        now: Timestamp,
        random: [u8; 32],
    ) -> Answer {
        let (tokens, known) = self.directory();
        let answer = tokens.token(&known, directory, form, now, random);
        self.state.tokens += u64::from(answer.is_granted());
        answer
    }

    /// Accepts a token of another authorization server until it expires. It gives access to every
    /// mailbox.
    pub(crate) fn admit_token(&mut self, token: Secret, ends: Timestamp) {
        self.tokens.admit(token, ends);
    }

    /// Handles a request for a device code.
    pub(crate) fn device_code(
        &mut self,
        directory: &str,
        form: &Form,
        now: Timestamp,
        random: [u8; 32],
    ) -> Answer {
        let (tokens, known) = self.directory();
        tokens.device_code(&known, directory, form, now, random)
    }

    fn directory(&mut self) -> (&mut TokenBook, Directory<'_>) {
        let known = Directory {
            application: &self.settings.application,
            domains: &self.settings.domains,
            unlisted: self.settings.unlisted,
            user: self.settings.mailboxes.first().map(|mailbox| &mailbox.address),
        };
        (&mut self.tokens, known)
    }

    /// The fault of the token endpoint that strikes now, if any.
    pub(crate) fn strike_token(&mut self) -> Option<Fault> {
        self.strike(&Occasion {
            role: Role::Submission,
            stage: Stage::Token,
            addresses: &[],
            message: "",
        })
    }

    fn connections(&mut self, role: Role) -> &mut Gauge {
        match role {
            Role::Submission => &mut self.state.connections,
            Role::Mx => &mut self.state.mx_connections,
        }
    }

    /// Counts an accepted message whose answer was withheld.
    pub(crate) fn left_unanswered(&mut self) {
        self.state.unanswered += 1;
    }

    fn mailbox(&mut self, user: &Address) -> Option<&mut Mailbox> {
        self.mailboxes.get_mut(&without_tag(user))
    }

    fn violate(
        &mut self,
        now: Timestamp,
        user: Option<&Address>,
        limit: Limit,
        seen: u64,
        allowed: u64,
    ) {
        let mailbox = user.map(without_tag).unwrap_or_default();
        self.state.violate(Violation { at: now, mailbox, limit, seen, allowed });
    }

    /// Records that a transaction with a `Message-ID` reached end of data.
    pub(crate) fn tried<'a>(
        &mut self,
        message_id: &str,
        recipients: impl Iterator<Item = &'a str>,
        ending: Ending,
        now: Timestamp,
    ) {
        for recipient in recipients {
            self.attempts.note(message_id, recipient, ending, now, &mut self.state);
        }
    }
}

/// Converts a number to the judge's type.
pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
