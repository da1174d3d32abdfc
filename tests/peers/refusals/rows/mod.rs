//! A row for each fault with a name of its own, by the subject of what the server says.

mod before_mail;
mod mailbox;
mod message;
mod organization;

/// The fault; what becomes of the first of two recipients, of the second, and of the account; and
/// the beginning of what the administrator reads, in the account's status or in the failure notice.
pub(super) type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    [before_mail::ROWS, message::ROWS, mailbox::ROWS, organization::ROWS].into_iter().flatten()
}
