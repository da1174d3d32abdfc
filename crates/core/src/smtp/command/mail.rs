//! `MAIL FROM`, understood.

use crate::model::{ByteSize, MailParameters, ReversePath};

/// `MAIL FROM` with its parameters.
#[derive(PartialEq, Eq, Debug)]
pub struct Mail {
    /// The path.
    pub sender: ReversePath,
    /// `SIZE=`.
    pub size: Option<ByteSize>,
    /// What the sender asked for beside the sender's address.
    pub parameters: MailParameters,
}
