//! Refusals that concern a recipient, the form of a message, or relaying.

use crate::fault::{
    cited::{
        ATTR36, BARE_LINE_FEEDS, DIRECT_SEND_OFF, MULTIPLE_FROM, NO_FROM, PARTIAL, RELAY_DENIED,
        TOO_MANY_RECIPIENTS,
    },
    effect::FaultRow,
    stage::Stage,
};

pub(super) const REPLIES: &[FaultRow] = &[
    FaultRow::reply(
        "reply-too-many-recipients",
        Stage::Rcpt,
        TOO_MANY_RECIPIENTS,
        "the rest goes in another transaction",
    ),
    FaultRow::reply(
        "reply-too-many-recipients-550",
        Stage::Rcpt,
        "550 5.5.3 Too many recipients",
        "the same, permanent",
    ),
    FaultRow::reply(
        "reply-recipient-syntax",
        Stage::Rcpt,
        "501 5.1.3 Invalid address",
        "bad RCPT syntax",
    ),
    FaultRow::reply(
        "reply-sender-syntax",
        Stage::Mail,
        "501 5.1.7 Invalid address",
        "bad MAIL syntax",
    ),
    FaultRow::reply(
        "reply-invalid-content",
        Stage::Eod,
        "554 5.6.0 Invalid message content",
        "bad MIME",
    ),
    FaultRow::reply("reply-bare-linefeeds", Stage::Eod, BARE_LINE_FEEDS, "bare LF in the text"),
    FaultRow::reply("reply-message-partial", Stage::Eod, PARTIAL, "a scan split by data size"),
    FaultRow::reply("reply-no-from", Stage::Eod, NO_FROM, "no valid From"),
    FaultRow::reply("reply-multiple-from", Stage::Eod, MULTIPLE_FROM, "several addresses in From"),
    FaultRow::reply(
        "reply-replication",
        Stage::Eod,
        "451 4.4.0 Message failed to be replicated: insufficient redundancy {store}",
        "service trouble",
    ),
    FaultRow::reply(
        "reply-server-error",
        Stage::Eod,
        "451 4.3.0 Temporary server error. Please try again later {store}",
        "service trouble",
    ),
    FaultRow::reply(
        "reply-resources",
        Stage::Mail,
        "452 4.3.1 Insufficient system resources (TSTE)",
        "service trouble",
    ),
    FaultRow::reply("reply-relay-denied", Stage::Rcpt, RELAY_DENIED, "no connector matches"),
    FaultRow::reply("reply-attr36", Stage::Rcpt, ATTR36, "the sender is of no accepted domain"),
    FaultRow::reply("reply-direct-send", Stage::Rcpt, DIRECT_SEND_OFF, "RejectDirectSend"),
    FaultRow::reply(
        "reply-attr35",
        Stage::Rcpt,
        "451 4.4.62 Mail sent to the wrong Office 365 region. ATTR35 {host}",
        "an old or wrong smart host",
    ),
    FaultRow::reply(
        "reply-server-busy",
        Stage::Rcpt,
        "451 4.7.500 Server busy. Please try again later from {ip}. (AS77712344) {host}",
        "the address is throttled",
    ),
    FaultRow::reply(
        "reply-greylisted",
        Stage::Rcpt,
        "451 4.7.501 Access denied, please try again later {host}",
        "the address changed its habits",
    ),
    FaultRow::reply(
        "reply-under-evaluation",
        Stage::Rcpt,
        "451 4.7.850 Access denied, please try again later {host}",
        "the address is new",
    ),
    FaultRow::reply(
        "reply-rate-limited",
        Stage::Rcpt,
        "451 4.7.650 The mail server {ip} has been temporarily rate limited due to IP reputation. \
        For e-mail delivery information, see https://postmaster.live.com (S775) {host}",
        "reputation of the address",
    ),
    FaultRow::reply(
        "reply-rate-limited-651",
        Stage::Rcpt,
        "451 4.7.651 The mail server {ip} has been temporarily rate limited due to IP reputation. \
        For e-mail delivery information, see https://postmaster.live.com (S775) {host}",
        "reputation of the address",
    ),
    FaultRow::reply(
        "reply-queue-quota",
        Stage::Rcpt,
        "450 4.7.3 Organization queue quota exceeded. {host}",
        "the organization's queue is full",
    ),
    FaultRow::reply(
        "reply-attr-432",
        Stage::Rcpt,
        "451 4.3.2 Temporary server error. Please try again later ATTR2 {host}",
        "directory trouble",
    ),
    FaultRow::reply(
        "reply-attr-443",
        Stage::Rcpt,
        "451 4.4.3 Temporary server error. Please try again later ATTR3 {host}",
        "directory trouble",
    ),
    FaultRow::reply(
        "reply-attr-444",
        Stage::Rcpt,
        "451 4.4.4 Temporary server error. Please try again later ATTR18 {host}",
        "directory trouble",
    ),
    FaultRow::reply(
        "reply-connector-tls",
        Stage::Mail,
        "454 4.7.0 Failed to establish appropriate TLS channel: CertificateNotTrusted: Access \
        Denied",
        "the connector asks for TLS or a certificate",
    ),
    FaultRow::reply(
        "reply-banned-address",
        Stage::Rcpt,
        "550 5.7.606 Access denied, banned sending IP {ip}. To request removal from this list \
        please visit https://sender.office.com/ and follow the directions. (AS16012609) {host}",
        "block list",
    ),
    FaultRow::reply(
        "reply-spamhaus",
        Stage::Rcpt,
        "550 5.7.1 Service unavailable, Client host {ip} blocked using Spamhaus. To request \
        removal from this list see https://www.spamhaus.org/query/ip/{ip} {host}",
        "block list",
    ),
    FaultRow::reply(
        "reply-banned-511",
        Stage::Rcpt,
        "550 5.7.511 Access denied, banned sender{ip}. To request removal from this list please \
        forward this message to delist@microsoft.com. {host}",
        "block list",
    ),
    FaultRow::reply(
        "reply-bad-helo",
        Stage::Rcpt,
        "550 5.7.506 Access Denied, Bad HELO {host}",
        "EHLO used the server's own name",
    ),
    FaultRow::reply(
        "reply-tenant-threshold",
        Stage::Eod,
        "550 5.7.705 Access denied, tenant has exceeded threshold {store}",
        "the organization is blocked",
    ),
    FaultRow::reply(
        "reply-address-traffic",
        Stage::Eod,
        "550 5.7.708 Access denied, traffic not accepted from this IP {store}",
        "the organization is new",
    ),
    FaultRow::reply(
        "reply-bad-connector",
        Stage::Eod,
        "550 5.7.711 Access denied, bad inbound connector. AS(2204) {store}",
        "the connector is blocked",
    ),
    FaultRow::reply(
        "reply-unregistered",
        Stage::Eod,
        "550 5.7.750 Client blocked from sending from unregistered domains {store}",
        "senders of foreign domains",
    ),
    FaultRow::reply(
        "reply-terrl",
        Stage::Eod,
        "550 5.7.233 - Your message can't be sent because your tenant has exceeded its daily limit \
        for sending email to external recipients (tenant external recipient rate limit) {store}",
        "the organization's external recipients of the day",
    ),
    FaultRow::reply(
        "reply-terrl-trial",
        Stage::Eod,
        "550 5.7.232 - Your message can't be sent because your trial tenant has exceeded its daily \
        limit for sending email to external recipients (tenant external recipient rate limit) \
        {store}",
        "the same, trial",
    ),
    FaultRow::reply(
        "reply-moera",
        Stage::Eod,
        "550 5.7.236 - Your message can't be sent because your tenant has exceeded its daily limit \
        for sending email to external recipients from onmicrosoft.com domains {store}",
        "onmicrosoft.com senders",
    ),
    FaultRow::reply(
        "reply-unknown-recipient",
        Stage::Rcpt,
        "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) {host}",
        "no such recipient",
    ),
    FaultRow::reply(
        "reply-recipient-not-found",
        Stage::Rcpt,
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup \
        {host}",
        "no such recipient",
    ),
    FaultRow::reply(
        "reply-dmarc",
        Stage::Eod,
        "550 5.7.509 Access denied, sending domain contoso.com does not pass DMARC verification \
        and has a DMARC policy of reject. {store}",
        "SPF or DKIM is missing",
    ),
    FaultRow::reply(
        "reply-recipient-hour",
        Stage::Rcpt,
        "554 5.2.122 The recipient has exceeded their limit for the number of messages they can \
        receive per hour {host}",
        "try again in an hour, despite 5xx",
    ),
    FaultRow::reply(
        "reply-recipient-hour-sender",
        Stage::Rcpt,
        "554 5.2.121 The recipient's per hour message receive limit from specific sender exceeded \
        {host}",
        "try again in an hour, despite 5xx",
    ),
    FaultRow::reply(
        "reply-internal-only",
        Stage::Rcpt,
        "550 5.7.12 Your message wasn't delivered because the recipient is configured to reject \
        messages sent from outside its organization {host}",
        "authenticated senders only",
    ),
    FaultRow::reply(
        "reply-group-internal",
        Stage::Rcpt,
        "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; \
        Delivery restriction check failed because the sender was not authenticated when sending to \
        this group {host}",
        "authenticated senders only",
    ),
    FaultRow::reply(
        "reply-group-members",
        Stage::Rcpt,
        "550 5.7.124 RESOLVER.RST.SenderNotAllowedForGroup; sender not in allowed-senders list \
        {host}",
        "members only",
    ),
    FaultRow::reply(
        "reply-hve-user",
        Stage::Auth,
        "501 5.5.124 Invalid XOAUTH2 auth data - User address provided is not valid. Please ensure \
        the auth data is correct.",
        "High Volume Email: the user name",
    ),
    FaultRow::reply(
        "reply-hve-soon-expired",
        Stage::Auth,
        "535 5.7.142 Token will expire soon",
        "High Volume Email: renew the token",
    ),
    FaultRow::reply(
        "reply-hve-expired",
        Stage::Auth,
        "535 5.7.143 Expired token",
        "High Volume Email: renew the token",
    ),
    FaultRow::reply(
        "reply-hve-permissions",
        Stage::Auth,
        "535 5.7.144 XOAUTH2 authentication failed. Invalid API permissions",
        "High Volume Email: Mail.Send is missing",
    ),
    FaultRow::reply(
        "reply-hve-application",
        Stage::Eod,
        "550 5.7.240 The application is not allowed for use with this High Volume Email account",
        "High Volume Email: Add-HVEAppAccess",
    ),
];
