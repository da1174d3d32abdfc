//! Plays faults in the conversation: what replaces the normal answer, and how fast it is sent.

use crate::{
    Effect, Fault, Stage,
    dialect::{
        act::{Act, Leave},
        dialogue::Dialogue,
        wording::About,
    },
    fault::Occasion,
    tenant::Tenant,
};
use postroom_core::model::{Address, Timestamp};

/// The number of octets of text after which a fault strikes: past any header, before the end of any
/// scan.
pub(super) const CUT_AFTER: u64 = 512;
/// An answer of a broken middlebox.
pub(super) const GARBAGE: &str = "*** 2\u{7f}XX ** not SMTP **\r\n";

impl Dialogue {
    pub(super) fn strike(
        &self,
        stage: Stage,
        addresses: &[&Address],
        message: &str,
        tenant: &mut Tenant,
    ) -> Option<Fault> {
        tenant.strike(&Occasion { role: self.wording.role, stage, addresses, message })
    }

    pub(super) fn played(
        &self,
        stage: Stage,
        addresses: &[&Address],
        tenant: &mut Tenant,
        now: Timestamp,
    ) -> Played {
        let fault = self.strike(stage, addresses, "", tenant);
        match fault.as_ref().and_then(|fault| self.instead(fault, "", now)) {
            Some(acts) => Played::Instead(acts),
            None => Played::Properly(Pace::of(fault.as_ref())),
        }
    }

    /// The acts that replace the normal answer; none when the fault only changes how that answer is
    /// sent.
    pub(super) fn instead(&self, fault: &Fault, from: &str, now: Timestamp) -> Option<Vec<Act>> {
        match &fault.effect {
            Effect::Reply(template) => {
                let user = self.user.as_ref().map(Address::as_str).unwrap_or_default();
                let text = self.wording.render(template, About { user, from }, now);
                let closes = text.starts_with("421") || text.contains("Timeout waiting");
                Some(
                    std::iter::once(Act::Say(text))
                        .chain(closes.then_some(Act::Leave(Leave::Close)))
                        .collect(),
                )
            }
            Effect::Drop | Effect::DropLost => Some(vec![Act::Leave(Leave::Cut)]),
            Effect::Reset => Some(vec![Act::Leave(Leave::Reset)]),
            Effect::Silence | Effect::SilenceLost => Some(vec![Act::Leave(Leave::Silence)]),
            Effect::Garbage => Some(vec![Act::Say(GARBAGE.to_owned())]),
            Effect::Slow
            | Effect::SlowDot
            | Effect::DropAfter354
            | Effect::HideStartTls
            | Effect::HideAuth
            | Effect::WrongName
            | Effect::UntrustedIssuer
            | Effect::Expired => None,
        }
    }
}

/// Whether a fault replaces an answer.
pub(super) enum Played {
    Instead(Vec<Act>),
    Properly(Pace),
}

impl Played {
    pub(super) fn proper(self, text: String) -> Vec<Act> {
        match self {
            Self::Instead(acts) => acts,
            Self::Properly(pace) => pace.say(text),
        }
    }
}

/// How an answer is sent.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    AtOnce,
    Dripping,
}

impl Pace {
    pub(super) fn of(fault: Option<&Fault>) -> Self {
        if fault.is_some_and(|fault| fault.effect == Effect::Slow) {
            Self::Dripping
        } else {
            Self::AtOnce
        }
    }

    pub(super) fn say(self, text: String) -> Vec<Act> {
        match self {
            Self::AtOnce => vec![Act::Say(text)],
            Self::Dripping => vec![Act::Drip(text)],
        }
    }
}

pub(super) fn say(text: &str) -> Vec<Act> {
    vec![Act::Say(format!("{text}\r\n"))]
}
