use std::{collections::HashMap, sync::Arc};

use mail_parser::MessageParser;

use super::house::{House, scanner};
use crate::{
    message::footer::FooterTemplate,
    model::{AccountName, ByteSize, DeviceName, FromIdentity},
    queue::{AccountSettings, SenderRewrite, SenderSettings, fixture::account},
};

/// The text that the server receives for a message.
async fn sent(
    settings: AccountSettings,
    identities: HashMap<DeviceName, FromIdentity>,
    text: &str,
) -> String {
    let sender = SenderSettings { identities: Arc::new(identities), ..settings.sender.clone() };
    let mut house = House::open(vec![AccountSettings { sender, ..settings }]);
    house.receive_text("printers", &["a@contoso.com"], text).await;
    house.pass(2).await;
    house.server.seen()[0].text.clone()
}

#[tokio::test(start_paused = true)]
async fn a_scan_of_many_chunks_arrives_octet_for_octet() {
    let page = format!("{}\r\n", "QUJD".repeat(19)).repeat(20_000);
    let header = "From: mfp1@contoso.com\r\nTo: a@contoso.com\r\nDate: Sun, 22 Nov 2026 20:32:48 \
        +0000\r\nMessage-ID: <1@mfp1>\r\n\r\n";
    let text = format!("{header}{page}");
    assert!(sent(scanner(), HashMap::new(), &text).await == text);
}

#[tokio::test(start_paused = true)]
async fn what_a_header_lacks_is_added_and_the_rest_is_left_alone() {
    let text = sent(scanner(), HashMap::new(), "Subject: Scan\r\n\r\nA page.\r\n").await;
    let message = MessageParser::new().parse(&text).unwrap();
    assert_eq!(message.from().unwrap().first().unwrap().address(), Some("mfp1@contoso.com"));
    assert!(message.date().is_some() && message.message_id().is_some());
    assert!(text.ends_with("\r\n\r\nA page.\r\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_sender_becomes_whom_the_account_may_be() {
    let text =
        "From: MFP <mfp1@contoso.com>\r\nTo: a@contoso.com\r\nSubject: Scan\r\n\r\nA page.\r\n";
    let text = sent(account("scanner", SenderRewrite::WhenNotAllowed), HashMap::new(), text).await;
    assert!(text.contains("From: MFP <scanner@contoso.com>\r\n"), "{text}");
    assert!(text.contains("Reply-To: mfp1@contoso.com\r\n"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_device_may_have_a_name_of_its_own() {
    let identity =
        FromIdentity { address: None, name: Some("Office printers".into()), reply_to: None };
    let text = "From: mfp1@contoso.com\r\nTo: a@contoso.com\r\n\r\nA page.\r\n";
    let text =
        sent(scanner(), HashMap::from([(DeviceName::from("printers"), identity)]), text).await;
    assert!(text.contains("Office printers") && text.contains("<mfp1@contoso.com>"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn lines_that_are_too_long_are_mended_on_the_way() {
    let paragraph = "Sehr lange Zeile. ".repeat(10_000);
    for text in [
        format!("From: a@b.c\r\nTo: a@contoso.com\r\n\r\n{paragraph}\r\n"),
        format!(
            "From: a@b.c\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; \
            boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\n{paragraph}\r\n--x--\r\n"
        ),
    ] {
        let sent = sent(scanner(), HashMap::new(), &text).await;
        assert!(sent.lines().all(|line| line.len() <= 998));
        let message = MessageParser::new().parse(&sent).unwrap();
        assert_eq!(message.body_text(0).unwrap().trim_end(), paragraph.trim_end());
    }
}

#[tokio::test(start_paused = true)]
async fn a_footer_that_a_message_has_no_room_for_is_left_out() {
    let text = format!(
        "From: mfp1@contoso.com\r\nTo: a@contoso.com\r\nDate: Sun, 22 Nov 2026 20:32:48 \
        +0000\r\nMessage-ID: <1@mfp1>\r\n\r\n{}",
        "A page.\r\n".repeat(100)
    );
    let footed = |limit: usize| {
        let mut settings = scanner();
        settings.footer = FooterTemplate::new("Scanned by {device}", None, None).ok();
        settings.limits.message_size = Some(ByteSize::from_octets(u64::try_from(limit).unwrap()));
        sent(settings, HashMap::new(), &text)
    };
    let footer = "\r\nScanned by printers\r\n";
    assert!(footed(text.len() + footer.len()).await.ends_with(footer), "just within the limit");
    assert_eq!(footed(text.len() + footer.len() - 1).await, text, "one octet too many");
}

#[tokio::test(start_paused = true)]
async fn mail_of_an_account_that_is_no_longer_there_goes_by_the_first() {
    let mut house = House::open(vec![scanner()]);
    house.settings[0].name = AccountName::from("forgotten");
    house.receive(1).await;
    house.pass(2).await;
    assert_eq!(house.seen().len(), 1);
}
