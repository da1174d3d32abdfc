//! Characters that a reader does not see.

/// Whether a character reorders or hides those around it, so that what is shown differs from what
/// is there.
#[must_use]
pub const fn is_invisible(c: char) -> bool {
    is_direction_mark(c)
        || matches!(c, '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// Whether a character changes the direction of the text around it. No address has a use for one
/// (RFC 5893 2 forbids them in domains).
#[must_use]
pub const fn is_direction_mark(c: char) -> bool {
    matches!(
        c,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
    )
}
