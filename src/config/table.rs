//! Reads one table of the config into checked values, and notes whatever is wrong with it.
//!
//! Every method notes its own problem and then yields nothing, so that one look at a file finds all
//! that is wrong. The keys that a table may have are those that the reference documents: see
//! [`Key`].

use std::{
    cell::RefCell, collections::BTreeSet, fmt::Display, path::PathBuf, str::FromStr, time::Duration,
};

use config::{Map, Value, ValueKind};

use super::{
    Files,
    problem::{Place, Problem, Severity},
    reference::Key,
    source::{Source, is_nothing, is_variable},
};
use crate::model::ByteSize;

/// What reading shares: where values were written, and what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) source: &'a Source,
    pub(super) files: &'a dyn Files,
    problems: RefCell<Vec<Problem>>,
    asked: RefCell<BTreeSet<(String, &'static str)>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source, files: &'a dyn Files) -> Self {
        Self { source, files, problems: RefCell::default(), asked: RefCell::default() }
    }

    /// The whole file.
    pub(super) fn root(&'a self, keys: &'static [Key]) -> Table<'a> {
        Table::new(self, String::new(), self.source.root(), keys)
    }

    /// Notes something under a key.
    pub(super) fn note(&self, severity: Severity, key: &str, text: impl Into<String>) {
        let problem = Problem {
            severity,
            place: self.source.place(key),
            key: key.to_owned(),
            text: text.into(),
        };
        self.problems.borrow_mut().push(problem);
    }

    /// Whether a key was written, in the file or the environment.
    pub(super) fn has(&self, key: &str) -> bool {
        self.source.has(key)
    }

    /// The names in the tables of a list, each with the path of its table: of those, too, that
    /// could not be read.
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

    /// Whether nothing under this key is wrong: `user`, `account[0]`.
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

    /// Everything noted, in the order of the file; then what concerns the environment and the file
    /// as a whole.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| match &problem.place {
            Place::Line { line, .. } => *line,
            Place::Variable(_) | Place::File(_) => usize::MAX,
        });
        problems
    }

    /// The keys asked for so far, each with the path of its table without indexes. For the test of
    /// the reference.
    #[cfg(test)]
    pub(super) fn asked(&self) -> BTreeSet<(String, &'static str)> {
        self.asked.borrow().clone()
    }
}

/// One table.
pub(super) struct Table<'a> {
    pub(super) reader: &'a Reader<'a>,
    path: String,
    values: Option<&'a Map<String, Value>>,
    keys: &'static [Key],
}

impl<'a> Table<'a> {
    fn new(reader: &'a Reader<'a>, path: String, value: &'a Value, keys: &'static [Key]) -> Self {
        let mut table = Self { reader, path, values: None, keys };
        if let ValueKind::Table(values) = &value.kind {
            table.values = Some(values);
            table.note_unknown(values);
        } else if !is_nothing(value) {
            reader.note(
                Severity::Error,
                &table.path,
                "is a single value; write a table with keys and values",
            );
        }
        table
    }

    fn note_unknown(&self, values: &Map<String, Value>) {
        for (name, value) in values {
            if self.keys.iter().any(|key| key.name == *name) {
                continue;
            }
            let path = self.path_of(name);
            // A service called "postroom" makes Kubernetes set POSTROOM_PORT and the like: such a
            // variable must not stop the daemon.
            let severity =
                if from_environment_alone(value) { Severity::Warning } else { Severity::Error };
            let advice = match nearest(name, self.keys.iter().map(|key| key.name)) {
                Some(nearest) => format!("do you mean `{nearest}`?"),
                None => format!(
                    "known are: {}",
                    self.keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
                ),
            };
            self.reader.note(severity, &path, format!("there is no such key; {advice}"));
        }
    }

    /// Where the table stands: `account[0]`.
    pub(super) fn key(&self) -> &str {
        &self.path
    }

    /// The key's full path.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Notes an error under one of the keys, or, with an empty name, under the table.
    pub(super) fn error(&self, name: &str, text: impl Into<String>) {
        let path = if name.is_empty() { self.path.clone() } else { self.path_of(name) };
        self.reader.note(Severity::Error, &path, text);
    }

    /// Notes a warning under one of the keys.
    pub(super) fn warning(&self, name: &str, text: impl Into<String>) {
        self.reader.note(Severity::Warning, &self.path_of(name), text);
    }

    /// True when the key is written, right or wrong.
    pub(super) fn has(&self, name: &'static str) -> bool {
        self.value(name).is_some()
    }

    fn value(&self, name: &'static str) -> Option<&'a Value> {
        let kind: String = without_indexes(&self.path);
        self.reader.asked.borrow_mut().insert((kind, name));
        self.values?.get(name).filter(|value| !is_nothing(value))
    }

    /// A text of any form.
    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        let value = self.value(name)?;
        match scalar(value) {
            Some(text) => Some(text),
            None => {
                self.error(name, "must be a text in quotes");
                None
            }
        }
    }

    /// A text that something else must understand; `example` is what to write instead.
    pub(super) fn parse<T: FromStr>(&self, name: &'static str, example: &str) -> Option<T>
    where
        T::Err: Display,
    {
        let text = self.text(name)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(
                    name,
                    format!(
                        "\"{text}\" cannot be understood ({error}); write for example {example}"
                    ),
                );
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, name: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            self.error(name, none_of(&text, words.iter().map(|(word, _)| *word)));
        }
        found
    }

    /// A time span, as `"30m"` or `"5d"`.
    pub(super) fn duration(&self, name: &'static str) -> Option<Duration> {
        let text = self.text(name)?;
        self.noted(name, duration(&text))
    }

    /// Octets, as `"35MB"`.
    pub(super) fn size(&self, name: &'static str) -> Option<ByteSize> {
        let text = self.text(name)?;
        self.noted(name, text.parse::<ByteSize>().map_err(|error| error.to_string()))
    }

    /// A whole number within bounds.
    pub(super) fn number<T>(&self, name: &'static str, least: T, most: T) -> Option<T>
    where
        T: FromStr + PartialOrd + Display + Copy,
    {
        let text = self.text(name)?;
        match text.parse::<T>() {
            Ok(number) if number >= least && number <= most => Some(number),
            Ok(_) | Err(_) => {
                self.error(name, format!("\"{text}\" is no whole number from {least} to {most}"));
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, name: &'static str) -> Option<bool> {
        self.choice(name, &[("true", true), ("false", false)])
    }

    /// The path of a file or folder.
    pub(super) fn path(&self, name: &'static str) -> Option<PathBuf> {
        let path = PathBuf::from(self.text(name)?);
        if path.is_absolute() {
            return Some(path);
        }
        self.error(
            name,
            format!(
                "\"{}\" depends on where the daemon is started; write the whole \
            path, from \"/\" on",
                path.display()
            ),
        );
        None
    }

    /// A list of texts. One text alone is a list of one; a variable separates the texts by commas.
    pub(super) fn texts(&self, name: &'static str) -> Option<Vec<String>> {
        let value = self.value(name)?;
        if let ValueKind::Array(values) = &value.kind {
            let texts: Option<Vec<String>> = values.iter().map(scalar).collect();
            if texts.is_none() {
                self.error(name, "must be a list of texts: [\"…\", \"…\"]");
            }
            return texts;
        }
        let text = self.text(name)?;
        if is_variable(value) {
            return Some(
                text.split(',')
                    .map(|part| part.trim().to_owned())
                    .filter(|part| !part.is_empty())
                    .collect(),
            );
        }
        Some(vec![text])
    }

    /// A list of texts that something else must understand. Every bad one is noted.
    pub(super) fn list<T>(
        &self,
        name: &'static str,
        understand: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let texts = self.texts(name)?;
        let count = texts.len();
        let good: Vec<T> =
            texts.iter().filter_map(|text| self.noted(name, understand(text))).collect();
        (good.len() == count).then_some(good)
    }

    fn noted<T>(&self, name: &str, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(text) => {
                self.error(name, text);
                None
            }
        }
    }

    /// The value, or a note that the key is missing. `advice` says what to write.
    pub(super) fn required<T>(
        &self,
        name: &'static str,
        value: Option<T>,
        advice: &str,
    ) -> Option<T> {
        if value.is_none() && !self.has(name) {
            self.error(name, format!("is missing; {advice}"));
        }
        value
    }

    /// A table inside this one; an absent one is none.
    pub(super) fn table(&self, name: &'static str, keys: &'static [Key]) -> Option<Table<'a>> {
        let value = self.value(name)?;
        Some(Table::new(self.reader, self.path_of(name), value, keys))
    }

    /// A table inside this one; an absent one is empty.
    pub(super) fn table_or_empty(&self, name: &'static str, keys: &'static [Key]) -> Table<'a> {
        let absent = || Table { reader: self.reader, path: self.path_of(name), values: None, keys };
        self.table(name, keys).unwrap_or_else(absent)
    }

    /// The tables of a list, as `[[account]]`.
    pub(super) fn tables(&self, name: &'static str, keys: &'static [Key]) -> Vec<Table<'a>> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let ValueKind::Array(values) = &value.kind else {
            self.error(
                name,
                format!("may stand several times: write [[{name}]], in two pairs of brackets"),
            );
            return Vec::new();
        };
        let each = |(index, value)| {
            Table::new(self.reader, format!("{}[{index}]", self.path_of(name)), value, keys)
        };
        values.iter().enumerate().map(each).collect()
    }
}

/// `30m`, `5d`: the form of the config.
fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_no_duration| {
        format!(
            "\"{text}\" is no time span; write a number and a unit, for example \"30m\" or \"5d\""
        )
    })
}

/// The understanding of a time span inside a list.
pub(super) fn duration_in_list(text: &str) -> Result<Duration, String> {
    duration(text)
}

/// A number or switch stands for its text, since a variable cannot say which it means.
fn scalar(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::String(text) => Some(text.clone()),
        ValueKind::Boolean(value) => Some(value.to_string()),
        ValueKind::I64(value) => Some(value.to_string()),
        ValueKind::U64(value) => Some(value.to_string()),
        ValueKind::Float(value) => Some(value.to_string()),
        ValueKind::I128(_)
        | ValueKind::U128(_)
        | ValueKind::Nil
        | ValueKind::Table(_)
        | ValueKind::Array(_) => None,
    }
}

fn from_environment_alone(value: &Value) -> bool {
    match &value.kind {
        ValueKind::Table(values) if values.is_empty() => false,
        ValueKind::Table(values) => values.values().all(from_environment_alone),
        ValueKind::Nil
        | ValueKind::Boolean(_)
        | ValueKind::I64(_)
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::String(_)
        | ValueKind::Array(_) => is_variable(value),
    }
}

/// What somebody may have meant: the word that is most like it, if one is.
fn nearest<'w>(word: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    let (distance, nearest) =
        known.map(|known| (strsim::damerau_levenshtein(known, word), known)).min()?;
    (distance <= 1 + nearest.len() / 3).then_some(nearest)
}

/// That a word is none of those that are known, and which was meant, if that is plain.
pub(super) fn none_of<'w>(word: &str, known: impl Iterator<Item = &'w str> + Clone) -> String {
    let folded = word.to_ascii_lowercase();
    let lower: Vec<(String, &str)> =
        known.clone().map(|known| (known.to_ascii_lowercase(), known)).collect();
    let meant = nearest(&folded, lower.iter().map(|(lower, _)| lower.as_str()));
    let meant = meant
        .and_then(|meant| lower.iter().find(|(lower, _)| lower == meant))
        .map(|(_, known)| *known);
    let meant = meant.map(|meant| format!("; do you mean \"{meant}\"?")).unwrap_or_default();
    format!("\"{word}\" is none of {}{meant}", quoted(known))
}

/// Words, each in quotes, for a person.
pub(super) fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

fn without_indexes(path: &str) -> String {
    path.split('.')
        .map(|part| part.split('[').next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(".")
}
