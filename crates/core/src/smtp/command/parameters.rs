//! The parameters of `MAIL` and `RCPT`. Unknown parameters, which devices do send, are ignored and
//! noted. The exception is `REQUIRETLS`, because it is a promise.

use std::collections::BTreeSet;

use smtp_proto::{MailFrom, RcptTo, Request};

use crate::{
    model::{
        Address, BodyKind, ByteSize, MailParameters, Notify, Recipient, Reply, ReturnContent,
        ReversePath,
    },
    smtp::{Quirk, command::mail::Mail, reply},
};

/// RFC 3461 4.4: an envelope identifier has at most 100 octets before it is written in xtext, which
/// at worst triples it.
const ENVID_LIMIT: usize = 300;
/// RFC 3461 4.2: an original recipient has at most 500 octets.
const ORCPT_LIMIT: usize = 500;

/// Parses the parameters of `MAIL`. The sender of the result is the null path.
///
/// # Errors
/// The reply to give.
pub(super) fn of_mail(words: &str, quirks: &mut BTreeSet<Quirk>) -> Result<Mail, Reply> {
    let mut mail =
        Mail { sender: ReversePath::Null, size: None, parameters: MailParameters::default() };
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        // RFC 8689 4.1. Every other extension that we do not offer can be ignored without harm.
        if word.eq_ignore_ascii_case("REQUIRETLS") {
            return Err(reply::NO_REQUIRETLS);
        }
        // smtp-proto refuses the whole command for one unknown parameter, so each is shown to it
        // alone.
        let line = format!("MAIL FROM:<> {word}\r\n");
        let taken = match Request::parse(&mut line.as_bytes().iter()) {
            Ok(Request::Mail { from }) => take_for_mail(&from, word, &mut mail),
            _ => Taken::No,
        };
        if taken == Taken::No {
            quirks.insert(Quirk::OddParameter);
        }
    }
    Ok(mail)
}

#[derive(PartialEq, Eq)]
enum Taken {
    Yes,
    No,
}

fn take_for_mail(from: &MailFrom<std::borrow::Cow<'_, str>>, word: &str, mail: &mut Mail) -> Taken {
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    match key.to_ascii_uppercase().as_str() {
        // smtp-proto overflows if there are too many digits, so the number is read here.
        "SIZE" => match value.parse() {
            Ok(octets) => mail.size = Some(ByteSize::from_octets(octets)),
            Err(_no_number) => return Taken::No,
        },
        "BODY" if from.flags & smtp_proto::MAIL_BODY_7BIT != 0 => {
            mail.parameters.body = BodyKind::SevenBit;
        }
        "BODY" if from.flags & smtp_proto::MAIL_BODY_8BITMIME != 0 => {
            mail.parameters.body = BodyKind::EightBitMime;
        }
        "SMTPUTF8" => mail.parameters.smtputf8 = true,
        "RET" if from.flags & smtp_proto::MAIL_RET_FULL != 0 => {
            mail.parameters.ret = Some(ReturnContent::Full);
        }
        "RET" if from.flags & smtp_proto::MAIL_RET_HDRS != 0 => {
            mail.parameters.ret = Some(ReturnContent::Headers);
        }
        "ENVID" if is_xtext(value, ENVID_LIMIT) => mail.parameters.envid = Some(value.to_owned()),
        // RFC 4954 5: we do not trust what a client says about another client's login; the
        // parameter may always be omitted.
        "AUTH" => {}
        _ => return Taken::No,
    }
    Taken::Yes
}

/// Parses the parameters of `RCPT`.
pub(super) fn of_rcpt(address: Address, words: &str, quirks: &mut BTreeSet<Quirk>) -> Recipient {
    let mut recipient = Recipient::new(address);
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        let line = format!("RCPT TO:<> {word}\r\n");
        let taken = match Request::parse(&mut line.as_bytes().iter()) {
            Ok(Request::Rcpt { to }) => take_for_rcpt(&to, word, &mut recipient),
            _ => Taken::No,
        };
        if taken == Taken::No {
            quirks.insert(Quirk::OddParameter);
        }
    }
    recipient
}

fn take_for_rcpt(
    to: &RcptTo<std::borrow::Cow<'_, str>>,
    word: &str,
    recipient: &mut Recipient,
) -> Taken {
    let (key, value) = word.split_once('=').unwrap_or((word, ""));
    let flag = |bit| to.flags & bit != 0;
    match key.to_ascii_uppercase().as_str() {
        // RFC 3461 4.1: NEVER stands alone.
        "NOTIFY" if flag(smtp_proto::RCPT_NOTIFY_NEVER) && value.contains(',') => return Taken::No,
        "NOTIFY" => {
            recipient.notify = Some(Notify {
                success: flag(smtp_proto::RCPT_NOTIFY_SUCCESS),
                failure: flag(smtp_proto::RCPT_NOTIFY_FAILURE),
                delay: flag(smtp_proto::RCPT_NOTIFY_DELAY),
            });
        }
        "ORCPT" if is_xtext(value, ORCPT_LIMIT) => recipient.orcpt = Some(value.to_owned()),
        _ => return Taken::No,
    }
    Taken::Yes
}

/// RFC 3461 4: printable and without blanks. The value is kept and sent unchanged.
fn is_xtext(value: &str, limit: usize) -> bool {
    !value.is_empty() && value.len() <= limit && value.bytes().all(|b| b.is_ascii_graphic())
}
