//! The form in which the index stores the health of an account. Every version since the first has
//! written this form.

use serde::{Deserialize, Serialize};

use crate::queue::engine::{
    account_state::AccountState,
    health::{Cause, Health, Record, Then, Told, Words},
};

/// The stored record.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(in crate::queue) struct Remembered {
    state: AccountState,
    streak: u32,
    cause: Cause,
    told: Told,
    #[serde(default)]
    proof: Proof,
}

/// Whether mail has to prove that the account works.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Proof {
    /// The proof was given, or is not needed.
    #[default]
    Given,
    /// The proof is needed.
    Awaited,
}

impl From<&Health> for Remembered {
    fn from(health: &Health) -> Self {
        let (cause, then, record) = match health {
            Health::Ready { record } => (Cause::Login, Then::Ready, *record),
            Health::Probing { cause, record } => (*cause, Then::Probing, *record),
            Health::Paused { cause, then, record, .. }
            | Health::Stopped { cause, then, record, .. } => (*cause, *then, *record),
            Health::Disabled => (Cause::Login, Then::Ready, Record::default()),
        };
        let proof = match then {
            Then::Ready => Proof::Given,
            Then::Probing => Proof::Awaited,
        };
        let Record { streak, told } = record;
        Self { state: health.account_state(), streak, cause, told, proof }
    }
}

impl From<Remembered> for Health {
    fn from(Remembered { state, streak, cause, told, proof }: Remembered) -> Self {
        let record = Record { streak, told };
        // Earlier versions wrote `given` although only mail could end a streak of refused mail.
        let then = match cause {
            Cause::Mail | Cause::Punished if streak > 0 || proof == Proof::Awaited => Then::Probing,
            Cause::Mail | Cause::Punished | Cause::Login => Then::Ready,
        };
        match (state, then) {
            (AccountState::Ready, Then::Ready) => Self::Ready { record },
            (AccountState::Ready, Then::Probing) => Self::Probing { cause, record },
            (AccountState::Paused { until, reason, advice }, then) => {
                Self::Paused { until, words: Words { reason, advice }, cause, then, record }
            }
            (AccountState::Stopped { since, probe_at, reason, advice }, then) => {
                let words = Words { reason, advice };
                Self::Stopped { since, probe_at, words, cause, then, record }
            }
            (AccountState::Disabled, _) => Self::Disabled,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::queue::{engine::account_state::Enabled, fixture::at};

    /// A record of an earlier version, word for word.
    #[track_caller]
    fn check(json: &str, expected: &Health) {
        let remembered: Remembered = serde_json::from_str(json).unwrap();
        assert_eq!(Health::from(remembered), *expected, "{json}");
    }

    fn words() -> Words {
        Words { reason: "451 4.7.0 Later".to_owned(), advice: "Wait.".to_owned() }
    }

    #[test]
    fn what_earlier_versions_have_stored_is_understood() {
        check(
            r#"{"state":{"state":"ready"},"streak":0,"cause":"login","told":"nothing","proof":"given"}"#,
            &Health::ready(),
        );
        check(
            r#"{"state":{"state":"ready"},"streak":2,"cause":"login","told":"nothing"}"#,
            &Health::Ready { record: Record { streak: 2, told: Told::Nothing } },
        );
        check(
            r#"{"state":{"state":"ready"},"streak":1,"cause":"mail","told":"trouble","proof":"given"}"#,
            &Health::Probing {
                cause: Cause::Mail,
                record: Record { streak: 1, told: Told::Trouble },
            },
        );
        check(
            r#"{"state":{"state":"ready"},"streak":0,"cause":"punished","told":"trouble","proof":"awaited"}"#,
            &Health::Probing {
                cause: Cause::Punished,
                record: Record { streak: 0, told: Told::Trouble },
            },
        );
        check(
            r#"{"state":{"state":"disabled"},"streak":0,"cause":"login","told":"nothing","proof":"given"}"#,
            &Health::Disabled,
        );
    }

    #[test]
    fn a_pause_and_a_stop_of_an_earlier_version_go_on() {
        let record = Record { streak: 1, told: Told::Nothing };
        check(
            r#"{"state":{"state":"paused","until":1763901060000,"reason":"451 4.7.0 Later","advice":"Wait."},"streak":1,"cause":"mail","told":"nothing","proof":"given"}"#,
            &Health::Paused {
                until: at(1060),
                words: words(),
                cause: Cause::Mail,
                then: Then::Probing,
                record,
            },
        );
        check(
            r#"{"state":{"state":"stopped","since":1763900000000,"probe_at":1763900300000,"reason":"451 4.7.0 Later","advice":"Wait."},"streak":1,"cause":"login","told":"nothing","proof":"given"}"#,
            &Health::Stopped {
                since: at(0),
                probe_at: at(300),
                words: words(),
                cause: Cause::Login,
                then: Then::Ready,
                record,
            },
        );
    }

    #[test]
    fn every_state_is_remembered_as_it_is() {
        let record = Record { streak: 3, told: Told::Trouble };
        let mut states = vec![
            Health::ready(),
            Health::Ready { record },
            Health::Probing { cause: Cause::Punished, record },
            Health::Disabled,
        ];
        for (cause, then) in [(Cause::Login, Then::Ready), (Cause::Mail, Then::Probing)] {
            let (until, probe_at) = (at(60), at(60).plus(Duration::from_secs(1)));
            states.push(Health::Paused { until, words: words(), cause, then, record });
            states.push(Health::Stopped {
                since: at(0),
                probe_at,
                words: words(),
                cause,
                then,
                record,
            });
        }
        let mut on = Health::Probing { cause: Cause::Mail, record };
        on.set_enabled(Enabled::On);
        states.push(on);
        for health in states {
            let json = serde_json::to_string(&Remembered::from(&health)).unwrap();
            let remembered: Remembered = serde_json::from_str(&json).unwrap();
            assert_eq!(Health::from(remembered), health, "{json}");
        }
    }
}
