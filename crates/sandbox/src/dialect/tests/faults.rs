//! Every fault strikes, and strikes at its stage.

use super::*;

/// The transcript of a whole session with this fault, which is switched on or chosen by these
/// addresses.
fn played(faults: Vec<Switched>, sender: &str, recipient: &str, user: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};

    let mut tenant = tenant();
    tenant.switch_faults(faults).unwrap();
    let (dialogue, acts) = open(Role::Submission, &mut tenant, NOON);
    let mut rehearsal = Rehearsal {
        tenant,
        dialogue,
        role: Role::Submission,
        now: NOON,
        out: String::new(),
        waiting: false,
    };
    rehearsal.note(acts);
    let over = |rehearsal: &Rehearsal| {
        rehearsal.out.contains("! leave") || rehearsal.out.contains("cut: Some")
    };
    let user = STANDARD.encode(user);
    let (mail, rcpt) = (format!("MAIL FROM:<{sender}>"), format!("RCPT TO:<{recipient}>"));
    for line in [
        "EHLO relay",
        "STARTTLS",
        "EHLO relay",
        "AUTH LOGIN",
        &user,
        "c2FuZGJveA==",
        &mail,
        &rcpt,
        "DATA",
        ".",
        "QUIT",
    ] {
        if over(&rehearsal) {
            break;
        }
        writeln!(rehearsal.out, "C: {line}").unwrap();
        match (line, rehearsal.waiting) {
            (".", true) => rehearsal
                .text("From: <scanner@contoso.com>\r\nMessage-ID: <m@contoso.com>\r\n\r\n.\r\n"),
            (".", false) => {}
            (line, _) => rehearsal.client(line),
        }
    }
    rehearsal.out
}

fn everybody(fault: &str) -> Vec<Switched> {
    vec![Switched { fault: fault.to_owned(), times: None, every: None, listener: None }]
}

/// Every fault of the conversation that has a row, and every stage with each plain effect that it
/// supports.
fn all_faults() -> Vec<Fault> {
    let plain = ["451", "421", "554", "drop", "reset", "silence", "garbage"];
    let combined = Stage::ALL
        .iter()
        .flat_map(|stage| plain.iter().map(move |effect| format!("{}-{effect}", stage.as_str())));
    let rows = crate::fault::row_names().map(str::to_owned);
    combined
        .chain(rows)
        .filter_map(|name| Fault::named(&name))
        .filter(|fault| !matches!(fault.stage, Stage::Token | Stage::Graph))
        .collect()
}

/// The client's line before a fault of this stage strikes.
fn line_before(stage: Stage) -> &'static str {
    match stage {
        Stage::Token | Stage::Graph | Stage::Greeting => "",
        Stage::Ehlo => "C: EHLO",
        Stage::StartTls | Stage::Tls => "C: STARTTLS",
        Stage::Auth => "C: c2FuZGJveA==",
        Stage::Mail => "C: MAIL",
        Stage::Rcpt => "C: RCPT",
        Stage::Data | Stage::Body => "C: DATA",
        Stage::Eod => "C: .",
        Stage::Quit => "C: QUIT",
    }
}

/// The visible trace of a fault that has struck, if it leaves one.
fn trace_of(fault: &Fault) -> Option<String> {
    let expected = match &fault.effect {
        Effect::Reply(text) if fault.stage == Stage::Body => {
            text.split('{').next().unwrap().to_owned()
        }
        Effect::Reply(text) => format!("S: {}", text.split('{').next().unwrap()),
        Effect::Drop | Effect::DropLost => {
            if fault.stage == Stage::Body || fault.stage == Stage::Tls {
                "Leave(C".to_owned()
            } else {
                "! leave Cut".to_owned()
            }
        }
        Effect::Reset => "Reset".to_owned(),
        Effect::Silence | Effect::SilenceLost => "Silence".to_owned(),
        Effect::Garbage if fault.stage == Stage::Tls => "! handshake Garbage".to_owned(),
        Effect::Garbage => GARBAGE.trim_end().to_owned(),
        Effect::SlowDot => "! pause 1m 5s".to_owned(),
        Effect::DropAfter354 => {
            "S: 354 Start mail input; end with <CRLF>.<CRLF>\n! leave Close".to_owned()
        }
        Effect::HideStartTls => "S: 250-ENHANCEDSTATUSCODES\nS: 250-8BITMIME".to_owned(),
        Effect::HideAuth => "S: 250-ENHANCEDSTATUSCODES\nS: 250-8BITMIME".to_owned(),
        Effect::WrongName => "! handshake WrongName".to_owned(),
        Effect::UntrustedIssuer => "! handshake UntrustedIssuer".to_owned(),
        Effect::Expired => "! handshake Expired".to_owned(),
        Effect::Slow => return None,
    };
    Some(
        expected.replace(
            "Leave(C",
            if fault.stage == Stage::Tls { "! leave Close" } else { "Leave(Cut)" },
        ),
    )
}

#[test]
fn every_fault_strikes_and_strikes_at_its_stage() {
    let proper =
        played(Vec::new(), "scanner@contoso.com", "office@example.com", "scanner@contoso.com");
    for fault in all_faults() {
        let seen = played(
            everybody(&fault.name),
            "scanner@contoso.com",
            "office@example.com",
            "scanner@contoso.com",
        );
        let start = if line_before(fault.stage).is_empty() {
            0
        } else {
            proper.find(line_before(fault.stage)).unwrap()
        };
        let same: String = proper
            .chars()
            .zip(seen.chars())
            .take_while(|(one, other)| one == other)
            .map(|(one, _)| one)
            .collect();
        assert!(same.len() >= start, "{} struck too early:\n{seen}", fault.name);
        let struck = &seen[start..];
        let Some(expected) = trace_of(&fault) else { continue };
        assert!(struck.contains(&expected), "{}: no {expected:?} in\n{struck}", fault.name);
    }
}

#[test]
fn an_address_asks_for_the_fault_that_can_be_switched_on_for_everybody() {
    for fault in all_faults() {
        let tagged = |address: &str| address.replace('@', &format!("+{}@", fault.name));
        let (mut sender, mut recipient, mut user) = (
            "scanner@contoso.com".to_owned(),
            "office@example.com".to_owned(),
            "scanner@contoso.com".to_owned(),
        );
        match fault.stage {
            Stage::Auth => user = tagged(&user),
            Stage::Mail => sender = tagged(&sender),
            Stage::Rcpt | Stage::Data | Stage::Body | Stage::Eod => recipient = tagged(&recipient),
            Stage::Token
            | Stage::Graph
            | Stage::Greeting
            | Stage::Ehlo
            | Stage::StartTls
            | Stage::Tls
            | Stage::Quit => continue,
        }
        let asked = played(Vec::new(), &sender, &recipient, &user);
        let switched = played(everybody(&fault.name), &sender, &recipient, &user);
        assert_eq!(asked, switched, "{}", fault.name);
        assert_ne!(
            asked,
            played(Vec::new(), "scanner@contoso.com", "office@example.com", "scanner@contoso.com"),
            "{}",
            fault.name
        );
    }
}

#[test]
fn a_fault_of_one_recipient_at_end_of_data_concerns_the_whole_transaction() {
    let mut rehearsal = Rehearsal::begin(Role::Submission);
    ["secured", "login"].iter().for_each(|directive| assert!(rehearsal.direct(directive)));
    let attempt = |rehearsal: &mut Rehearsal, recipients: &[&str]| {
        rehearsal.client("MAIL FROM:<scanner@contoso.com>");
        recipients.iter().for_each(|to| rehearsal.client(&format!("RCPT TO:<{to}>")));
        rehearsal.client("DATA");
        rehearsal.out.clear();
        rehearsal.text("From: <scanner@contoso.com>\r\n\r\n.\r\n");
        rehearsal.out.contains("! kept")
    };
    assert!(!attempt(&mut rehearsal, &["good@example.com", "poison@example.com"]));
    assert!(attempt(&mut rehearsal, &["good@example.com"]));
    assert!(!attempt(&mut rehearsal, &["bad+once-eod-432@example.com"]));
    assert!(attempt(&mut rehearsal, &["bad+once-eod-432@example.com"]));
}
