//! What a key of the config is: its name, its type, its default, and its text in the reference,
//! declared in one place.

use config::Value;

use super::setting::{Hints, Setting, literal};

/// One key of a table. [`get`](crate::config::table::Table::get) yields a `T`.
pub(in crate::config) struct Key<T: 'static> {
    name: &'static str,
    read: fn(&Value, &Hints<'_>) -> Result<T, Vec<String>>,
    show: fn(&T) -> Option<String>,
    absent: fn() -> T,
    bounds: (u64, u64),
    example: Example,
    advice: Option<&'static str>,
    about: &'static [&'static str],
}

/// What the reference shows as the value of a key.
#[derive(Clone, Copy)]
enum Example {
    /// The default.
    Default,
    Text(&'static str),
    Texts(&'static [&'static str]),
    /// As `Text`, commented out: most configs do not have the key.
    Off(&'static str),
    /// As `Texts`, commented out.
    OffTexts(&'static [&'static str]),
}

impl<T: Setting> Key<Option<T>> {
    /// A key without a default: when it is absent, it yields `None`.
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            read: read_some::<T>,
            show: |_| None,
            absent: || None,
            bounds: (0, u64::MAX),
            example: Example::Default,
            advice: None,
            about: &[],
        }
    }

    /// The smallest and the largest number that is accepted.
    pub(super) const fn within(mut self, least: u64, most: u64) -> Self {
        self.bounds = (least, most);
        self
    }

    /// The value of the key when it is absent; the reference shows it.
    pub(super) const fn default(self, absent: fn() -> T) -> Key<T> {
        Key {
            name: self.name,
            read: T::read,
            show: show_default::<T>,
            absent,
            bounds: self.bounds,
            example: self.example,
            advice: self.advice,
            about: self.about,
        }
    }

    /// Makes the key required; `advice` says what to write.
    pub(super) const fn required(mut self, advice: &'static str) -> Self {
        self.advice = Some(advice);
        self
    }
}

impl<T> Key<T> {
    /// The value that the reference shows.
    pub(super) const fn example(mut self, text: &'static str) -> Self {
        self.example = Example::Text(text);
        self
    }

    /// The list that the reference shows.
    pub(super) const fn examples(mut self, texts: &'static [&'static str]) -> Self {
        self.example = Example::Texts(texts);
        self
    }

    /// The value that the reference shows in a comment: most configs do not have the key.
    pub(super) const fn off(mut self, text: &'static str) -> Self {
        self.example = Example::Off(text);
        self
    }

    /// The list that the reference shows in a comment.
    pub(super) const fn off_list(mut self, texts: &'static [&'static str]) -> Self {
        self.example = Example::OffTexts(texts);
        self
    }

    /// The doc comment of the declaration, line by line; see [`keys`].
    pub(super) const fn about(mut self, lines: &'static [&'static str]) -> Self {
        self.about = lines;
        self
    }

    /// Parses the written value.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub(in crate::config) fn read(&self, value: &Value) -> Result<T, Vec<String>> {
        let example = self.shown_value();
        (self.read)(value, &Hints { example: &example, bounds: self.bounds })
    }

    /// The value when the key is absent or wrong.
    pub(in crate::config) fn absent(&self) -> T {
        (self.absent)()
    }

    /// What to write when the key is missing; `None` when it may be absent.
    pub(in crate::config) const fn advice(&self) -> Option<&'static str> {
        self.advice
    }

    /// The example or the default, as written in a config.
    fn shown_value(&self) -> String {
        let list = |texts: &[&str]| {
            let each: Vec<String> = texts.iter().map(|text| literal(text)).collect();
            format!("[{}]", each.join(", "))
        };
        match self.example {
            Example::Text(text) | Example::Off(text) => literal(text),
            Example::Texts(texts) | Example::OffTexts(texts) => list(texts),
            Example::Default => (self.show)(&self.absent()).unwrap_or_default(),
        }
    }
}

fn read_some<T: Setting>(value: &Value, hints: &Hints<'_>) -> Result<Option<T>, Vec<String>> {
    T::read(value, hints).map(Some)
}

#[expect(clippy::unnecessary_wraps, reason = "a key without a default shows nothing")]
fn show_default<T: Setting>(value: &T) -> Option<String> {
    Some(value.show())
}

/// Anything that has a name in a table: a key or a table.
pub(in crate::config) trait Named: Sync {
    /// The name as written.
    fn name(&self) -> &'static str;

    /// Its meaning, for the administrator.
    fn about(&self) -> &'static [&'static str];

    /// How the reference shows it.
    fn shown(&self) -> Shown;
}

/// How the reference shows a name.
pub(in crate::config) enum Shown {
    /// `key = value`.
    On(String),
    /// `# key = value`.
    Off(String),
    /// As a table of its own.
    Table(&'static Section),
}

impl<T> Named for Key<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn about(&self) -> &'static [&'static str] {
        self.about
    }

    fn shown(&self) -> Shown {
        match self.example {
            Example::Default | Example::Text(_) | Example::Texts(_) => {
                Shown::On(self.shown_value())
            }
            Example::Off(_) | Example::OffTexts(_) => Shown::Off(self.shown_value()),
        }
    }
}

/// One table of the config: `[retry]`, `[[account]]`, `[account.auth]`.
pub(in crate::config) struct Section {
    /// The name with its brackets; empty for the keys before the first table.
    pub(in crate::config) header: &'static str,
    /// What the table is for, for the administrator.
    pub(in crate::config) about: &'static [&'static str],
    /// Its keys, then the tables inside it.
    pub(in crate::config) keys: &'static [&'static dyn Named],
    /// Its entry in the table around it.
    pub(super) this: fn() -> &'static Self,
}

impl Named for Section {
    fn name(&self) -> &'static str {
        let path = self.header.trim_matches(['[', ']']);
        path.rsplit_once('.').map_or(path, |(_, name)| name)
    }

    fn about(&self) -> &'static [&'static str] {
        self.about
    }

    fn shown(&self) -> Shown {
        Shown::Table((self.this)())
    }
}

/// Declares a table and its keys. A doc comment is the text in the reference; an empty line in it
/// begins a new line there.
///
/// ```text
/// keys! {
///     /// The storage of messages. Optional.
///     SPOOL = "[spool]", tables [];
///
///     /// How long Postroom keeps the line about each delivered or failed recipient.
///     JOURNAL_KEEP: Key<Duration> = Key::new("journal_keep").default(|| days(90));
/// }
/// ```
macro_rules! keys {
    (
        $(#[doc = $about:literal])*
        $section:ident = $header:literal, tables [$($table:expr),* $(,)?];
        $(
            $(#[doc = $text:literal])*
            $key:ident: $type:ty = $declared:expr;
        )*
    ) => {
        $(
            $(#[doc = $text])*
            pub(in crate::config) static $key: $type = $declared.about(&[$($text),*]);
        )*
        $(#[doc = $about])*
        pub(in crate::config) static $section: $crate::config::schema::key::Section =
            $crate::config::schema::key::Section {
                header: $header,
                about: &[$($about),*],
                keys: &[$(&$key,)* $(&$table,)*],
                this: || &$section,
            };
    };
}

pub(super) use keys;
