//! Problems of a config: what is wrong, where, and what to write instead.

use std::{fmt, path::PathBuf};

use thiserror::Error;

use crate::model::{AccountName, Timestamp};

/// The severity of a problem.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The daemon does not start.
    Error,
    /// The config is valid but unwise: `check` and every start show it.
    Warning,
}

/// Where a value was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// A line of the config file, counted from 1.
    Line {
        /// The file.
        file: PathBuf,
        /// The line.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// A value that a person has set while the daemon ran.
    RunTime {
        /// The account whose setting it is.
        account: AccountName,
        /// The key, relative to the account: `batch.interval`.
        key: String,
        /// The person who set it.
        by: String,
        /// The time at which it was set.
        at: Timestamp,
    },
    /// No place: the key is missing, or the problem concerns the file as a whole.
    File(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::RunTime { account, key, by, at } => write!(
                f,
                "{key} of account \"{account}\", set by {by} at {at} (to drop it: postroom account \
                restore-defaults {account})"
            ),
            Self::File(file) => write!(f, "{}", file.display()),
        }
    }
}

/// One thing to correct.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Its severity.
    pub severity: Severity,
    /// The place of the value.
    pub place: Place,
    /// The key, as a path: `account[0].limits.connections`, counted from 0. Empty if the problem
    /// concerns the file as a whole.
    pub key: String,
    /// What is wrong, and what to write instead.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}: {severity}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.text)
    }
}

/// Why there is no config.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {problem}; run `postroom init` to write a config, or name another with `--config \
    FILE`", path.display())]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        problem: std::io::Error,
    },
    /// The file was read, and its content is wrong. Errors and warnings, in the order of their
    /// lines.
    #[error("{}", lines(.0))]
    Invalid(Vec<Problem>),
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
