//! Changes that a person has made to an account's batch settings at run time. Pure.
//!
//! The newest change wins. A value set at run time survives restarts until it is taken back, or
//! until the file gives another value than when it was set: the edit of the file is then the newer
//! change.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    model::Timestamp,
    queue::{BatchSettings, Split},
};

/// A name is cut to this length: it is displayed, not trusted.
const LONGEST_NAME: usize = 64;

/// A key that may be changed while the daemon runs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::queue) enum BatchKey {
    Messages,
    Interval,
    Split,
}

/// The values of `split`.
const SPLITS: [(&str, Split); 3] =
    [("never", Split::Never), ("always", Split::Always), ("on_failure", Split::OnFailure)];

impl BatchKey {
    pub(in crate::queue) const ALL: [Self; 3] = [Self::Messages, Self::Interval, Self::Split];

    /// The name in the config, relative to the account.
    pub(in crate::queue) const fn name(self) -> &'static str {
        match self {
            Self::Messages => "batch.messages",
            Self::Interval => "batch.interval",
            Self::Split => "batch.split",
        }
    }

    fn value(self, settings: &BatchSettings) -> String {
        match self {
            Self::Messages => settings.messages.to_string(),
            Self::Interval => humantime::format_duration(settings.interval).to_string(),
            Self::Split => SPLITS
                .iter()
                .find(|(_, split)| *split == settings.split)
                .map_or("", |(word, _)| *word)
                .to_owned(),
        }
    }

    fn put(self, text: &str, settings: &mut BatchSettings) -> Result<(), String> {
        let name = self.name();
        match self {
            Self::Messages => {
                let most = BatchSettings::MOST_MESSAGES;
                let number = text.parse::<u32>().ok().filter(|number| (1..=most).contains(number));
                settings.messages = number.ok_or_else(|| {
                    format!("{name}: \"{text}\" is no whole number from 1 to {most}")
                })?;
            }
            Self::Interval => {
                let span = humantime::parse_duration(text)
                    .ok()
                    .filter(|span| *span <= BatchSettings::LONGEST_REST);
                settings.interval = span.ok_or_else(|| {
                    format!("{name}: \"{text}\" is no time span up to a day; write for example 60s")
                })?;
            }
            Self::Split => {
                let found = SPLITS.iter().find(|(word, _)| *word == text);
                let found = found.ok_or_else(|| {
                    format!("{name}: \"{text}\" is none of never, always, on_failure")
                })?;
                settings.split = found.1;
            }
        }
        Ok(())
    }
}

impl FromStr for BatchKey {
    type Err = String;

    /// Accepts the name with or without the prefix `batch.`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let short = text.strip_prefix("batch.").unwrap_or(text);
        let known =
            Self::ALL.into_iter().find(|key| key.name().strip_prefix("batch.") == Some(short));
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!(
                "\"{text}\" cannot be changed while the daemon runs; {names} can. Change it in \
                the config file and restart"
            )
        })
    }
}

/// One value that a person has set.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Word {
    value: String,
    /// The value in the file at that time.
    file: String,
    at: Timestamp,
    by: String,
}

/// All settings that a person has changed for one account.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(in crate::queue) struct Tuning(BTreeMap<BatchKey, Word>);

/// One setting that can be changed while the daemon runs: `postroom account settings`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SettingStatus {
    /// Its name in the config, relative to the account.
    pub key: String,
    /// The value in the file, or the default.
    pub file: String,
    /// The value in force.
    pub value: String,
    /// Who set it and when; `None` when the value is the file's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<SettingChange>,
}

/// When a setting was changed at run time, and by whom.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SettingChange {
    /// The time of the change.
    pub at: Timestamp,
    /// The name of the person, as given by that person.
    pub by: String,
}

/// A value that no longer holds, because the file has changed since.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::queue) struct Outdated {
    pub(in crate::queue) key: &'static str,
    pub(in crate::queue) value: String,
    pub(in crate::queue) file: String,
}

impl Tuning {
    pub(in crate::queue) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Drops the values that no longer hold because the file has changed since.
    pub(in crate::queue) fn restored(mut self, file: &BatchSettings) -> (Self, Vec<Outdated>) {
        let mut outdated = Vec::new();
        self.0.retain(|key, word| {
            let now = key.value(file);
            let holds = now == word.file;
            if !holds {
                outdated.push(Outdated { key: key.name(), value: word.value.clone(), file: now });
            }
            holds
        });
        (self, outdated)
    }

    /// The settings in force: these changes applied to the file's values.
    pub(in crate::queue) fn over(&self, file: &BatchSettings) -> BatchSettings {
        let mut settings = *file;
        for (key, word) in &self.0 {
            // The value was valid when it was set. A later version may reject it, and then keeps
            // the file's.
            if key.put(&word.value, &mut settings).is_err() {}
        }
        settings
    }

    /// Sets a value by order of a person. Setting the file's value takes an earlier change back.
    ///
    /// # Errors
    /// What to write instead, when the key or the value is invalid.
    pub(in crate::queue) fn set(
        &mut self,
        name: &str,
        text: &str,
        file: &BatchSettings,
        by: &str,
        at: Timestamp,
    ) -> Result<(), String> {
        let key = name.parse::<BatchKey>()?;
        let mut settings = *file;
        key.put(text.trim(), &mut settings)?;
        let (value, file) = (key.value(&settings), key.value(file));
        if value == file {
            self.0.remove(&key);
        } else {
            let by = by.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
            self.0.insert(key, Word { value, file, at, by });
        }
        Ok(())
    }

    /// The settings as people see them.
    pub(in crate::queue) fn status(&self, file: &BatchSettings) -> Vec<SettingStatus> {
        let in_force = self.over(file);
        let row = |key: BatchKey| SettingStatus {
            key: key.name().to_owned(),
            file: key.value(file),
            value: key.value(&in_force),
            changed: self
                .0
                .get(&key)
                .map(|word| SettingChange { at: word.at, by: word.by.clone() }),
        };
        BatchKey::ALL.map(row).into()
    }
}

impl BatchSettings {
    /// The maximum of `messages`.
    pub const MOST_MESSAGES: u32 = 1_000_000;
    /// The maximum of `interval`.
    pub const LONGEST_REST: Duration = Duration::from_secs(24 * 3600);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::fixture::at;

    const FILE: BatchSettings =
        BatchSettings { messages: 30, interval: Duration::ZERO, split: Split::OnFailure };

    fn set(words: &[(&str, &str)]) -> Result<Tuning, String> {
        let mut tuning = Tuning::default();
        words.iter().try_for_each(|(key, text)| tuning.set(key, text, &FILE, "anna", at(0)))?;
        Ok(tuning)
    }

    #[test]
    fn what_a_person_sets_goes_over_the_file() {
        let tuning =
            set(&[("batch.messages", "10"), ("interval", "1m 30s"), ("batch.split", "always")])
                .unwrap();
        let expected =
            BatchSettings { messages: 10, interval: Duration::from_secs(90), split: Split::Always };
        assert_eq!(tuning.over(&FILE), expected);
        let status = tuning.status(&FILE);
        assert_eq!((status[0].file.as_str(), status[0].value.as_str()), ("30", "10"));
        assert_eq!(status[1].changed, Some(SettingChange { at: at(0), by: "anna".into() }));
        assert_eq!(Tuning::default().over(&FILE), FILE);
    }

    #[test]
    fn saying_what_the_file_says_takes_the_word_back() {
        let mut tuning = set(&[("messages", "10")]).unwrap();
        tuning.set("messages", "30", &FILE, "anna", at(1)).unwrap();
        assert!(tuning.is_empty());
    }

    #[test]
    fn nonsense_is_refused_with_what_to_write() {
        for (key, text, words) in [
            ("batch.messages", "0", "whole number from 1"),
            ("batch.interval", "soon", "60s"),
            ("batch.interval", "2days", "up to a day"),
            ("split", "sometimes", "never, always, on_failure"),
            ("limits.connections", "9", "batch.messages, batch.interval, batch.split can"),
        ] {
            let refused = set(&[(key, text)]).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn a_file_that_has_changed_since_has_the_newer_word() {
        let tuning = set(&[("messages", "10"), ("split", "never")]).unwrap();
        let stored = serde_json::from_value(serde_json::to_value(&tuning).unwrap()).unwrap();
        let edited = BatchSettings { messages: 20, ..FILE };
        let (tuning, outdated) = Tuning::restored(stored, &edited);
        assert_eq!(
            tuning.over(&edited),
            BatchSettings { messages: 20, split: Split::Never, ..FILE }
        );
        assert_eq!(
            outdated,
            [Outdated { key: "batch.messages", value: "10".into(), file: "20".into() }]
        );
    }
}
