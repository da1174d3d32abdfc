//! Whom mail is from when it arrives, and what stands at its end: the real program between a device
//! and the sandbox, which refuses every sender that the mailbox may not use, in the envelope and in
//! the header, as Exchange Online does.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mail_parser::{MessageParser, MimeHeaders as _};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    device::Device,
    process,
    relay::{LISTENERS, Relay, SCANNERS},
    sandbox::{Limits, Sandbox},
    scan, scratch, wait,
};

struct Office {
    sandbox: Sandbox,
    relay: Relay,
    _dir: TempDir,
}

impl Office {
    /// `device` are keys of the device, `account` those of the account; the mailbox may send as
    /// itself and as the reception.
    fn open(device: &str, sender: &str, account: &str) -> Self {
        let dir = scratch("sender");
        let sandbox =
            Sandbox::start_sending_as(dir.path(), Limits::Out, "reception@contoso.com", &[]);
        let usual = "sender = { rewrite = \"never\", allowed = [\"*@contoso.com\"] }";
        let table = sandbox.account(account);
        assert!(table.contains(usual), "{table}");
        let table = table.replace(usual, sender);
        let relay =
            Relay::start(dir.path(), "", &[LISTENERS, &format!("{SCANNERS}{device}\n"), &table]);
        Self { sandbox, relay, _dir: dir }
    }

    /// Hands a message in; what arrived: the envelope's sender, and the text.
    fn carry(&self, from: &str, text: &str) -> (String, String) {
        let before = self.sandbox.files().len();
        let mut device = Device::greeted(self.relay.listener("none")).unwrap();
        assert_eq!(device.begin(from, "ann@contoso.com").unwrap().code, 354);
        device.send(format!("{text}.\r\n").as_bytes()).unwrap();
        let answer = device.answer().unwrap();
        assert_eq!(answer.code, 250, "{answer:?}");
        let files = self.sandbox.wait_for(before + 1, wait::PATIENCE);
        let file = files.last().unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let envelope = file.with_file_name(format!("{}.json", name.split('-').next().unwrap()));
        let envelope: Value = serde_json::from_slice(&fs::read(envelope).unwrap()).unwrap();
        (
            envelope["sender"].as_str().unwrap().to_owned(),
            String::from_utf8(fs::read(file).unwrap()).unwrap(),
        )
    }
}

const REST: &str = "Date: Mon, 23 Nov 2026 09:30:00 +0100\r\nMessage-ID: <1@mfp>\r\nTo: \
    ann@contoso.com\r\nSubject: Scan\r\n\r\nThe scan.\r\n";

/// The fields about people of what was handed in become those of what arrives; the rest stays as it
/// is.
#[track_caller]
fn check(office: &Office, sender: &str, fields: &str, arrives_from: &str, arrived_fields: &str) {
    let (envelope, text) = office.carry(sender, &format!("{fields}{REST}"));
    assert_eq!(envelope, arrives_from, "{text}");
    let about_people = |line: &&str| {
        let name = line.split(':').next().unwrap();
        ["From", "Sender", "Reply-To", "Resent-From", "Resent-Sender"].contains(&name)
    };
    let head = text.split("\r\n\r\n").next().unwrap();
    let seen: String =
        head.split("\r\n").filter(about_people).map(|line| format!("{line}\r\n")).collect();
    assert_eq!(seen, arrived_fields, "{text}");
    assert!(text.ends_with("\r\n\r\nThe scan.\r\n"), "{text}");
}

#[test]
fn senders_that_the_mailbox_may_not_use_become_the_account_and_stay_reachable() {
    let office = Office::open(
        "",
        "sender = { rewrite = \"when_not_allowed\", allowed = [\"scanner@contoso.com\", \
        \"reception@contoso.com\"] }",
        "",
    );
    let own = "scanner@contoso.com";
    // Ricoh's default: the envelope is the device, From is the user who scans.
    check(
        &office,
        "mfp1@printers.lan",
        "From: Anna Nowak <anna@contoso.com>\r\n",
        own,
        "From: Anna Nowak <scanner@contoso.com>\r\nReply-To: anna@contoso.com\r\n",
    );
    check(
        &office,
        "scanner@contoso.com",
        "From: mfp1@printers.lan\r\n",
        own,
        "From: \"mfp1@printers.lan\" <scanner@contoso.com>\r\nReply-To: mfp1@printers.lan\r\n",
    );
    check(
        &office,
        "mfp1@printers.lan",
        "From: anna@contoso.com\r\nSender: mfp1@printers.lan\r\nReply-To: office@contoso.com\r\n",
        own,
        "From: \"anna@contoso.com\" <scanner@contoso.com>\r\nSender: \
        scanner@contoso.com\r\nReply-To: office@contoso.com\r\n",
    );
    // Several authors: one stays, and all of them are answered.
    check(
        &office,
        "mfp1@printers.lan",
        "From: anna@contoso.com, bob@contoso.com\r\n",
        own,
        "From: \"anna@contoso.com\" <scanner@contoso.com>\r\nReply-To: anna@contoso.com, \
        bob@contoso.com\r\n",
    );
    // RFC 5322 3.6.6: trace of an earlier journey.
    check(
        &office,
        "mfp1@printers.lan",
        "Resent-From: carol@example.org\r\nFrom: scanner@contoso.com\r\n",
        own,
        "Resent-From: carol@example.org\r\nFrom: scanner@contoso.com\r\n",
    );
    // SendAs, where the mailbox has it and the config knows.
    check(
        &office,
        "reception@contoso.com",
        "From: Reception <reception@contoso.com>\r\n",
        "reception@contoso.com",
        "From: Reception <reception@contoso.com>\r\n",
    );
}

#[test]
fn a_sender_that_is_always_rewritten_is_rewritten_though_it_is_allowed() {
    let office = Office::open(
        "",
        "sender = { rewrite = \"always\", allowed = [\"scanner@contoso.com\", \
        \"reception@contoso.com\"] }",
        "",
    );
    check(
        &office,
        "reception@contoso.com",
        "From: Reception <reception@contoso.com>\r\n",
        "scanner@contoso.com",
        "From: Reception <scanner@contoso.com>\r\nReply-To: reception@contoso.com\r\n",
    );
}

#[test]
fn a_devices_identity_goes_before_what_it_says() {
    let office = Office::open(
        "from = { address = \"reception@contoso.com\", name = \"Office printers\", reply_to = \
        \"help@contoso.com\" }",
        "sender = { rewrite = \"when_not_allowed\", allowed = [\"scanner@contoso.com\", \
        \"reception@contoso.com\"] }",
        "",
    );
    check(
        &office,
        "mfp1@printers.lan",
        "From: mfp1@printers.lan\r\n",
        "reception@contoso.com",
        "From: Office printers <reception@contoso.com>\r\nReply-To: help@contoso.com\r\n",
    );
}

#[test]
fn a_footer_arrives_once_in_what_may_be_changed_and_nowhere_else() {
    let footer = "footer = { text = \"Grüße: {device} for {sender}\" }";
    let office = Office::open(
        "",
        "sender = { rewrite = \"when_not_allowed\", allowed = [\"scanner@contoso.com\"] }",
        footer,
    );
    let mark = "Grüße: scanners for anna@contoso.com";
    let head =
        "From: anna@contoso.com\r\nTo: ann@contoso.com\r\nSubject: Scan\r\nMIME-Version: 1.0\r\n";

    let (_, text) = office.carry("anna@contoso.com", &format!("{head}\r\nThe scan.\r\n"));
    let message = MessageParser::default().parse(&text).unwrap();
    assert_eq!(message.body_text(0).unwrap(), format!("The scan.\r\n\r\n{mark}\r\n"));

    // Larger than any chunk, so that the file is read several times.
    let document: Vec<u8> = (0..=255).cycle().take(400_000).collect();
    let lines: String = document.chunks(57).map(|line| STANDARD.encode(line) + "\r\n").collect();
    let pdf = format!(
        "Content-Type: application/pdf; name=\"scan.pdf\"\r\nContent-Transfer-Encoding: \
        base64\r\n\r\n{lines}"
    );
    let (_, text) = office.carry("anna@contoso.com", &format!("{head}{pdf}"));
    let message = MessageParser::default().parse(&text).unwrap();
    assert_eq!(message.body_text(0).unwrap().trim_end(), mark);
    let attachment = message.attachments().next().unwrap();
    assert!(attachment.contents() == document && attachment.attachment_name() == Some("scan.pdf"));

    let signed = "Content-Type: multipart/signed; boundary=s; \
        protocol=\"application/pkcs7-signature\"\r\n\r\n--s\r\n\r\nx\r\n--s\r\nContent-Type: \
        application/pkcs7-signature\r\n\r\nabc\r\n--s--\r\n";
    let (_, text) = office.carry("anna@contoso.com", &format!("{head}{signed}"));
    assert!(text.ends_with(signed.split_once("\r\n\r\n").unwrap().1), "{text}");

    process::run(&mut office.relay.command(&["check"]));
    assert!(scan::field(&text, "From").unwrap().contains("scanner@contoso.com"));
}
