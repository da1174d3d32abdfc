//! Turns a line into a command: repairs what devices get wrong, then parses with smtp-proto.
//!
//! Greetings and paths are read here and in `path`, because devices make errors there. smtp-proto
//! reads everything else. It would also remove the quotes of `"a b"@c`, refuse `a@[192.168.1.9]`,
//! and return an empty address for `postmaster`.
//!
//! # Failure
//! [`parse`] returns the reply to a line that it cannot parse.

mod mail;
mod parameters;
mod path;

use std::{borrow::Cow, collections::BTreeSet};

use smtp_proto::Request;
use zeroize::Zeroizing;

use crate::{
    model::{Recipient, Reply, ReversePath},
    smtp::{Mechanism, Quirk, reply},
};

pub use mail::Mail;
pub use path::plausible_address;

/// RFC 5321 4.5.3.1.2: a domain has at most 255 octets.
const HELO_LIMIT: usize = 255;

/// One parsed command.
#[derive(PartialEq, Eq, Debug)]
pub enum Command {
    /// `HELO`, `EHLO`.
    Hello(Hello),
    /// `MAIL FROM`.
    Mail(Mail),
    /// `RCPT TO`.
    Rcpt(Recipient),
    /// `DATA`.
    Data,
    /// `RSET`.
    Rset,
    /// `NOOP`.
    Noop,
    /// `VRFY`.
    Vrfy,
    /// `HELP`.
    Help,
    /// `QUIT`.
    Quit,
    /// `STARTTLS`.
    StartTls,
    /// `AUTH`.
    Auth {
        /// The mechanism; `None` if it is unknown.
        mechanism: Option<Mechanism>,
        /// The initial response in base64, if there is one.
        initial: Option<InitialResponse>,
    },
    /// `BDAT`, which we do not support. The octets that follow it are not commands.
    Bdat,
    /// A line of HTTP.
    Http,
}

/// `HELO` or `EHLO`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// HELO or EHLO.
    pub verb: HelloVerb,
    /// The name that the client gives, made printable; may be empty.
    pub name: String,
}

/// Which greeting was used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HelloVerb {
    /// RFC 821.
    Helo,
    /// RFC 5321.
    Ehlo,
}

/// The initial response of `AUTH`, in base64: often a password.
#[derive(PartialEq, Eq)]
pub struct InitialResponse(pub Zeroizing<String>);

impl std::fmt::Debug for InitialResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Parses one line, given without its end. Its quirks are added to `quirks`.
///
/// # Errors
/// The reply to give.
pub fn parse(line: &[u8], quirks: &mut BTreeSet<Quirk>) -> Result<Command, Reply> {
    let text = Zeroizing::new(String::from_utf8_lossy(line).replace('\t', " "));
    let text = text.trim_matches(' ');
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    let is = |name: &str| verb.eq_ignore_ascii_case(name);
    if is("HELO") {
        Ok(Command::Hello(hello(HelloVerb::Helo, rest, quirks)))
    } else if is("EHLO") {
        Ok(Command::Hello(hello(HelloVerb::Ehlo, rest, quirks)))
    } else if is("MAIL") {
        mail(rest, quirks).map(Command::Mail)
    } else if is("RCPT") {
        rcpt(rest, quirks).map(Command::Rcpt)
    } else if ["GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT"].iter().any(|method| is(method)) {
        // A web page can make a browser send a POST to any port; its body must never be taken for
        // commands.
        Ok(Command::Http)
    } else {
        other(text)
    }
}

fn hello(verb: HelloVerb, argument: &str, quirks: &mut BTreeSet<Quirk>) -> Hello {
    let argument = argument.trim();
    if !is_domain_or_literal(argument) {
        quirks.insert(Quirk::OddHelo);
    }
    let printable =
        |c: char| if c.is_ascii_alphanumeric() || "-._:[]/+=@~#".contains(c) { c } else { '?' };
    Hello { verb, name: argument.chars().take(HELO_LIMIT).map(printable).collect() }
}

/// RFC 5321 4.1.2 `Domain` and 4.1.3 `address-literal`. Neither is looked up.
fn is_domain_or_literal(text: &str) -> bool {
    if let Some(literal) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return !literal.is_empty()
            && literal.chars().all(|c| c.is_ascii_alphanumeric() || ".:-".contains(c));
    }
    let label = |label: &str| {
        let inside = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        inside && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
    };
    // An IP address without its brackets looks like a domain; no top-level domain is all digits.
    let last_is_number =
        text.rsplit('.').next().is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()));
    text.len() <= HELO_LIMIT && text.split('.').all(label) && !last_is_number
}

fn mail(rest: &str, quirks: &mut BTreeSet<Quirk>) -> Result<Mail, Reply> {
    let written = path::split(rest, "FROM").ok_or(reply::BAD_SENDER)?;
    let sender = match written.address().map_err(|_no_address| reply::BAD_SENDER)? {
        None => ReversePath::Null,
        Some(address) => ReversePath::Mailbox(address),
    };
    quirks.extend(written.quirk(sender.mailbox()));
    let mut mail = parameters::of_mail(written.parameters, quirks)?;
    // Deliberately laxer than RFC 6531 3.4: an address that needs SMTPUTF8 says so itself.
    mail.parameters.smtputf8 |= sender.mailbox().is_some_and(crate::model::Address::needs_smtputf8);
    mail.sender = sender;
    Ok(mail)
}

fn rcpt(rest: &str, quirks: &mut BTreeSet<Quirk>) -> Result<Recipient, Reply> {
    let written = path::split(rest, "TO").ok_or(reply::BAD_RECIPIENT)?;
    let address = written.address().ok().flatten().ok_or(reply::BAD_RECIPIENT)?;
    quirks.extend(written.quirk(Some(&address)));
    Ok(parameters::of_rcpt(address, written.parameters, quirks))
}

fn other(text: &str) -> Result<Command, Reply> {
    let line = Zeroizing::new(format!("{text}\r\n"));
    match Request::parse(&mut line.as_bytes().iter()) {
        Ok(Request::Data) => Ok(Command::Data),
        Ok(Request::Rset) => Ok(Command::Rset),
        Ok(Request::Noop { .. }) => Ok(Command::Noop),
        Ok(Request::Vrfy { .. }) => Ok(Command::Vrfy),
        Ok(Request::Help { .. }) => Ok(Command::Help),
        Ok(Request::Quit) => Ok(Command::Quit),
        Ok(Request::StartTls) => Ok(Command::StartTls),
        Ok(Request::Auth { mechanism, initial_response }) => Ok(auth(mechanism, initial_response)),
        Ok(Request::Bdat { .. }) => Ok(Command::Bdat),
        Ok(
            Request::Expn { .. }
            | Request::Etrn { .. }
            | Request::Atrn { .. }
            | Request::Burl { .. }
            | Request::Lhlo { .. },
        ) => Err(reply::NOT_IMPLEMENTED),
        // Greetings and paths never reach this point.
        Ok(
            Request::Ehlo { .. }
            | Request::Helo { .. }
            | Request::Mail { .. }
            | Request::Rcpt { .. },
        ) => Err(reply::SYNTAX_ERROR),
        Err(smtp_proto::Error::UnknownCommand) => Err(reply::UNKNOWN_COMMAND),
        Err(_a_known_command) => Err(reply::SYNTAX_ERROR),
    }
}

fn auth(mechanism: u64, initial: Cow<'_, str>) -> Command {
    let mechanism = match mechanism {
        smtp_proto::AUTH_PLAIN => Some(Mechanism::Plain),
        smtp_proto::AUTH_LOGIN => Some(Mechanism::Login),
        smtp_proto::AUTH_CRAM_MD5 => Some(Mechanism::CramMd5),
        smtp_proto::AUTH_DIGEST_MD5 => Some(Mechanism::DigestMd5),
        _ => None,
    };
    let initial = Zeroizing::new(initial.into_owned());
    Command::Auth { mechanism, initial: (!initial.is_empty()).then_some(InitialResponse(initial)) }
}

#[cfg(test)]
mod tests;
