//! Each row, with the reply it came from.

use std::collections::HashSet;

use super::{
    Concern, Fault, Outcome, Peer, Stage,
    Stage::{Auth, Body, Connect, Data, Ehlo, EndOfData, Greeting, MailFrom, RcptTo, Tls, Token},
    classify, classify_of, exchange, exchanger, find, generic, opening,
};
use crate::{
    model::Reply,
    upstream::{connection, session, tls, wire},
};

const STAGES: [Stage; 11] = [Connect, Tls, Greeting, Ehlo, Token, Auth, MailFrom, RcptTo, Data, Body, EndOfData];

fn reply(text: &str) -> Reply {
    let (code, text) = text.split_once(' ').unwrap_or((text, ""));
    Reply::new(code.parse().unwrap(), text)
}

/// "account pause 60s", "recipient fail": what the administrator would say.
fn summary(stage: Stage, fault: &Fault) -> String {
    let verdict = classify(stage, fault);
    let concern = match verdict.concern {
        Concern::Recipient => "recipient",
        Concern::Message => "message",
        Concern::Account => "account",
    };
    let outcome = match verdict.outcome {
        Outcome::Deliver => "deliver".to_owned(),
        Outcome::Retry => "retry".to_owned(),
        Outcome::RetryAfter(wait) => format!("retry after {}", humantime::format_duration(wait)),
        Outcome::NextTransaction => "next transaction".to_owned(),
        Outcome::Fail => "fail".to_owned(),
        Outcome::Doubt => "doubt".to_owned(),
        Outcome::Pause(pause) => format!("pause {}", humantime::format_duration(pause)),
        Outcome::Stop => "stop".to_owned(),
    };
    format!("{concern} {outcome}")
}

fn check(rows: &[(Stage, &str, &str)]) {
    for (stage, text, expected) in rows {
        assert_eq!(summary(*stage, &Fault::Reply(reply(text))), *expected, "{stage:?}: {text}");
    }
}

/// The reply, and words that the advice has to contain.
fn check_advice(rows: &[(Stage, &str, &str)]) {
    for (stage, text, words) in rows {
        let advice = classify(*stage, &Fault::Reply(reply(text))).advice;
        assert!(advice.contains(words), "{stage:?}: {text}\nadvice: {advice}\nlacks: {words}");
    }
}

/// exchange-online: connection, TLS, AUTH.
const OPENING: &[(Stage, &str, &str)] = &[
    (Greeting, "421 4.3.2 Service not available", "account pause 1m"),
    (Greeting, "421 4.3.2 Service not active", "account pause 1m"),
    (Auth, "421 4.4.2 Message submission rate for this client has exceeded the configured limit", "account pause 1m"),
    (Auth, "421 4.7.0 Too many errors on this connection, closing transmission channel", "account pause 5m"),
    (
        Auth,
        "421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS 1.2. Visit https://aka.ms/smtp_auth_tls. \
         [LO2P265CA0123.GBRP265.PROD.OUTLOOK.COM]",
        "account stop",
    ),
    (Auth, "550 5.7.67 TLS 1.0 and 1.1 are not supported by your organization", "account stop"),
    (Auth, "454 4.7.0 Temporary authentication failure", "account pause 1m"),
    (Auth, "451 4.7.3 Authentication unsuccessful due to temporary server error. Please try again later.", "account pause 1m"),
    (Ehlo, "501 5.5.4 Invalid domain name", "account stop"),
    (
        Auth,
        "500 5.3.3 Unrecognized command 'AUTH' [BN9PR03CA0123.namprd03.prod.outlook.com 2025-08-04T13:15:53.123Z 08DDD2]",
        "account stop",
    ),
    (Auth, "504 5.7.4 Unrecognized authentication type", "account stop"),
    (Auth, "535 5.7.3 Authentication unsuccessful [SN2PR00CA0018.namprd00.prod.outlook.com]", "account stop"),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for \
         more information. [CP0PR80CA0014.lamprd80.prod.outlook.com 2024-10-10T20:31:23.429Z 08DCE853B9232A86]",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. Visit https://aka.ms/smtp_auth_disabled for \
         more information. [CP0PR80CA0014.lamprd80.prod.outlook.com 2024-10-10T20:31:23.429Z 08DCE853B9232A86]",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [AM0PR04CA0123.eurprd04.prod.outlook.com]",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect. [AM0PR04CA0123.eurprd04.prod.outlook.com]",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated successfully. Contact your administrator.",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator.",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.139 Authentication unsuccessful, the organization configuration doesn't allow this authentication request.",
        "account stop",
    ),
    (Auth, "535 5.7.139 Authentication unsuccessful, federated STS service was unreachable.", "account pause 5m"),
    (Auth, "535 5.7.139 Authentication unsuccessful, the federated STS URL does not support HTTPS.", "account pause 5m"),
    (Auth, "550 5.7.30 Basic authentication is not supported for Client Submission.", "account stop"),
    (Auth, "535 5.7.30 Basic authentication is not supported for Client Submission.", "account stop"),
    (Auth, "530 5.7.57 Client not authenticated to send mail. [AM0PR04CA0123.eurprd04.prod.outlook.com]", "account stop"),
    (Auth, "530 5.7.0 Must issue a STARTTLS command first", "account stop"),
    // High Volume Email.
    (
        Auth,
        "501 5.5.124 Invalid XOAUTH2 auth data - User address provided is not valid. Please ensure the auth data is well formed.",
        "account stop",
    ),
    (Auth, "535 5.7.142 Token will expire soon", "account stop"),
    (Auth, "535 5.7.143 Expired token", "account stop"),
    (Auth, "535 5.7.144 XOAUTH2 authentication failed. Invalid API permissions", "account stop"),
    (Auth, "550 5.7.240 The application is not allowed for use with this High Volume Email account", "account stop"),
    // Others.
    (
        Auth,
        "534 5.7.9 Application-specific password required. For more information, go to https://support.google.com/mail/?p=InvalidSecondFactor",
        "account stop",
    ),
    (
        Auth,
        "535 5.7.8 Username and Password not accepted. For more information, go to https://support.google.com/mail/?p=BadCredentials",
        "account stop",
    ),
    (Auth, "454 4.7.0 Too many login attempts, please try again later.", "account pause 5m"),
    (Auth, "432 4.3.2 Concurrent connections limit exceeded.", "account pause 20s"),
    (Auth, "451 4.3.0 not now", "account pause 1m"),
    (Auth, "550 no", "account stop"),
    (Ehlo, "454 4.7.0 TLS not available due to local problem", "account pause 1m"),
    (Greeting, "554 No SMTP service here", "account stop"),
    (
        Greeting,
        "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from this list please visit https://sender.office.com/",
        "account stop",
    ),
    (Greeting, "354 Start mail input", "account pause 1m"),
    (Auth, "250 2.0.0 OK", "account pause 1m"),
];

/// exchange-online: submission and the MX endpoint; then servers of other makes.
const MAIL: &[(Stage, &str, &str)] = &[
    (MailFrom, "421 4.4.1 Connection timed out. Total session duration: 00:10:01.8912345", "message retry"),
    (MailFrom, "451 4.7.0 Timeout waiting for client input", "message retry"),
    (EndOfData, "421 4.4.2 Message submission rate for this client has exceeded the configured limit", "account pause 1m"),
    (
        EndOfData,
        "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. \
         [Hostname=SYBP282MB2635.AUSP282.PROD.OUTLOOK.COM]",
        "account pause 20s",
    ),
    (EndOfData, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", "account pause 20s"),
    (
        EndOfData,
        "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message due to a permanent exception with \
         message The message can't be submitted because the sender's submission quota was exceeded. [Hostname=X.prod.outlook.com]",
        "account pause 30m",
    ),
    (EndOfData, "550 5.2.2 Submission quota exceeded", "account pause 30m"),
    (
        EndOfData,
        "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients",
        "account pause 30m",
    ),
    (EndOfData, "550 5.1.90 Too many", "account pause 30m"),
    (EndOfData, "550 5.2.251 Sender throttled due to continuous mailbox full errors.", "account pause 1h"),
    (EndOfData, "550 5.2.252 Sender throttled due to continuous send as denied errors.", "account pause 1h"),
    (EndOfData, "550 5.2.253 Sender throttled due to continuous invalid license errors.", "account pause 1h"),
    (EndOfData, "550 5.2.254 Sender throttled due to continuous too many recipients errors.", "account pause 1h"),
    (EndOfData, "550 5.2.254 Blocked", "account pause 1h"),
    (EndOfData, "550 5.2.255 Sender throttled due to continuous invalid recipients errors.", "account pause 1h"),
    (
        EndOfData,
        "554 5.2.252 SendAsDenied; scanner@contoso.com not allowed to send as ann@contoso.com; \
         STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with \
         message [BeginDiagnosticData]Cannot submit message. 0.35250:0A003785[EndDiagnosticData]",
        "message fail",
    ),
    (
        EndOfData,
        "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message",
        "message fail",
    ),
    (EndOfData, "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "message fail"),
    (MailFrom, "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "message fail"),
    (MailFrom, "550 5.7.60 no", "message fail"),
    (MailFrom, "550 5.7.62 Sender is not the account", "message fail"),
    (EndOfData, "550 5.6.241 From is not the account", "message fail"),
    (MailFrom, "550 5.2.240 Not a High Volume Email account", "account stop"),
    (
        EndOfData,
        "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded; Failed to process message",
        "account stop",
    ),
    (EndOfData, "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionQuotaExceeded", "account stop"),
    (EndOfData, "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException", "account stop"),
    (EndOfData, SPAM_SUSPEND, "account stop"),
    (
        EndOfData,
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a permanent exception with message \
         [BeginDiagnosticData]WASCL UserAction verdict is not None. Actual verdict is RefuseQuota. OutboundSpamException: WASCL[EndDiagnosticData]",
        "account pause 1h",
    ),
    (
        EndOfData,
        "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a permanent exception with message \
         [BeginDiagnosticData]WASCL UserAction verdict is not None. Actual verdict is Throttle. OutboundSpamException: WASCL[EndDiagnosticData]",
        "account pause 1h",
    ),
    (EndOfData, "554 5.2.0 OutboundSpamException; Actual verdict is HipNotify, ShowTierUpgrade.", "account stop"),
    (EndOfData, "554 5.2.0 OutboundSpamException; Actual verdict is HipSend, ShowTierUpgrade.", "account stop"),
    (EndOfData, "550 5.1.8 Access denied, bad outbound sender", "account stop"),
    (
        EndOfData,
        "430 4.2.0 STOREDRV; mailbox logon failure; Failed to process message due to a transient exception with message MapiExceptionLogonFailed: \
         AuthenticationContext has no rights on this session",
        "account pause 30m",
    ),
    (MailFrom, "552 5.3.4 Message size exceeds fixed maximum message size", "message fail"),
    (EndOfData, "552 5.3.4 Message size exceeds fixed maximum message size", "message fail"),
    (
        EndOfData,
        "554 5.2.3 MapiExceptionMaxSubmissionExceeded; Message size exceeds maximum size limit.; \
         STOREDRV.Submission.Exception:MessageSubmissionExceededException.MapiExceptionMaxSubmissionExceeded; Failed to process message",
        "message fail",
    ),
    (RcptTo, "452 4.5.3 Too many recipients", "recipient next transaction"),
    (RcptTo, "501 5.1.3 Invalid address", "recipient fail"),
    (MailFrom, "501 5.1.7 Invalid address", "message fail"),
    (EndOfData, "554 5.6.0 Invalid message content", "message fail"),
    (EndOfData, "554 5.6.11 Invalid characters", "message fail"),
    (
        EndOfData,
        "550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds, which cannot be sent via DATA",
        "message fail",
    ),
    (EndOfData, "554 5.6.1 Messages of type message/partial are not supported", "message fail"),
    (EndOfData, "550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant", "message fail"),
    (EndOfData, "550 5.1.20 Multiple From addresses", "message fail"),
    (EndOfData, "451 4.4.0 Message failed to be replicated: Insufficient copies", "message retry"),
    (EndOfData, "452 4.3.1 Insufficient system resources (TSTE)", "message retry"),
    (EndOfData, "451 4.7.0 Temporary server error. Please try again later. PRX5 NextHop:SYBP282MB2635", "message retry"),
    (
        MailFrom,
        "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM [AM0PR04CA0123.eurprd04.prod.outlook.com]",
        "account stop",
    ),
    (MailFrom, "550 5.7.30 Basic authentication is not supported for Client Submission.", "account stop"),
    (MailFrom, "421 4.7.66 TLS 1.0 and 1.1 are not supported.", "account stop"),
    // The MX endpoint.
    (RcptTo, "550 5.7.64 TenantAttribution; Relay Access Denied [AM0EUR03FT012.eop-EUR03.prod.protection.outlook.com]", "account stop"),
    (RcptTo, "550 5.7.64 Relay Access Denied ATTR36", "account stop"),
    (
        EndOfData,
        "550 5.7.68 TenantInboundAttribution; Direct Send not allowed for this organization from unauthorized sources",
        "account stop",
    ),
    (RcptTo, "451 4.4.62 Mail sent to the wrong Office 365 region. ATTR35", "account stop"),
    (
        RcptTo,
        "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS77712344) [x.protection.outlook.com]",
        "account pause 10m",
    ),
    (RcptTo, "450 4.7.699 Access denied, please try again later", "account pause 10m"),
    (RcptTo, "450 4.7.850 Access denied, please try again later", "account pause 15m"),
    (RcptTo, "451 Server busy. Please try again later from [192.0.2.1].", "account pause 10m"),
    (
        RcptTo,
        "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation. For e-mail delivery information, see \
         https://postmaster.live.com (S775)",
        "account pause 10m",
    ),
    (RcptTo, "450 4.7.3 Organization queue quota exceeded. [x.protection.outlook.com]", "account pause 5m"),
    (MailFrom, "421 4.3.2 Service not available", "account pause 1m"),
    (RcptTo, "451 4.4.4 Temporary server error. Please try again later ATTR5", "recipient retry"),
    (MailFrom, "454 4.7.0 Failed to establish appropriate TLS channel: Access Denied", "account stop"),
    (RcptTo, "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from this list (AS16012609)", "account stop"),
    (
        RcptTo,
        "550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus. To request removal from this list see",
        "account stop",
    ),
    (
        RcptTo,
        "550 5.7.511 Access denied, banned sender[192.0.2.1]. To request removal from this list, forward this message",
        "account stop",
    ),
    (RcptTo, "550 5.7.506 Access Denied, Bad HELO", "account stop"),
    (
        EndOfData,
        "550 5.7.509 Access denied, sending domain contoso.com does not pass DMARC verification and has a DMARC policy of reject",
        "account stop",
    ),
    (RcptTo, "550 5.7.705 Access denied, tenant has exceeded threshold", "account stop"),
    (RcptTo, "550 5.7.708 Access denied, traffic not accepted from this IP", "account stop"),
    (RcptTo, "550 5.7.711 Access denied, bad inbound connector. AS(2204)", "account stop"),
    (RcptTo, "550 5.7.750 Service unavailable. Client blocked from sending from unregistered domains.", "account stop"),
    (
        EndOfData,
        "550 5.7.233 - Your message can't be sent because your tenant has exceeded its daily limit for sending email to external recipients \
         (tenant external recipient rate limit)",
        "account pause 1h",
    ),
    (EndOfData, "550 5.7.232 - Your message can't be sent because your trial tenant has exceeded its daily limit", "account pause 1h"),
    (EndOfData, "550 5.7.236 Your message can't be sent because your onmicrosoft.com domain has exceeded its limit", "account pause 1h"),
    (RcptTo, "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [x.protection.outlook.com]", "recipient fail"),
    (RcptTo, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", "recipient fail"),
    (RcptTo, "554 5.2.121 The recipient's hourly message receive limit from specific sender exceeded", "recipient retry after 1h"),
    (
        EndOfData,
        "554 5.2.122 The recipient has exceeded their limit for the number of messages they can receive per hour",
        "message retry after 1h",
    ),
    (RcptTo, "550 5.7.12 Access denied", "recipient fail"),
    (RcptTo, "550 5.7.124 Sender not in allowed-senders list", "recipient fail"),
    (RcptTo, "550 5.7.133 Sender not authenticated for group", "recipient fail"),
    // Servers of other makes.
    (EndOfData, "250 2.0.0 OK <aKj2OhY87X3qWDJs@maxwell> [Hostname=SYBP282MB2635.AUSP282.PROD.OUTLOOK.COM]", "message deliver"),
    (EndOfData, "250", "message deliver"),
    (MailFrom, "530 5.7.0 Authentication Required.", "account stop"),
    (MailFrom, "535 5.7.8 Error: authentication failed", "account stop"),
    (EndOfData, "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail sending limits go to", "account pause 1h"),
    (MailFrom, "450 4.7.1 Error: too much mail from 192.0.2.1", "account pause 1m"),
    (RcptTo, "452 Too many recipients", "recipient next transaction"),
    (RcptTo, "552 5.5.3 too many recipients", "recipient next transaction"),
    (RcptTo, "550 5.5.3 Too many recipients", "recipient next transaction"),
    (RcptTo, "550 5.1.1 <nobody@example.com>: Recipient address rejected: User unknown in local recipient table", "recipient fail"),
    (RcptTo, "552 5.2.2 Mailbox full", "recipient fail"),
    (RcptTo, "554 5.7.1 <ann@example.com>: Relay access denied", "recipient fail"),
    (RcptTo, "553 5.6.7 The server does not offer SMTPUTF8, which this address needs", "recipient fail"),
    (EndOfData, "552 Message exceeds maximum size", "message fail"),
    (EndOfData, "550 5.1.8 <a@b.c>: Sender address rejected: Domain not found", "message fail"),
    (RcptTo, "450 4.2.0 <ann@example.com>: Recipient address rejected: Greylisted", "recipient retry"),
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

const SPAM_SUSPEND: &str = "554 5.2.0 STOREDRV.Submission.Exception:OutboundSpamException; Failed to process message due to a permanent exception \
    with message [BeginDiagnosticData]WASCL UserAction verdict is not None. Actual verdict is Suspend, ShowTierUpgrade. OutboundSpamException: \
    WASCL[EndDiagnosticData] [Hostname=X.prod.outlook.com]";

#[test]
fn what_is_said_before_mail_concerns_the_account() {
    check(OPENING);
    check_advice(&[(Greeting, "550 5.7.606 Access denied, banned sending IP", "sender.office.com")]);
}

#[test]
fn what_is_said_of_mail_is_told_apart_by_code_and_text() {
    check(MAIL);
}

#[test]
fn every_row_of_the_table_has_its_reply() {
    let reached = OPENING.iter().chain(MAIL).map(|(stage, text, _)| std::ptr::from_ref(find(*stage, &reply(text)))).collect::<HashSet<_>>();
    for (table, rows) in
        [("opening", opening::ROWS), ("opening", opening::CLASSES), ("exchange", exchange::ROWS), ("generic", generic::ROWS)]
    {
        for row in rows {
            assert!(reached.contains(&std::ptr::from_ref(row)), "{table}: no reply reaches {:?} {:?} at {:?}", row.codes, row.says, row.at);
        }
    }
}

#[test]
fn a_domains_mail_server_that_relays_nothing_for_it_is_no_matter_of_connectors() {
    let said = ["550 5.7.64 TenantAttribution; Relay Access Denied", "550 5.7.1 Unable to relay", "554 5.7.1 <a@b.c>: Relay access denied"];
    let rows = said.map(|text| {
        let verdict = classify_of(Peer::Exchanger, RcptTo, &Fault::Reply(reply(text)));
        assert_eq!((verdict.concern, verdict.outcome), (Concern::Account, Outcome::Stop), "{text}");
        assert!(verdict.advice.contains("MX record") && !verdict.advice.contains("onnector"), "{}", verdict.advice);
        exchanger::ROWS.iter().position(|row| row.fits(RcptTo, &reply(text)))
    });
    assert_eq!(rows, [Some(0), Some(1), Some(1)]);
    let elsewhere = Fault::Reply(reply("550 5.1.10 RESOLVER.ADR.RecipientNotFound"));
    assert_eq!(classify_of(Peer::Exchanger, RcptTo, &elsewhere), classify(RcptTo, &elsewhere));
}

#[test]
fn the_advice_names_the_next_step() {
    check_advice(&[
        (
            Auth,
            "535 5.7.139 SmtpClientAuthentication is disabled for the Tenant.",
            "Set-CASMailbox -Identity <mailbox> -SmtpClientAuthenticationDisabled $false",
        ),
        (Auth, "535 5.7.3 Authentication unsuccessful", "Add-MailboxPermission"),
        (Auth, "535 5.7.139 basic authentication is disabled.", "xoauth2"),
        (
            EndOfData,
            "554 5.2.252 SendAsDenied; x",
            "Add-RecipientPermission -Identity <From address> -Trustee <mailbox> -AccessRights SendAs",
        ),
        (EndOfData, SPAM_SUSPEND, "Remove-BlockedSenderAddress"),
        (RcptTo, "550 5.7.64 TenantAttribution; Relay Access Denied", "Set-InboundConnector"),
        (RcptTo, "550 5.7.68 TenantInboundAttribution;", "Set-OrganizationConfig -RejectDirectSend $false"),
        (EndOfData, "554 5.6.1 Messages of type message/partial are not supported", "on the device"),
        (EndOfData, "554 5.2.3 MapiExceptionMaxSubmissionExceeded", "-MaxSendSize"),
    ]);
}

#[test]
fn faults_before_mail_pause_or_stop_the_account() {
    for stage in [Connect, Tls, Greeting, Ehlo, Token, Auth] {
        for fault in [Fault::Closed, Fault::TimedOut, Fault::Failed("network is unreachable".to_owned())] {
            assert_eq!(summary(stage, &fault), "account pause 1m", "{stage:?} {fault:?}");
        }
    }
}

#[test]
fn faults_of_a_transaction_are_doubtful_from_the_final_dot_on_and_not_before() {
    for (stages, expected) in [(&[MailFrom, RcptTo, Data, Body][..], "message retry"), (&[EndOfData], "message doubt")] {
        for stage in stages {
            for fault in [Fault::Closed, Fault::TimedOut, Fault::Failed("broken".to_owned())] {
                assert_eq!(summary(*stage, &fault), expected, "{stage:?} {fault:?}");
            }
        }
    }
}

#[test]
fn what_we_find_out_ourselves_has_its_own_advice() {
    for (stage, words, expected, advice) in [
        (Connect, session::words::NO_ADDRESS, "account pause 1m", "resolvectl"),
        (Ehlo, session::words::NO_STARTTLS, "account stop", "STARTTLS"),
        (Token, session::words::NO_SECRET, "account stop", "LoadCredential"),
        (Auth, session::words::NO_MECHANISM, "account stop", "auth.method"),
        (Auth, session::words::ODD_CHALLENGE, "account stop", "auth.method"),
        (Tls, tls::words::EXPIRED, "account stop", "timedatectl"),
        (Tls, tls::words::NOT_YET, "account stop", "timedatectl"),
        (Tls, tls::words::WRONG_NAME, "account stop", "smtp.office365.com"),
        (Tls, tls::words::UNKNOWN_ISSUER, "account stop", "ca_file"),
        (Tls, tls::words::BAD_CERTIFICATE, "account stop", "certificate"),
        (Tls, tls::words::NOT_TLS, "account stop", "587"),
        (Tls, wire::words::AHEAD_OF_TLS, "account stop", "tampers"),
        (Tls, tls::words::NO_COMMON_VERSION, "account stop", "1.2"),
        (Body, connection::words::UNREADABLE, "message retry", "data_dir"),
    ] {
        let fault = Fault::Failed(format!("{words}: and more"));
        assert_eq!(summary(stage, &fault), expected, "{words}");
        let found = classify(stage, &fault).advice;
        assert!(found.contains(advice), "{words}: {found}");
    }
}

#[test]
fn no_reply_before_mail_can_fail_a_message() {
    for stage in [Connect, Tls, Greeting, Ehlo, Token, Auth] {
        for (_, text, _) in OPENING.iter().chain(MAIL) {
            assert_eq!(classify(stage, &Fault::Reply(reply(text))).concern, Concern::Account, "{stage:?}: {text}");
        }
    }
}

#[test]
fn every_code_at_every_stage_has_a_verdict_with_advice() {
    for stage in STAGES {
        for code in 200..600 {
            let verdict = classify(stage, &Fault::Reply(Reply::new(code, "x")));
            assert!(!verdict.advice.is_empty());
            assert_eq!(verdict.outcome == Outcome::Deliver, stage == EndOfData && code / 100 == 2, "{stage:?} {code}");
        }
    }
}

#[test]
fn long_pauses_and_stops_are_worth_an_alert_and_short_pauses_are_not() {
    let alarming = |stage, text| classify(stage, &Fault::Reply(reply(text))).is_alarming();
    assert!(alarming(Auth, "535 5.7.3 Authentication unsuccessful"));
    assert!(alarming(EndOfData, "550 5.2.2 Submission quota exceeded"));
    assert!(alarming(EndOfData, "550 5.2.251 Sender throttled due to continuous mailbox full errors."));
    assert!(!alarming(EndOfData, "432 4.3.2 Concurrent connections limit exceeded."));
    assert!(!alarming(EndOfData, "554 5.6.0 Invalid message content"));
}

fn outcome_in_words(outcome: Outcome) -> String {
    match outcome {
        Outcome::Deliver => "delivered".to_owned(),
        Outcome::Retry => "tried again".to_owned(),
        Outcome::RetryAfter(wait) => format!("tried again, not before {}", humantime::format_duration(wait)),
        Outcome::NextTransaction => "sent in another transaction".to_owned(),
        Outcome::Fail => "failed".to_owned(),
        Outcome::Doubt => "in doubt: tried again".to_owned(),
        Outcome::Pause(pause) => format!("account pauses {}", humantime::format_duration(pause)),
        Outcome::Stop => "account stops".to_owned(),
    }
}

/// The part of `docs/replies.md` that lists the table.
fn page() -> String {
    let mut page = String::new();
    let sections = [
        ("Before mail: connection, TLS, login", opening::ROWS),
        ("Mail: Exchange Online", exchange::ROWS),
        ("Direct send: the domain's mail server", exchanger::ROWS),
        ("Mail: any server", generic::ROWS),
        ("Before mail: everything else", opening::CLASSES),
    ];
    for (title, rows) in sections {
        page.push_str(&format!("## {title}\n\n| reply | says | what follows | what to do |\n|---|---|---|---|\n"));
        for row in rows {
            let at = row.at.iter().map(|stage| format!("{stage:?}")).collect::<Vec<_>>().join(", ");
            let codes = if at.is_empty() { format!("`{}`", row.codes) } else { format!("`{}` at {at}", row.codes) };
            let says = row.says.iter().map(|words| format!("\u{201c}{words}\u{201d}")).collect::<Vec<_>>().join(" or ");
            page.push_str(&format!(
                "| {codes} | {says} | {} | {} |\n",
                outcome_in_words(row.outcome),
                row.advice.replace('|', "\\|").replace('<', "&lt;")
            ));
        }
        page.push('\n');
    }
    page
}

#[test]
fn the_page_for_the_administrator_lists_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/replies.md");
    let found = std::fs::read_to_string(path).unwrap();
    let (introduction, table) = found.split_once("## ").unwrap();
    let expected = page();
    if format!("## {table}").trim() != expected.trim() {
        // The page is made from the table; whoever changes the table commits the new page.
        std::fs::write(path, format!("{introduction}{}\n", expected.trim_end())).unwrap();
        panic!("docs/replies.md was out of date and has been written anew: commit it");
    }
}
