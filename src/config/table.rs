//! Reads the keys of one table, as declared in `schema`, and notes their problems.

use config::{Map, Value, ValueKind};

use super::{
    problem::Severity,
    reader::Reader,
    schema::{Key, Named, Section, Word, nearest, none_of, scalar},
    source::{Source, is_nothing, is_variable},
};

/// One table of the config.
pub(super) struct Table<'a> {
    pub(super) reader: &'a Reader<'a>,
    path: String,
    values: Option<&'a Map<String, Value>>,
    section: &'static Section,
}

impl<'a> Table<'a> {
    /// The whole config.
    pub(super) fn root(
        reader: &'a Reader<'a>,
        source: &'a Source,
        section: &'static Section,
    ) -> Self {
        Self::new(reader, String::new(), source.root(), section)
    }

    fn new(
        reader: &'a Reader<'a>,
        path: String,
        value: &'a Value,
        section: &'static Section,
    ) -> Self {
        let mut table = Self { reader, path, values: None, section };
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
        let known = || self.section.keys.iter().map(|key| key.name());
        for (name, value) in values.iter().filter(|(name, _)| !known().any(|known| known == *name))
        {
            // A service called "postroom" makes Kubernetes set POSTROOM_PORT and the like: such a
            // variable must not stop the daemon.
            let severity =
                if is_from_environment(value) { Severity::Warning } else { Severity::Error };
            let advice = match nearest(name, known()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("the known keys are: {}", known().collect::<Vec<_>>().join(", ")),
            };
            let text = format!("there is no such key; {advice}");
            self.reader.note(severity, &self.path_of(name), text);
        }
    }

    /// The path of the table: `account[0]`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Notes an error under a key.
    pub(super) fn error(&self, key: &dyn Named, text: impl Into<String>) {
        self.reader.note(Severity::Error, &self.path_of(key.name()), text);
    }

    /// Notes a warning under a key.
    pub(super) fn warning(&self, key: &dyn Named, text: impl Into<String>) {
        self.reader.note(Severity::Warning, &self.path_of(key.name()), text);
    }

    /// Notes that a required key is missing; `advice` says what to write.
    pub(super) fn missing(&self, key: &dyn Named, advice: &str) {
        self.error(key, format!("is missing; {advice}"));
    }

    /// Whether the key is written, even if its value is wrong.
    pub(super) fn has(&self, key: &dyn Named) -> bool {
        self.value(key.name()).is_some()
    }

    fn value(&self, name: &'static str) -> Option<&'a Value> {
        #[cfg(test)]
        self.reader.note_asked(without_indexes(&self.path), name);
        self.values?.get(name).filter(|value| !is_nothing(value))
    }

    /// The value of a key. If the key is absent or wrong, its default, or `None` without a default.
    pub(super) fn get<T>(&self, key: &Key<T>) -> T {
        let Some(value) = self.value(key.name()) else {
            if let Some(advice) = key.advice() {
                self.missing(key, advice);
            }
            return key.absent();
        };
        key.read(value).unwrap_or_else(|problems| {
            for problem in problems {
                self.error(key, problem);
            }
            key.absent()
        })
    }

    /// The text of a key, unchecked.
    pub(super) fn written(&self, key: &dyn Named) -> Option<String> {
        scalar(self.value(key.name())?)
    }

    /// Reads one of the words of `T`, for a key whose words depend on other keys.
    pub(super) fn word<T: Word>(&self, key: &Key<Option<String>>) -> Option<T> {
        let text = self.get(key)?;
        let found = T::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            self.error(key, none_of(&text, T::WORDS.iter().map(|(word, _)| *word)));
        }
        found
    }

    /// A table inside this one; `None` when it is absent.
    pub(super) fn table(&self, section: &'static Section) -> Option<Table<'a>> {
        let value = self.value(section.name())?;
        Some(Table::new(self.reader, self.path_of(section.name()), value, section))
    }

    /// A table inside this one; an empty one when it is absent.
    pub(super) fn table_or_empty(&self, section: &'static Section) -> Table<'a> {
        let absent = || Table {
            reader: self.reader,
            path: self.path_of(section.name()),
            values: None,
            section,
        };
        self.table(section).unwrap_or_else(absent)
    }

    /// The tables of a list: `[[account]]`.
    pub(super) fn tables(&self, section: &'static Section) -> Vec<Table<'a>> {
        let name = section.name();
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let ValueKind::Array(values) = &value.kind else {
            self.error(
                section,
                format!("may occur several times: write [[{name}]], in two pairs of brackets"),
            );
            return Vec::new();
        };
        let each = |(index, value)| {
            Table::new(self.reader, format!("{}[{index}]", self.path_of(name)), value, section)
        };
        values.iter().enumerate().map(each).collect()
    }
}

/// Whether no part of a value was written in the file.
fn is_from_environment(value: &Value) -> bool {
    match &value.kind {
        ValueKind::Table(values) if values.is_empty() => false,
        ValueKind::Table(values) => values.values().all(is_from_environment),
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

#[cfg(test)]
fn without_indexes(path: &str) -> String {
    path.split('.')
        .map(|part| part.split('[').next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join(".")
}
