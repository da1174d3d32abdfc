//! What can be wrong with a header block, told by name, and how it is put right.

use crate::{
    message::{
        edits::Edits,
        header::{Field, HeaderBlock},
        header_encoding as encoding,
        mailbox::{self, Mailbox},
        once,
        readable::{is_date, is_message_id},
    },
    model::Quirk,
};

/// What was done to a header. Shown to the administrator by its name.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// No header at all, or no empty line after it.
    MissingHeader,
    /// A line among the fields that is not a field: it was put into one of its own.
    StrayLine,
    /// A field that may stand there once stood there more often: lists were joined, of others the
    /// first was kept that can be read.
    DoubleField,
    /// A field that must say something was empty: it was removed.
    EmptyField,
    /// A blank stood before the colon of a field.
    BlankBeforeColon,
    /// No `From:`, or none that has an address.
    MissingFrom,
    /// A field that is not for those who get the message: it was removed.
    PrivateField,
    /// `From:` was no mailbox.
    MalformedFrom,
    /// `From:` had several mailboxes: the first was kept, all of them went into `Reply-To:`.
    SeveralFrom,
    /// No `Date:`.
    MissingDate,
    /// `Date:` was none that could be read.
    MalformedDate,
    /// No `Message-ID:`.
    MissingMessageId,
    /// `Message-ID:` was not in angle brackets, or had blanks.
    MalformedMessageId,
    /// None of `To:`, `Cc:`, `Bcc:` had anything in it.
    MissingTo,
    /// `To:`, `Cc:` or `Reply-To:` was not a list of mailboxes.
    MalformedTo,
    /// MIME without `MIME-Version:`.
    MissingMimeVersion,
    /// 8-bit text where RFC 5322 wants ASCII: encoded by RFC 2047.
    EightBitHeader,
    /// A word of text that fits into no line: encoded by RFC 2047, which parts it without a blank.
    LongWord,
}

/// RFC 5322 3.6.3: where a message says whom it is for.
const DESTINATIONS: [&str; 3] = ["To", "Cc", "Bcc"];

/// RFC 5322 A.1.3: an empty group, for a message whose recipients are not named.
const UNDISCLOSED: &str = "To: undisclosed-recipients:;\r\n";
/// Fields that do not leave. `Bcc:` names recipients whom the others must not see (RFC 5322 3.6.3);
/// the envelope has them. The rest belongs to the mailbox that a message was delivered to (RFC 5321
/// 4.4, RFC 4155): a receiver takes them for what he would have written himself.
const PRIVATE: [&str; 5] = ["Bcc", "Resent-Bcc", "Return-Path", "Delivered-To", "Content-Length"];

/// What is wrong with the fields of `header` as such, in the order in which it has to be put right.
/// What they say is judged after that.
#[must_use]
pub(super) fn structural_faults(header: &HeaderBlock<'_>) -> Vec<Repair> {
    let private = PRIVATE.iter().any(|name| header.find(name).is_some());
    [
        header.has_stray_lines().then_some(Repair::StrayLine),
        private.then_some(Repair::PrivateField),
        once::has_blank_before_colon(header).then_some(Repair::BlankBeforeColon),
        once::has_empty(header).then_some(Repair::EmptyField),
        once::has_doubles(header).then_some(Repair::DoubleField),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What is wrong with the values of the fields, in the order in which it has to be put right.
#[must_use]
pub(super) fn faults(header: &HeaderBlock<'_>) -> Vec<Repair> {
    let value = |name: &str| header.find(name).map(Field::value);
    let date = match value("Date") {
        None => Some(Repair::MissingDate),
        Some(date) => (!is_date(&date)).then_some(Repair::MalformedDate),
    };
    let id = match value("Message-ID") {
        None => Some(Repair::MissingMessageId),
        Some(id) if id.is_empty() => Some(Repair::MissingMessageId),
        Some(id) => (!is_message_id(&id)).then_some(Repair::MalformedMessageId),
    };
    let addressed =
        DESTINATIONS.iter().any(|name| value(name).is_some_and(|value| !mailbox::is_empty(&value)));
    // RFC 2045 4: without it a reader need not look at the others, and shows base64 as text.
    let mime = ["Content-Type", "Content-Transfer-Encoding"]
        .iter()
        .any(|name| header.find(name).is_some());
    let unversioned = header
        .find("MIME-Version")
        .map_or(mime, |field| !field.value().trim_start().starts_with("1.0"));
    // What is signed stays, as long as it can be delivered as it is.
    let signed = header.is_sealed();
    let malformed = !signed && header.fields().any(|field| legal_list(field).is_some());
    let eight_bit = !signed && header.fields().any(|field| encoding::encoded(field).is_some());
    [
        from_fault(value("From").as_deref()),
        date,
        id,
        (!addressed).then_some(Repair::MissingTo),
        malformed.then_some(Repair::MalformedTo),
        unversioned.then_some(Repair::MissingMimeVersion),
        eight_bit.then_some(Repair::EightBitHeader),
        header
            .fields()
            .any(|field| encoding::without_long_words(field).is_some())
            .then_some(Repair::LongWord),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A field of recipients as it was meant; none when it is right, or when it is another field.
fn legal_list(field: &Field<'_>) -> Option<String> {
    let name = ["To", "Cc", "Reply-To"].iter().find(|name| field.is(name))?;
    mailbox::mended_list(&field.value()).map(|list| format!("{name}: {list}\r\n"))
}

fn from_fault(value: Option<&str>) -> Option<Repair> {
    let Some(value) = value else { return Some(Repair::MissingFrom) };
    match mailbox::read_list(value).as_slice() {
        [] => Some(Repair::MissingFrom),
        [_] => (!mailbox::is_one_mailbox(value)).then_some(Repair::MalformedFrom),
        [..] => Some(Repair::SeveralFrom),
    }
}

/// Puts a fault of the fields as such right.
pub(super) fn mend_structure(header: &mut HeaderBlock<'_>, fault: Repair) {
    match fault {
        Repair::PrivateField => remove_private(header),
        Repair::DoubleField => once::join_doubles(header),
        Repair::EmptyField => once::remove_empty(header),
        Repair::BlankBeforeColon => once::close_names(header),
        // The field for a stray line comes with the block. The others concern what fields say.
        Repair::StrayLine
        | Repair::MissingHeader
        | Repair::MissingFrom
        | Repair::MalformedFrom
        | Repair::SeveralFrom
        | Repair::MissingDate
        | Repair::MalformedDate
        | Repair::MissingMessageId
        | Repair::MalformedMessageId
        | Repair::MissingTo
        | Repair::MalformedTo
        | Repair::MissingMimeVersion
        | Repair::EightBitHeader
        | Repair::LongWord => {}
    }
}

/// Puts one fault right; false when what is known does not suffice.
pub(super) fn mend(header: &mut HeaderBlock<'_>, fault: Repair, edits: &Edits) -> bool {
    match fault {
        // The empty line comes with the block.
        Repair::MissingHeader => {}
        Repair::StrayLine
        | Repair::PrivateField
        | Repair::DoubleField
        | Repair::EmptyField
        | Repair::BlankBeforeColon => mend_structure(header, fault),
        Repair::MissingFrom | Repair::MalformedFrom | Repair::SeveralFrom => {
            return mend_from(header, fault, edits);
        }
        // RFC 6409 8.2 and 8.3 let a submission server add these two; Exchange Online answers with
        // the Message-ID it was given.
        Repair::MissingDate | Repair::MalformedDate => {
            header.replace("Date", format!("Date: {}\r\n", edits.received.to_rfc5322()));
        }
        Repair::MissingMessageId | Repair::MalformedMessageId => mend_message_id(header, edits),
        Repair::MissingTo => header.replace("To", UNDISCLOSED.to_owned()),
        // Each of them: a device may write one field for each recipient.
        Repair::MalformedTo => header.rewrite(legal_list),
        Repair::MissingMimeVersion => {
            header.replace("MIME-Version", "MIME-Version: 1.0\r\n".to_owned());
        }
        Repair::EightBitHeader => header.rewrite(encoding::encoded),
        Repair::LongWord => header.rewrite(encoding::without_long_words),
    }
    true
}

fn remove_private(header: &mut HeaderBlock<'_>) {
    let addressed_apart = header.find("Bcc").is_some();
    PRIVATE.iter().for_each(|name| header.remove(name));
    let says_to_whom = ["To", "Cc"]
        .iter()
        .any(|name| header.find(name).is_some_and(|to| !mailbox::is_empty(&to.value())));
    if addressed_apart && !says_to_whom {
        header.replace("To", UNDISCLOSED.to_owned());
    }
}

fn mend_from(header: &mut HeaderBlock<'_>, fault: Repair, edits: &Edits) -> bool {
    let authors =
        header.find("From").map(|field| mailbox::read_list(&field.value())).unwrap_or_default();
    let fallback = || edits.fallback.clone().map(|address| Mailbox::new(None, address));
    let Some(author) = authors.first().cloned().or_else(fallback) else {
        return false;
    };
    header.replace("From", format!("From: {}\r\n", author.render()));
    let configured = edits.identity.as_ref().is_some_and(|identity| identity.reply_to.is_some());
    // RFC 5322 3.6.2 allows several authors beside a Sender; Exchange Online answers 550 5.1.20.
    // None of them is lost.
    if fault == Repair::SeveralFrom && header.find("Reply-To").is_none() && !configured {
        let all: Vec<String> = authors.iter().map(|author| author.address.to_string()).collect();
        header.replace("Reply-To", format!("Reply-To: {}\r\n", all.join(", ")));
    }
    true
}

/// A name that was given stays recognisable; one with blanks in it is none.
fn mend_message_id(header: &mut HeaderBlock<'_>, edits: &Edits) {
    let given = header.find("Message-ID").map(Field::value).unwrap_or_default();
    let given = given.trim_start_matches('<').trim_end_matches('>');
    let usable = !given.is_empty()
        && given.bytes().all(|octet| octet.is_ascii_graphic() && !b"<>\"(),;:\\".contains(&octet));
    let id = match (usable, given.contains('@')) {
        (true, true) => given.to_owned(),
        (true, false) => format!("{given}@{}", edits.hostname),
        (false, _) => format!("{}@{}", edits.id, edits.hostname),
    };
    header.replace("Message-ID", format!("Message-ID: <{id}>\r\n"));
}

impl Repair {
    /// As which quirk the device shows it.
    #[must_use]
    pub const fn quirk(self) -> Quirk {
        match self {
            Self::MissingHeader => Quirk::NoHeader,
            Self::MissingFrom
            | Self::MissingDate
            | Self::MissingMessageId
            | Self::MissingTo
            | Self::MissingMimeVersion => Quirk::MissingFields,
            Self::StrayLine
            | Self::DoubleField
            | Self::EmptyField
            | Self::BlankBeforeColon
            | Self::MalformedDate
            | Self::MalformedMessageId => Quirk::MalformedFields,
            Self::PrivateField => Quirk::PrivateFields,
            Self::MalformedTo => Quirk::MalformedTo,
            Self::MalformedFrom => Quirk::MalformedFrom,
            Self::SeveralFrom => Quirk::SeveralFrom,
            Self::EightBitHeader => Quirk::EightBitHeader,
            Self::LongWord => Quirk::LongLine,
        }
    }
}
