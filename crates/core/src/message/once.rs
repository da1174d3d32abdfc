//! Fields that may stand once and must say something (RFC 5322 3.6, RFC 2045 3).

use crate::message::{
    header::{Field, HeaderBlock},
    mailbox,
    readable::{is_date, is_message_id},
};

/// Lists of mailboxes. Several of them are one.
const LISTS: [&str; 3] = ["To", "Cc", "Reply-To"];
/// The other fields of which there is one. Servers refuse a second one as a forgery, or take it for
/// the first.
const ONCE: [&str; 14] = [
    "From",
    "Date",
    "Message-ID",
    "Subject",
    "MIME-Version",
    "Sender",
    "In-Reply-To",
    "References",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-ID",
    "Content-Description",
    "Content-Disposition",
    "Content-Location",
];
/// How many of [`ONCE`] a server refuses to see twice, so that they are mended under a seal, too.
const REFUSED: usize = 5;
/// Fields without which a message is better off than with an empty one.
const NEVER_EMPTY: [&str; 6] = ["To", "Cc", "Reply-To", "Sender", "In-Reply-To", "References"];

/// The fields that are joined or thinned out. Of a sealed message, as few as can be.
fn affected(header: &HeaderBlock<'_>) -> (&'static [&'static str], &'static [&'static str]) {
    if header.is_sealed() {
        (&[], ONCE.get(..REFUSED).unwrap_or_default())
    } else {
        (&LISTS, &ONCE)
    }
}

/// True when a field stands more than once that may stand once.
pub(super) fn has_doubles(header: &HeaderBlock<'_>) -> bool {
    let (lists, once) = affected(header);
    lists.iter().chain(once).any(|name| header.count(name) > 1)
}

/// Joins lists, and keeps of other fields the first that can be read.
pub(super) fn join_doubles(header: &mut HeaderBlock<'_>) {
    let (lists, once) = affected(header);
    for name in lists.iter().filter(|name| header.count(name) > 1).collect::<Vec<_>>() {
        let values: Vec<String> = header
            .fields()
            .filter(|field| field.is(name))
            .map(Field::value)
            .map(|value| value.trim_end_matches([',', ';', ' ']).to_owned())
            .filter(|value| !mailbox::is_empty(value))
            .collect();
        header.replace(name, format!("{name}: {}\r\n", values.join(", ")));
    }
    for name in once {
        header.keep_one(name, |field| is_readable(name, &field.value()));
    }
}

fn is_readable(name: &str, value: &str) -> bool {
    match name {
        "From" => !mailbox::read_list(value).is_empty(),
        "Sender" => mailbox::is_one_mailbox(value),
        "Date" => is_date(value),
        "Message-ID" => is_message_id(value),
        _ => !value.is_empty(),
    }
}

/// True when a field says nothing that must say something.
pub(super) fn has_empty(header: &HeaderBlock<'_>) -> bool {
    !header.is_sealed() && header.fields().any(is_empty)
}

/// Removes the fields that say nothing.
pub(super) fn remove_empty(header: &mut HeaderBlock<'_>) {
    header.retain(|field| !is_empty(field));
}

fn is_empty(field: &Field<'_>) -> bool {
    NEVER_EMPTY.iter().any(|name| field.is(name)) && mailbox::is_empty(&field.value())
}

/// True when a field has a blank before its colon, which RFC 5322 4.5 allows nobody to write.
pub(super) fn has_blank_before_colon(header: &HeaderBlock<'_>) -> bool {
    !header.is_sealed() && header.fields().any(|field| field.with_closed_name().is_some())
}

/// Takes the blanks before colons away.
pub(super) fn close_names(header: &mut HeaderBlock<'_>) {
    header.close_names();
}
