//! Each row, with the reply it came from.

mod before_mail;
mod of_mail;
mod page;

use std::collections::HashSet;

use before_mail::OPENING;
use of_mail::{MAIL, REFUSES_US, SPAM_SUSPEND};

use super::table::find;
use crate::{
    classify::{
        Alarm, Concern, Concurrency, DnsFault, Fault, LocalFault, LoginFault, Outcome, Peer, Probe,
        Scope, SecretFault, SmtpFault, Splitting, Stage,
        Stage::{
            Auth, Body, Connect, Data, Ehlo, EndOfData, Greeting, MailFrom, RcptTo, Tls, Token,
        },
        TcpFault, TlsFault, TokenTrouble, Unresolved, account_refused, classify, classify_of,
        exchange, generic, mx,
    },
    model::Reply,
};

const STAGES: [Stage; 11] =
    [Connect, Tls, Greeting, Ehlo, Token, Auth, MailFrom, RcptTo, Data, Body, EndOfData];

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

#[test]
fn what_is_said_before_mail_concerns_the_account() {
    check(OPENING);
    check_advice(&[(
        Greeting,
        "550 5.7.606 Access denied, banned sending IP",
        "sender.office.com",
    )]);
}

#[test]
fn what_is_said_of_mail_is_told_apart_by_code_and_text() {
    check(MAIL);
}

#[test]
fn a_refusal_of_us_is_not_taken_for_a_refusal_of_the_recipient() {
    check(REFUSES_US);
}

#[test]
fn every_row_of_the_table_has_its_reply() {
    let reached = OPENING
        .iter()
        .chain(MAIL)
        .chain(REFUSES_US)
        .map(|(stage, text, _)| std::ptr::from_ref(find(*stage, &reply(text))))
        .collect::<HashSet<_>>();
    for (table, rows) in [
        ("before_mail", crate::classify::before_mail::ROWS),
        ("before_mail", crate::classify::before_mail::CLASSES),
        ("exchange", exchange::ROWS),
        ("account_refused", account_refused::ROWS),
        ("generic", generic::ROWS),
    ] {
        for row in rows {
            assert!(
                reached.contains(&std::ptr::from_ref(row)),
                "{table}: no reply reaches {:?} {:?} at {:?}",
                row.codes,
                row.says,
                row.at
            );
        }
    }
}

#[test]
fn a_domains_mail_server_that_relays_nothing_for_it_is_no_matter_of_connectors() {
    let said = [
        "550 5.7.64 TenantAttribution; Relay Access Denied",
        "550 5.7.1 Unable to relay",
        "554 5.7.1 <a@b.c>: Relay access denied",
        "550 relay not permitted",
    ];
    let rows = said.map(|text| {
        let verdict = classify_of(Peer::Exchanger, RcptTo, &Fault::Reply(reply(text)));
        assert_eq!((verdict.concern, verdict.outcome), (Concern::Account, Outcome::Stop), "{text}");
        assert!(
            verdict.advice.contains("MX record") && !verdict.advice.contains("onnector"),
            "{}",
            verdict.advice
        );
        mx::ROWS.iter().position(|row| row.fits(RcptTo, &reply(text)))
    });
    assert_eq!(rows, [Some(0), Some(1), Some(1), Some(1)]);
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
            "Add-RecipientPermission -Identity <From address> -Trustee <mailbox> -AccessRights \
            SendAs",
        ),
        (EndOfData, SPAM_SUSPEND, "Remove-BlockedSenderAddress"),
        (RcptTo, "550 5.7.64 TenantAttribution; Relay Access Denied", "Set-InboundConnector"),
        (
            RcptTo,
            "550 5.7.68 TenantInboundAttribution;",
            "Set-OrganizationConfig -RejectDirectSend $false",
        ),
        (
            EndOfData,
            "554 5.6.1 Messages of type message/partial are not supported",
            "on the device",
        ),
        (EndOfData, "554 5.2.3 MapiExceptionMaxSubmissionExceeded", "-MaxSendSize"),
    ]);
}

#[test]
fn faults_before_mail_pause_or_stop_the_account() {
    for stage in [Connect, Tls, Greeting, Ehlo, Token, Auth] {
        for fault in [Fault::Closed, Fault::TimedOut, broken("network is unreachable")] {
            assert_eq!(summary(stage, &fault), "account pause 1m", "{stage:?} {fault:?}");
        }
    }
}

#[test]
fn faults_of_a_transaction_are_doubtful_from_the_final_dot_on_and_not_before() {
    for (stages, expected) in
        [(&[MailFrom, RcptTo, Data, Body][..], "message retry"), (&[EndOfData], "message doubt")]
    {
        for stage in stages {
            for fault in [Fault::Closed, Fault::TimedOut, broken("broken")] {
                assert_eq!(summary(*stage, &fault), expected, "{stage:?} {fault:?}");
            }
        }
    }
}

#[test]
fn what_we_find_out_ourselves_has_its_own_advice() {
    let host = || "mail.contoso.com".to_owned();
    let unresolved = DnsFault::Unresolved { host: host(), reason: Unresolved::NoAddress };
    let no_secret = LoginFault::NoSecret {
        file: "/etc/secret".into(),
        reason: SecretFault::Length { octets: 0, limit: 8192 },
    };
    let no_mechanism = LoginFault::NoMechanism { mechanism: "LOGIN", offered: Vec::new() };
    let wrong_name = TlsFault::WrongName { asked: None, presented: Vec::new() };
    let rows: [(Stage, Fault, &str, &str); 15] = [
        (Connect, unresolved.into(), "account pause 1m", "resolvectl"),
        (Ehlo, TlsFault::NotOffered.into(), "account stop", "STARTTLS"),
        (Token, no_secret.into(), "account stop", "LoadCredential"),
        (Auth, no_mechanism.into(), "account stop", "auth.method"),
        (
            Auth,
            LoginFault::AsksForMore { mechanism: "LOGIN" }.into(),
            "account stop",
            "auth.method",
        ),
        (Auth, LoginFault::OddChallenge(host()).into(), "account stop", "auth.method"),
        (Tls, TlsFault::Expired { ended: None }.into(), "account stop", "timedatectl"),
        (Tls, TlsFault::NotYetValid { begins: None }.into(), "account stop", "timedatectl"),
        (Tls, wrong_name.into(), "account stop", "smtp.office365.com"),
        (Tls, TlsFault::UnknownIssuer.into(), "account stop", "ca_file"),
        (Tls, TlsFault::BadCertificate(host()).into(), "account stop", "certificate"),
        (Tls, TlsFault::NotTls(host()).into(), "account stop", "587"),
        (Tls, TlsFault::AheadOfTls.into(), "account stop", "interferes"),
        (Tls, TlsFault::NoCommonVersion(host()).into(), "account stop", "1.2"),
        (Body, Fault::Local(LocalFault::UnreadableText(host())), "message retry", "data_dir"),
    ];
    for (stage, fault, expected, advice) in rows {
        assert_eq!(summary(stage, &fault), expected, "{fault}");
        let found = classify(stage, &fault).advice;
        assert!(found.contains(advice), "{fault}: {found}");
    }
}

#[test]
fn what_a_domain_lacks_is_told_to_its_recipients_in_the_form_of_a_reply() {
    let domain = || "contoso.de".to_owned();
    let reason = || "SERVFAIL".to_owned();
    let rows: [(Fault, &str, Option<&str>); 8] = [
        (DnsFault::NoSuchDomain(domain()).into(), "message fail", Some("550 5.1.2")),
        (DnsFault::NoMailServer(domain()).into(), "message fail", Some("550 5.1.2")),
        (DnsFault::NullMx(domain()).into(), "message fail", Some("556 5.1.10")),
        (DnsFault::Ourselves(domain()).into(), "message fail", Some("554 5.4.6")),
        (
            DnsFault::Broken { domain: domain(), reason: reason() }.into(),
            "message retry",
            Some("451 4.4.3"),
        ),
        (
            TcpFault::NoServer { domain: domain(), servers: Vec::new() }.into(),
            "account pause 1m",
            Some("451 4.4.1"),
        ),
        (
            TlsFault::NotAsSafe { domain: domain(), servers: Vec::new() }.into(),
            "message retry",
            Some("454 4.7.5"),
        ),
        (DnsFault::Silent { domain: domain(), reason: reason() }.into(), "account pause 1m", None),
    ];
    for (fault, expected, codes) in rows {
        assert_eq!(summary(Connect, &fault), expected, "{fault}");
        let verdict = classify_of(Peer::Exchanger, Connect, &fault);
        let reply = verdict.reply.as_ref();
        let found = reply.map(|reply| format!("{} {}", reply.code, reply.enhanced.unwrap()));
        assert_eq!(found.as_deref(), codes, "{fault}");
        let is_ours = matches!(fault, Fault::Local(LocalFault::Dns(DnsFault::Silent { .. })));
        assert_eq!(verdict.scope == Scope::EveryNextHop, is_ours, "{fault}");
    }
}

#[test]
fn a_token_that_cannot_be_had_pauses_or_stops_the_account() {
    let busy = TokenTrouble::busy(429, Some(std::time::Duration::from_secs(120)));
    assert_eq!(summary(Token, &busy.into()), "account pause 2m");
    let ours = TokenTrouble::ours("no file".to_owned(), "Make one.");
    assert_eq!(classify(Token, &ours.clone().into()).advice, "Make one.");
    assert_eq!(summary(Token, &ours.into()), "account stop");
}

fn broken(text: &str) -> Fault {
    TcpFault::Broken { kind: std::io::ErrorKind::Other, text: text.to_owned() }.into()
}

#[test]
fn a_server_that_does_not_speak_smtp_is_left_alone_for_a_minute() {
    for fault in [SmtpFault::NotAReply("HTTP/1.1 400".to_owned()), SmtpFault::TooLong { limit: 9 }]
    {
        assert_eq!(summary(Greeting, &fault.into()), "account pause 1m");
    }
}

#[test]
fn a_row_says_what_shows_that_the_trouble_is_over() {
    let probe = |stage, text| classify(stage, &Fault::Reply(reply(text))).probe;
    assert_eq!(probe(Auth, "535 5.7.3 Authentication unsuccessful"), Probe::Login);
    assert_eq!(probe(EndOfData, "550 5.2.2 Submission quota exceeded"), Probe::Message);
    let full = "554 5.2.2 mailbox full; \
        STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded";
    for text in [full, SPAM_SUSPEND, "550 5.1.8 Access denied, bad outbound sender"] {
        assert_eq!(probe(EndOfData, text), Probe::MessageOnceADay, "{text}");
    }
}

#[test]
fn a_row_says_whether_fewer_connections_would_do_better() {
    for (stage, text, expected) in [
        (Auth, "432 4.3.2 Concurrent connections limit exceeded.", Concurrency::Lower),
        (
            EndOfData,
            "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
            Concurrency::Lower,
        ),
        (Greeting, "421 too many connections", Concurrency::Lower),
        (MailFrom, "451 too many connections", Concurrency::Lower),
        (EndOfData, "451 rate limit", Concurrency::Keep),
        (Auth, "535 5.7.3 Authentication unsuccessful", Concurrency::Keep),
    ] {
        let verdict = classify(stage, &Fault::Reply(reply(text)));
        assert_eq!(verdict.concurrency, expected, "{text}");
    }
}

#[test]
fn a_refusal_of_the_message_or_its_sender_is_not_asked_for_again_in_halves() {
    for (stage, text, expected) in [
        (EndOfData, "554 5.7.1 Spam message rejected", Splitting::MayHelp),
        (EndOfData, "451 4.3.0 Error: queue file write error", Splitting::MayHelp),
        (EndOfData, "550 5.1.7 bad sender", Splitting::Useless),
        (EndOfData, "550 5.1.8 <a@b.c>: Sender address rejected", Splitting::Useless),
        (EndOfData, "550 5.1.20 several addresses in From", Splitting::Useless),
        (EndOfData, "552 5.3.4 too large", Splitting::Useless),
        (EndOfData, "554 5.3.0 mail system", Splitting::Useless),
        (EndOfData, "554 5.6.0 Invalid message content", Splitting::Useless),
        (EndOfData, "554 5.2.252 SendAsDenied; x", Splitting::Useless),
        (EndOfData, "550 5.7.60 SMTP; Client does not have permissions", Splitting::Useless),
        (EndOfData, "550 5.7.512 no From", Splitting::Useless),
        (EndOfData, "550 5.7.1 may not send as", Splitting::Useless),
        (EndOfData, "554 5.2.0 STOREDRV.Submission.Exception: new", Splitting::Useless),
        (RcptTo, "550 5.1.1 no such user", Splitting::Useless),
        (EndOfData, "550 5.2.2 Submission quota exceeded", Splitting::Useless),
        (EndOfData, "250 2.0.0 OK", Splitting::Useless),
    ] {
        let verdict = classify(stage, &Fault::Reply(reply(text)));
        assert_eq!(verdict.splitting, expected, "{text}");
    }
}

#[test]
fn no_reply_before_mail_can_fail_a_message() {
    for stage in [Connect, Tls, Greeting, Ehlo, Token, Auth] {
        for (_, text, _) in OPENING.iter().chain(MAIL).chain(REFUSES_US) {
            assert_eq!(
                classify(stage, &Fault::Reply(reply(text))).concern,
                Concern::Account,
                "{stage:?}: {text}"
            );
        }
    }
}

#[test]
fn every_code_at_every_stage_has_a_verdict_with_advice() {
    for stage in STAGES {
        for code in 200..600 {
            let verdict = classify(stage, &Fault::Reply(Reply::new(code, "x")));
            assert!(!verdict.advice.is_empty());
            assert_eq!(
                verdict.outcome == Outcome::Deliver,
                stage == EndOfData && code / 100 == 2,
                "{stage:?} {code}"
            );
        }
    }
}

#[test]
fn long_pauses_and_stops_are_worth_an_alert_and_short_pauses_are_not() {
    let alarming = |stage, text| classify(stage, &Fault::Reply(reply(text))).alarm == Alarm::Person;
    assert!(alarming(Auth, "535 5.7.3 Authentication unsuccessful"));
    assert!(alarming(EndOfData, "550 5.2.2 Submission quota exceeded"));
    assert!(alarming(
        EndOfData,
        "550 5.2.251 Sender throttled due to continuous mailbox full errors."
    ));
    assert!(!alarming(EndOfData, "432 4.3.2 Concurrent connections limit exceeded."));
    assert!(!alarming(EndOfData, "554 5.6.0 Invalid message content"));
}
