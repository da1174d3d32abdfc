//! The types that a key of the config can have: how each is parsed, and how it is written.

use std::{fmt::Display, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use config::{Value, ValueKind};

use super::text::{duration, none_of, show_duration};
use crate::{
    config::source::is_variable,
    device::CertificatePattern,
    model::{AccountName, Address, ByteSize, Fingerprint, Pattern},
    smtp::command::plausible_address,
};

/// What a declaration says about valid values.
pub(in crate::config) struct Hints<'a> {
    /// One of them, as it would be written.
    pub(super) example: &'a str,
    /// The smallest and the largest number.
    pub(super) bounds: (u64, u64),
}

/// The value of a key: one [`Scalar`], or a list of them.
pub(in crate::config) trait Setting: Sized {
    /// Parses the written value.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    fn read(value: &Value, hints: &Hints<'_>) -> Result<Self, Vec<String>>;

    /// The value as written in a config.
    fn show(&self) -> String;
}

/// A value that is written as one text, number or switch.
pub(in crate::config) trait Scalar: Sized {
    /// Parses a text.
    ///
    /// # Errors
    /// With what is wrong, and what to write instead.
    fn parse(text: &str, hints: &Hints<'_>) -> Result<Self, String>;

    /// The text that [`parse`](Self::parse) understands.
    fn text(&self) -> String;
}

/// A value that is one of a few words.
pub(in crate::config) trait Word: Copy + PartialEq + 'static {
    /// Each value with its word.
    const WORDS: &'static [(&'static str, Self)];
}

impl<T: Scalar> Setting for T {
    fn read(value: &Value, hints: &Hints<'_>) -> Result<Self, Vec<String>> {
        let text = scalar(value).ok_or_else(|| vec!["must be a text in quotes".to_owned()])?;
        T::parse(&text, hints).map_err(|problem| vec![problem])
    }

    fn show(&self) -> String {
        literal(&self.text())
    }
}

impl<T: Scalar> Setting for Vec<T> {
    fn read(value: &Value, hints: &Hints<'_>) -> Result<Self, Vec<String>> {
        let (mut good, mut problems) = (Self::new(), Vec::new());
        for text in texts(value).map_err(|problem| vec![problem])? {
            match T::parse(&text, hints) {
                Ok(value) => good.push(value),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(good) } else { Err(problems) }
    }

    fn show(&self) -> String {
        let texts: Vec<String> = self.iter().map(|value| literal(&value.text())).collect();
        format!("[{}]", texts.join(", "))
    }
}

/// The texts of a list. One text alone is a list of one; a variable separates the texts by commas.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    if let ValueKind::Array(values) = &value.kind {
        let texts: Option<Vec<String>> = values.iter().map(scalar).collect();
        return texts.ok_or_else(|| "must be a list of texts: [\"…\", \"…\"]".to_owned());
    }
    let text = scalar(value).ok_or("must be a text in quotes")?;
    if !is_variable(value) {
        return Ok(vec![text]);
    }
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    Ok(parts.map(str::to_owned).collect())
}

/// A number or switch stands for its text, since a variable cannot say which it means.
pub(in crate::config) fn scalar(value: &Value) -> Option<String> {
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

/// A text as TOML has it: numbers and switches stand without quotes.
pub(super) fn literal(text: &str) -> String {
    if text.parse::<u64>().is_ok() || text.parse::<bool>().is_ok() {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl<T: Word> Scalar for T {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        let found = T::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| none_of(text, T::WORDS.iter().map(|(word, _)| *word)))
    }

    fn text(&self) -> String {
        let found = T::WORDS.iter().find(|(_, value)| value == self);
        found.map_or("", |(word, _)| *word).to_owned()
    }
}

impl Word for bool {
    const WORDS: &'static [(&'static str, Self)] = &[("true", true), ("false", false)];
}

impl Scalar for String {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn text(&self) -> String {
        self.clone()
    }
}

impl Scalar for AccountName {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        Ok(Self::from(text.to_owned()))
    }

    fn text(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Scalar for Duration {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        duration(text)
    }

    fn text(&self) -> String {
        show_duration(*self)
    }
}

impl Scalar for ByteSize {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        text.parse().map_err(|error: <Self as FromStr>::Err| error.to_string())
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Scalar for PathBuf {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        let path = Self::from(text);
        if path.is_absolute() {
            return Ok(path);
        }
        Err(format!(
            "\"{text}\" depends on where the daemon is started; write the whole path, from \"/\" on"
        ))
    }

    fn text(&self) -> String {
        self.display().to_string()
    }
}

impl Scalar for SocketAddr {
    fn parse(text: &str, hints: &Hints<'_>) -> Result<Self, String> {
        from_str(text, hints)
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Scalar for Address {
    /// As strict as `RCPT TO`: otherwise a wrong address would fail only when mail is due.
    fn parse(text: &str, hints: &Hints<'_>) -> Result<Self, String> {
        let address: Self = from_str(text, hints)?;
        // "postmaster" alone is an address, too (RFC 5321 4.5.1).
        if text.contains('@') && plausible_address(text).is_none() {
            let example = hints.example;
            return Err(format!("\"{text}\" is not one address; write for example {example}"));
        }
        Ok(address)
    }

    fn text(&self) -> String {
        self.as_str().to_owned()
    }
}

/// A text that its type understands.
fn from_str<T: FromStr>(text: &str, hints: &Hints<'_>) -> Result<T, String>
where
    T::Err: Display,
{
    text.parse().map_err(|error| {
        let example = hints.example;
        format!("\"{text}\" cannot be understood ({error}); write for example {example}")
    })
}

impl Scalar for Pattern {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        text.parse()
    }

    fn text(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Scalar for Fingerprint {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        text.parse()
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Scalar for CertificatePattern {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        text.parse()
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// Whole numbers within the bounds of the key.
macro_rules! number {
    ($($type:ty),*) => {$(
        impl Scalar for $type {
            fn parse(text: &str, hints: &Hints<'_>) -> Result<Self, String> {
                let (least, most) = hints.bounds;
                let number = text.parse::<u64>().ok();
                let number = number.filter(|number| (least..=most).contains(number));
                number.and_then(|number| Self::try_from(number).ok()).ok_or_else(|| {
                    let most = most.min(u64::try_from(Self::MAX).unwrap_or(most));
                    format!("\"{text}\" is not a whole number from {least} to {most}")
                })
            }

            fn text(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

number!(u16, u32, usize);

/// A limit that `"none"` lifts.
#[derive(Clone, Copy)]
pub(in crate::config) enum Limit<T> {
    /// No limit.
    Unlimited,
    /// At most this.
    Most(T),
}

impl<T> Limit<T> {
    /// `None` sets no limit.
    pub(in crate::config) fn most(self) -> Option<T> {
        match self {
            Self::Unlimited => None,
            Self::Most(most) => Some(most),
        }
    }
}

impl<T: Scalar> Scalar for Limit<T> {
    fn parse(text: &str, hints: &Hints<'_>) -> Result<Self, String> {
        if text == "none" { Ok(Self::Unlimited) } else { T::parse(text, hints).map(Self::Most) }
    }

    fn text(&self) -> String {
        match self {
            Self::Unlimited => "none".to_owned(),
            Self::Most(most) => most.text(),
        }
    }
}
