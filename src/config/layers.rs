//! The config in force: what people have set while the daemon ran, laid over the file and the
//! environment. Pure.

use super::{
    account::{batch, batch_texts},
    assemble::Config,
    files::Disk,
    problem::{ConfigError, Place, Problem, Severity},
    reader::Reader,
    run_time::{AccountChanges, Change, RunTime},
    schema::{
        Named as _, ROOT,
        account::{ACCOUNT, ACCOUNT_BATCH},
    },
    table::Table,
};
use crate::{
    admin::{OrderError, SettingChange, SettingStatus},
    model::{AccountName, Timestamp},
    queue::BatchSettings,
};

/// File and environment, what was set at run time, and what results.
#[derive(Clone)]
pub struct Layers {
    file: Config,
    run_time: RunTime,
    config: Config,
}

/// A value that no longer holds, because the file has changed since it was set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outdated {
    /// The account.
    pub account: AccountName,
    /// The key, relative to the account.
    pub key: String,
    /// The value that was set.
    pub value: String,
    /// The value in the file.
    pub file: String,
}

/// What a merge of all layers says.
struct Merged {
    batches: Vec<BatchSettings>,
    wrong: Vec<Problem>,
}

impl Layers {
    /// Lays what was set over a config. What is older than an edit of the file is dropped and
    /// returned. What is wrong does not apply; the config warns of it.
    ///
    /// # Errors
    /// When the layers cannot be merged.
    pub fn new(file: Config, mut run_time: RunTime) -> Result<(Self, Vec<Outdated>), ConfigError> {
        let outdated = drop_outdated(&file, &mut run_time);
        let Merged { mut batches, wrong } = merge(&file, &run_time)?;
        if !wrong.is_empty() {
            batches = merge(&file, &without(&run_time, &wrong))?.batches;
        }
        let mut config = file.clone();
        for (account, batch) in config.accounts.iter_mut().zip(batches) {
            account.batch = batch;
        }
        config.warnings.extend(wrong.into_iter().map(|problem| Problem {
            severity: Severity::Warning,
            text: format!("{}; the value in the file is in force", problem.text),
            ..problem
        }));
        Ok((Self { file, run_time, config }, outdated))
    }

    /// The config without what was set at run time.
    #[must_use]
    pub const fn file(&self) -> &Config {
        &self.file
    }

    /// The config in force.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What was set at run time.
    #[must_use]
    pub const fn run_time(&self) -> &RunTime {
        &self.run_time
    }

    /// The same after a person has set values of an account. A value as in the file takes an
    /// earlier change back.
    ///
    /// # Errors
    /// When there is no such account or key, or a value is wrong: with what to write instead.
    pub fn set(
        &self,
        account: &AccountName,
        values: &[(String, String)],
        by: &str,
        at: Timestamp,
    ) -> Result<Self, OrderError> {
        let (index, file) = self.account(account)?;
        let keys = values.iter().map(|(name, text)| Ok((key(name)?, text.trim())));
        let keys: Vec<_> = keys.collect::<Result<_, String>>().map_err(OrderError::Invalid)?;
        let mut run_time = self.run_time.clone();
        let changes = run_time.of_mut(account);
        for (short, text) in &keys {
            changes.insert((*short).to_owned(), Change::new(text, &text_of(file, short), at, by));
        }
        let merged = merge(&self.file, &run_time).map_err(|error| invalid(&error))?;
        let is_set = |place: &Place, short: &str| {
            matches!(place, Place::RunTime { account: its, key, .. }
                if its == account && *key == whole(short))
        };
        for (short, _) in &keys {
            if let Some(wrong) = merged.wrong.iter().find(|wrong| is_set(&wrong.place, short)) {
                return Err(OrderError::Invalid(format!("{}: {}", whole(short), wrong.text)));
            }
        }
        let set = merged.batches.get(index).unwrap_or(file);
        let changes = run_time.of_mut(account);
        for (short, _) in &keys {
            let (value, file) = (text_of(set, short), text_of(file, short));
            if value == file {
                changes.remove(*short);
            } else if let Some(change) = changes.get_mut(*short) {
                change.value = value;
            }
        }
        self.over(run_time)
    }

    /// The same without anything that was set of an account.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn restored(&self, account: &AccountName) -> Result<Self, OrderError> {
        self.account(account)?;
        let mut run_time = self.run_time.clone();
        run_time.of_mut(account).clear();
        self.over(run_time)
    }

    /// The settings of an account that can be changed at run time, as people see them.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn settings(&self, account: &AccountName) -> Result<Vec<SettingStatus>, OrderError> {
        let (index, file) = self.account(account)?;
        let in_force = self.config.accounts.get(index).map_or(file, |account| &account.batch);
        let AccountChanges(changes) = self.run_time.of(account);
        let rows = batch_texts(file).into_iter().zip(batch_texts(in_force));
        let row = |((short, file), (_, value)): ((&str, String), (&str, String))| SettingStatus {
            key: whole(short),
            file,
            value,
            changed: changes
                .get(short)
                .map(|change| SettingChange { at: change.at, by: change.by.clone() }),
        };
        Ok(rows.map(row).collect())
    }

    fn over(&self, run_time: RunTime) -> Result<Self, OrderError> {
        // Nothing can be outdated: the file is the same.
        Self::new(self.file.clone(), run_time)
            .map(|(layers, _)| layers)
            .map_err(|error| invalid(&error))
    }

    /// The place of an account in the config, and the file's settings of its batches.
    fn account(&self, name: &AccountName) -> Result<(usize, &BatchSettings), OrderError> {
        let mut accounts = self.file.accounts.iter().enumerate();
        let found = accounts.find(|(_, account)| account.name == *name);
        found
            .map(|(index, account)| (index, &account.batch))
            .ok_or_else(|| OrderError::NoSuchAccount(name.clone()))
    }
}

fn invalid(error: &ConfigError) -> OrderError {
    OrderError::Invalid(error.to_string())
}

/// Drops the values whose key has another value in the file than when they were set.
fn drop_outdated(file: &Config, run_time: &mut RunTime) -> Vec<Outdated> {
    let mut outdated = Vec::new();
    for account in &file.accounts {
        let Some(AccountChanges(changes)) = run_time.0.get_mut(&account.name) else { continue };
        changes.retain(|short, change| {
            let now = text_of(&account.batch, short);
            let holds = now == change.file;
            if !holds {
                outdated.push(Outdated {
                    account: account.name.clone(),
                    key: whole(short),
                    value: change.value.clone(),
                    file: now,
                });
            }
            holds
        });
    }
    outdated
}

/// The batches of each account under all layers, and what is wrong with the values of the last.
fn merge(file: &Config, run_time: &RunTime) -> Result<Merged, ConfigError> {
    let source = file.written.merge(run_time)?;
    let reader = Reader::new(&source, &Disk);
    let accounts = Table::root(&reader, &source, &ROOT).tables(&ACCOUNT);
    let batches = accounts.iter().map(|table| batch(&table.table_or_empty(&ACCOUNT_BATCH)));
    let batches = batches.collect();
    drop(accounts);
    let mut wrong = reader.into_problems();
    wrong.retain(|problem| matches!(problem.place, Place::RunTime { .. }));
    Ok(Merged { batches, wrong })
}

fn without(run_time: &RunTime, wrong: &[Problem]) -> RunTime {
    let mut rest = run_time.clone();
    for problem in wrong {
        if let Place::RunTime { account, key, .. } = &problem.place
            && let Some(AccountChanges(changes)) = rest.0.get_mut(account)
        {
            changes.retain(|short, _| whole(short) != *key);
        }
    }
    rest
}

/// The name of a key of `[account.batch]`, relative to the account.
fn whole(short: &str) -> String {
    format!("{}.{short}", ACCOUNT_BATCH.name())
}

/// The value of a key as people see it.
fn text_of(batch: &BatchSettings, short: &str) -> String {
    let found = batch_texts(batch).into_iter().find(|(name, _)| *name == short);
    found.map_or_else(String::new, |(_, text)| text)
}

/// The name of a key in `[account.batch]`, given with or without the prefix `batch.`.
fn key(text: &str) -> Result<&'static str, String> {
    let names = || ACCOUNT_BATCH.keys.iter().map(|key| key.name());
    names().find(|short| *short == text || whole(short) == text).ok_or_else(|| {
        let all: Vec<String> = names().map(whole).collect();
        format!(
            "\"{text}\" cannot be changed while the daemon runs; {} can. Change it in the config \
            file and reload",
            all.join(", ")
        )
    })
}
