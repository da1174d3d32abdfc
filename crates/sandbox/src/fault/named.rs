//! Finds a fault by its name or by the address that chooses it.

use crate::fault::{
    effect::Effect,
    replies::replies,
    rows::NAMED,
    stage::{Plain, Stage},
};

/// How often the fault of an address strikes for one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Repeat {
    Always,
    First(u32),
}

/// One fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The name, without `once-` and similar prefixes.
    pub name: String,
    /// The stage at which the fault strikes.
    pub stage: Stage,
    /// The effect of the fault.
    pub effect: Effect,
}

impl Fault {
    /// Finds the fault with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if let Some(row) = NAMED.iter().chain(replies()).find(|row| row.name == name) {
            return Some(Self {
                name: name.to_owned(),
                stage: row.stage,
                effect: row.effect.clone(),
            });
        }
        let (stage, rest) = Stage::ALL.iter().find_map(|stage| {
            Some((*stage, name.strip_prefix(stage.as_str())?.strip_prefix('-')?))
        })?;
        let effect = match replies().find(|row| row.name == rest) {
            Some(row)
                if stage.takes(Plain::Code) && !matches!(stage, Stage::Token | Stage::Graph) =>
            {
                row.effect.clone()
            }
            Some(_) => return None,
            None => plain_effect(stage, rest)?,
        };
        Some(Self { name: name.to_owned(), stage, effect })
    }

    /// Finds the fault that a local part chooses: the part after the last `+`, or all of it.
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
    NAMED.iter().chain(replies()).map(|row| row.name)
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

pub(super) fn split_repeat(tag: &str) -> (Repeat, &str) {
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
        for row in NAMED.iter().chain(replies()) {
            assert!(names.insert(row.name), "{} is there twice", row.name);
            let fault = Fault::named(row.name).unwrap();
            assert_eq!((fault.stage, &fault.effect), (row.stage, &row.effect), "{}", row.name);
        }
    }
}
