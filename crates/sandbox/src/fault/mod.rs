//! What can go wrong, by name. An address or the control API chooses a fault; the tables in `rows`
//! and `replies` are the one source of the lookup, of `postroom sandbox --list-faults` and of
//! `docs/sandbox.md`.
//!
//! A name is `<stage>-<effect>` (`rcpt-550`, `auth-silence`), a named row (`eod-sendas`, `poison`),
//! a cited reply (`reply-<slug>`) or that reply at another stage (`eod-reply-rate`). `once-`,
//! `twice-` and `first-<n>-` before it end it after so many times.

mod plan;
pub(crate) mod replies;
mod rows;
mod table;

use std::borrow::Cow;

pub(crate) use plan::{FaultPlan, Occasion, Switched};
pub(crate) use replies as cited;
pub use table::{markdown_table, plain_table};

use replies::REPLIES;
use rows::NAMED;

/// Where in the conversation a fault strikes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    /// The answer of the token endpoint.
    Token,
    /// The banner.
    Greeting,
    /// The answer to EHLO.
    Ehlo,
    /// The answer to STARTTLS.
    StartTls,
    /// The handshake.
    Tls,
    /// The last answer of AUTH.
    Auth,
    /// The answer to `MAIL FROM`.
    Mail,
    /// The answer to `RCPT TO`.
    Rcpt,
    /// The answer to `DATA`.
    Data,
    /// In the middle of the text.
    Body,
    /// The answer to end of data.
    Eod,
    /// The answer to QUIT.
    Quit,
}

impl Stage {
    /// All, in the order of a session.
    pub const ALL: [Self; 12] = [
        Self::Token,
        Self::Greeting,
        Self::Ehlo,
        Self::StartTls,
        Self::Tls,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Body,
        Self::Eod,
        Self::Quit,
    ];

    /// The word that begins a fault's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Greeting => "greeting",
            Self::Ehlo => "ehlo",
            Self::StartTls => "starttls",
            Self::Tls => "tls",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Body => "body",
            Self::Eod => "eod",
            Self::Quit => "quit",
        }
    }

    /// Which address can choose a fault here.
    #[must_use]
    pub const fn chosen_by(self) -> &'static str {
        match self {
            Self::Token | Self::Greeting | Self::Ehlo | Self::StartTls | Self::Tls | Self::Quit => {
                "control API"
            }
            Self::Auth => "user name",
            Self::Mail => "sender",
            Self::Rcpt => "recipient",
            Self::Data | Self::Body | Self::Eod => "recipient or sender",
        }
    }

    /// Whether a plain `<stage>-<effect>` name makes sense.
    const fn takes(self, plain: Plain) -> bool {
        match (self, plain) {
            (Self::Token, Plain::Drop | Plain::Reset | Plain::Slow)
            | (Self::Tls, Plain::Code | Plain::Slow)
            | (Self::Body, Plain::Slow | Plain::Garbage) => false,
            (
                _,
                Plain::Code
                | Plain::Drop
                | Plain::Reset
                | Plain::Silence
                | Plain::Slow
                | Plain::Garbage,
            ) => true,
        }
    }
}

/// The effects that every stage knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Plain {
    Code,
    Drop,
    Reset,
    Silence,
    Slow,
    Garbage,
}

/// What a fault does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Answers this; `{…}` is filled in. A 421 also closes.
    Reply(Cow<'static, str>),
    /// Closes the connection without an answer. At end of data the message is stored first.
    Drop,
    /// As `Drop`, by TCP reset.
    Reset,
    /// Never answers again. At end of data the message is stored first.
    Silence,
    /// The right answer, octet by octet.
    Slow,
    /// An answer that is no SMTP.
    Garbage,
    /// At end of data: drops the connection and the message.
    DropLost,
    /// At end of data: never answers, and the message is lost.
    SilenceLost,
    /// Says 354 and closes.
    DropAfter354,
    /// The right answer, after a long wait.
    SlowDot,
    /// EHLO does not offer STARTTLS.
    HideStartTls,
    /// EHLO does not offer AUTH.
    HideAuth,
    /// The certificate is of another name.
    WrongName,
    /// The certificate is of an issuer that nobody trusts.
    UntrustedIssuer,
    /// The certificate ended in 2020.
    Expired,
}

/// How often an address's fault strikes for one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Repeat {
    Always,
    First(u32),
}

/// One fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Its name, without `once-` and the like.
    pub name: String,
    /// Where it strikes.
    pub stage: Stage,
    /// What it does.
    pub effect: Effect,
}

/// One row of the tables.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) stage: Stage,
    pub(crate) effect: Effect,
    /// What it rehearses.
    pub(crate) says: &'static str,
}

impl Fault {
    /// The fault of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if let Some(row) = NAMED.iter().chain(REPLIES).find(|row| row.name == name) {
            return Some(Self {
                name: name.to_owned(),
                stage: row.stage,
                effect: row.effect.clone(),
            });
        }
        let (stage, rest) = Stage::ALL.iter().find_map(|stage| {
            Some((*stage, name.strip_prefix(stage.as_str())?.strip_prefix('-')?))
        })?;
        let effect = match REPLIES.iter().find(|row| row.name == rest) {
            Some(row) if stage.takes(Plain::Code) && stage != Stage::Token => row.effect.clone(),
            Some(_) => return None,
            None => plain_effect(stage, rest)?,
        };
        Some(Self { name: name.to_owned(), stage, effect })
    }

    /// The fault that a local part asks for: what stands after its last `+`, or all of it.
    pub(crate) fn asked_for(local_part: &str) -> Option<(Self, Repeat)> {
        let tag =
            local_part.rsplit_once('+').map_or(local_part, |(_, tag)| tag).to_ascii_lowercase();
        let (repeat, name) = split_repeat(&tag);
        Self::named(name).map(|fault| (fault, repeat))
    }
}

/// The names of all rows.
#[cfg(test)]
pub(crate) fn row_names() -> impl Iterator<Item = &'static str> {
    NAMED.iter().chain(REPLIES).map(|row| row.name)
}

fn plain_effect(stage: Stage, word: &str) -> Option<Effect> {
    let (plain, effect) = match word {
        "drop" => (Plain::Drop, Effect::Drop),
        "reset" => (Plain::Reset, Effect::Reset),
        "silence" => (Plain::Silence, Effect::Silence),
        "slow" => (Plain::Slow, Effect::Slow),
        "garbage" => (Plain::Garbage, Effect::Garbage),
        code => {
            let number: u16 = code.parse().ok().filter(|number| (400..600).contains(number))?;
            let text =
                format!("{number} {}.0.0 Fault of the sandbox at this stage {{fe}}", number / 100);
            (Plain::Code, Effect::Reply(text.into()))
        }
    };
    stage.takes(plain).then_some(effect)
}

fn split_repeat(tag: &str) -> (Repeat, &str) {
    if let Some(name) = tag.strip_prefix("once-") {
        return (Repeat::First(1), name);
    }
    if let Some(name) = tag.strip_prefix("twice-") {
        return (Repeat::First(2), name);
    }
    let counted = tag.strip_prefix("first-").and_then(|rest| rest.split_once('-'));
    match counted.and_then(|(times, name)| Some((times.parse().ok()?, name))) {
        Some((times, name)) => (Repeat::First(times), name),
        None => (Repeat::Always, tag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(local_part: &str, expected: Option<(Stage, &str, Repeat)>) {
        let found = Fault::asked_for(local_part);
        let seen =
            found.as_ref().map(|(fault, repeat)| (fault.stage, fault.name.as_str(), *repeat));
        assert_eq!(seen, expected, "{local_part}");
    }

    #[test]
    fn a_local_part_names_its_fault_after_the_plus_or_as_a_whole() {
        check("fault+rcpt-550", Some((Stage::Rcpt, "rcpt-550", Repeat::Always)));
        check("Mail-451", Some((Stage::Mail, "mail-451", Repeat::Always)));
        check("a+b+eod-sendas", Some((Stage::Eod, "eod-sendas", Repeat::Always)));
        check("x+once-eod-432", Some((Stage::Eod, "eod-432", Repeat::First(1))));
        check("x+first-7-eod-drop", Some((Stage::Eod, "eod-drop", Repeat::First(7))));
        check("x+eod-reply-rate", Some((Stage::Eod, "eod-reply-rate", Repeat::Always)));
    }

    #[test]
    fn an_ordinary_address_asks_for_nothing() {
        for local in [
            "scanner",
            "mail",
            "rcpt-",
            "rcpt-250",
            "rcpt-999",
            "tls-550",
            "first-aid",
            "once-upon+a-time",
            "body-slow",
        ] {
            check(local, None);
        }
    }

    #[test]
    fn every_row_is_found_by_its_name_and_no_name_is_given_twice() {
        let mut names = std::collections::HashSet::new();
        for row in NAMED.iter().chain(REPLIES) {
            assert!(names.insert(row.name), "{} is there twice", row.name);
            let fault = Fault::named(row.name).unwrap();
            assert_eq!((fault.stage, &fault.effect), (row.stage, &row.effect), "{}", row.name);
        }
    }
}
