//! Whether a reader can make sense of a field.

use crate::message::work;

/// RFC 5322 3.6.4, as far as anyone looks: one word in angle brackets.
pub(super) fn is_message_id(value: &str) -> bool {
    work::looks_at(value);
    let inside = value.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    inside.is_some_and(|inside| {
        !inside.is_empty()
            && inside.bytes().all(|octet| octet.is_ascii_graphic() && !b"<>".contains(&octet))
    })
}

/// A date that a reader makes sense of, if need be with some good will. Only what nobody can read
/// is replaced.
pub(super) fn is_date(value: &str) -> bool {
    work::looks_at(value);
    let strict = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    strict.parse_zoned(value).is_ok()
        || mail_parser::DateTime::parse_rfc822(value)
            .is_some_and(|date| date.is_valid() && date.year > 1900)
}
