//! The effect of a fault, and the rows of the fault tables.

use std::borrow::Cow;

use crate::fault::stage::Stage;

/// What a fault does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Answers with this text, in which `{…}` is filled in. A 421 also closes the connection.
    Reply(Cow<'static, str>),
    /// Closes the connection without an answer. At end of data the message is stored first.
    Drop,
    /// Like `Drop`, with a TCP reset.
    Reset,
    /// Never answers again. At end of data the message is stored first.
    Silence,
    /// Sends the normal answer one octet at a time.
    Slow,
    /// Sends an answer that is not SMTP.
    Garbage,
    /// At end of data: drops the connection and the message.
    DropLost,
    /// At end of data: never answers, and the message is lost.
    SilenceLost,
    /// Answers 354, then closes the connection.
    DropAfter354,
    /// Sends the normal answer after a long wait.
    SlowDot,
    /// EHLO does not offer STARTTLS.
    HideStartTls,
    /// EHLO does not offer AUTH.
    HideAuth,
    /// The certificate is for another name.
    WrongName,
    /// The certificate has an untrusted issuer.
    UntrustedIssuer,
    /// The certificate expired in 2020.
    Expired,
}

/// A row of the fault tables.
pub(crate) struct FaultRow {
    pub(crate) name: &'static str,
    pub(crate) stage: Stage,
    pub(crate) effect: Effect,
    /// What the fault rehearses.
    pub(crate) says: &'static str,
}

impl FaultRow {
    /// Makes a row whose effect is a reply.
    pub(crate) const fn reply(
        name: &'static str,
        stage: Stage,
        text: &'static str,
        says: &'static str,
    ) -> Self {
        Self { name, stage, effect: Effect::Reply(Cow::Borrowed(text)), says }
    }
}
