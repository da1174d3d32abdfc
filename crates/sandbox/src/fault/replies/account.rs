//! Refusals that concern the session, the login, or the sending mailbox.

use crate::fault::{
    cited::{
        AUTH_FAILED, BASIC_DISABLED, BASIC_RETIRED, CONCURRENT, MAILBOX_FULL, NO_FULL_ACCESS,
        NOT_AUTHENTICATED, OUTBOUND_SPAM, RATE, RECIPIENT_QUOTA, SEND_AS_DENIED, SMTP_AUTH_MAILBOX,
        SMTP_AUTH_TENANT, THROTTLED_INVALID, THROTTLED_MAILBOX_FULL, THROTTLED_RECIPIENTS,
        THROTTLED_SEND_AS, TOO_LARGE, TOO_LARGE_FOR_MAILBOX, TOO_MANY_ERRORS, WRONG_PASSWORD,
    },
    effect::FaultRow,
    stage::Stage,
};

pub(super) const REPLIES: &[FaultRow] = &[
    FaultRow::reply(
        "reply-service-unavailable",
        Stage::Greeting,
        "421 4.3.2 Service not available",
        "going down or busy",
    ),
    FaultRow::reply(
        "reply-service-inactive",
        Stage::Greeting,
        "421 4.3.2 Service not active",
        "going down or busy",
    ),
    FaultRow::reply("reply-rate", Stage::Mail, RATE, "the message rate"),
    FaultRow::reply(
        "reply-session-timeout",
        Stage::Mail,
        "421 4.4.1 Connection timed out. Total session duration: 00:10:01.8901234",
        "the session was too long",
    ),
    FaultRow::reply(
        "reply-idle-timeout",
        Stage::Mail,
        "451 4.7.0 Timeout waiting for client input",
        "the client was silent; closes",
    ),
    FaultRow::reply(
        "reply-proxy",
        Stage::Mail,
        "451 4.7.0 Temporary server error. Please try again later. PRX2 \
        NextHop:FAKE1PR01MB0001.testprd01.prod.outlook.com {fe}",
        "trouble between front end and back end",
    ),
    FaultRow::reply(
        "reply-too-many-errors",
        Stage::Auth,
        TOO_MANY_ERRORS,
        "bad commands or logins",
    ),
    FaultRow::reply(
        "reply-old-tls",
        Stage::Auth,
        "421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to \
        support TLS 1.2. Visit https://aka.ms/smtp_auth_tls. {host}",
        "old TLS: never heals, despite 4xx",
    ),
    FaultRow::reply(
        "reply-old-tls-organization",
        Stage::Auth,
        "550 5.7.67 TLS 1.0 and 1.1 are not supported by your organization {host}",
        "old TLS at the legacy endpoint",
    ),
    FaultRow::reply(
        "reply-auth-temporary",
        Stage::Auth,
        "454 4.7.0 Temporary authentication failure {fe}",
        "sign-in service trouble",
    ),
    FaultRow::reply(
        "reply-auth-server",
        Stage::Auth,
        "451 4.7.3 Authentication unsuccessful due to temporary server error. Please try again \
        later. {fe}",
        "sign-in service trouble",
    ),
    FaultRow::reply(
        "reply-helo-name",
        Stage::Ehlo,
        "501 5.5.4 Invalid domain name",
        "the name in EHLO is wrong",
    ),
    FaultRow::reply(
        "reply-unrecognized",
        Stage::Ehlo,
        "500 5.3.3 Unrecognized command 'EHLO' {fe}",
        "a bad command",
    ),
    FaultRow::reply(
        "reply-mechanism",
        Stage::Auth,
        "504 5.7.4 Unrecognized authentication type {fe}",
        "a mechanism that is not offered",
    ),
    FaultRow::reply(
        "reply-auth-failed",
        Stage::Auth,
        AUTH_FAILED,
        "wrong credentials, token or permission",
    ),
    FaultRow::reply(
        "reply-smtp-auth-tenant",
        Stage::Auth,
        SMTP_AUTH_TENANT,
        "SMTP AUTH is off for the organization",
    ),
    FaultRow::reply(
        "reply-smtp-auth-mailbox",
        Stage::Auth,
        SMTP_AUTH_MAILBOX,
        "SMTP AUTH is off for the mailbox",
    ),
    FaultRow::reply("reply-basic-disabled", Stage::Auth, BASIC_DISABLED, "password logins are off"),
    FaultRow::reply("reply-wrong-password", Stage::Auth, WRONG_PASSWORD, "wrong password, or MFA"),
    FaultRow::reply(
        "reply-conditional-access",
        Stage::Auth,
        "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be \
        authenticated successfully. Contact your administrator. {fe}",
        "Conditional Access",
    ),
    FaultRow::reply(
        "reply-security-defaults",
        Stage::Auth,
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security \
        defaults policy. Contact your administrator. {fe}",
        "Security Defaults",
    ),
    FaultRow::reply(
        "reply-organization-policy",
        Stage::Auth,
        "535 5.7.139 Authentication unsuccessful, the organization configuration doesn't allow \
        this authentication request. {fe}",
        "an authentication policy",
    ),
    FaultRow::reply(
        "reply-sts-unreachable",
        Stage::Auth,
        "535 5.7.139 Authentication unsuccessful, federated STS service was unreachable. {fe}",
        "the organization's ADFS is down",
    ),
    FaultRow::reply(
        "reply-sts-http",
        Stage::Auth,
        "535 5.7.139 Authentication unsuccessful, the federated STS URL does not support HTTPS. \
        {fe}",
        "the organization's ADFS is set up wrong",
    ),
    FaultRow::reply("reply-basic-retired", Stage::Auth, BASIC_RETIRED, "password logins are gone"),
    FaultRow::reply(
        "reply-basic-retired-535",
        Stage::Auth,
        "535 5.7.139 Basic authentication is not supported for Client Submission. {fe}",
        "password logins are gone",
    ),
    FaultRow::reply(
        "reply-not-authenticated",
        Stage::Mail,
        NOT_AUTHENTICATED,
        "MAIL without AUTH, or a policy after it",
    ),
    FaultRow::reply(
        "reply-not-authenticated-2020",
        Stage::Mail,
        "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM \
        {host}",
        "the older form",
    ),
    FaultRow::reply(
        "reply-starttls-first",
        Stage::Mail,
        "530 5.7.0 Must issue a STARTTLS command first",
        "TLS is required",
    ),
    FaultRow::reply(
        "reply-concurrent",
        Stage::Eod,
        CONCURRENT,
        "more than three submissions at once",
    ),
    FaultRow::reply(
        "reply-sender-threads",
        Stage::Eod,
        "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded {store}",
        "the older form",
    ),
    FaultRow::reply(
        "reply-recipient-quota",
        Stage::Eod,
        RECIPIENT_QUOTA,
        "the day's recipients are used up",
    ),
    FaultRow::reply(
        "reply-submission-quota",
        Stage::Eod,
        "550 5.2.2 Submission quota exceeded {store}",
        "the same",
    ),
    FaultRow::reply(
        "reply-daily-limit",
        Stage::Eod,
        "550 5.1.90 Your message can't be sent because you've reached your daily limit for message \
        recipients {store}",
        "the same",
    ),
    FaultRow::reply(
        "reply-throttled-mailbox-full",
        Stage::Eod,
        THROTTLED_MAILBOX_FULL,
        "blocked for repeating an error",
    ),
    FaultRow::reply(
        "reply-throttled-send-as",
        Stage::Eod,
        THROTTLED_SEND_AS,
        "blocked for repeating an error",
    ),
    FaultRow::reply(
        "reply-throttled-license",
        Stage::Eod,
        "550 5.2.253 Sender throttled due to continuous invalid license errors. {store}",
        "blocked for repeating an error",
    ),
    FaultRow::reply(
        "reply-throttled-too-many",
        Stage::Eod,
        THROTTLED_RECIPIENTS,
        "blocked for repeating an error",
    ),
    FaultRow::reply(
        "reply-throttled-invalid",
        Stage::Eod,
        THROTTLED_INVALID,
        "blocked for repeating an error",
    ),
    FaultRow::reply(
        "reply-send-as-denied",
        Stage::Eod,
        SEND_AS_DENIED,
        "the sender is not allowed",
    ),
    FaultRow::reply(
        "reply-send-as-denied-520",
        Stage::Eod,
        "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; \
        Failed to process message due to a permanent exception with message \
        [BeginDiagnosticData]Cannot submit message. {store}",
        "the older form",
    ),
    FaultRow::reply(
        "reply-send-as-560",
        Stage::Eod,
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
        "the oldest form",
    ),
    FaultRow::reply("reply-mailbox-full", Stage::Eod, MAILBOX_FULL, "the sending mailbox is full"),
    FaultRow::reply(
        "reply-mailbox-quota",
        Stage::Eod,
        "554 5.2.2 mailbox full; \
        STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionQuotaExceeded {store}",
        "the sending mailbox is full",
    ),
    FaultRow::reply("reply-spam-suspend", Stage::Eod, OUTBOUND_SPAM, "outbound spam control"),
    FaultRow::reply(
        "reply-spam-hip-notify",
        Stage::Eod,
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message \
        due to a permanent exception with message [BeginDiagnosticData]WASCL UserAction verdict is \
        not None. Actual verdict is HipNotify. OutboundSpamException: WASCL UserAction verdict is \
        not None.[EndDiagnosticData] {store}",
        "outbound spam control",
    ),
    FaultRow::reply(
        "reply-spam-hip-send",
        Stage::Eod,
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message \
        due to a permanent exception with message [BeginDiagnosticData]WASCL UserAction verdict is \
        not None. Actual verdict is HipSend. OutboundSpamException: WASCL UserAction verdict is \
        not None.[EndDiagnosticData] {store}",
        "outbound spam control",
    ),
    FaultRow::reply(
        "reply-spam-refuse-quota",
        Stage::Eod,
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message \
        due to a permanent exception with message [BeginDiagnosticData]WASCL UserAction verdict is \
        not None. Actual verdict is RefuseQuota. OutboundSpamException: WASCL UserAction verdict \
        is not None.[EndDiagnosticData] {store}",
        "outbound spam control",
    ),
    FaultRow::reply(
        "reply-spam-throttle",
        Stage::Eod,
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message \
        due to a permanent exception with message [BeginDiagnosticData]WASCL UserAction verdict is \
        not None. Actual verdict is Throttle. OutboundSpamException: WASCL UserAction verdict is \
        not None.[EndDiagnosticData] {store}",
        "outbound spam control",
    ),
    FaultRow::reply(
        "reply-bad-outbound-sender",
        Stage::Eod,
        "550 5.1.8 Access denied, bad outbound sender {store}",
        "the account is restricted for spam",
    ),
    FaultRow::reply(
        "reply-no-full-access",
        Stage::Eod,
        NO_FULL_ACCESS,
        "the application has no FullAccess on the mailbox",
    ),
    FaultRow::reply("reply-size-fixed", Stage::Eod, TOO_LARGE, "larger than SIZE"),
    FaultRow::reply(
        "reply-max-send-size",
        Stage::Eod,
        TOO_LARGE_FOR_MAILBOX,
        "larger than MaxSendSize",
    ),
];
