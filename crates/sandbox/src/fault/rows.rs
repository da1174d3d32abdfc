//! The faults with a name of their own.

use std::borrow::Cow;

use crate::fault::{
    cited,
    effect::{Effect, FaultRow},
    stage::Stage,
};

const fn reply(
    name: &'static str,
    stage: Stage,
    text: &'static str,
    says: &'static str,
) -> FaultRow {
    FaultRow { name, stage, effect: Effect::Reply(Cow::Borrowed(text)), says }
}

const fn effect(name: &'static str, stage: Stage, effect: Effect, says: &'static str) -> FaultRow {
    FaultRow { name, stage, effect, says }
}

/// The faults that people and tests use most.
pub(crate) const NAMED: &[FaultRow] = &[
    effect(
        "no-starttls",
        Stage::Ehlo,
        Effect::HideStartTls,
        "STARTTLS is not offered: a stripping firewall",
    ),
    effect("no-auth", Stage::Ehlo, Effect::HideAuth, "AUTH is not offered"),
    effect("tls-wrong-name", Stage::Tls, Effect::WrongName, "the certificate is of another name"),
    effect(
        "tls-untrusted",
        Stage::Tls,
        Effect::UntrustedIssuer,
        "the certificate is of an unknown issuer: an inspecting firewall",
    ),
    effect("tls-expired", Stage::Tls, Effect::Expired, "the certificate has expired"),
    effect("data-354-drop", Stage::Data, Effect::DropAfter354, "says 354 and closes"),
    effect(
        "drop-body",
        Stage::Body,
        Effect::Drop,
        "closes in the middle of the text; the same as body-drop",
    ),
    effect(
        "eod-drop",
        Stage::Eod,
        Effect::Drop,
        "stores the message and closes without a word: a repetition makes a duplicate",
    ),
    effect(
        "eod-drop-lost",
        Stage::Eod,
        Effect::DropLost,
        "closes without a word and stores nothing",
    ),
    effect(
        "eod-silence",
        Stage::Eod,
        Effect::Silence,
        "stores the message and never answers: a repetition makes a duplicate",
    ),
    effect("eod-silence-lost", Stage::Eod, Effect::SilenceLost, "never answers and stores nothing"),
    effect(
        "slow-dot",
        Stage::Eod,
        Effect::SlowDot,
        "stores the message, answers after more than a minute (--slow-dot)",
    ),
    reply(
        "long-554",
        Stage::Eod,
        "554 5.2.252 SendAsDenied; {user} not allowed to send as {from}; \
        STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to \
        process message due to a permanent exception with message [BeginDiagnosticData]Cannot \
        submit message. {long}[EndDiagnosticData] {store}",
        "one refusal line of more than 2 KB",
    ),
    reply("eod-432", Stage::Eod, cited::CONCURRENT, "more than three submissions at once"),
    reply(
        "eod-554-quota",
        Stage::Eod,
        cited::RECIPIENT_QUOTA,
        "the day's recipients are used up: a pause, despite 5xx",
    ),
    reply(
        "eod-sendas",
        Stage::Eod,
        cited::SEND_AS_DENIED,
        "the mailbox may not send as this sender",
    ),
    reply(
        "poison",
        Stage::Eod,
        "550 5.7.1 The message was refused for one of its recipients {store}",
        "one such recipient has the whole transaction refused",
    ),
    reply(
        "token-busy",
        Stage::Token,
        "503 temporarily_unavailable AADSTS90033: A transient error has occurred. Please try \
        again.",
        "sign-in service trouble",
    ),
    reply(
        "token-secret",
        Stage::Token,
        "401 invalid_client AADSTS7000215: Invalid client secret provided. Ensure the secret being \
        sent in the request is the client secret value, not the client secret ID.",
        "the wrong secret",
    ),
    reply(
        "token-secret-expired",
        Stage::Token,
        "401 invalid_client AADSTS7000222: The provided client secret keys for the application are \
        expired.",
        "the secret has expired",
    ),
    reply(
        "token-application",
        Stage::Token,
        "400 unauthorized_client AADSTS700016: Application was not found in the directory.",
        "the application is unknown",
    ),
    reply(
        "token-tenant",
        Stage::Token,
        "400 invalid_request AADSTS90002: Tenant not found.",
        "the directory is unknown",
    ),
    reply(
        "token-key",
        Stage::Token,
        "401 invalid_client AADSTS700027: The certificate with identifier used to sign the client \
        assertion is not registered on application.",
        "the certificate is unknown",
    ),
    reply(
        "token-assertion",
        Stage::Token,
        "401 invalid_client AADSTS50027: JWT token is invalid or malformed.",
        "the assertion is wrong",
    ),
    reply(
        "token-consent",
        Stage::Token,
        "400 invalid_grant AADSTS65001: The user or administrator has not consented to use the \
        application.",
        "no consent",
    ),
    reply(
        "token-admin-consent",
        Stage::Token,
        "400 invalid_grant AADSTS90094: The grant requires admin permission.",
        "no consent of an administrator",
    ),
    reply(
        "token-scope",
        Stage::Token,
        "400 invalid_scope AADSTS70011: The provided request must include a 'scope' input \
        parameter. The provided value for the input parameter 'scope' is not valid.",
        "the wrong scope",
    ),
    reply(
        "token-scopes-mixed",
        Stage::Token,
        "400 invalid_request AADSTS28000: Provided value for the input parameter scope is not \
        valid because it contains more than one resource.",
        "scopes of several resources",
    ),
    reply(
        "token-resource",
        Stage::Token,
        "400 invalid_resource AADSTS500011: The resource principal was not found in the tenant.",
        "Exchange Online is not in the directory",
    ),
    reply(
        "token-refresh-expired",
        Stage::Token,
        "400 invalid_grant AADSTS700082: The refresh token has expired due to inactivity.",
        "sign in again",
    ),
    reply(
        "token-revoked",
        Stage::Token,
        "400 invalid_grant AADSTS50173: The provided grant has expired due to it being revoked, a \
        fresh auth token is needed.",
        "sign in again: revoked, or the password was changed",
    ),
    reply(
        "token-mfa",
        Stage::Token,
        "400 invalid_grant AADSTS50076: Due to a configuration change made by your administrator, \
        or because you moved to a new location, you must use multi-factor authentication.",
        "sign in again: MFA",
    ),
    reply(
        "token-conditional-access",
        Stage::Token,
        "400 invalid_grant AADSTS53003: Access has been blocked by Conditional Access policies.",
        "Conditional Access",
    ),
    effect(
        "graph-504-sent",
        Stage::Graph,
        Effect::Drop,
        "sends the message and answers 504: a repetition makes a duplicate",
    ),
    effect("graph-504-lost", Stage::Graph, Effect::DropLost, "answers 504 and sends nothing"),
    effect(
        "graph-silence-lost",
        Stage::Graph,
        Effect::SilenceLost,
        "never answers and sends nothing",
    ),
    effect("graph-200", Stage::Graph, Effect::Garbage, "answers 200 and sends nothing"),
    reply(
        "graph-throttled",
        Stage::Graph,
        "429 ApplicationThrottled Application is over its MailboxConcurrency limit.",
        "more than four requests at once",
    ),
    reply(
        "graph-token",
        Stage::Graph,
        "401 InvalidAuthenticationToken Access token has expired or is not yet valid.",
        "the token is refused",
    ),
    reply(
        "graph-no-role",
        Stage::Graph,
        "403 ErrorAccessDenied Access is denied. Check credentials and try again.",
        "the application lacks Mail.Send, or the mailbox is out of its scope",
    ),
    reply(
        "graph-send-as",
        Stage::Graph,
        "403 ErrorSendAsDenied The user account which was used to submit this request does not \
            have the right to send mail on behalf of the specified sending account.",
        "the mailbox may not send as this sender",
    ),
    reply(
        "graph-no-mailbox",
        Stage::Graph,
        "404 ErrorInvalidUser The requested user is invalid.",
        "there is no such mailbox",
    ),
    reply(
        "graph-base64",
        Stage::Graph,
        "400 ErrorMimeContentInvalidBase64String Invalid base64 string for MIME content.",
        "the body is not base64",
    ),
    reply(
        "graph-4mb",
        Stage::Graph,
        "413 BadRequest The maximum request length supported is 4MB.",
        "the request is too large",
    ),
    reply(
        "graph-size",
        Stage::Graph,
        "400 ErrorMessageSizeExceeded The message exceeds the maximum supported size.",
        "the message is over the mailbox's limit",
    ),
    reply(
        "graph-quota",
        Stage::Graph,
        "403 ErrorQuotaExceeded The process failed to get the correct properties.",
        "the mailbox is full",
    ),
    reply(
        "graph-submission-quota",
        Stage::Graph,
        "429 ErrorSubmissionQuotaExceeded The message can't be submitted because the sender's \
            submission quota was exceeded.",
        "the day's recipients are used up",
    ),
    reply(
        "graph-message-limit",
        Stage::Graph,
        "429 ErrorExceededMessageLimit Your message can't be sent right now.",
        "too many messages in a minute",
    ),
    reply(
        "graph-suspended",
        Stage::Graph,
        "403 ErrorAccountSuspend Account suspended. Follow the instructions in your inbox to \
            verify your account.",
        "the mailbox is blocked",
    ),
    reply(
        "graph-busy",
        Stage::Graph,
        "503 ServiceUnavailable The service is temporarily unavailable.",
        "the service is busy",
    ),
];
