//! Parses a line as a command, as strictly as Exchange Online does.

use postroom_core::model::{Address, ReversePath};

/// A command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Command {
    Helo(String),
    Ehlo(String),
    StartTls,
    Auth {
        mechanism: String,
        initial: Option<String>,
    },
    Mail {
        /// None when the argument is not a path.
        sender: Option<ReversePath>,
        parameters: Vec<String>,
    },
    Rcpt {
        /// None when the argument is not a path.
        recipient: Option<Address>,
        parameters: Vec<String>,
    },
    Data,
    Bdat {
        octets: u64,
        last: bool,
    },
    Rset,
    Noop,
    Quit,
    Vrfy,
    /// The first word of an unknown command, made printable.
    Unknown(String),
}

impl Command {
    pub(crate) fn parse(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(line);
        let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let rest = rest.trim();
        match verb.to_ascii_uppercase().as_str() {
            "HELO" => Self::Helo(rest.to_owned()),
            "EHLO" => Self::Ehlo(rest.to_owned()),
            "STARTTLS" => Self::StartTls,
            "AUTH" => {
                let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
                let initial = Some(initial.trim().to_owned()).filter(|initial| !initial.is_empty());
                Self::Auth { mechanism: mechanism.to_ascii_uppercase(), initial }
            }
            "MAIL" => {
                let (path, parameters) = split_path(rest, "FROM:");
                let sender = path.and_then(|path| {
                    if path.is_empty() {
                        Some(ReversePath::Null)
                    } else {
                        Some(ReversePath::Mailbox(path.parse().ok()?))
                    }
                });
                Self::Mail { sender, parameters }
            }
            "RCPT" => {
                let (path, parameters) = split_path(rest, "TO:");
                Self::Rcpt { recipient: path.and_then(|path| path.parse().ok()), parameters }
            }
            "DATA" => Self::Data,
            "BDAT" => match parse_chunk(rest) {
                Some((octets, last)) => Self::Bdat { octets, last },
                None => Self::Unknown("BDAT".to_owned()),
            },
            "RSET" => Self::Rset,
            "NOOP" => Self::Noop,
            "QUIT" => Self::Quit,
            "VRFY" => Self::Vrfy,
            _other => Self::Unknown(printable(verb)),
        }
    }
}

fn printable(word: &str) -> String {
    word.chars().filter(char::is_ascii_graphic).take(40).collect()
}

/// Splits `FROM:<a@b> SIZE=1` into the path without its brackets and the parameters.
fn split_path<'a>(rest: &'a str, keyword: &str) -> (Option<&'a str>, Vec<String>) {
    let named = rest.get(..keyword.len()).is_some_and(|start| start.eq_ignore_ascii_case(keyword));
    let after = rest.get(keyword.len()..).filter(|_| named).unwrap_or_default().trim_start();
    let Some((path, parameters)) = after.strip_prefix('<').and_then(split_at_bracket) else {
        return (None, Vec::new());
    };
    (Some(path), parameters.split_ascii_whitespace().map(str::to_owned).collect())
}

/// RFC 5321 4.1.2: a quoted local part may contain `>`.
fn split_at_bracket(path: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let mut escaped = false;
    for (index, c) in path.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some((path.get(..index)?, path.get(index + 1..)?)),
            _ => {}
        }
    }
    None
}

fn parse_chunk(rest: &str) -> Option<(u64, bool)> {
    let mut words = rest.split_ascii_whitespace();
    let octets = words.next()?.parse().ok()?;
    match words.next() {
        None => Some((octets, false)),
        Some(last) if last.eq_ignore_ascii_case("LAST") => Some((octets, true)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_at_its_bracket() {
        let Command::Mail { sender, parameters } =
            Command::parse(b"mail from:<scan@contoso.com> SIZE=12 BODY=8BITMIME")
        else {
            panic!()
        };
        assert_eq!(sender.unwrap().to_string(), "scan@contoso.com");
        assert_eq!(parameters, ["SIZE=12", "BODY=8BITMIME"]);
        let Command::Rcpt { recipient, .. } = Command::parse(b"RCPT TO: <\"a>b\"@contoso.com>")
        else {
            panic!()
        };
        assert_eq!(recipient.unwrap().as_str(), "\"a>b\"@contoso.com");
    }

    #[test]
    fn the_null_path_is_a_sender_and_no_recipient() {
        let Command::Mail { sender, .. } = Command::parse(b"MAIL FROM:<>") else { panic!() };
        assert_eq!(sender, Some(ReversePath::Null));
        let Command::Rcpt { recipient, .. } = Command::parse(b"RCPT TO:<>") else { panic!() };
        assert_eq!(recipient, None);
    }

    #[test]
    fn what_is_no_path_is_none() {
        for line in [
            "MAIL FROM:scan@contoso.com",
            "MAIL FROM:<scan>",
            "MAIL TO:<a@b>",
            "MAIL",
            "MAIL FROM:<a@b",
        ] {
            let Command::Mail { sender, .. } = Command::parse(line.as_bytes()) else { panic!() };
            assert_eq!(sender, None, "{line}");
        }
    }
}
