use mail_parser::{MessageParser, MimeHeaders};

use super::*;
use crate::{
    classify::Place,
    model::{
        AccountName, BodyKind, ByteSize, DeviceName, Envelope, MailParameters, Recipient,
        ReversePath, Via,
    },
    spool::Progress,
};

fn at(secs: u64) -> Timestamp {
    Timestamp::from_millis(1_763_900_000_000 + secs * 1000)
}

fn settings() -> ReportSettings {
    ReportSettings {
        administrator: Some("it@contoso.com".parse().unwrap()),
        from: Some("scanner@contoso.com".parse().unwrap()),
        hostname: "postroom.contoso.lan".into(),
        account: AccountName::from("scanner"),
        subjects: crate::report::Subjects::default(),
    }
}

fn entry() -> Entry {
    let recipient = |address: &str, orcpt: Option<&str>| Recipient {
        orcpt: orcpt.map(str::to_owned),
        ..Recipient::new(address.parse().unwrap())
    };
    let envelope = Envelope {
        id: MessageId::new(at(0), 1),
        received: at(0),
        device: DeviceName::from("printers"),
        via: Via { peer: None, helo: "mfp1".into(), esmtp: true, tls: None, user: None },
        sender: ReversePath::Mailbox("mfp1@contoso.com".parse().unwrap()),
        recipients: vec![
            recipient("anna@contoso.com", Some("rfc822;Anna@contoso.com")),
            recipient("bert@contoso.com", None),
            recipient("jürgen@contoso.com", None),
        ],
        parameters: MailParameters {
            body: BodyKind::SevenBit,
            smtputf8: false,
            ret: None,
            envid: Some("QQ314159".into()),
        },
    };
    let mut entry =
        Entry::new(&envelope, AccountName::from("scanner"), ByteSize::from_octets(1000));
    entry.recipients[0].attempts = 3;
    entry.recipients[0].last_attempt = Some(at(7200));
    entry.recipients[0].last_reply =
        Some(Reply::new(550, "5.4.1 Recipient address rejected: Access denied. AS(201806281)"));
    entry.recipients[1].last_reply = Some(Reply::new(451, "4.3.2 Temporary server error"));
    entry.recipients[1].progress = Progress::Waiting { due: at(9000) };
    entry
}

fn render(subject: Subject<'_>, header: &[u8]) -> String {
    render_with(subject, &Original::Header(header.to_vec()))
}

fn render_with(subject: Subject<'_>, original: &Original) -> String {
    let (settings, entry) = (settings(), entry());
    let to = settings.administrator.clone().unwrap();
    let id = MessageId::new(at(1), 2);
    let notice = Notice {
        settings: &settings,
        to: &to,
        id,
        now: at(8000),
        entry: &entry,
        subject,
        original,
        withheld: 3,
    };
    String::from_utf8(notice.render()).unwrap()
}

const FAILURE: Failure = Failure {
    index: 0,
    place: Place::RECIPIENT,
    advice: "The address does not exist at Office 365. Correct it in the device.",
};

#[test]
fn a_failure_notice_is_a_report_of_three_parts() {
    let text = render(Subject::Failed(&[FAILURE]), b"Subject: Scan\r\nX-Umlaut: \xc3\xbc\r\n");
    let message = MessageParser::new().parse(&text).unwrap();
    let kind = message.content_type().unwrap();
    assert_eq!((kind.c_type.as_ref(), kind.subtype().unwrap()), ("multipart", "report"));
    assert_eq!(kind.attribute("report-type"), Some("delivery-status"));
    let kinds: Vec<String> = message
        .parts
        .iter()
        .skip(1)
        .map(|part| part.content_type().unwrap().subtype().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["plain", "delivery-status", "rfc822-headers"]);
    assert_eq!(message.to().unwrap().first().unwrap().address(), Some("it@contoso.com"));
    assert_eq!(message.from().unwrap().first().unwrap().address(), Some("scanner@contoso.com"));
}

#[test]
fn the_status_fields_are_those_of_rfc_3464() {
    let text = render(Subject::Failed(&[FAILURE]), b"");
    for field in [
        "Reporting-MTA: dns; postroom.contoso.lan\r\n",
        "Original-Envelope-Id: QQ314159\r\n",
        "\r\n\r\nOriginal-Recipient: rfc822;Anna@contoso.com\r\nFinal-Recipient: rfc822; \
        anna@contoso.com\r\nAction: failed\r\nStatus: 5.4.1\r\n",
        "Diagnostic-Code: smtp; 550 5.4.1 Recipient address rejected: Access denied. \
        AS(201806281)\r\n",
        "Last-Attempt-Date: ",
    ] {
        assert!(text.contains(field), "{field:?} in\n{text}");
    }
    assert!(
        !text.contains("Final-Recipient: rfc822; bert@contoso.com"),
        "others are not named as failed"
    );
}

#[test]
fn a_person_reads_what_happened_and_what_to_do() {
    let text = render(Subject::Failed(&[FAILURE]), b"");
    let message = MessageParser::new().parse(&text).unwrap();
    let body = message.body_text(0).unwrap();
    for words in [
        "anna@contoso.com",
        "could not be delivered",
        "Recipient address rejected",
        FAILURE.advice,
        "3 notices were not sent",
    ] {
        assert!(body.contains(words), "{words} in\n{body}");
    }
}

#[test]
fn success_is_told_as_relayed_and_nothing_more_is_promised() {
    let text = render(Subject::Relayed(&[1]), b"");
    assert!(
        text.contains(
            "Final-Recipient: rfc822; bert@contoso.com\r\nAction: relayed\r\nStatus: 2.0.0\r\n"
        ),
        "{text}"
    );
    assert!(!text.contains("anna@contoso.com"), "{text}");
}

#[test]
fn a_message_that_was_asked_back_whole_is_returned_whole() {
    let original = Original::Whole(b"Subject: Scan\r\n\r\nA page.\r\n".to_vec());
    let text = render_with(Subject::Failed(&[FAILURE]), &original);
    let message = MessageParser::new().parse(&text).unwrap();
    assert_eq!(
        message.attachment(1).unwrap().message().unwrap().body_text(0).unwrap(),
        "A page.\r\n"
    );
}

#[test]
fn a_delay_notice_names_who_waits_and_until_when() {
    let text = render(Subject::Delayed { until: at(432_000) }, b"");
    assert!(
        text.contains(
            "Final-Recipient: rfc822; bert@contoso.com\r\nAction: delayed\r\nStatus: 4.3.2\r\n"
        ),
        "{text}"
    );
    assert!(
        text.contains(
            "Final-Recipient: utf-8; jürgen@contoso.com\r\nAction: delayed\r\nStatus: 4.0.0\r\n"
        ),
        "{text}"
    );
    assert!(text.contains(&format!("Will-Retry-Until: {}\r\n", at(432_000).to_rfc5322())));
}

#[test]
fn lines_are_ended_by_crlf_and_no_program_answers() {
    let text = render(Subject::Failed(&[FAILURE]), b"A: b\r\n");
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{text:?}");
    assert!(text.contains("Auto-Submitted: auto-generated\r\n"));
    let alert = String::from_utf8(alert(
        &settings(),
        MessageId::new(at(1), 2),
        at(1),
        "Account",
        "It\nstopped\n".into(),
    ))
    .unwrap();
    assert!(!alert.replace("\r\n", "").contains(['\r', '\n']), "{alert:?}");
}
