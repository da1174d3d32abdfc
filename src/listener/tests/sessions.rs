//! One connection over a pipe, where time is paused.

use std::time::Duration;

use crate::{
    device::{DeviceSettings, advice},
    listener::{
        ListenerTls,
        tests::{MESSAGE, Office, PRINTER, STRANGER, printers},
    },
    smtp::Quirk,
};

#[tokio::test(start_paused = true)]
async fn a_message_is_stored_below_its_received_field_before_250_is_said() {
    let mut office = Office::open();
    let mut caller = office.call(PRINTER, ListenerTls::None);
    assert!(caller.hear().await.starts_with("220 postroom.contoso.lan "));
    assert!(caller.ask("EHLO mfp1").await.starts_with("250-postroom.contoso.lan"));
    assert!(caller.ask("MAIL FROM:<scan@contoso.com>").await.starts_with("250 "));
    assert!(caller.ask("RCPT TO:<anna@contoso.com>").await.starts_with("250 "));
    assert!(caller.ask("DATA").await.starts_with("354 "));
    caller.say(MESSAGE).await;
    let queued = caller.hear().await;
    assert!(queued.starts_with("250 2.0.0 queued as "), "{queued}");
    assert_eq!(office.spool.count(), 1);
    let text = office.only_message().await;
    assert!(text.starts_with("Received: from mfp1 ([192.168.10.9])"), "{text}");
    assert!(
        text.ends_with("\r\nFrom: scan@contoso.com\r\nSubject: scan\r\n\r\n.one page\r\n"),
        "{text}"
    );
    assert_eq!(office.metrics.receiving().messages_accepted.get(), 1);
    assert!(caller.ask("QUIT").await.starts_with("221 "));
    assert_eq!(caller.hear_out().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_notice_of_success_is_promised_only_to_whom_the_device_may_write() {
    for (sender, promised) in [("victim@elsewhere.example", false), ("scan@contoso.com", true)] {
        let device = DeviceSettings {
            senders: vec!["*".parse().unwrap()],
            recipients: vec!["*@contoso.com".parse().unwrap()],
            ..printers()
        };
        let mut office = Office::with(device, super::LIMITS);
        let mut caller = office.call(PRINTER, ListenerTls::None);
        caller.hear().await;
        caller.ask("EHLO mfp1").await;
        caller.ask(&format!("MAIL FROM:<{sender}>")).await;
        let rcpt = "RCPT TO:<anna@contoso.com> NOTIFY=SUCCESS,FAILURE";
        assert!(caller.ask(rcpt).await.starts_with("250 "));
        caller.ask("DATA").await;
        caller.say(MESSAGE).await;
        assert!(caller.hear().await.starts_with("250 "));
        let entries = office.spool.list(None, 10).unwrap();
        let notify = entries[0].recipients[0].recipient.notify.unwrap();
        assert_eq!((notify.success, notify.failure), (promised, true), "{sender}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_commands_of_one_read_are_answered_in_one_write() {
    let mut office = Office::open();
    let mut caller = office.call(PRINTER, ListenerTls::None);
    caller.hear().await;
    caller
        .say(
            "EHLO mfp1\r\nMAIL FROM:<scan@contoso.com>\r\nRCPT TO:<anna@contoso.com>\r\nRCPT \
        TO:<bert@contoso.com>\r\nDATA\r\n",
        )
        .await;
    let mut codes = Vec::new();
    for _ in 0..5 {
        codes.push(caller.hear().await[..3].to_owned());
    }
    assert_eq!(codes, ["250", "250", "250", "250", "354"]);
    // Two messages and the end, all at once.
    caller
        .say(&format!(
            "{MESSAGE}MAIL FROM:<>\r\nRCPT TO:<anna@contoso.com>\r\nDATA\r\n{MESSAGE}QUIT\r\n"
        ))
        .await;
    let rest = caller.hear_out().await;
    let codes: Vec<&str> = rest.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["250", "250", "250", "354", "250", "221"], "{rest}");
    assert_eq!(office.spool.count(), 2);
}

/// Hands in a text; what was said to it.
async fn hand_in(office: &mut Office, text: &str) -> String {
    let mut caller = office.call(PRINTER, ListenerTls::None);
    caller.hear().await;
    for line in ["EHLO mfp1", "MAIL FROM:<scan@contoso.com>", "RCPT TO:<anna@contoso.com>", "DATA"]
    {
        caller.ask(line).await;
    }
    caller.say(text).await;
    caller.ask(".").await
}

#[tokio::test(start_paused = true)]
async fn a_first_line_that_is_no_field_neither_joins_our_own_nor_hides_the_others() {
    for (text, stored, quirk) in [
        (
            " for <x@y.z>; now\r\nFrom: a@b.c\r\n",
            "\r\n\r\n for <x@y.z>; now\r\nFrom: a@b.c\r\n",
            Quirk::NoHeader,
        ),
        (
            "From mfp Sun Mar  9 19:25:28 2025\r\nFrom: a@b.c\r\n\r\n",
            "+0000\r\nFrom: a@b.c\r\n\r\n",
            Quirk::OddFirstLine,
        ),
        ("  From: a@b.c\r\n\r\n", "+0000\r\nFrom: a@b.c\r\n\r\n", Quirk::OddFirstLine),
    ] {
        let mut office = Office::open();
        let queued = hand_in(&mut office, text).await;
        assert!(queued.starts_with("250 2.0.0 "), "{queued}");
        let kept = office.only_message().await;
        assert!(kept.ends_with(stored), "{kept}");
        let seen = office.devices.sightings();
        assert!(seen[0].clients[0].quirks.contains_key(&quirk), "{seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_header_that_cannot_be_mended_is_refused_while_the_device_listens() {
    let mut office = Office::open();
    let endless = format!(
        "Subject: scan\r\nTo: a@b.c{}\r\n\r\npage\r\n",
        ",\r\n someone@contoso.com".repeat(13_000)
    );
    let refusal = hand_in(&mut office, &endless).await;
    assert!(
        refusal.starts_with("554 5.6.0 The header of the message is larger than 252KB"),
        "{refusal}"
    );
    assert_eq!(office.spool.count(), 0);
    let body = format!("Subject: scan\r\n\r\n{}", "To: someone@contoso.com\r\n".repeat(13_000));
    assert!(hand_in(&mut office, &body).await.starts_with("250 2.0.0 "));
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_never_relayed_for() {
    let mut office = Office::open();
    let mut caller = office.call(STRANGER, ListenerTls::None);
    caller.hear().await;
    caller.ask("EHLO out.example.net").await;
    let refusal = caller.ask("MAIL FROM:<scan@contoso.com>").await;
    assert!(
        refusal.starts_with("550 5.7.1 172.16.0.1 is not in any device's networks"),
        "{refusal}"
    );
    assert!(caller.ask("RCPT TO:<anna@contoso.com>").await.starts_with("503 "));
    assert!(caller.ask("DATA").await.starts_with("503 "));
    assert_eq!(office.spool.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_that_logs_in_may_send_as_the_device_of_its_user() {
    let mut office = Office::open();
    let mut caller = office.call(STRANGER, ListenerTls::None);
    caller.hear().await;
    assert!(caller.ask("EHLO laptop").await.contains("AUTH PLAIN LOGIN"));
    // mfp1, and a wrong password; then the right one.
    assert!(caller.ask("AUTH PLAIN AG1mcDEAZmFsc2No").await.starts_with("535 5.7.8 "));
    assert!(caller.ask("AUTH PLAIN AG1mcDEAZ2VoZWlt").await.starts_with("235 2.7.0 "));
    caller
        .say(&format!(
            "MAIL FROM:<scan@contoso.com>\r\nRCPT \
        TO:<anna@contoso.com>\r\nDATA\r\n{MESSAGE}QUIT\r\n"
        ))
        .await;
    assert!(caller.hear_out().await.contains("\r\n250 2.0.0 queued as "));
    let entry = &office.spool.list(None, 1).unwrap()[0];
    assert_eq!(entry.device.as_str(), "printers");
    assert_eq!(
        (
            office.metrics.receiving().logins_accepted.get(),
            office.metrics.receiving().logins_refused.get()
        ),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_device_gets_five_minutes_and_a_silent_stranger_one() {
    let mut office = Office::open();
    for (peer, patience) in [(PRINTER, 300), (STRANGER, 60)] {
        let mut caller = office.call(peer, ListenerTls::None);
        caller.hear().await;
        let start = tokio::time::Instant::now();
        assert!(caller.hear_out().await.starts_with("421 4.4.2 "));
        assert_eq!(start.elapsed().as_secs(), patience, "{peer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_drips_octets_is_not_served_for_ever() {
    let mut office = Office::open();
    let mut stranger = office.call(STRANGER, ListenerTls::None);
    stranger.hear().await;
    let start = tokio::time::Instant::now();
    while start.elapsed().as_secs() < 290 {
        stranger.say("N").await;
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert!(stranger.hear_out().await.starts_with("421 4.4.2 "));
    assert_eq!(start.elapsed().as_secs(), 300);

    let mut printer = office.call(PRINTER, ListenerTls::None);
    printer.hear().await;
    printer
        .say("HELO mfp1\r\nMAIL FROM:<scan@contoso.com>\r\nRCPT TO:<anna@contoso.com>\r\nDATA\r\n")
        .await;
    for _ in 0..4 {
        printer.hear().await;
    }
    let start = tokio::time::Instant::now();
    while start.elapsed().as_secs() < 590 {
        printer.say("x").await;
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert!(printer.hear_out().await.starts_with("421 4.4.2 "));
    assert_eq!(start.elapsed().as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn a_scanner_may_think_for_ten_minutes_between_two_pages() {
    let mut office = Office::open();
    let mut caller = office.call(PRINTER, ListenerTls::None);
    caller.hear().await;
    caller
        .say("HELO mfp1\r\nMAIL FROM:<scan@contoso.com>\r\nRCPT TO:<anna@contoso.com>\r\nDATA\r\n")
        .await;
    for _ in 0..4 {
        caller.hear().await;
    }
    caller.say("Subject: scan\r\n\r\nfirst page\r\n").await;
    tokio::time::sleep(Duration::from_secs(599)).await;
    caller.say("second page\r\n.\r\n").await;
    assert!(caller.hear().await.starts_with("250 2.0.0 queued as "));
}

#[tokio::test(start_paused = true)]
async fn a_message_without_its_end_leaves_nothing_behind() {
    let mut office = Office::open();
    let mut caller = office.call(PRINTER, ListenerTls::None);
    caller.hear().await;
    caller
        .say(
            "HELO mfp1\r\nMAIL FROM:<scan@contoso.com>\r\nRCPT \
        TO:<anna@contoso.com>\r\nDATA\r\nSubject: scan\r\n\r\nhalf a pa",
        )
        .await;
    for _ in 0..4 {
        caller.hear().await;
    }
    drop(caller);
    office.connections.join_next().await.unwrap().unwrap();
    assert_eq!(office.spool.count(), 0);
    assert_eq!(office.metrics.receiving().messages_broken_off.get(), 1);
    let incoming = office.folder.path().join("spool/incoming");
    assert_eq!(std::fs::read_dir(incoming).unwrap().count(), 0);
    assert!(office.devices.sightings()[0].clients[0].quirks.contains_key(&Quirk::NoQuit));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_turns_out_too_large_is_swallowed_and_refused() {
    let mut office = Office::with(
        DeviceSettings { max_message: crate::model::ByteSize::from_octets(1000), ..printers() },
        super::LIMITS,
    );
    let mut caller = office.call(PRINTER, ListenerTls::None);
    caller.hear().await;
    caller
        .say("HELO mfp1\r\nMAIL FROM:<scan@contoso.com>\r\nRCPT TO:<anna@contoso.com>\r\nDATA\r\n")
        .await;
    for _ in 0..4 {
        caller.hear().await;
    }
    for _ in 0..100 {
        caller.say(&"page\r\n".repeat(100)).await;
    }
    caller.say(".\r\n").await;
    assert!(caller.hear().await.starts_with("552 5.3.4 "));
    assert_eq!(office.spool.count(), 0);
    caller
        .say(&format!(
            "MAIL FROM:<scan@contoso.com>\r\nRCPT \
        TO:<anna@contoso.com>\r\nDATA\r\n{MESSAGE}QUIT\r\n"
        ))
        .await;
    assert!(caller.hear_out().await.contains("250 2.0.0 queued as "));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_idle_sessions_at_once_and_lets_a_message_finish() {
    let mut office = Office::open();
    let mut idle = office.call(PRINTER, ListenerTls::None);
    idle.hear().await;
    let mut busy = office.call(PRINTER, ListenerTls::None);
    busy.hear().await;
    busy.say(
        "HELO mfp1\r\nMAIL FROM:<scan@contoso.com>\r\nRCPT \
        TO:<anna@contoso.com>\r\nDATA\r\nSubject: scan\r\n\r\n",
    )
    .await;
    for _ in 0..4 {
        busy.hear().await;
    }
    office.stop.send(true).unwrap();
    assert!(idle.hear_out().await.starts_with("421 4.3.2 "));
    tokio::time::sleep(Duration::from_secs(20)).await;
    busy.say("page\r\n.\r\n").await;
    let rest = busy.hear_out().await;
    assert!(rest.starts_with("250 2.0.0 queued as ") && rest.contains("\r\n421 4.3.2 "), "{rest}");
    while let Some(ended) = office.connections.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn quirks_are_remembered_of_the_device_that_has_them() {
    let mut office = Office::open();
    let mut caller = office.call(PRINTER, ListenerTls::None);
    caller.hear().await;
    caller.ask("HELO").await;
    drop(caller);
    office.connections.join_next().await.unwrap().unwrap();
    assert!(office.devices.sightings()[0].clients[0].quirks.contains_key(&Quirk::OddHelo));
}

#[tokio::test(start_paused = true)]
async fn what_was_said_is_kept_without_the_login_and_the_text_and_trouble_outlasts_the_next_good_connection()
 {
    let mut office = Office::open();
    let mut caller = office.call(PRINTER, ListenerTls::None);
    caller.hear().await;
    caller.say("HELO mfp1\r\nAUTH LOGIN\r\nbWZwMQ==\r\nZ2VoZWlt\r\n").await;
    caller.say("MAIL FROM:<a@fabrikam.com>\r\nQUIT\r\n").await;
    caller.hear_out().await;
    office.connections.join_next().await.unwrap().unwrap();
    let mut caller = office.call(PRINTER, ListenerTls::None);
    caller.hear().await;
    caller
        .say(&format!(
            "HELO mfp1\r\nMAIL FROM:<scan@contoso.com>\r\nRCPT \
        TO:<anna@contoso.com>\r\nDATA\r\n{MESSAGE}QUIT\r\n"
        ))
        .await;
    caller.hear_out().await;
    office.connections.join_next().await.unwrap().unwrap();

    let sightings = office.devices.sightings();
    let client = &sightings[0].clients[0];
    let trouble = client.last_trouble.as_ref().unwrap();
    let expected = [
        "S: 220 postroom.contoso.lan ESMTP",
        "C: HELO mfp1",
        "S: 250 postroom.contoso.lan",
        "C: AUTH LOGIN",
        "S: 334 ***",
        "C: ***",
        "S: 334 ***",
        "C: ***",
        "S: 235 2.7.0 Authentication successful",
        "C: MAIL FROM:<a@fabrikam.com>",
        "S: 550 5.7.1 <a@fabrikam.com> is not among the senders of device \"printers\"; add it to \
        its senders in the configuration",
        "C: QUIT",
        "S: 221 2.0.0 Bye",
    ];
    assert_eq!(trouble.lines, expected);
    assert!(trouble.trouble.as_ref().unwrap().starts_with("550 5.7.1 "));
    let good = client.last_dialogue.as_ref().unwrap();
    assert!(
        good.lines.iter().any(|line| line.starts_with("C: [message text, 52 octets]")),
        "{:?}",
        good.lines
    );
    assert_eq!(
        (client.counts.connections, client.counts.messages, client.counts.refusals),
        (2, 1, 1)
    );
    assert_eq!(
        (client.helo.as_deref(), client.mechanism.as_deref()),
        (Some("mfp1"), Some("LOGIN"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_stranger_that_logs_in_is_none_any_more() {
    let mut office = Office::open();
    let mut caller = office.call(STRANGER, ListenerTls::None);
    caller.hear().await;
    caller.say("EHLO laptop\r\nAUTH PLAIN AG1mcDEAZ2VoZWlt\r\nQUIT\r\n").await;
    caller.hear_out().await;
    office.connections.join_next().await.unwrap().unwrap();
    assert_eq!(office.devices.strangers(), []);
    let seen = office.devices.sightings();
    assert_eq!(
        (seen[0].clients[0].peer.to_string().as_str(), seen[0].counts.connections),
        (STRANGER, 1)
    );
    assert_eq!(seen[0].clients[0].login.as_ref().unwrap().user.as_deref(), Some("mfp1"));
}

#[tokio::test]
async fn a_text_that_ends_with_lf_dot_lf_is_advised_on_by_the_setting_that_takes_it() {
    for end in ["\n.\n", "\n.\r\n"] {
        let mut office = Office::open();
        let mut caller = office.call(PRINTER, ListenerTls::None);
        caller.hear().await;
        for line in
            ["EHLO mfp1", "MAIL FROM:<scan@contoso.com>", "RCPT TO:<anna@contoso.com>", "DATA"]
        {
            caller.ask(line).await;
        }
        caller.say(&format!("Subject: scan\n\none page{end}")).await;
        drop(caller);
        office.connections.join_next().await.unwrap().unwrap();
        let seen = office.devices.sightings().remove(0).clients.remove(0);
        let trouble = seen.last_trouble.and_then(|dialogue| dialogue.trouble).unwrap();
        let what = advice::on_trouble(&trouble, None).unwrap();
        assert!(what.contains("end_of_data = \"lone_lf_then_close\""), "{trouble}: {what}");
    }
}
