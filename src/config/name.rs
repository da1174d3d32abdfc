//! The name of a device, user or account, which appears in logs, labels and commands.

use super::{schema::Key, table::Table};

/// The maximum length of a name: longer names break tables.
const LONGEST: usize = 64;

pub(super) fn read(table: &Table<'_>, key: &Key<Option<String>>) -> Option<String> {
    let text = table.get(key)?;
    let is_bad = text.is_empty()
        || text.len() > LONGEST
        || text.trim() != text
        || text.chars().any(char::is_control);
    if is_bad {
        table.error(
            key,
            format!(
                "{text:?} cannot be a name; write 1 to {LONGEST} characters, without control \
                characters, and without blanks at its ends"
            ),
        );
        return None;
    }
    Some(text)
}
