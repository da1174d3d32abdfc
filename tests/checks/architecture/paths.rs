//! The paths that a source text names: those of `use` declarations, and those in the code.

/// A path that is imported or named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Named {
    /// `["crate", "model", "Address"]`; a glob ends with `*`.
    pub(crate) path: Vec<String>,
    /// The name that it has here: `Address`, or what follows `as`.
    pub(crate) name: String,
    /// How it came to be named.
    pub(crate) how: How,
}

/// How a path is named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum How {
    /// `use a::b;`
    Import,
    /// `pub use a::b;`, with any visibility
    ReExport,
    /// `a::b` in the code
    InCode,
}

/// Every path with at least two parts that a text names.
pub(crate) fn named(code: &str) -> Vec<Named> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if token == "use" {
            let how = if is_public(&tokens[..at]) { How::ReExport } else { How::Import };
            at += 1;
            at = tree(&tokens, at, &[], how, &mut found);
        } else if is_word(token) && tokens.get(at + 1).is_some_and(|next| next == "::") {
            let mut path = vec![token.clone()];
            while tokens.get(at + 1).is_some_and(|next| next == "::")
                && tokens.get(at + 2).is_some_and(|part| is_word(part))
            {
                at += 2;
                path.push(tokens[at].clone());
            }
            let name = path.last().cloned().unwrap_or_default();
            found.push(Named { path, name, how: How::InCode });
            at += 1;
        } else {
            at += 1;
        }
    }
    found
}

/// Whether what stands before `use` is `pub`, or `pub(…)`.
fn is_public(before: &[String]) -> bool {
    match before.last().map(String::as_str) {
        Some("pub") => true,
        Some(")") => {
            let opened = before.iter().rposition(|token| token == "(").unwrap_or(0);
            opened > 0 && before[opened - 1] == "pub"
        }
        _ => false,
    }
}

/// Reads one tree of a `use` declaration; where it ends.
fn tree(
    tokens: &[String],
    mut at: usize,
    above: &[String],
    how: How,
    found: &mut Vec<Named>,
) -> usize {
    let mut path = above.to_vec();
    while let Some(token) = tokens.get(at) {
        match token.as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = tree(tokens, at, &path, how, found);
                    if tokens.get(at).is_some_and(|token| token == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            part if is_word(part) || part == "*" => {
                path.push(part.to_owned());
                at += 1;
                if tokens.get(at).is_some_and(|next| next == "::") {
                    continue;
                }
                if part == "self" && path.len() > 1 {
                    path.pop();
                }
                let mut name = path.last().cloned().unwrap_or_default();
                if tokens.get(at).is_some_and(|next| next == "as") {
                    name = tokens.get(at + 1).cloned().unwrap_or_default();
                    at += 2;
                }
                found.push(Named { path, name, how });
                return at;
            }
            _ => return at,
        }
    }
    at
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words, `::` and single characters, without comments, texts and spaces.
fn tokens(code: &str) -> Vec<String> {
    let characters: Vec<char> = code.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(character) = characters.get(at) {
        let rest = &characters[at..];
        if rest.starts_with(&['/', '/']) {
            at += rest.iter().position(|c| *c == '\n').unwrap_or(rest.len());
        } else if let Some(length) = raw_text(rest) {
            at += length;
        } else if *character == '"' {
            at += text(rest);
        } else if *character == '\'' {
            at += character_or_lifetime(rest);
        } else if character.is_alphanumeric() || *character == '_' {
            let length = rest.iter().take_while(|c| c.is_alphanumeric() || **c == '_').count();
            tokens.push(rest[..length].iter().collect());
            at += length;
        } else if rest.starts_with(&[':', ':']) {
            tokens.push("::".to_owned());
            at += 2;
        } else {
            if !character.is_whitespace() {
                tokens.push(character.to_string());
            }
            at += 1;
        }
    }
    tokens
}

/// The length of `"…"`.
fn text(rest: &[char]) -> usize {
    let mut escaped = false;
    for (at, character) in rest.iter().enumerate().skip(1) {
        if *character == '"' && !escaped {
            return at + 1;
        }
        escaped = *character == '\\' && !escaped;
    }
    rest.len()
}

/// The length of `r#"…"#`, with any number of `#`.
fn raw_text(rest: &[char]) -> Option<usize> {
    let start =
        if rest.starts_with(&['b', 'r']) { 2 } else { usize::from(rest.first() == Some(&'r')) };
    let hashes = rest.get(start..)?.iter().take_while(|c| **c == '#').count();
    if start == 0 || rest.get(start + hashes) != Some(&'"') {
        return None;
    }
    let mut end = vec!['"'];
    end.extend(std::iter::repeat_n('#', hashes));
    let body = start + hashes + 1;
    let length = rest.get(body..)?.windows(end.len()).position(|found| found == end)?;
    Some(body + length + end.len())
}

/// The length of `'x'` or `'\n'`; of a lifetime, that of its apostrophe.
fn character_or_lifetime(rest: &[char]) -> usize {
    match rest {
        ['\'', '\\', ..] => 3 + rest.iter().skip(3).position(|c| *c == '\'').unwrap_or_default(),
        ['\'', _, '\'', ..] => 3,
        _ => 1,
    }
}

#[test]
fn the_reader_of_paths_finds_imports_and_paths_in_the_code() {
    let read = |code: &str| -> Vec<String> {
        named(code)
            .iter()
            .map(|named| format!("{:?} {}", named.how, named.path.join("::")))
            .collect()
    };
    assert_eq!(
        read(
            "use crate::{a::{self, B as C}, d};\npub(super) use x::y::*;\n\
            fn f() { e::g::H::new(\"no::text\"); }"
        ),
        [
            "Import crate::a",
            "Import crate::a::B",
            "Import crate::d",
            "ReExport x::y::*",
            "InCode e::g::H::new"
        ]
    );
    assert_eq!(read("let a = r#\"b::c\"#; let d: &'a str = '\"'; e::f // g::h\n"), ["InCode e::f"]);
}
