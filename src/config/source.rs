//! The config as it was written: file, environment and what was set at run time, merged by the
//! `config` crate, and the place of each value.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use config::{Environment, File, FileFormat, Value, ValueKind};
use toml_edit::{Document, Item};

use super::{
    problem::{ConfigError, Place, Problem, Severity},
    run_time::RunTime,
};
use crate::model::AccountName;

/// The prefix of our variables.
const PREFIX: &str = "POSTROOM_";
/// The separator between the parts of a key: `POSTROOM_ADMIN__ADDRESS` is `admin.address`.
const SEPARATOR: &str = "__";
/// The maximum index of a list entry in a variable's name: a larger index would only make the list
/// long.
const MOST_ENTRIES: usize = 1000;

/// File, environment and run time, merged.
pub(super) struct Source {
    file: PathBuf,
    text: String,
    document: Document<String>,
    /// The name of each variable as it is shown, by its key in lower case.
    variables: HashMap<String, String>,
    /// Key to the place of the value that was set at run time.
    changed: HashMap<String, Place>,
    root: Value,
}

impl Source {
    /// Merges a file's text with the environment, which wins, and both with what was set at run
    /// time, which wins over both.
    pub(super) fn merge(
        file: &Path,
        text: &str,
        environment: &[(String, String)],
        run_time: &RunTime,
    ) -> Result<Self, ConfigError> {
        let document =
            Document::parse(text.to_owned()).map_err(|error| syntax(file, text, &error))?;
        let mut variables = HashMap::new();
        let mut values = HashMap::new();
        for (name, value) in environment {
            if let Some(key) = key_of(name) {
                values.insert(key.clone(), value.clone());
                variables.insert(key, name.clone());
            }
        }
        // The keys are made here, because the crate cannot name an entry of a list.
        let failed = |error: config::ConfigError| whole_file(file, error.to_string());
        let layers = config::Config::builder()
            .add_source(File::from_str(text, FileFormat::Toml))
            .add_source(Environment::default().source(Some(values)));
        let mut root = layers.clone().build().map_err(failed)?.cache;
        let changes = changes(&root, run_time);
        let mut changed = HashMap::new();
        if !changes.is_empty() {
            let mut layers = layers;
            for (key, value, place) in changes {
                layers = layers.set_override(&key, value).map_err(failed)?;
                changed.insert(key, place);
            }
            root = layers.build().map_err(failed)?.cache;
        }
        Ok(Self {
            file: file.to_owned(),
            text: text.to_owned(),
            document,
            variables,
            changed,
            root,
        })
    }

    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    /// Where the value under this key was written; for a missing one, the place where its table
    /// begins.
    pub(super) fn place(&self, key: &str) -> Place {
        if let Some(place) = self.changed.get(key) {
            return place.clone();
        }
        if let Some(name) = self.variables.get(key) {
            return Place::Variable(name.clone());
        }
        match self.offset(key) {
            Some(offset) => {
                Place::Line { file: self.file.clone(), line: line_of(&self.text, offset) }
            }
            None => Place::File(self.file.clone()),
        }
    }

    /// Whether the key is written, in the file or as a variable.
    pub(super) fn has(&self, key: &str) -> bool {
        let mut item = Some(self.document.as_item());
        for step in steps(key) {
            item = match step {
                Step::Name(name) => item.and_then(|item| item.as_table_like()?.get(name)),
                Step::Index(index) => item.and_then(|item| item.get(index)),
            };
        }
        item.is_some() || self.variables.contains_key(key)
    }

    fn offset(&self, key: &str) -> Option<usize> {
        let mut item: &Item = self.document.as_item();
        let mut offset = None;
        for step in steps(key) {
            let next = match step {
                Step::Name(name) => item
                    .as_table_like()
                    .and_then(|table| table.get_key_value(name))
                    .map(|(key, item)| {
                        offset = key.span().map(|span| span.start).or(offset);
                        item
                    }),
                Step::Index(index) => item.get(index).inspect(|item| {
                    offset = item.span().map(|span| span.start).or(offset);
                }),
            };
            match next {
                Some(next) => item = next,
                None => break,
            }
        }
        offset
    }
}

/// What was set at run time: the whole key, the value, and its place. An account that is no longer
/// in the config has no key.
fn changes<'a>(root: &Value, run_time: &'a RunTime) -> Vec<(String, &'a str, Place)> {
    let names = account_names(root);
    let mut changes = Vec::new();
    for (account, changed) in &run_time.0 {
        let Some(index) = names.iter().position(|name| name.as_ref() == Some(account)) else {
            continue;
        };
        for (short, change) in &changed.0 {
            let key = format!("batch.{short}");
            let place = Place::RunTime {
                account: account.clone(),
                key: key.clone(),
                by: change.by.clone(),
                at: change.at,
            };
            changes.push((format!("account[{index}].{key}"), change.value.as_str(), place));
        }
    }
    changes
}

fn account_names(root: &Value) -> Vec<Option<AccountName>> {
    let ValueKind::Table(root) = &root.kind else { return Vec::new() };
    let Some(ValueKind::Array(accounts)) = root.get("account").map(|value| &value.kind) else {
        return Vec::new();
    };
    let name = |account: &Value| {
        let ValueKind::Table(account) = &account.kind else { return None };
        account.get("name")?.clone().into_string().ok().map(AccountName::from)
    };
    accounts.iter().map(name).collect()
}

/// Whether the value came from the environment.
pub(super) fn is_variable(value: &Value) -> bool {
    value.origin().is_some()
}

/// Whether there is nothing: a gap that a variable has left in a list.
pub(super) fn is_nothing(value: &Value) -> bool {
    matches!(value.kind, ValueKind::Nil)
}

/// `POSTROOM_ACCOUNT__0__LIMITS__CONNECTIONS` is `account[0].limits.connections`.
fn key_of(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix(PREFIX)?.to_ascii_lowercase();
    let mut key = String::new();
    for part in rest.split(SEPARATOR) {
        match part.parse::<usize>() {
            Ok(index) if index < MOST_ENTRIES && !key.is_empty() => {
                key.push_str(&format!("[{index}]"));
            }
            Ok(_) => return None,
            Err(_a_name) if key.is_empty() => key.push_str(part),
            Err(_a_name) => {
                key.push('.');
                key.push_str(part);
            }
        }
    }
    Some(key)
}

enum Step<'a> {
    Name(&'a str),
    Index(usize),
}

fn steps(key: &str) -> impl Iterator<Item = Step<'_>> {
    key.split(['.', '[']).filter(|part| !part.is_empty()).map(|part| {
        match part.strip_suffix(']').map(str::parse) {
            Some(Ok(index)) => Step::Index(index),
            Some(Err(_)) | None => Step::Name(part),
        }
    })
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|octet| *octet == b'\n').count()
}

fn syntax(file: &Path, text: &str, error: &toml_edit::TomlError) -> ConfigError {
    let place = match error.span() {
        Some(span) => Place::Line { file: file.to_owned(), line: line_of(text, span.start) },
        None => Place::File(file.to_owned()),
    };
    let said = error.message().trim();
    let text =
        format!("this is not TOML: {said}; `postroom reference` prints every key with an example");
    ConfigError::Invalid(vec![Problem {
        severity: Severity::Error,
        place,
        key: String::new(),
        text,
    }])
}

fn whole_file(file: &Path, text: String) -> ConfigError {
    ConfigError::Invalid(vec![Problem {
        severity: Severity::Error,
        place: Place::File(file.to_owned()),
        key: String::new(),
        text,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_names_a_key_and_a_number_an_entry_of_a_list() {
        let check = |variable: &str, key: Option<&str>| {
            assert_eq!(key_of(variable).as_deref(), key, "{variable}");
        };
        check("POSTROOM_ADMIN__ADDRESS", Some("admin.address"));
        check("POSTROOM_DATA_DIR", Some("data_dir"));
        check("POSTROOM_ACCOUNT__0__LIMITS__CONNECTIONS", Some("account[0].limits.connections"));
        check("POSTROOM_ACCOUNT__99999999999__NAME", None);
        check("PATH", None);
    }

    #[test]
    fn a_place_is_the_line_of_the_key_or_of_the_table_around_it() {
        let text = "hostname = \"a\"\n\n[[account]]\nname = \"x\"\nlimits = { connections = 3 \
            }\n\n[[account]]\nname = \"y\"\n";
        let source = Source::merge(Path::new("f"), text, &[], &RunTime::default()).unwrap();
        let line = |line| Place::Line { file: "f".into(), line };
        assert_eq!(source.place("account[0].name"), line(4));
        assert_eq!(source.place("account[0].limits.connections"), line(5));
        assert_eq!(source.place("account[1].name"), line(8));
        assert_eq!(source.place("account[1].route"), line(7));
        assert_eq!(source.place("retry.spacing"), Place::File("f".into()));
    }
}
