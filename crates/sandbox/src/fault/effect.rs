//! What a fault does, and a row of the tables.

use std::borrow::Cow;

use crate::fault::stage::Stage;

/// What a fault does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Answers this; `{…}` is filled in. A 421 also closes.
    Reply(Cow<'static, str>),
    /// Closes the connection without an answer. At end of data the message is stored first.
    Drop,
    /// As `Drop`, by TCP reset.
    Reset,
    /// Never answers again. At end of data the message is stored first.
    Silence,
    /// The right answer, octet by octet.
    Slow,
    /// An answer that is not SMTP.
    Garbage,
    /// At end of data: drops the connection and the message.
    DropLost,
    /// At end of data: never answers, and the message is lost.
    SilenceLost,
    /// Says 354 and closes.
    DropAfter354,
    /// The right answer, after a long wait.
    SlowDot,
    /// EHLO does not offer STARTTLS.
    HideStartTls,
    /// EHLO does not offer AUTH.
    HideAuth,
    /// The certificate is of another name.
    WrongName,
    /// The certificate is of an issuer that nobody trusts.
    UntrustedIssuer,
    /// The certificate ended in 2020.
    Expired,
}

/// One row of the tables.
pub(crate) struct FaultRow {
    pub(crate) name: &'static str,
    pub(crate) stage: Stage,
    pub(crate) effect: Effect,
    /// What it rehearses.
    pub(crate) says: &'static str,
}

impl FaultRow {
    /// A row whose fault is a reply.
    pub(crate) const fn reply(
        name: &'static str,
        stage: Stage,
        text: &'static str,
        says: &'static str,
    ) -> Self {
        Self { name, stage, effect: Effect::Reply(Cow::Borrowed(text)), says }
    }
}
