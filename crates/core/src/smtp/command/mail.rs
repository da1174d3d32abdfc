//! A parsed `MAIL FROM`.

use crate::model::{ByteSize, MailParameters, ReversePath};

/// `MAIL FROM` with its parameters.
#[derive(PartialEq, Eq, Debug)]
pub struct Mail {
    /// The path.
    pub sender: ReversePath,
    /// `SIZE=`.
    pub size: Option<ByteSize>,
    /// The other parameters.
    pub parameters: MailParameters,
}
