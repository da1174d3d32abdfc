//! One row of the table, and how a reply is compared with it.

use crate::{
    classify::{
        stage::Stage,
        verdict::{Certainty, Concern, Concurrency, Outcome, Probe, Splitting, Verdict},
    },
    model::{EnhancedCode, Reply},
};

/// One row of the table. A reply fits when its stage, its codes and its text all fit.
pub(super) struct Row {
    /// The stages at which it applies; empty: all.
    pub(super) at: &'static [Stage],
    /// `"535 5.7.139"`, `"5xx 5.2.251-255"`, `"xxx 4.7.66"`, `"4xx"`: `x` is any digit, the detail
    /// may be a range. Without an enhanced code any will do, and none.
    pub(super) codes: &'static str,
    /// One of these must be in the reply's text, in any case of letters; empty: any text.
    pub(super) says: &'static [&'static str],
    /// What follows for the recipient or the account.
    pub(super) outcome: Outcome,
    /// Whether the account should open fewer connections.
    pub(super) concurrency: Concurrency,
    /// How the server reacts when Postroom causes the same refusal again.
    pub(super) repetition: Repetition,
    /// Whether the reply says clearly whom it refuses.
    pub(super) certainty: Certainty,
    /// For a refused message: whether half of its recipients may be accepted in a transaction of
    /// their own.
    pub(super) splitting: Splitting,
    /// What to tell the administrator.
    pub(super) advice: &'static str,
}

/// How the server reacts when the same refusal is provoked again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Repetition {
    /// It does not react.
    Harmless,
    /// It throttles the mailbox (5.2.251 to 5.2.255).
    Punished,
}

impl Row {
    pub(super) const fn new(
        codes: &'static str,
        says: &'static [&'static str],
        outcome: Outcome,
        advice: &'static str,
    ) -> Self {
        Self {
            at: &[],
            codes,
            says,
            outcome,
            concurrency: Concurrency::Keep,
            repetition: Repetition::Harmless,
            certainty: Certainty::Stated,
            splitting: Splitting::MayHelp,
            advice,
        }
    }

    /// Limits the row to these stages.
    pub(super) const fn at(self, at: &'static [Stage]) -> Self {
        Self { at, ..self }
    }

    /// The row means that the account has too many connections open.
    pub(super) const fn too_many_connections(self) -> Self {
        Self { concurrency: Concurrency::Lower, ..self }
    }

    /// The account is presumed to be refused, unless the server accepts other recipients.
    pub(super) const fn unless_others_pass(self) -> Self {
        Self { certainty: Certainty::UnlessOthersPass, ..self }
    }

    /// The recipient or the sender is presumed to be refused, unless the server says the same of
    /// others.
    pub(super) const fn unless_repeated(self) -> Self {
        Self { certainty: Certainty::UnlessRepeated, ..self }
    }

    /// The server throttles a mailbox that repeats this, so Postroom tries once a day.
    pub(super) const fn punished(self) -> Self {
        Self { repetition: Repetition::Punished, ..self }
    }

    /// The refusal concerns the message or its sender, so a part of the recipients would get the
    /// same refusal.
    pub(super) const fn for_all(self) -> Self {
        Self { splitting: Splitting::Useless, ..self }
    }

    pub(super) fn fits(&self, stage: Stage, reply: &Reply) -> bool {
        (self.at.is_empty() || self.at.contains(&stage))
            && fits_codes(self.codes, reply.code, reply.enhanced)
            && (self.says.is_empty() || self.says.iter().any(|words| contains(&reply.text, words)))
    }

    pub(super) const fn concerns_account(&self) -> bool {
        self.outcome.holds_account()
    }

    /// What follows from a reply that fits.
    pub(super) fn apply(&self, stage: Stage, concern: Concern, reply: &Reply) -> Verdict {
        let plain = stage.verdict(concern, self.outcome, Some(reply.clone()), self.advice);
        let probe = match self.repetition {
            Repetition::Harmless => plain.probe,
            Repetition::Punished => Probe::MessageOnceADay,
        };
        let splitting = match (stage, concern, self.outcome) {
            (
                Stage::EndOfData,
                Concern::Message,
                Outcome::Retry | Outcome::RetryAfter(_) | Outcome::Fail,
            ) => self.splitting,
            _taken_or_not_the_whole_message => Splitting::Useless,
        };
        let certainty = match (self.certainty, stage) {
            // At any other stage, one reply is for all recipients.
            (Certainty::UnlessOthersPass, Stage::RcptTo) => Certainty::UnlessOthersPass,
            (Certainty::UnlessOthersPass, _) => Certainty::Stated,
            (Certainty::Stated | Certainty::UnlessRepeated, _) => self.certainty,
        };
        Verdict { probe, splitting, concurrency: self.concurrency, certainty, ..plain }
    }
}

fn contains(text: &str, words: &str) -> bool {
    text.as_bytes().windows(words.len()).any(|window| window.eq_ignore_ascii_case(words.as_bytes()))
}

fn fits_codes(pattern: &str, code: u16, enhanced: Option<EnhancedCode>) -> bool {
    let (basic, status) =
        pattern.split_once(' ').map_or((pattern, None), |(basic, status)| (basic, Some(status)));
    let digits = [code / 100, code / 10 % 10, code % 10];
    let fits = |(wanted, given): (u8, &u16)| {
        wanted == b'x' || u16::from(wanted.wrapping_sub(b'0')) == *given
    };
    let fits_basic = basic.len() == digits.len() && basic.bytes().zip(&digits).all(fits);
    fits_basic
        && status
            .is_none_or(|status| enhanced.is_some_and(|enhanced| fits_status(status, enhanced)))
}

fn fits_status(pattern: &str, EnhancedCode(class, subject, detail): EnhancedCode) -> bool {
    let mut parts = pattern.split('.');
    let fits = |part: Option<&str>, given: u16| {
        let part = part.unwrap_or_default();
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        part == "x"
            || matches!(
                (from.parse(), to.parse()),
                (Ok(from), Ok(to)) if (from..=to).contains(&given)
            )
    };
    fits(parts.next(), class) && fits(parts.next(), subject) && fits(parts.next(), detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, reply: &str, expected: bool) {
        let (code, text) = reply.split_once(' ').unwrap_or((reply, ""));
        let reply = Reply::new(code.parse().unwrap(), text);
        assert_eq!(
            fits_codes(pattern, reply.code, reply.enhanced),
            expected,
            "{pattern} on {reply}"
        );
    }

    #[test]
    fn codes_fit_their_pattern() {
        check("535 5.7.139", "535 5.7.139 no", true);
        check("535 5.7.139", "535 5.7.13 no", false);
        check("535 5.7.139", "550 5.7.139 no", false);
        check("5xx", "550 no", true);
        check("5xx", "450 4.2.1 no", false);
        check("5xx 5.7.139", "550 no", false);
        check("xxx 4.7.500-699", "451 4.7.500 no", true);
        check("xxx 4.7.500-699", "451 4.7.699 no", true);
        check("xxx 4.7.500-699", "451 4.7.700 no", false);
        check("5xx 5.6.x", "554 5.6.211 no", true);
        check("5xx 5.6.x", "554 5.7.6 no", false);
    }

    #[test]
    fn words_are_found_in_any_case() {
        assert!(contains("STOREDRV.Submission", "storedrv.SUB"));
        assert!(!contains("no", "nope"));
    }
}
