//! The faults that have a name of their own.

use std::borrow::Cow;

use crate::sandbox::fault::{Effect, Row, Stage};

const fn reply(name: &'static str, stage: Stage, text: &'static str, says: &'static str) -> Row {
    Row { name, stage, effect: Effect::Reply(Cow::Borrowed(text)), says }
}

const fn effect(name: &'static str, stage: Stage, effect: Effect, says: &'static str) -> Row {
    Row { name, stage, effect, says }
}

/// Faults that people and tests ask for most.
pub(crate) const NAMED: &[Row] = &[
    effect("no-starttls", Stage::Ehlo, Effect::HideStartTls, "STARTTLS is not offered: a stripping firewall"),
    effect("no-auth", Stage::Ehlo, Effect::HideAuth, "AUTH is not offered"),
    effect("tls-wrong-name", Stage::Tls, Effect::WrongName, "the certificate is of another name"),
    effect("tls-untrusted", Stage::Tls, Effect::UntrustedIssuer, "the certificate is of an unknown issuer: an inspecting firewall"),
    effect("tls-expired", Stage::Tls, Effect::Expired, "the certificate has expired"),
    effect("data-354-drop", Stage::Data, Effect::DropAfter354, "says 354 and closes"),
    effect("drop-body", Stage::Body, Effect::Drop, "closes in the middle of the text; the same as body-drop"),
    effect("eod-drop", Stage::Eod, Effect::Drop, "stores the message and closes without a word: a repetition makes a duplicate"),
    effect("eod-drop-lost", Stage::Eod, Effect::DropLost, "closes without a word and stores nothing"),
    effect("eod-silence", Stage::Eod, Effect::Silence, "stores the message and never answers: a repetition makes a duplicate"),
    effect("eod-silence-lost", Stage::Eod, Effect::SilenceLost, "never answers and stores nothing"),
    effect("slow-dot", Stage::Eod, Effect::SlowDot, "stores the message, answers after more than a minute (--slow-dot)"),
    reply(
        "long-554",
        Stage::Eod,
        "554 5.2.252 SendAsDenied; {user} not allowed to send as {from}; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message [BeginDiagnosticData]Cannot submit message. {long}[EndDiagnosticData] {store}",
        "one refusal line of more than 2 KB",
    ),
    reply("eod-432", Stage::Eod, super::replies::CONCURRENT, "more than three submissions at once"),
    reply("eod-554-quota", Stage::Eod, super::replies::RECIPIENT_QUOTA, "the day's recipients are used up: a pause, despite 5xx"),
    reply("eod-sendas", Stage::Eod, super::replies::SEND_AS_DENIED, "the mailbox may not send as this sender"),
    reply("poison", Stage::Eod, "554 5.6.0 Invalid message content {store}", "one such recipient has the whole transaction refused"),
];
