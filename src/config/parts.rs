//! The files of a config as they were written: the file itself, then those of `conf.d` beside it by
//! name. Lists of tables (`[[device]]`) follow each other, other tables are put together, and a key
//! is written once.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use config::{File, FileFormat, Map, Value, ValueKind};
use toml_edit::{Document, Item};

use super::problem::{ConfigError, Place, Problem, Severity};

/// All files of a config.
pub(super) struct Parts {
    parts: Vec<Part>,
    /// For each list of tables, by its name: the file of each entry, and its place there.
    entries: HashMap<String, Vec<(usize, usize)>>,
    values: Map<String, Value>,
}

/// One file.
struct Part {
    file: PathBuf,
    text: String,
    document: Document<String>,
}

impl Parts {
    /// Puts the texts of the files together; the first one is the file itself.
    pub(super) fn read(texts: &[(PathBuf, String)]) -> Result<Self, ConfigError> {
        let mut all = Self { parts: Vec::new(), entries: HashMap::new(), values: Map::new() };
        let mut twice = Vec::new();
        for (file, text) in texts {
            let document =
                Document::parse(text.clone()).map_err(|error| syntax(file, text, &error))?;
            let read = config::Config::builder()
                .add_source(File::from_str(text, FileFormat::Toml))
                .build()
                .map_err(|error| problem(Place::File(file.clone()), error.to_string()))?;
            all.parts.push(Part { file: file.clone(), text: text.clone(), document });
            if let ValueKind::Table(values) = read.cache.kind {
                all.add(values, &mut twice);
            }
        }
        if twice.is_empty() { Ok(all) } else { Err(ConfigError::Invalid(twice)) }
    }

    /// All values.
    pub(super) const fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Adds the values of the last file.
    fn add(&mut self, values: Map<String, Value>, twice: &mut Vec<Problem>) {
        let last = self.parts.len().saturating_sub(1);
        for (name, value) in values {
            if let ValueKind::Array(tables) = &value.kind
                && tables.iter().all(|table| matches!(table.kind, ValueKind::Table(_)))
            {
                let entries = self.entries.entry(name.clone()).or_default();
                entries.extend((0..tables.len()).map(|local| (last, local)));
            }
            let mut doubles = Vec::new();
            match self.values.get_mut(&name) {
                None => drop(self.values.insert(name, value)),
                Some(former) => put_together(former, value, &name, &mut doubles),
            }
            for key in doubles {
                let (here, first) = (self.place_in(last, &key), self.place(&key));
                twice.push(Problem {
                    severity: Severity::Error,
                    place: here,
                    key,
                    text: format!("is already written at {first}; remove one of the two"),
                });
            }
        }
    }

    /// The position of a file among all.
    pub(super) fn order(&self, file: &Path) -> usize {
        self.parts.iter().position(|part| part.file == file).unwrap_or(usize::MAX)
    }

    /// Where the value under this key was written; for a missing one, where its table begins.
    pub(super) fn place(&self, key: &str) -> Place {
        let (part, local) = self.locate(key);
        self.place_in(part, &local)
    }

    fn place_in(&self, part: usize, key: &str) -> Place {
        let Some(part) = self.parts.get(part) else { return Place::File(PathBuf::new()) };
        match part.find(key).0 {
            Some(offset) => {
                Place::Line { file: part.file.clone(), line: line_of(&part.text, offset) }
            }
            None => Place::File(part.file.clone()),
        }
    }

    /// Whether the key is written in a file.
    pub(super) fn has(&self, key: &str) -> bool {
        let (part, local) = self.locate(key);
        self.parts.get(part).is_some_and(|part| part.find(&local).1)
    }

    /// The file in which the key, or the table around it, is written, and its name there.
    fn locate(&self, key: &str) -> (usize, String) {
        if let Some((list, rest)) = key.split_once('[')
            && let Some((index, rest)) = rest.split_once(']')
            && let Some((part, local)) = index
                .parse::<usize>()
                .ok()
                .and_then(|index| self.entries.get(list)?.get(index).copied())
        {
            return (part, format!("{list}[{local}]{rest}"));
        }
        let has = |key: &str| self.parts.iter().position(|part| part.find(key).1);
        let table = key.split(['.', '[']).next().unwrap_or(key);
        (has(key).or_else(|| has(table)).unwrap_or(0), key.to_owned())
    }
}

/// Puts a value to one that is there already. Notes the keys that are written twice.
fn put_together(into: &mut Value, value: Value, key: &str, doubles: &mut Vec<String>) {
    match (&mut into.kind, value.kind) {
        (ValueKind::Table(into), ValueKind::Table(values)) => {
            for (name, value) in values {
                let key = format!("{key}.{name}");
                match into.get_mut(&name) {
                    None => drop(into.insert(name, value)),
                    Some(former) => put_together(former, value, &key, doubles),
                }
            }
        }
        // Only lists of tables at the top; other lists are values like any.
        (ValueKind::Array(into), ValueKind::Array(more))
            if !key.contains('.')
                && into
                    .iter()
                    .chain(&more)
                    .all(|table| matches!(table.kind, ValueKind::Table(_))) =>
        {
            into.extend(more);
        }
        _ => doubles.push(key.to_owned()),
    }
}

impl Part {
    /// Where the key or the innermost table around it begins, and whether the key is there.
    fn find(&self, key: &str) -> (Option<usize>, bool) {
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
                None => return (offset, false),
            }
        }
        (offset, true)
    }
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
    problem(place, text)
}

fn problem(place: Place, text: String) -> ConfigError {
    ConfigError::Invalid(vec![Problem {
        severity: Severity::Error,
        place,
        key: String::new(),
        text,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(texts: &[(&str, &str)]) -> Result<Parts, ConfigError> {
        let owned = |(file, text): &(&str, &str)| (PathBuf::from(file), (*text).to_owned());
        Parts::read(&texts.iter().map(owned).collect::<Vec<_>>())
    }

    fn line(file: &str, line: usize) -> Place {
        Place::Line { file: file.into(), line }
    }

    #[test]
    fn a_place_is_the_line_of_the_key_or_of_the_table_around_it() {
        let text = "hostname = \"a\"\n\n[[account]]\nname = \"x\"\nlimits = { connections = 3 \
            }\n\n[[account]]\nname = \"y\"\n";
        let parts = parts(&[("f", text)]).unwrap();
        assert_eq!(parts.place("account[0].name"), line("f", 4));
        assert_eq!(parts.place("account[0].limits.connections"), line("f", 5));
        assert_eq!(parts.place("account[1].name"), line("f", 8));
        assert_eq!(parts.place("account[1].route"), line("f", 7));
        assert_eq!(parts.place("retry.spacing"), Place::File("f".into()));
    }

    #[test]
    fn lists_follow_each_other_tables_are_put_together_and_places_name_their_file() {
        let parts = parts(&[
            ("f", "[[device]]\nname = \"a\"\n[tls]\nkey = \"k\"\n"),
            ("g", "\n[tls]\ncertificate = \"c\"\n[[device]]\nname = \"b\"\n"),
            ("h", "[[device]]\nname = \"c\"\noldest_tls = \"x\"\n"),
        ])
        .unwrap();
        let devices = &parts.values()["device"];
        assert_eq!(devices.clone().into_array().unwrap().len(), 3);
        assert_eq!(parts.place("device[1].name"), line("g", 5));
        assert_eq!(parts.place("device[2].oldest_tls"), line("h", 3));
        assert_eq!(parts.place("tls.key"), line("f", 4));
        assert_eq!(parts.place("tls.certificate"), line("g", 3));
        assert!(parts.has("device[2].oldest_tls") && !parts.has("device[1].oldest_tls"));
        assert!(parts.order(Path::new("g")) < parts.order(Path::new("h")));
    }

    #[test]
    fn a_key_that_is_written_twice_is_named_with_both_places() {
        let twice =
            parts(&[("f", "[retry]\nspacing = [\"30m\"]\n"), ("g", "retry.spacing = []\n")]);
        let said = twice.err().unwrap().to_string();
        assert_eq!(
            said,
            "g:1: error: retry.spacing: is already written at f:2; remove one of the two"
        );
        let wrong = parts(&[("f", "[retry]\n"), ("g", "a = 1\nb = \n")]).err().unwrap();
        assert!(wrong.to_string().starts_with("g:2: error: this is not TOML"), "{wrong}");
    }
}
