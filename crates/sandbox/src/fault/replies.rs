//! The refusals of Exchange Online as they were seen or documented, each playable as
//! `reply-<slug>`.

use std::borrow::Cow;

use crate::fault::{
    cited::{
        ATTR36, AUTH_FAILED, BARE_LINE_FEEDS, BASIC_DISABLED, BASIC_RETIRED, CONCURRENT,
        DIRECT_SEND_OFF, MAILBOX_FULL, MULTIPLE_FROM, NO_FROM, NO_FULL_ACCESS, NOT_AUTHENTICATED,
        OUTBOUND_SPAM, PARTIAL, RATE, RECIPIENT_QUOTA, RELAY_DENIED, SEND_AS_DENIED,
        SMTP_AUTH_MAILBOX, SMTP_AUTH_TENANT, THROTTLED_INVALID, THROTTLED_MAILBOX_FULL,
        THROTTLED_RECIPIENTS, THROTTLED_SEND_AS, TOO_LARGE, TOO_LARGE_FOR_MAILBOX, TOO_MANY_ERRORS,
        TOO_MANY_RECIPIENTS, WRONG_PASSWORD,
    },
    effect::{Effect, FaultRow},
    stage::Stage,
};

const fn row(name: &'static str, stage: Stage, text: &'static str, says: &'static str) -> FaultRow {
    FaultRow { name, stage, effect: Effect::Reply(Cow::Borrowed(text)), says }
}

/// Each reply by name.
pub(crate) const REPLIES: &[FaultRow] = &[
    row(
        "reply-service-unavailable",
        Stage::Greeting,
        "421 4.3.2 Service not available",
        "going down or busy",
    ),
    row(
        "reply-service-inactive",
        Stage::Greeting,
        "421 4.3.2 Service not active",
        "going down or busy",
    ),
    row("reply-rate", Stage::Mail, RATE, "the message rate"),
    row(
        "reply-session-timeout",
        Stage::Mail,
        "421 4.4.1 Connection timed out. Total session duration: 00:10:01.8901234",
        "the session was too long",
    ),
    row(
        "reply-idle-timeout",
        Stage::Mail,
        "451 4.7.0 Timeout waiting for client input",
        "the client was silent; closes",
    ),
    row(
        "reply-proxy",
        Stage::Mail,
        "451 4.7.0 Temporary server error. Please try again later. PRX2 \
        NextHop:FAKE1PR01MB0001.testprd01.prod.outlook.com {fe}",
        "trouble between front end and back end",
    ),
    row("reply-too-many-errors", Stage::Auth, TOO_MANY_ERRORS, "bad commands or logins"),
    row(
        "reply-old-tls",
        Stage::Auth,
        "421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to \
        support TLS 1.2. Visit https://aka.ms/smtp_auth_tls. {host}",
        "old TLS: never heals, despite 4xx",
    ),
    row(
        "reply-old-tls-organization",
        Stage::Auth,
        "550 5.7.67 TLS 1.0 and 1.1 are not supported by your organization {host}",
        "old TLS at the legacy endpoint",
    ),
    row(
        "reply-auth-temporary",
        Stage::Auth,
        "454 4.7.0 Temporary authentication failure {fe}",
        "sign-in service trouble",
    ),
    row(
        "reply-auth-server",
        Stage::Auth,
        "451 4.7.3 Authentication unsuccessful due to temporary server error. Please try again \
        later. {fe}",
        "sign-in service trouble",
    ),
    row(
        "reply-helo-name",
        Stage::Ehlo,
        "501 5.5.4 Invalid domain name",
        "the name in EHLO is wrong",
    ),
    row(
        "reply-unrecognized",
        Stage::Ehlo,
        "500 5.3.3 Unrecognized command 'EHLO' {fe}",
        "a bad command",
    ),
    row(
        "reply-mechanism",
        Stage::Auth,
        "504 5.7.4 Unrecognized authentication type {fe}",
        "a mechanism that is not offered",
    ),
    row("reply-auth-failed", Stage::Auth, AUTH_FAILED, "wrong credentials, token or permission"),
    row(
        "reply-smtp-auth-tenant",
        Stage::Auth,
        SMTP_AUTH_TENANT,
        "SMTP AUTH is off for the organization",
    ),
    row(
        "reply-smtp-auth-mailbox",
        Stage::Auth,
        SMTP_AUTH_MAILBOX,
        "SMTP AUTH is off for the mailbox",
    ),
    row("reply-basic-disabled", Stage::Auth, BASIC_DISABLED, "password logins are off"),
    row("reply-wrong-password", Stage::Auth, WRONG_PASSWORD, "wrong password, or MFA"),
    row(
        "reply-conditional-access",
        Stage::Auth,
        "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be \
        authenticated successfully. Contact your administrator. {fe}",
        "Conditional Access",
    ),
    row(
        "reply-security-defaults",
        Stage::Auth,
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security \
        defaults policy. Contact your administrator. {fe}",
        "Security Defaults",
    ),
    row(
        "reply-organization-policy",
        Stage::Auth,
        "535 5.7.139 Authentication unsuccessful, the organization configuration doesn't allow \
        this authentication request. {fe}",
        "an authentication policy",
    ),
    row(
        "reply-sts-unreachable",
        Stage::Auth,
        "535 5.7.139 Authentication unsuccessful, federated STS service was unreachable. {fe}",
        "the organization's ADFS is down",
    ),
    row(
        "reply-sts-http",
        Stage::Auth,
        "535 5.7.139 Authentication unsuccessful, the federated STS URL does not support HTTPS. \
        {fe}",
        "the organization's ADFS is set up wrong",
    ),
    row("reply-basic-retired", Stage::Auth, BASIC_RETIRED, "password logins are gone"),
    row(
        "reply-basic-retired-535",
        Stage::Auth,
        "535 5.7.139 Basic authentication is not supported for Client Submission. {fe}",
        "password logins are gone",
    ),
    row(
        "reply-not-authenticated",
        Stage::Mail,
        NOT_AUTHENTICATED,
        "MAIL without AUTH, or a policy after it",
    ),
    row(
        "reply-not-authenticated-2020",
        Stage::Mail,
        "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM \
        {host}",
        "the older form",
    ),
    row(
        "reply-starttls-first",
        Stage::Mail,
        "530 5.7.0 Must issue a STARTTLS command first",
        "TLS is required",
    ),
    row("reply-concurrent", Stage::Eod, CONCURRENT, "more than three submissions at once"),
    row(
        "reply-sender-threads",
        Stage::Eod,
        "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded {store}",
        "the older form",
    ),
    row("reply-recipient-quota", Stage::Eod, RECIPIENT_QUOTA, "the day's recipients are used up"),
    row(
        "reply-submission-quota",
        Stage::Eod,
        "550 5.2.2 Submission quota exceeded {store}",
        "the same",
    ),
    row(
        "reply-daily-limit",
        Stage::Eod,
        "550 5.1.90 Your message can't be sent because you've reached your daily limit for message \
        recipients {store}",
        "the same",
    ),
    row(
        "reply-throttled-mailbox-full",
        Stage::Eod,
        THROTTLED_MAILBOX_FULL,
        "blocked for repeating an error",
    ),
    row("reply-throttled-send-as", Stage::Eod, THROTTLED_SEND_AS, "blocked for repeating an error"),
    row(
        "reply-throttled-license",
        Stage::Eod,
        "550 5.2.253 Sender throttled due to continuous invalid license errors. {store}",
        "blocked for repeating an error",
    ),
    row(
        "reply-throttled-too-many",
        Stage::Eod,
        THROTTLED_RECIPIENTS,
        "blocked for repeating an error",
    ),
    row("reply-throttled-invalid", Stage::Eod, THROTTLED_INVALID, "blocked for repeating an error"),
    row("reply-send-as-denied", Stage::Eod, SEND_AS_DENIED, "the sender is not allowed"),
    row(
        "reply-send-as-denied-520",
        Stage::Eod,
        "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; \
        Failed to process message due to a permanent exception with message \
        [BeginDiagnosticData]Cannot submit message. {store}",
        "the older form",
    ),
    row(
        "reply-send-as-560",
        Stage::Eod,
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
        "the oldest form",
    ),
    row("reply-mailbox-full", Stage::Eod, MAILBOX_FULL, "the sending mailbox is full"),
    row(
        "reply-mailbox-quota",
        Stage::Eod,
        "554 5.2.2 mailbox full; \
        STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionQuotaExceeded {store}",
        "the sending mailbox is full",
    ),
    row("reply-spam-suspend", Stage::Eod, OUTBOUND_SPAM, "outbound spam control"),
    row(
        "reply-spam-hip-notify",
        Stage::Eod,
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message \
        due to a permanent exception with message [BeginDiagnosticData]WASCL UserAction verdict is \
        not None. Actual verdict is HipNotify. OutboundSpamException: WASCL UserAction verdict is \
        not None.[EndDiagnosticData] {store}",
        "outbound spam control",
    ),
    row(
        "reply-spam-hip-send",
        Stage::Eod,
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message \
        due to a permanent exception with message [BeginDiagnosticData]WASCL UserAction verdict is \
        not None. Actual verdict is HipSend. OutboundSpamException: WASCL UserAction verdict is \
        not None.[EndDiagnosticData] {store}",
        "outbound spam control",
    ),
    row(
        "reply-spam-refuse-quota",
        Stage::Eod,
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message \
        due to a permanent exception with message [BeginDiagnosticData]WASCL UserAction verdict is \
        not None. Actual verdict is RefuseQuota. OutboundSpamException: WASCL UserAction verdict \
        is not None.[EndDiagnosticData] {store}",
        "outbound spam control",
    ),
    row(
        "reply-spam-throttle",
        Stage::Eod,
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message \
        due to a permanent exception with message [BeginDiagnosticData]WASCL UserAction verdict is \
        not None. Actual verdict is Throttle. OutboundSpamException: WASCL UserAction verdict is \
        not None.[EndDiagnosticData] {store}",
        "outbound spam control",
    ),
    row(
        "reply-bad-outbound-sender",
        Stage::Eod,
        "550 5.1.8 Access denied, bad outbound sender {store}",
        "the account is restricted for spam",
    ),
    row(
        "reply-no-full-access",
        Stage::Eod,
        NO_FULL_ACCESS,
        "the application has no FullAccess on the mailbox",
    ),
    row("reply-size-fixed", Stage::Eod, TOO_LARGE, "larger than SIZE"),
    row("reply-max-send-size", Stage::Eod, TOO_LARGE_FOR_MAILBOX, "larger than MaxSendSize"),
    row(
        "reply-too-many-recipients",
        Stage::Rcpt,
        TOO_MANY_RECIPIENTS,
        "the rest goes in another transaction",
    ),
    row(
        "reply-too-many-recipients-550",
        Stage::Rcpt,
        "550 5.5.3 Too many recipients",
        "the same, permanent",
    ),
    row("reply-recipient-syntax", Stage::Rcpt, "501 5.1.3 Invalid address", "bad RCPT syntax"),
    row("reply-sender-syntax", Stage::Mail, "501 5.1.7 Invalid address", "bad MAIL syntax"),
    row("reply-invalid-content", Stage::Eod, "554 5.6.0 Invalid message content", "bad MIME"),
    row("reply-bare-linefeeds", Stage::Eod, BARE_LINE_FEEDS, "bare LF in the text"),
    row("reply-message-partial", Stage::Eod, PARTIAL, "a scan split by data size"),
    row("reply-no-from", Stage::Eod, NO_FROM, "no valid From"),
    row("reply-multiple-from", Stage::Eod, MULTIPLE_FROM, "several addresses in From"),
    row(
        "reply-replication",
        Stage::Eod,
        "451 4.4.0 Message failed to be replicated: insufficient redundancy {store}",
        "service trouble",
    ),
    row(
        "reply-server-error",
        Stage::Eod,
        "451 4.3.0 Temporary server error. Please try again later {store}",
        "service trouble",
    ),
    row(
        "reply-resources",
        Stage::Mail,
        "452 4.3.1 Insufficient system resources (TSTE)",
        "service trouble",
    ),
    row("reply-relay-denied", Stage::Rcpt, RELAY_DENIED, "no connector matches"),
    row("reply-attr36", Stage::Rcpt, ATTR36, "the sender is of no accepted domain"),
    row("reply-direct-send", Stage::Rcpt, DIRECT_SEND_OFF, "RejectDirectSend"),
    row(
        "reply-attr35",
        Stage::Rcpt,
        "451 4.4.62 Mail sent to the wrong Office 365 region. ATTR35 {host}",
        "an old or wrong smart host",
    ),
    row(
        "reply-server-busy",
        Stage::Rcpt,
        "451 4.7.500 Server busy. Please try again later from {ip}. (AS77712344) {host}",
        "the address is throttled",
    ),
    row(
        "reply-greylisted",
        Stage::Rcpt,
        "451 4.7.501 Access denied, please try again later {host}",
        "the address changed its habits",
    ),
    row(
        "reply-under-evaluation",
        Stage::Rcpt,
        "451 4.7.850 Access denied, please try again later {host}",
        "the address is new",
    ),
    row(
        "reply-rate-limited",
        Stage::Rcpt,
        "451 4.7.650 The mail server {ip} has been temporarily rate limited due to IP reputation. \
        For e-mail delivery information, see https://postmaster.live.com (S775) {host}",
        "reputation of the address",
    ),
    row(
        "reply-rate-limited-651",
        Stage::Rcpt,
        "451 4.7.651 The mail server {ip} has been temporarily rate limited due to IP reputation. \
        For e-mail delivery information, see https://postmaster.live.com (S775) {host}",
        "reputation of the address",
    ),
    row(
        "reply-queue-quota",
        Stage::Rcpt,
        "450 4.7.3 Organization queue quota exceeded. {host}",
        "the organization's queue is full",
    ),
    row(
        "reply-attr-432",
        Stage::Rcpt,
        "451 4.3.2 Temporary server error. Please try again later ATTR2 {host}",
        "directory trouble",
    ),
    row(
        "reply-attr-443",
        Stage::Rcpt,
        "451 4.4.3 Temporary server error. Please try again later ATTR3 {host}",
        "directory trouble",
    ),
    row(
        "reply-attr-444",
        Stage::Rcpt,
        "451 4.4.4 Temporary server error. Please try again later ATTR18 {host}",
        "directory trouble",
    ),
    row(
        "reply-connector-tls",
        Stage::Mail,
        "454 4.7.0 Failed to establish appropriate TLS channel: CertificateNotTrusted: Access \
        Denied",
        "the connector asks for TLS or a certificate",
    ),
    row(
        "reply-banned-address",
        Stage::Rcpt,
        "550 5.7.606 Access denied, banned sending IP {ip}. To request removal from this list \
        please visit https://sender.office.com/ and follow the directions. (AS16012609) {host}",
        "block list",
    ),
    row(
        "reply-spamhaus",
        Stage::Rcpt,
        "550 5.7.1 Service unavailable, Client host {ip} blocked using Spamhaus. To request \
        removal from this list see https://www.spamhaus.org/query/ip/{ip} {host}",
        "block list",
    ),
    row(
        "reply-banned-511",
        Stage::Rcpt,
        "550 5.7.511 Access denied, banned sender{ip}. To request removal from this list please \
        forward this message to delist@microsoft.com. {host}",
        "block list",
    ),
    row(
        "reply-bad-helo",
        Stage::Rcpt,
        "550 5.7.506 Access Denied, Bad HELO {host}",
        "EHLO used the server's own name",
    ),
    row(
        "reply-tenant-threshold",
        Stage::Eod,
        "550 5.7.705 Access denied, tenant has exceeded threshold {store}",
        "the organization is blocked",
    ),
    row(
        "reply-address-traffic",
        Stage::Eod,
        "550 5.7.708 Access denied, traffic not accepted from this IP {store}",
        "the organization is new",
    ),
    row(
        "reply-bad-connector",
        Stage::Eod,
        "550 5.7.711 Access denied, bad inbound connector. AS(2204) {store}",
        "the connector is blocked",
    ),
    row(
        "reply-unregistered",
        Stage::Eod,
        "550 5.7.750 Client blocked from sending from unregistered domains {store}",
        "senders of foreign domains",
    ),
    row(
        "reply-terrl",
        Stage::Eod,
        "550 5.7.233 - Your message can't be sent because your tenant has exceeded its daily limit \
        for sending email to external recipients (tenant external recipient rate limit) {store}",
        "the organization's external recipients of the day",
    ),
    row(
        "reply-terrl-trial",
        Stage::Eod,
        "550 5.7.232 - Your message can't be sent because your trial tenant has exceeded its daily \
        limit for sending email to external recipients (tenant external recipient rate limit) \
        {store}",
        "the same, trial",
    ),
    row(
        "reply-moera",
        Stage::Eod,
        "550 5.7.236 - Your message can't be sent because your tenant has exceeded its daily limit \
        for sending email to external recipients from onmicrosoft.com domains {store}",
        "onmicrosoft.com senders",
    ),
    row(
        "reply-unknown-recipient",
        Stage::Rcpt,
        "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) {host}",
        "no such recipient",
    ),
    row(
        "reply-recipient-not-found",
        Stage::Rcpt,
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup \
        {host}",
        "no such recipient",
    ),
    row(
        "reply-dmarc",
        Stage::Eod,
        "550 5.7.509 Access denied, sending domain contoso.com does not pass DMARC verification \
        and has a DMARC policy of reject. {store}",
        "SPF or DKIM is missing",
    ),
    row(
        "reply-recipient-hour",
        Stage::Rcpt,
        "554 5.2.122 The recipient has exceeded their limit for the number of messages they can \
        receive per hour {host}",
        "try again in an hour, despite 5xx",
    ),
    row(
        "reply-recipient-hour-sender",
        Stage::Rcpt,
        "554 5.2.121 The recipient's per hour message receive limit from specific sender exceeded \
        {host}",
        "try again in an hour, despite 5xx",
    ),
    row(
        "reply-internal-only",
        Stage::Rcpt,
        "550 5.7.12 Your message wasn't delivered because the recipient is configured to reject \
        messages sent from outside its organization {host}",
        "authenticated senders only",
    ),
    row(
        "reply-group-internal",
        Stage::Rcpt,
        "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; \
        Delivery restriction check failed because the sender was not authenticated when sending to \
        this group {host}",
        "authenticated senders only",
    ),
    row(
        "reply-group-members",
        Stage::Rcpt,
        "550 5.7.124 RESOLVER.RST.SenderNotAllowedForGroup; sender not in allowed-senders list \
        {host}",
        "members only",
    ),
    row(
        "reply-hve-user",
        Stage::Auth,
        "501 5.5.124 Invalid XOAUTH2 auth data - User address provided is not valid. Please ensure \
        the auth data is correct.",
        "High Volume Email: the user name",
    ),
    row(
        "reply-hve-soon-expired",
        Stage::Auth,
        "535 5.7.142 Token will expire soon",
        "High Volume Email: renew the token",
    ),
    row(
        "reply-hve-expired",
        Stage::Auth,
        "535 5.7.143 Expired token",
        "High Volume Email: renew the token",
    ),
    row(
        "reply-hve-permissions",
        Stage::Auth,
        "535 5.7.144 XOAUTH2 authentication failed. Invalid API permissions",
        "High Volume Email: Mail.Send is missing",
    ),
    row(
        "reply-hve-application",
        Stage::Eod,
        "550 5.7.240 The application is not allowed for use with this High Volume Email account",
        "High Volume Email: Add-HVEAppAccess",
    ),
];
