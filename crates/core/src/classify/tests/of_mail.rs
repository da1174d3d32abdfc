//! What servers say of mail, as it was seen on the wire, with what follows.

use crate::classify::Stage::{self, Body, Data, EndOfData, MailFrom, RcptTo};

/// exchange-online: submission and the MX endpoint; then servers of other makes.
pub(super) const MAIL: &[(Stage, &str, &str)] = &[
    (
        MailFrom,
        "421 4.4.1 Connection timed out. Total session duration: 00:10:01.8912345",
        "message retry",
    ),
    (MailFrom, "451 4.7.0 Timeout waiting for client input", "message retry"),
    (
        EndOfData,
        "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
        "account pause 1m",
    ),
    (
        EndOfData,
        "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending \
        for more information. [Hostname=SYBP282MB2635.AUSP282.PROD.OUTLOOK.COM]",
        "account pause 20s",
    ),
    (
        EndOfData,
        "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
        "account pause 20s",
    ),
    (
        EndOfData,
        "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to \
        process message due to a permanent exception with message The message can't be submitted \
        because the sender's submission quota was exceeded. [Hostname=X.prod.outlook.com]",
        "account pause 30m",
    ),
    (EndOfData, "550 5.2.2 Submission quota exceeded", "account pause 30m"),
    (
        EndOfData,
        "550 5.1.90 Your message can't be sent because you've reached your daily limit for message \
        recipients",
        "account pause 30m",
    ),
    (EndOfData, "550 5.1.90 Too many", "account pause 30m"),
    (
        EndOfData,
        "550 5.2.251 Sender throttled due to continuous mailbox full errors.",
        "account pause 1h",
    ),
    (
        EndOfData,
        "550 5.2.252 Sender throttled due to continuous send as denied errors.",
        "account pause 1h",
    ),
    (
        EndOfData,
        "550 5.2.253 Sender throttled due to continuous invalid license errors.",
        "account pause 1h",
    ),
    (
        EndOfData,
        "550 5.2.254 Sender throttled due to continuous too many recipients errors.",
        "account pause 1h",
    ),
    (EndOfData, "550 5.2.254 Blocked", "account pause 1h"),
    (
        EndOfData,
        "550 5.2.255 Sender throttled due to continuous invalid recipients errors.",
        "account pause 1h",
    ),
    (
        EndOfData,
        "554 5.2.252 SendAsDenied; scanner@contoso.com not allowed to send as ann@contoso.com; \
        STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to \
        process message due to a permanent exception with message [BeginDiagnosticData]Cannot \
        submit message. 0.35250:0A003785[EndDiagnosticData]",
        "message fail",
    ),
    (
        EndOfData,
        "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; \
        Failed to process message",
        "message fail",
    ),
    (
        EndOfData,
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
        "message fail",
    ),
    (
        MailFrom,
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
        "message fail",
    ),
    (MailFrom, "550 5.7.60 no", "message fail"),
    (MailFrom, "550 5.7.62 Sender is not the account", "message fail"),
    (EndOfData, "550 5.6.241 From is not the account", "message fail"),
    (MailFrom, "550 5.2.240 Not a High Volume Email account", "account stop"),
    (
        EndOfData,
        "554 5.2.2 mailbox full; \
        STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded; \
        Failed to process message",
        "account stop",
    ),
    (
        EndOfData,
        "554 5.2.2 mailbox full; \
        STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionQuotaExceeded",
        "account stop",
    ),
    (
        EndOfData,
        "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException",
        "account stop",
    ),
    (EndOfData, SPAM_SUSPEND, "account stop"),
    (
        EndOfData,
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message \
        due to a permanent exception with message [BeginDiagnosticData]WASCL UserAction verdict is \
        not None. Actual verdict is RefuseQuota. OutboundSpamException: WASCL[EndDiagnosticData]",
        "account pause 1h",
    ),
    (
        EndOfData,
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message \
        due to a permanent exception with message [BeginDiagnosticData]WASCL UserAction verdict is \
        not None. Actual verdict is Throttle. OutboundSpamException: WASCL[EndDiagnosticData]",
        "account pause 1h",
    ),
    (
        EndOfData,
        "554 5.2.0 OutboundSpamException; Actual verdict is HipNotify, ShowTierUpgrade.",
        "account stop",
    ),
    (
        EndOfData,
        "554 5.2.0 OutboundSpamException; Actual verdict is HipSend, ShowTierUpgrade.",
        "account stop",
    ),
    (EndOfData, "550 5.1.8 Access denied, bad outbound sender", "account stop"),
    (
        EndOfData,
        "430 4.2.0 STOREDRV; mailbox logon failure; Failed to process message due to a transient \
        exception with message MapiExceptionLogonFailed: AuthenticationContext has no rights on \
        this session",
        "account pause 30m",
    ),
    (MailFrom, "552 5.3.4 Message size exceeds fixed maximum message size", "message fail"),
    (EndOfData, "552 5.3.4 Message size exceeds fixed maximum message size", "message fail"),
    (
        EndOfData,
        "554 5.2.3 MapiExceptionMaxSubmissionExceeded; Message size exceeds maximum size limit.; \
        STOREDRV.Submission.Exception:MessageSubmissionExceededException.MapiExceptionMaxSubmissionExceeded; \
        Failed to process message",
        "message fail",
    ),
    (RcptTo, "452 4.5.3 Too many recipients", "recipient next transaction"),
    (RcptTo, "501 5.1.3 Invalid address", "recipient fail"),
    (MailFrom, "501 5.1.7 Invalid address", "message fail"),
    (EndOfData, "554 5.6.0 Invalid message content", "message fail"),
    (EndOfData, "554 5.6.11 Invalid characters", "message fail"),
    (
        EndOfData,
        "550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds, which \
        cannot be sent via DATA",
        "message fail",
    ),
    (EndOfData, "554 5.6.1 Messages of type message/partial are not supported", "message fail"),
    (
        EndOfData,
        "550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant",
        "message fail",
    ),
    (EndOfData, "550 5.1.20 Multiple From addresses", "message fail"),
    (EndOfData, "451 4.4.0 Message failed to be replicated: Insufficient copies", "message retry"),
    (EndOfData, "452 4.3.1 Insufficient system resources (TSTE)", "message retry"),
    (
        EndOfData,
        "451 4.7.0 Temporary server error. Please try again later. PRX5 NextHop:SYBP282MB2635",
        "message retry",
    ),
    (
        MailFrom,
        "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM \
        [AM0PR04CA0123.eurprd04.prod.outlook.com]",
        "account stop",
    ),
    (
        MailFrom,
        "550 5.7.30 Basic authentication is not supported for Client Submission.",
        "account stop",
    ),
    (MailFrom, "421 4.7.66 TLS 1.0 and 1.1 are not supported.", "account stop"),
    // The MX endpoint.
    (
        RcptTo,
        "550 5.7.64 TenantAttribution; Relay Access Denied \
        [AM0EUR03FT012.eop-EUR03.prod.protection.outlook.com]",
        "account stop",
    ),
    (RcptTo, "550 5.7.64 Relay Access Denied ATTR36", "account stop"),
    (
        EndOfData,
        "550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization from \
        unauthorized sources",
        "account stop",
    ),
    (RcptTo, "451 4.4.62 Mail sent to the wrong Office 365 region. ATTR35", "account stop"),
    (
        RcptTo,
        "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS77712344) \
        [x.protection.outlook.com]",
        "account pause 10m",
    ),
    (RcptTo, "450 4.7.699 Access denied, please try again later", "account pause 10m"),
    (RcptTo, "450 4.7.850 Access denied, please try again later", "account pause 15m"),
    (RcptTo, "451 Server busy. Please try again later from [192.0.2.1].", "account pause 10m"),
    (
        RcptTo,
        "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP \
        reputation. For e-mail delivery information, see https://postmaster.live.com (S775)",
        "account pause 10m",
    ),
    (
        RcptTo,
        "450 4.7.3 Organization queue quota exceeded. [x.protection.outlook.com]",
        "account pause 5m",
    ),
    (MailFrom, "421 4.3.2 Service not available", "account pause 1m"),
    (RcptTo, "451 4.4.4 Temporary server error. Please try again later ATTR5", "recipient retry"),
    (
        MailFrom,
        "454 4.7.0 Failed to establish appropriate TLS channel: Access Denied",
        "account stop",
    ),
    (
        RcptTo,
        "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from this \
        list (AS16012609)",
        "account stop",
    ),
    (
        RcptTo,
        "550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus. To request \
        removal from this list see",
        "account stop",
    ),
    (
        RcptTo,
        "550 5.7.511 Access denied, banned sender[192.0.2.1]. To request removal from this list, \
        forward this message",
        "account stop",
    ),
    (RcptTo, "550 5.7.506 Access Denied, Bad HELO", "account stop"),
    (
        EndOfData,
        "550 5.7.509 Access denied, sending domain contoso.com does not pass DMARC verification \
        and has a DMARC policy of reject",
        "account stop",
    ),
    (RcptTo, "550 5.7.705 Access denied, tenant has exceeded threshold", "account stop"),
    (RcptTo, "550 5.7.708 Access denied, traffic not accepted from this IP", "account stop"),
    (RcptTo, "550 5.7.711 Access denied, bad inbound connector. AS(2204)", "account stop"),
    (
        RcptTo,
        "550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains.",
        "account stop",
    ),
    (
        EndOfData,
        "550 5.7.233 - Your message can't be sent because your tenant has exceeded its daily limit \
        for sending email to external recipients (tenant external recipient rate limit)",
        "account pause 1h",
    ),
    (
        EndOfData,
        "550 5.7.232 - Your message can't be sent because your trial tenant has exceeded its daily \
        limit",
        "account pause 1h",
    ),
    (
        EndOfData,
        "550 5.7.236 Your message can't be sent because your onmicrosoft.com domain has exceeded \
        its limit",
        "account pause 1h",
    ),
    (
        RcptTo,
        "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) \
        [x.protection.outlook.com]",
        "recipient fail",
    ),
    (
        RcptTo,
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
        "recipient fail",
    ),
    (
        RcptTo,
        "554 5.2.121 The recipient's hourly message receive limit from specific sender exceeded",
        "recipient retry after 1h",
    ),
    (
        EndOfData,
        "554 5.2.122 The recipient has exceeded their limit for the number of messages they can \
        receive per hour",
        "message retry after 1h",
    ),
    (RcptTo, "550 5.7.12 Access denied", "recipient fail"),
    (RcptTo, "550 5.7.124 Sender not in allowed-senders list", "recipient fail"),
    (RcptTo, "550 5.7.133 Sender not authenticated for group", "recipient fail"),
    // Servers of other makes.
    (
        EndOfData,
        "250 2.0.0 OK <aKj2OhY87X3qWDJs@maxwell> [Hostname=SYBP282MB2635.AUSP282.PROD.OUTLOOK.COM]",
        "message deliver",
    ),
    (EndOfData, "250", "message deliver"),
    (MailFrom, "530 5.7.0 Authentication Required.", "account stop"),
    (MailFrom, "535 5.7.8 Error: authentication failed", "account stop"),
    (
        EndOfData,
        "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits \
        go to",
        "account pause 30m",
    ),
    (MailFrom, "450 4.7.1 Error: too much mail from 192.0.2.1", "account pause 1m"),
    (RcptTo, "452 Too many recipients", "recipient next transaction"),
    (RcptTo, "552 5.5.3 too many recipients", "recipient next transaction"),
    (RcptTo, "550 5.5.3 Too many recipients", "recipient next transaction"),
    (
        RcptTo,
        "550 5.1.1 <nobody@example.com>: Recipient address rejected: User unknown in local \
        recipient table",
        "recipient fail",
    ),
    (RcptTo, "552 5.2.2 Mailbox full", "recipient fail"),
    (RcptTo, "554 5.7.1 <ann@example.com>: Relay access denied", "account pause 1m"),
    (
        RcptTo,
        "553 5.6.7 The server does not offer SMTPUTF8, which this address needs",
        "recipient fail",
    ),
    (EndOfData, "552 Message exceeds maximum size", "message fail"),
    (EndOfData, "550 5.1.8 <a@b.c>: Sender address rejected: Domain not found", "message fail"),
    (EndOfData, "550 5.7.1 You are not allowed to send as ann@contoso.com", "message fail"),
    (EndOfData, "554 5.3.2 System not accepting messages", "message fail"),
    (EndOfData, "554 5.2.0 STOREDRV.Submission.Exception: something new", "message fail"),
    (EndOfData, "451 4.7.0 Too many connections", "account pause 1m"),
    (
        RcptTo,
        "450 4.2.0 <ann@example.com>: Recipient address rejected: Greylisted",
        "recipient retry",
    ),
    (EndOfData, "451 4.3.0 Error: queue file write error", "message retry"),
    (RcptTo, "421 4.3.0 closing", "message retry"),
    (EndOfData, "421 closing", "message retry"),
    (MailFrom, "550 no", "message fail"),
    (RcptTo, "550 no", "recipient fail"),
    (Data, "554 no", "message fail"),
    (Body, "554 no", "message fail"),
    (EndOfData, "554 5.7.1 Spam message rejected", "message fail"),
    (EndOfData, "354 go on", "message doubt"),
    (Data, "250 what", "message retry"),
    (Body, "250 what", "message retry"),
];

/// Replies with which servers refuse the account, whatever the command was. Most use a code that
/// RFC 5321 gives to a refused recipient.
pub(super) const REFUSES_US: &[(Stage, &str, &str)] = &[
    // A login is missing.
    (RcptTo, "550 authentication required", "account stop"),
    (RcptTo, "550 5.7.1 <ann@example.com>... Authentication required", "account stop"),
    (MailFrom, "550 5.7.1 Client was not authenticated", "account stop"),
    (
        MailFrom,
        "553 5.7.1 <scanner@contoso.com>: Sender address rejected: not logged in",
        "account stop",
    ),
    (RcptTo, "553 5.7.1 <a@b.c>: Sender address rejected: not logged in", "account stop"),
    (MailFrom, "503 AUTH first", "account stop"),
    (MailFrom, "503 5.5.1 Error: authenticate first", "account stop"),
    (RcptTo, "550 SMTP AUTH is required for message submission on port 587", "account stop"),
    (
        RcptTo,
        "550 Please turn on SMTP Authentication in your mail client. a.b [192.0.2.1] is not \
        permitted to relay through this server without authentication.",
        "account stop",
    ),
    (RcptTo, "451 <a@b.c> please authenticate before send", "account stop"),
    (RcptTo, "550 You must check for new mail first", "account stop"),
    (
        RcptTo,
        "503 This mail server requires authentication. Please check your settings.",
        "account stop",
    ),
    (EndOfData, "550 5.7.1 SMTP authentication is needed", "account stop"),
    // This machine may not relay, or not any more.
    (RcptTo, "550 relay not permitted", "account pause 1m"),
    (RcptTo, "550 relay not permitted!", "account pause 1m"),
    (RcptTo, "554 Relay access denied", "account pause 1m"),
    (RcptTo, "454 4.7.1 <ann@example.com>: Relay access denied", "account pause 1m"),
    (
        RcptTo,
        "550 5.7.1 <ann@example.com>... Relaying denied. IP name lookup failed [192.0.2.1]",
        "account stop",
    ),
    (RcptTo, "550 5.7.1 <ann@example.com>... Relaying denied", "account pause 1m"),
    (RcptTo, "550 5.7.1 Unable to relay for ann@example.com", "account pause 1m"),
    (RcptTo, "550 Unable to relay", "account pause 1m"),
    (
        RcptTo,
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
        "account pause 1m",
    ),
    (RcptTo, "553 <ann@example.com>... unauthorized relay traffic prohibited", "account pause 1m"),
    (RcptTo, "571 we do not relay", "account pause 1m"),
    (RcptTo, "550 not local host example.com, not a gateway relaying", "account pause 1m"),
    // This machine is refused.
    (RcptTo, "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", "account stop"),
    (MailFrom, "554 Client host rejected: cannot find your hostname, [192.0.2.1]", "account stop"),
    (
        RcptTo,
        "550 5.7.25 [192.0.2.1] The IP address sending this message does not have a PTR record",
        "account stop",
    ),
    (MailFrom, "550 Sorry, no access for this ip", "account stop"),
    (
        RcptTo,
        "504 5.5.2 <printer>: Helo command rejected: need fully-qualified hostname",
        "account stop",
    ),
    // Limits.
    (
        RcptTo,
        "550 Domain contoso.com has exceeded the max emails per hour (201/200 (100%)) allowed. \
        Message discarded.",
        "account pause 30m",
    ),
    (
        RcptTo,
        "550 Domain contoso.com has exceeded the max defers and failures per hour (5/5 (100%)) \
        allowed.",
        "account pause 30m",
    ),
    (MailFrom, "550 5.7.1 rate limit exceeded", "account pause 5m"),
    (EndOfData, "554 5.7.0 Too much mail from 192.0.2.1", "account pause 5m"),
    (RcptTo, "450 4.7.1 Number messages per hour exceeded", "account pause 30m"),
    (MailFrom, "452 4.7.1 message rate too high, slow down", "account pause 1m"),
    // What resembles them and concerns the recipient or the sender.
    (RcptTo, "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required", "recipient fail"),
    (
        RcptTo,
        "550 5.1.1 <ann@example.com>: Recipient address rejected: undeliverable address: host \
        mx.example.com[192.0.2.9] said: 554 5.7.1 Relay access denied (in reply to RCPT TO \
        command)",
        "recipient fail",
    ),
    (
        RcptTo,
        "553 5.7.1 <a@b.c>: Sender address rejected: not owned by user scanner",
        "recipient fail",
    ),
    (EndOfData, "550 5.7.26 This message fails authentication checks", "message fail"),
    (EndOfData, "550 DMARC authentication required", "message fail"),
    (RcptTo, "550 mailrelay7: no such user here", "recipient fail"),
    (RcptTo, "550 5.1.6 Recipient has moved", "recipient fail"),
    (RcptTo, "550 5.2.1 Mailbox disabled", "recipient fail"),
];

pub(super) const SPAM_SUSPEND: &str = "554 5.2.0 \
    STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a \
    permanent exception with message [BeginDiagnosticData]WASCL UserAction verdict is not None. \
    Actual verdict is Suspend, ShowTierUpgrade. OutboundSpamException: WASCL[EndDiagnosticData] \
    [Hostname=X.prod.outlook.com]";
