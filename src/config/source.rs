//! The config as it was written: file, environment and what was set at run time, merged by the
//! `config` crate, and the place of each value.

use std::{
    borrow::Cow,
    collections::HashMap,
    path::{Path, PathBuf},
};

use config::{Environment, Map, Value, ValueKind};

use super::{
    parts::Parts,
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

/// The table of defaults, and the list that they are for.
const DEFAULTS: &str = "defaults";
const DEVICE: &str = "device";
/// What says which device it is, and has no default.
const OWN: [&str; 3] = ["name", "networks", "certificates"];

/// Files, environment and run time, merged.
pub(super) struct Source {
    parts: Parts,
    /// The name of each variable as it is shown, by its key in lower case.
    variables: HashMap<String, String>,
    /// Key to the place of the value that was set at run time.
    changed: HashMap<String, Place>,
    /// The keys that devices have from `[defaults.device]`.
    inherited: Vec<String>,
    root: Value,
}

impl Source {
    /// Merges a file's text with the environment, which wins, and both with what was set at run
    /// time, which wins over both.
    pub(super) fn merge(
        texts: &[(PathBuf, String)],
        environment: &[(String, String)],
        run_time: &RunTime,
    ) -> Result<Self, ConfigError> {
        let parts = Parts::read(texts)?;
        let mut variables = HashMap::new();
        let mut values = HashMap::new();
        for (name, value) in environment {
            if let Some(key) = key_of(name) {
                values.insert(key.clone(), value.clone());
                variables.insert(key, name.clone());
            }
        }
        let failed = |error: config::ConfigError| whole(&parts, error.to_string());
        // The keys are made here, because the crate cannot name an entry of a list.
        let layers = config::Config::builder()
            .add_source(Written(parts.values().clone()))
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
        let inherited = inherit(&mut root);
        Ok(Self { parts, variables, changed, inherited, root })
    }

    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    /// The key under which the value is written: that of a device's default is in
    /// `[defaults.device]`.
    pub(super) fn written_as<'a>(&self, key: &'a str) -> Cow<'a, str> {
        let inherited = self.inherited.iter().find_map(|inherited| {
            let rest = key.strip_prefix(inherited.as_str())?;
            let name = inherited.split_once("].")?.1;
            (rest.is_empty() || rest.starts_with(['.', '[']))
                .then(|| format!("{DEFAULTS}.{DEVICE}.{name}{rest}"))
        });
        inherited.map_or(Cow::Borrowed(key), Cow::Owned)
    }

    /// Where the value under this key was written; for a missing one, the place where its table
    /// begins.
    pub(super) fn place(&self, key: &str) -> Place {
        let key = &*self.written_as(key);
        if let Some(place) = self.changed.get(key) {
            return place.clone();
        }
        if let Some(name) = self.variables.get(key) {
            return Place::Variable(name.clone());
        }
        self.parts.place(key)
    }

    /// The position of a file among those of the config.
    pub(super) fn order(&self, file: &Path) -> usize {
        self.parts.order(file)
    }

    /// Whether the key is written, in a file or as a variable.
    pub(super) fn has(&self, key: &str) -> bool {
        let key = &*self.written_as(key);
        self.parts.has(key) || self.variables.contains_key(key)
    }
}

/// Whether the value came from the environment.
pub(super) fn is_variable(value: &Value) -> bool {
    value.origin().is_some()
}

/// Whether there is nothing: a gap in a list that a variable has left.
pub(super) fn is_nothing(value: &Value) -> bool {
    matches!(value.kind, ValueKind::Nil)
}

/// What the files say, as a layer.
#[derive(Clone, Debug)]
struct Written(Map<String, Value>);

impl config::Source for Written {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

/// Gives each device the keys of `[defaults.device]` that it does not have. Returns the whole names
/// of those keys.
fn inherit(root: &mut Value) -> Vec<String> {
    let mut inherited = Vec::new();
    let ValueKind::Table(root) = &mut root.kind else { return inherited };
    let defaults = match root.get(DEFAULTS).map(|value| &value.kind) {
        Some(ValueKind::Table(defaults)) => defaults.get(DEVICE).cloned(),
        Some(_) | None => None,
    };
    let Some(ValueKind::Table(defaults)) = defaults.map(|value| value.kind) else {
        return inherited;
    };
    let Some(ValueKind::Array(devices)) = root.get_mut(DEVICE).map(|value| &mut value.kind) else {
        return inherited;
    };
    for (index, device) in devices.iter_mut().enumerate() {
        let ValueKind::Table(device) = &mut device.kind else { continue };
        for (name, value) in defaults.iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
            if !device.contains_key(name) {
                device.insert(name.clone(), value.clone());
                inherited.push(format!("{DEVICE}[{index}].{name}"));
            }
        }
    }
    inherited
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

fn whole(parts: &Parts, text: String) -> ConfigError {
    ConfigError::Invalid(vec![Problem {
        severity: Severity::Error,
        place: parts.place(""),
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
}
