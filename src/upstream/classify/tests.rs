//! Each row, with the reply it came from.

mod before_mail;
mod of_mail;
mod page;

use std::collections::HashSet;

use super::{
    Concern, Fault, Outcome, Peer, Stage,
    Stage::{Auth, Body, Connect, Data, Ehlo, EndOfData, Greeting, MailFrom, RcptTo, Tls, Token},
    classify, classify_of, exchange, exchanger, find, generic, opening,
};
use before_mail::OPENING;
use of_mail::{MAIL, SPAM_SUSPEND};

use crate::{
    model::Reply,
    upstream::{connection, session, tls, wire},
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
fn every_row_of_the_table_has_its_reply() {
    let reached = OPENING
        .iter()
        .chain(MAIL)
        .map(|(stage, text, _)| std::ptr::from_ref(find(*stage, &reply(text))))
        .collect::<HashSet<_>>();
    for (table, rows) in [
        ("opening", opening::ROWS),
        ("opening", opening::CLASSES),
        ("exchange", exchange::ROWS),
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
    ];
    let rows = said.map(|text| {
        let verdict = classify_of(Peer::Exchanger, RcptTo, &Fault::Reply(reply(text)));
        assert_eq!((verdict.concern, verdict.outcome), (Concern::Account, Outcome::Stop), "{text}");
        assert!(
            verdict.advice.contains("MX record") && !verdict.advice.contains("onnector"),
            "{}",
            verdict.advice
        );
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
        for fault in
            [Fault::Closed, Fault::TimedOut, Fault::Failed("network is unreachable".to_owned())]
        {
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
    let alarming = |stage, text| classify(stage, &Fault::Reply(reply(text))).is_alarming();
    assert!(alarming(Auth, "535 5.7.3 Authentication unsuccessful"));
    assert!(alarming(EndOfData, "550 5.2.2 Submission quota exceeded"));
    assert!(alarming(
        EndOfData,
        "550 5.2.251 Sender throttled due to continuous mailbox full errors."
    ));
    assert!(!alarming(EndOfData, "432 4.3.2 Concurrent connections limit exceeded."));
    assert!(!alarming(EndOfData, "554 5.6.0 Invalid message content"));
}
