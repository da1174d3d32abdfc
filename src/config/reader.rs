//! What all readers of a config share: the places of values, and the problems found.

use std::cell::RefCell;
#[cfg(test)]
use std::collections::BTreeSet;

use config::{Value, ValueKind};

use super::{
    files::Files,
    problem::{Place, Problem, Severity},
    schema::scalar,
    source::Source,
};

/// Collects problems, so that one run finds all of them.
pub(super) struct Reader<'a> {
    pub(super) source: &'a Source,
    pub(super) files: &'a dyn Files,
    problems: RefCell<Vec<Problem>>,
    #[cfg(test)]
    asked: RefCell<BTreeSet<(String, &'static str)>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source, files: &'a dyn Files) -> Self {
        Self {
            source,
            files,
            problems: RefCell::default(),
            #[cfg(test)]
            asked: RefCell::default(),
        }
    }

    /// Notes a problem under a key.
    pub(super) fn note(&self, severity: Severity, key: &str, text: impl Into<String>) {
        let problem = Problem {
            severity,
            place: self.source.place(key),
            key: self.source.written_as(key).into_owned(),
            text: text.into(),
        };
        let mut problems = self.problems.borrow_mut();
        // A default of all devices is wrong once, however many devices have it.
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    /// Whether a key was written, in the file or the environment.
    pub(super) fn has(&self, key: &str) -> bool {
        self.source.has(key)
    }

    /// The names in the tables of a list, each with the path of its table. Tables with errors
    /// count, too.
    pub(super) fn names(&self, list: &str) -> Vec<(String, String)> {
        let ValueKind::Table(root) = &self.source.root().kind else { return Vec::new() };
        let Some(ValueKind::Array(tables)) = root.get(list).map(|value| &value.kind) else {
            return Vec::new();
        };
        let name = |(index, table): (usize, &Value)| {
            let ValueKind::Table(values) = &table.kind else { return None };
            Some((format!("{list}[{index}]"), scalar(values.get("name")?)?))
        };
        tables.iter().enumerate().filter_map(name).collect()
    }

    pub(super) fn has_errors(&self) -> bool {
        self.problems.borrow().iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Whether there is no error under this key: `user`, `account[0]`.
    pub(super) fn is_good(&self, key: &str) -> bool {
        let is_under = |other: &str| {
            other
                .strip_prefix(key)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        !self
            .problems
            .borrow()
            .iter()
            .any(|problem| problem.severity == Severity::Error && is_under(&problem.key))
    }

    /// Returns every problem: first those of the files in the order of their lines, then those of
    /// the environment and of a file as a whole.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| match &problem.place {
            Place::Line { file, line } => (self.source.order(file), *line),
            Place::Variable(_) | Place::RunTime { .. } | Place::File(_) => (usize::MAX, 0),
        });
        problems
    }

    /// Remembers that a key was read, for the test that every key is.
    #[cfg(test)]
    pub(super) fn note_asked(&self, table: String, name: &'static str) {
        self.asked.borrow_mut().insert((table, name));
    }

    /// The keys that were read, each with the path of its table without indexes.
    #[cfg(test)]
    pub(super) fn asked(&self) -> BTreeSet<(String, &'static str)> {
        self.asked.borrow().clone()
    }
}
