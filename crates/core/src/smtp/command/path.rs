//! The path of `MAIL FROM:` and `RCPT TO:` (RFC 5321 4.1.2), in every form that devices use.
//!
//! The rule: exactly one plausible address, or none.

use crate::{
    model::{Address, is_direction_mark},
    smtp::Quirk,
};

/// The parts after `FROM:` or `TO:`.
pub(super) struct Written<'a> {
    path: &'a str,
    /// What follows the path.
    pub(super) parameters: &'a str,
    /// The text between the brackets, if there is nothing around them.
    inner: Option<&'a str>,
}

/// The path has no address, or several.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct NoAddress;

/// Removes `keyword` and its colon, and splits path and parameters. `None` without the keyword.
///
/// The colon may be missing when a blank or the path itself follows at once: RFC 5321 4.1.1.11
/// requires it, but some devices omit it.
pub(super) fn split<'a>(rest: &'a str, keyword: &str) -> Option<Written<'a>> {
    let rest = rest.trim_start_matches(' ');
    let (word, after) = rest.split_at_checked(keyword.len())?;
    if !word.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (colon, after) = match after.trim_start_matches(' ').strip_prefix(':') {
        Some(path) if after.starts_with(':') => (Colon::InPlace, path),
        Some(path) => (Colon::Apart, path),
        None if after.starts_with([' ', '<']) => (Colon::Missing, after),
        None => return None,
    };
    let text = after.trim_matches(' ');
    let (path, rest) = text.split_at_checked(end_of_path(text))?;
    let parameters = rest.trim_start_matches('>');
    let untouched =
        colon == Colon::InPlace && after.starts_with('<') && parameters.len() == rest.len();
    let inner =
        path.strip_prefix('<').and_then(|inner| inner.strip_suffix('>')).filter(|_| untouched);
    Some(Written { path, parameters, inner })
}

/// Where the colon after the keyword is.
#[derive(PartialEq, Eq)]
enum Colon {
    InPlace,
    /// After a blank.
    Apart,
    Missing,
}

/// Splits at the bracket that closes the first one; without brackets, at the first blank.
fn end_of_path(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut last_closed = None;
    for (at, c) in outside_quotes(text) {
        match c {
            '<' => depth += 1,
            '>' => {
                depth = depth.saturating_sub(1);
                last_closed = Some(at + 1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    last_closed
        .or_else(|| outside_quotes(text).find(|(_, c)| *c == ' ').map(|(at, _)| at))
        .unwrap_or(text.len())
}

/// The characters outside quoted strings and comments, with their positions (RFC 5321 4.1.2
/// `Quoted-string`). A quote that is never closed is not a quote.
fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quoted_until = 0;
    // The search runs only once; otherwise a line of backslashes and quotes would take quadratic
    // time.
    let mut unclosed = false;
    text.char_indices().filter(move |(at, c)| {
        if *at >= quoted_until && *c == '"' && !unclosed {
            match text.get(*at..).and_then(quoted_length) {
                Some(length) => quoted_until = at + length,
                None => unclosed = true,
            }
        }
        *at >= quoted_until
    })
}

/// The octets of the quoted string at the beginning of `text`; `None` if it is never closed.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

impl Written<'_> {
    /// The only address; `None` for the null path `<>`.
    pub(super) fn address(&self) -> Result<Option<Address>, NoAddress> {
        // The replacement character stands for octets that were not UTF-8: the address is unknown.
        // A second address after the path is a recipient who would otherwise silently get nothing.
        // A direction mark makes the address look like another one.
        let unclear = |c| c == '\u{fffd}' || is_direction_mark(c);
        if self.path.contains(unclear) || self.parameters.split(' ').any(names_someone) {
            return Err(NoAddress);
        }
        let path = without_comments(self.path);
        let mut words: Vec<&str> = Vec::new();
        let mut found: Vec<Address> = Vec::new();
        for stretch in stretches(&path) {
            let within: Vec<&str> =
                parts(stretch, " ").map(plain).filter(|word| !word.is_empty()).collect();
            let addresses: Vec<Address> =
                within.iter().filter_map(|word| plausible_address(word)).collect();
            // Words next to an address are not a name: only brackets separate a name from its
            // address. The words may be the beginning of a local part with blanks, and the end of
            // that alone is a different mailbox.
            if !addresses.is_empty() && within.len() > 1 {
                return Err(NoAddress);
            }
            words.extend(within);
            found.extend(addresses);
        }
        if words.is_empty() {
            return if self.path.contains('<') { Ok(None) } else { Err(NoAddress) };
        }
        let mut found = found.into_iter();
        let address = found.next().or_else(|| lone_postmaster(&words)).ok_or(NoAddress)?;
        if found.any(|other| !other.same_mailbox(&address)) {
            return Err(NoAddress);
        }
        Ok(Some(address))
    }

    /// [`Quirk::OddPath`] when `address`, the one found, was not written as RFC 5321 requires.
    pub(super) fn quirk(&self, address: Option<&Address>) -> Option<Quirk> {
        let exact = match address {
            None => self.inner == Some(""),
            Some(address) => self.inner.is_some_and(|inner| {
                !inner.ends_with('.') && without_route(inner).parse().as_ref() == Ok(address)
            }),
        };
        (!exact).then_some(Quirk::OddPath)
    }
}

/// Whether a word contains an address and is not a `keyword=value`.
fn names_someone(word: &str) -> bool {
    word.split('=').next().is_some_and(|keyword| keyword.contains('@'))
}

/// Removes comments (RFC 5322 3.2.2), which RFC 5321 does not allow.
fn without_comments(path: &str) -> String {
    let mut kept = String::with_capacity(path.len());
    let mut depth = 0_usize;
    let mut copied = 0;
    for (at, c) in outside_quotes(path) {
        match c {
            '(' => {
                if depth == 0 {
                    kept.push_str(path.get(copied..at).unwrap_or_default());
                    kept.push(' ');
                }
                depth += 1;
            }
            ')' if depth > 0 => {
                depth -= 1;
                copied = at + 1;
            }
            _ => {}
        }
    }
    if depth == 0 {
        kept.push_str(path.get(copied..).unwrap_or_default());
    }
    kept
}

/// The text between the brackets of a path, and around them.
fn stretches(path: &str) -> impl Iterator<Item = &str> {
    parts(path, "<>")
}

/// Splits a text at each of `separators` that is not inside quotes.
fn parts<'a>(text: &'a str, separators: &str) -> impl Iterator<Item = &'a str> {
    let mut cuts: Vec<usize> =
        outside_quotes(text).filter(|(_, c)| separators.contains(*c)).map(|(at, _)| at).collect();
    cuts.push(text.len());
    let mut start = 0;
    cuts.into_iter().filter_map(move |cut| {
        let word = text.get(start..cut);
        start = cut + 1;
        word
    })
}

/// Removes what devices put around an address, and a source route.
fn plain(word: &str) -> &str {
    let word = word.trim_matches([',', ';']);
    let word = word.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(word);
    let word = without_route(word);
    match word.split_at_checked("mailto:".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto:") => rest,
        _ => word,
    }
}

/// RFC 5321 4.1.1.3 and appendix C: a source route is accepted and ignored.
fn without_route(word: &str) -> &str {
    if word.starts_with('@') { word.split_once(':').map_or(word, |(_, rest)| rest) } else { word }
}

/// The address that a word contains; `None` if its punctuation shows that it contains several or
/// none.
pub fn plausible_address(word: &str) -> Option<Address> {
    let (local, domain) = word.rsplit_once('@')?;
    // Underscores, address literals and U-labels are accepted; other punctuation separates
    // addresses.
    if domain.contains(|c: char| c.is_ascii_punctuation() && !"-._[]:".contains(c)) {
        return None;
    }
    // A local part is one quoted string, or it has no quote.
    let well_quoted = if local.starts_with('"') {
        quoted_length(local) == Some(local.len())
    } else {
        !local.contains(['"', '\\', '@'])
    };
    if well_quoted { word.parse().ok() } else { None }
}

/// RFC 5321 4.5.1.
fn lone_postmaster(words: &[&str]) -> Option<Address> {
    match words {
        [word] if word.eq_ignore_ascii_case("postmaster") => word.parse().ok(),
        _ => None,
    }
}
