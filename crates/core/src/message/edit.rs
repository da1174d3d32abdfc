//! The edits of delivery: what is missing is added, what is malformed is repaired, the sender
//! becomes whom the account may be.
//!
//! Applied while sending, never on disk, and only to the header block: a signed body is never
//! touched.

use encoding_rs::Encoding as Charset;

use crate::{
    message::{
        edits::{Edits, Identity},
        header::HeaderBlock,
        mailbox::{self, Mailbox},
        repair::{self, Repair},
    },
    model::Address,
};

/// A header block after the edits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edited {
    /// The new block, with its empty line.
    pub header: Vec<u8>,
    /// Octets of the text that the old one took up.
    pub replaces: usize,
    /// What was repaired.
    pub repairs: Vec<Repair>,
}

/// Edits the header block at the start of `text`.
#[must_use]
pub fn edit(text: &[u8], edits: &Edits) -> Edited {
    edit_in(text, edits, None)
}

/// The same when the octets above 127 of the header are in this charset, unless it names another.
pub(super) fn edit_in(text: &[u8], edits: &Edits, charset: Option<&'static Charset>) -> Edited {
    let mut header = HeaderBlock::read_in(text, charset);
    let mut repairs = Vec::new();
    if !header.is_ended(text) {
        repairs.push(Repair::MissingHeader);
    }
    for fault in repair::structural_faults(&header) {
        repair::mend_structure(&mut header, fault);
        repairs.push(fault);
    }
    for fault in repair::faults(&header) {
        if repair::mend(&mut header, fault, edits) {
            repairs.push(fault);
        }
    }
    if let Some(identity) = &edits.identity {
        assume(&mut header, identity);
    } else if let Some(sender) = &edits.sender {
        header.replace("Sender", format!("Sender: {sender}\r\n"));
    }
    Edited { header: header.render(), replaces: header.length(), repairs }
}

/// The address in `From:`, when it has one.
#[must_use]
pub fn author(text: &[u8]) -> Option<Address> {
    first_address(text, "From")
}

/// The address in `Sender:`, when it has one.
#[must_use]
pub fn sender(text: &[u8]) -> Option<Address> {
    first_address(text, "Sender")
}

fn first_address(text: &[u8], field: &str) -> Option<Address> {
    let header = HeaderBlock::read(text);
    header
        .find(field)
        .and_then(|field| mailbox::read_list(&field.value()).into_iter().next())
        .map(|mailbox| mailbox.address)
}

/// Makes the message be from `identity`; who it was from goes into the display name and
/// `Reply-To:`.
fn assume(header: &mut HeaderBlock<'_>, identity: &Identity) {
    let old =
        header.find("From").and_then(|field| mailbox::read_list(&field.value()).into_iter().next());
    // RFC 5322 3.6.2: a Sender that is not the mailbox would have Exchange Online say SendAsDenied.
    if header.find("Sender").is_some() {
        header.replace("Sender", format!("Sender: {}\r\n", identity.address));
    }
    let stays = old.as_ref().is_some_and(|old| old.address.same_mailbox(&identity.address));
    if stays && identity.name.is_none() && identity.reply_to.is_none() {
        return;
    }
    let address = identity.address.clone();
    let from = match (&identity.name, &old) {
        (Some(name), _) => Mailbox::new(Some(name), address),
        (None, Some(old)) if old.is_named() => old.moved(address),
        (None, Some(old)) if !stays => Mailbox::new(Some(old.address.as_str()), address),
        (None, Some(_) | None) => Mailbox::new(None, address),
    };
    // One that says the same already stays as it is written.
    if !old.as_ref().is_some_and(|old| old.says_the_same(&from)) {
        header.replace("From", format!("From: {}\r\n", from.render()));
    }
    let answer_to = identity.reply_to.clone().or_else(|| old.map(|old| old.address));
    if let Some(answer_to) = answer_to
        && header.find("Reply-To").is_none()
        && !answer_to.same_mailbox(&identity.address)
    {
        header.replace("Reply-To", format!("Reply-To: {answer_to}\r\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MessageId, Timestamp};

    fn edits(identity: Option<Identity>) -> Edits {
        Edits {
            id: MessageId::new(Timestamp::from_millis(1_763_900_000_000), 1),
            received: Timestamp::from_millis(1_741_548_328_000),
            hostname: "postroom.contoso.lan".into(),
            fallback: Some("scan@contoso.com".parse().unwrap()),
            identity,
            sender: None,
        }
    }

    fn identity(name: Option<&str>, reply_to: Option<&str>) -> Option<Identity> {
        Some(Identity {
            address: "scanner@contoso.com".parse().unwrap(),
            name: name.map(Into::into),
            reply_to: reply_to.map(|address| address.parse().unwrap()),
        })
    }

    const WHOLE: &str =
        "Date: Sun, 9 Mar 2025 19:25:28 +0000\r\nMessage-ID: <1@mfp>\r\nTo: it@contoso.com\r\n";

    #[track_caller]
    fn check(text: &str, identity: Option<Identity>, expected: &str, repairs: &[Repair]) {
        let edited = edit(text.as_bytes(), &edits(identity));
        let whole =
            format!("{}{}", String::from_utf8(edited.header).unwrap(), &text[edited.replaces..]);
        assert_eq!(whole, expected);
        assert_eq!(edited.repairs, repairs);
    }

    #[test]
    fn a_whole_header_is_left_alone() {
        let text = format!("{WHOLE}From: Scanner <scan@contoso.com>\r\n\r\nbody\r\n");
        check(&text, None, &text, &[]);
    }

    #[test]
    fn a_message_without_a_header_gets_one_and_keeps_its_text() {
        check(
            "TONER LOW\r\n",
            None,
            "From: scan@contoso.com\r\nDate: Sun, 9 Mar 2025 19:25:28 +0000\r\nMessage-ID: \
            <1jam4amj0000000000001@postroom.contoso.lan>\r\nTo: \
            undisclosed-recipients:;\r\n\r\nTONER LOW\r\n"
                .replace("1jam4amj0000000000001", edits(None).id.as_str())
                .as_str(),
            &[
                Repair::MissingHeader,
                Repair::MissingFrom,
                Repair::MissingDate,
                Repair::MissingMessageId,
                Repair::MissingTo,
            ],
        );
    }

    #[test]
    fn the_defect_that_microsoft_names_is_repaired_in_place() {
        check(
            &format!("From: a@b.c <a@b.c>\r\n{WHOLE}\r\n"),
            None,
            &format!("From: \"a@b.c\" <a@b.c>\r\n{WHOLE}\r\n"),
            &[Repair::MalformedFrom],
        );
    }

    #[test]
    fn several_authors_become_one_and_all_of_them_are_answered() {
        let text = format!("From: A <a@b.c>, B <b@b.c>\r\n{WHOLE}\r\n");
        check(
            &text,
            None,
            &format!("From: A <a@b.c>\r\n{WHOLE}Reply-To: a@b.c, b@b.c\r\n\r\n"),
            &[Repair::SeveralFrom],
        );
        check(
            &text,
            identity(Some("P"), Some("help@b.c")),
            &format!("From: P <scanner@contoso.com>\r\n{WHOLE}Reply-To: help@b.c\r\n\r\n"),
            &[Repair::SeveralFrom],
        );
    }

    #[test]
    fn fields_that_are_not_for_those_who_get_the_message_are_removed() {
        for field in [
            "BCC: boss@contoso.com",
            "Resent-Bcc: x@y.z",
            "Return-Path: <a@b.c>",
            "Delivered-To: it@contoso.com",
            "Content-Length: 4711",
            "Bcc:\r\n boss@contoso.com,\r\n\tx@y.z",
        ] {
            check(
                &format!("From: a@b.c\r\n{field}\r\n{WHOLE}\r\nbody\r\n"),
                None,
                &format!("From: a@b.c\r\n{WHOLE}\r\nbody\r\n"),
                &[Repair::PrivateField],
            );
        }
    }

    #[test]
    fn a_message_with_blind_copies_alone_names_nobody() {
        let head = "Date: Sun, 9 Mar 2025 19:25:28 +0000\r\nMessage-ID: <1@mfp>\r\n";
        check(
            &format!("From: a@b.c\r\nBcc: boss@contoso.com, John x@y.z\r\n{head}\r\n"),
            None,
            &format!("From: a@b.c\r\n{head}To: undisclosed-recipients:;\r\n\r\n"),
            &[Repair::PrivateField],
        );
    }

    #[test]
    fn a_line_that_is_no_field_does_not_end_the_header() {
        for line in [
            "From a@b.c Sun Mar  9 19:25:28 2025 +0100",
            ">From a@b.c",
            "=====",
            "Header of the scan",
        ] {
            check(
                &format!("From: a@b.c\r\n{line}\r\n{WHOLE}Subject: x\r\n\r\nbody\r\n"),
                None,
                &format!(
                    "From: a@b.c\r\nX-Postroom-Malformed: {line}\r\n{WHOLE}Subject: \
                    x\r\n\r\nbody\r\n"
                ),
                &[Repair::StrayLine],
            );
        }
        check(
            &format!("From: a@b.c\r\nBüro\r\n{WHOLE}\r\n"),
            None,
            &format!("From: a@b.c\r\nX-Postroom-Malformed: =?utf-8?B?QsO8cm8=?=\r\n{WHOLE}\r\n"),
            &[Repair::StrayLine, Repair::EightBitHeader],
        );
    }

    #[test]
    fn text_that_follows_the_header_at_once_stays_text() {
        for text in [
            "Hello\r\nthere: this is not a known field\r\n\r\n",
            "The toner is low\r\nDate: today\r\n\r\n",
            "Hello\r\n From: x\r\n",
            "Hello\r\n",
        ] {
            check(
                &format!("From: a@b.c\r\n{WHOLE}{text}"),
                None,
                &format!("From: a@b.c\r\n{WHOLE}\r\n{text}"),
                &[Repair::MissingHeader],
            );
        }
    }

    #[test]
    fn a_field_that_may_stand_once_leaves_once() {
        check(
            &format!("From: a@b.c\r\nSubject: 1\r\n{WHOLE}FROM: x@y.z\r\nsubject: 2\r\n\r\n"),
            None,
            &format!("From: a@b.c\r\nSubject: 1\r\n{WHOLE}\r\n"),
            &[Repair::DoubleField],
        );
        check(
            &format!("From: nobody\r\nFrom: a@b.c\r\nSubject:\r\nSubject: 2\r\n{WHOLE}\r\n"),
            None,
            &format!("From: a@b.c\r\nSubject: 2\r\n{WHOLE}\r\n"),
            &[Repair::DoubleField],
        );
        check(
            &format!("From: a@b.c\r\nDate: gestern\r\n{WHOLE}\r\n"),
            None,
            &format!("From: a@b.c\r\n{WHOLE}\r\n"),
            &[Repair::DoubleField],
        );
    }

    #[test]
    fn several_lists_of_recipients_become_one() {
        check(
            &format!("From: a@b.c\r\n{WHOLE}To: Anna <x@y.z>\r\nCc: 1@y.z,\r\ncc: 2@y.z\r\n\r\n"),
            None,
            &format!(
                "From: a@b.c\r\n{}To: it@contoso.com, Anna <x@y.z>\r\nCc: 1@y.z, 2@y.z\r\n\r\n",
                WHOLE.replace("To: it@contoso.com\r\n", "")
            ),
            &[Repair::DoubleField],
        );
    }

    #[test]
    fn a_field_that_must_say_something_and_does_not_goes() {
        let head = "From: a@b.c\r\nDate: Sun, 9 Mar 2025 19:25:28 +0000\r\nMessage-ID: <1@mfp>\r\n";
        for empty in ["", " ", "<>", ",", "\"\"", "(nobody)", "<>, <>;", "\r\n "] {
            check(
                &format!("{head}To: {empty}\r\nCc: x@y.z\r\n\r\n"),
                None,
                &format!("{head}Cc: x@y.z\r\n\r\n"),
                &[Repair::EmptyField],
            );
            check(
                &format!("{head}To: {empty}\r\nReply-To: {empty}\r\n\r\n"),
                None,
                &format!("{head}To: undisclosed-recipients:;\r\n\r\n"),
                &[Repair::EmptyField, Repair::MissingTo],
            );
        }
    }

    #[test]
    fn a_blank_before_the_colon_goes() {
        check(
            &format!("From: a@b.c\r\nX-Device \t: mfp1\r\n {{x}} : y\r\n{WHOLE}\r\n"),
            None,
            &format!("From: a@b.c\r\nX-Device: mfp1\r\n {{x}} : y\r\n{WHOLE}\r\n"),
            &[Repair::BlankBeforeColon],
        );
    }

    #[test]
    fn a_seal_covers_fields_that_no_server_refuses() {
        let sealed = format!(
            "From: a@b.c\r\nDKIM-Signature: v=1\r\nX-Device : mfp1\r\n{WHOLE}To: \
            x@y.z\r\nCc:\r\n\r\n"
        );
        check(&sealed, None, &sealed, &[]);
    }

    #[test]
    fn an_empty_reply_to_gets_the_old_sender() {
        check(
            &format!("From: mfp1@printers.lan\r\nReply-To: <>\r\n{WHOLE}\r\n"),
            identity(None, None),
            &format!(
                "From: \"mfp1@printers.lan\" <scanner@contoso.com>\r\n{WHOLE}Reply-To: \
                mfp1@printers.lan\r\n\r\n"
            ),
            &[Repair::EmptyField],
        );
    }

    #[test]
    fn a_sender_that_the_account_may_not_use_is_replaced_alone() {
        let edits = Edits { sender: Some("scanner@contoso.com".parse().unwrap()), ..edits(None) };
        let text = format!("From: a@b.c\r\nSender: x@y.z\r\n{WHOLE}\r\n");
        let edited = edit(text.as_bytes(), &edits);
        assert_eq!(
            String::from_utf8(edited.header).unwrap(),
            format!("From: a@b.c\r\nSender: scanner@contoso.com\r\n{WHOLE}\r\n")
        );
    }

    #[test]
    fn what_nobody_can_read_is_written_anew_and_what_somebody_can_is_kept() {
        let text = |date: &str, id: &str| {
            format!("From: a@b.c\r\nDate: {date}\r\nMessage-ID: {id}\r\nTo: it@contoso.com\r\n\r\n")
        };
        for date in [
            "Sun, 9 Mar 2025 19:25:28 +0000",
            "9 Mar 2025 19:25 GMT",
            "Mon, 9 Mar 2025 19:25:28 +0100 (CET)",
            "09 Mar 25 19:25:28 EST",
        ] {
            check(&text(date, "<1@mfp>"), None, &text(date, "<1@mfp>"), &[]);
        }
        let now = "Sun, 9 Mar 2025 19:25:28 +0000";
        for date in ["", "2025/03/09 19:25", "gestern", "0"] {
            check(&text(date, "<1@mfp>"), None, &text(now, "<1@mfp>"), &[Repair::MalformedDate]);
        }
        check(&text(now, "1@mfp"), None, &text(now, "<1@mfp>"), &[Repair::MalformedMessageId]);
        check(
            &text(now, "4711"),
            None,
            &text(now, "<4711@postroom.contoso.lan>"),
            &[Repair::MalformedMessageId],
        );
        let ours = format!("<{}@postroom.contoso.lan>", edits(None).id);
        check(&text(now, "<a b@c>"), None, &text(now, &ours), &[Repair::MalformedMessageId]);
        check(&text(now, ""), None, &text(now, &ours), &[Repair::MissingMessageId]);
    }

    #[test]
    fn eight_bit_text_is_encoded_unless_it_is_signed() {
        let text = |subject: &str, more: &str| {
            format!("From: a@b.c\r\nSubject: {subject}\r\n{more}{WHOLE}\r\n")
        };
        check(
            &text("Büro", ""),
            None,
            &text("=?utf-8?B?QsO8cm8=?=", ""),
            &[Repair::EightBitHeader],
        );
        check(
            &text("Büro", "DKIM-Signature: v=1\r\n"),
            None,
            &text("Büro", "DKIM-Signature: v=1\r\n"),
            &[],
        );
    }

    #[test]
    fn a_subject_is_read_in_the_charset_that_the_message_names() {
        let head = format!("From: a@b.c\r\n{WHOLE}MIME-Version: 1.0\r\n");
        let text = [
            head.as_bytes(),
            b"Content-Type: text/plain; charset=\"KOI8-R\"\r\n",
            b"Subject: \xf0\xd2\xc9\xd7\xc5\xd4\r\n\r\n",
        ]
        .concat();
        let edited = edit(&text, &edits(None));
        let parsed = mail_parser::MessageParser::default().parse(&edited.header).unwrap();
        assert_eq!(parsed.subject(), Some("Привет"));
        assert!(edited.header.is_ascii());
    }

    #[test]
    fn a_word_of_the_subject_that_fits_into_no_line_reads_the_same() {
        for word in
            ["x".repeat(1500), format!("\\\\server\\{}", "scan".repeat(600)), "ü".repeat(900)]
        {
            let text = format!("From: a@b.c\r\nSubject: Scan {word} done\r\n{WHOLE}\r\n");
            let edited = edit(text.as_bytes(), &edits(None)).header;
            assert!(edited.split(|octet| *octet == b'\n').all(|line| line.len() <= 999));
            let read = mail_parser::MessageParser::default().parse(&edited).unwrap();
            assert_eq!(read.subject(), Some(format!("Scan {word} done").as_str()));
            assert_eq!(edit(&edited, &edits(None)).header, edited);
        }
    }

    #[test]
    fn a_line_of_blanks_in_a_long_field_does_not_end_the_header() {
        let text =
            format!("From: a@b.c\r\nX-Scan: {}\r\n \r\n end\r\n{WHOLE}\r\n", "page ".repeat(300));
        let edited = String::from_utf8(edit(text.as_bytes(), &edits(None)).header).unwrap();
        assert_eq!(edited.find("\r\n\r\n"), Some(edited.len() - 4), "{edited}");
    }

    #[test]
    fn a_long_word_that_a_line_holds_is_left_alone() {
        let text = format!("From: a@b.c\r\nSubject: {}\r\n{WHOLE}\r\n", "x".repeat(980));
        check(&text, None, &text, &[]);
    }

    #[test]
    fn mime_without_its_version_gets_it() {
        check(
            &format!("From: a@b.c\r\n{WHOLE}Content-Type: text/plain\r\n\r\n"),
            None,
            &format!("From: a@b.c\r\n{WHOLE}Content-Type: text/plain\r\nMIME-Version: 1.0\r\n\r\n"),
            &[Repair::MissingMimeVersion],
        );
    }

    #[test]
    fn a_version_of_mime_that_is_none_becomes_the_one_there_is() {
        for wrong in ["", "1", "foo", "2.0"] {
            check(
                &format!(
                    "From: a@b.c\r\n{WHOLE}MIME-Version: {wrong}\r\nContent-Type: \
                    text/plain\r\n\r\n"
                ),
                None,
                &format!(
                    "From: a@b.c\r\n{WHOLE}MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n"
                ),
                &[Repair::MissingMimeVersion],
            );
        }
        let right = format!(
            "From: a@b.c\r\n{WHOLE}MIME-Version: 1.0 (printer)\r\nContent-Type: text/plain\r\n\r\n"
        );
        check(&right, None, &right, &[]);
    }

    #[test]
    fn a_rewritten_sender_stays_visible_and_reachable() {
        check(
            &format!("From: mfp1@printers.lan\r\n{WHOLE}\r\n"),
            identity(None, None),
            &format!(
                "From: \"mfp1@printers.lan\" <scanner@contoso.com>\r\n{WHOLE}Reply-To: \
                mfp1@printers.lan\r\n\r\n"
            ),
            &[],
        );
        check(
            &format!("From: Ground floor <mfp1@printers.lan>\r\nSender: x@y.z\r\n{WHOLE}\r\n"),
            identity(Some("Office printers"), Some("helpdesk@contoso.com")),
            &format!(
                "From: Office printers <scanner@contoso.com>\r\nSender: \
                scanner@contoso.com\r\n{WHOLE}Reply-To: helpdesk@contoso.com\r\n\r\n"
            ),
            &[],
        );
    }

    #[test]
    fn a_sender_that_says_the_same_already_is_not_folded_anew() {
        let text = format!(
            "From: =?utf-8?B?QsO8cm8=?=\r\n =?utf-8?B?IHVudGVu?= <scanner@contoso.com>\r\n{WHOLE}"
        );
        let reply_to = "Reply-To: helpdesk@contoso.com\r\n";
        check(
            &format!("{text}\r\n"),
            identity(None, Some("helpdesk@contoso.com")),
            &format!("{text}{reply_to}\r\n"),
            &[],
        );
    }

    #[test]
    fn an_address_is_not_its_own_name() {
        check(
            &format!("From: scanner@contoso.com\r\n{WHOLE}\r\n"),
            identity(None, Some("helpdesk@contoso.com")),
            &format!("From: scanner@contoso.com\r\n{WHOLE}Reply-To: helpdesk@contoso.com\r\n\r\n"),
            &[],
        );
    }

    #[test]
    fn a_reply_to_of_the_device_is_respected() {
        check(
            &format!("From: mfp1@printers.lan\r\nReply-To: anna@contoso.com\r\n{WHOLE}\r\n"),
            identity(Some("P"), None),
            &format!("From: P <scanner@contoso.com>\r\nReply-To: anna@contoso.com\r\n{WHOLE}\r\n"),
            &[],
        );
    }

    #[test]
    fn the_right_sender_is_not_touched() {
        let text = format!("From: Scan <Scanner@contoso.com>\r\n{WHOLE}\r\n");
        check(&text, identity(None, None), &text, &[]);
    }
}
