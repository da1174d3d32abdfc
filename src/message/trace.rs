//! The `Received:` field that heads every accepted message (RFC 5321 4.4).

use crate::model::Envelope;

/// The field, folded, with its final CRLF. Names one recipient only if there is one (RFC 5321 7.2).
#[must_use]
pub fn received(_envelope: &Envelope, _hostname: &str) -> String {
    todo!()
}
