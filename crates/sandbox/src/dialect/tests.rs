//! Dialogues from `tests/transcripts/sandbox`: each test plays the client's lines and compares the
//! result with the file.

mod faults;

use std::{fmt::Write, net::IpAddr};

use serde::{Serialize, de::DeserializeOwned};

use super::{playing::GARBAGE, *};
use crate::{
    Effect, Fault, Limit, Stage, TenantSettings, Timing, fault::Switched, tenant::Tenant,
    text::TextReader,
};
use postroom_core::model::{Secret, Timestamp, TlsVersion};

/// Sunday, 23 November 2025, 11:12:20 UTC.
const NOON: Timestamp = Timestamp::from_millis(1_763_896_340_000);
const ID: &str = "08DE2A812B5F4200";
const SCANNER: &str = "c2Nhbm5lckBjb250b3NvLmNvbQ==";

/// A session without sockets.
struct Rehearsal {
    tenant: Tenant,
    dialogue: Dialogue,
    role: Role,
    now: Timestamp,
    out: String,
    waiting: bool,
}

fn tenant() -> Tenant {
    let mut settings = TenantSettings::default();
    settings.mailboxes[0].tokens.push(Secret::new("token".to_owned()));
    Tenant::new(settings)
}

impl Rehearsal {
    fn begin(role: Role) -> Self {
        let mut tenant = tenant();
        let (dialogue, acts) = open(role, &mut tenant, NOON);
        let mut rehearsal =
            Self { tenant, dialogue, role, now: NOON, out: String::new(), waiting: false };
        rehearsal.note(acts);
        rehearsal
    }

    fn again(&mut self) {
        self.dialogue.closed(&mut self.tenant);
        let (dialogue, acts) = open(self.role, &mut self.tenant, self.now);
        self.dialogue = dialogue;
        self.note(acts);
    }

    fn client(&mut self, line: &str) {
        let acts = self.dialogue.line(line.as_bytes(), &mut self.tenant, self.now);
        self.note(acts);
    }

    fn text(&mut self, stuffed: &str) {
        self.waiting = false;
        let mut reader = TextReader::default();
        assert!(
            reader.dotted(stuffed.as_bytes(), &mut Vec::new()).ended,
            "the text has no end: {stuffed:?}"
        );
        let acts = self.dialogue.end_of_data(&reader.facts(), &mut self.tenant, self.now);
        self.note(acts);
    }

    fn note(&mut self, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Say(text) | Act::Drip(text) => {
                    text.lines().for_each(|line| writeln!(self.out, "S: {line}").unwrap());
                }
                Act::Pause(pause) if pause.is_zero() => {}
                Act::Pause(pause) => {
                    writeln!(self.out, "! pause {}", humantime::format_duration(pause)).unwrap();
                }
                Act::Handshake(handshake) => {
                    writeln!(self.out, "! handshake {handshake:?}").unwrap();
                    self.dialogue.secured(TlsVersion::Tls13, Vec::new());
                }
                Act::Receive(Receive::Dotted { cut: None }) => {
                    self.waiting = true;
                    writeln!(self.out, "! text").unwrap();
                }
                Act::Receive(receive) => writeln!(self.out, "! {receive:?}").unwrap(),
                Act::Keep(kept) => {
                    let to: Vec<&str> = kept
                        .recipients
                        .iter()
                        .map(|recipient| recipient.address.as_str())
                        .collect();
                    writeln!(self.out, "! kept {} for {}", kept.message_id, to.join(" ")).unwrap();
                }
                Act::Lose => writeln!(self.out, "! lost").unwrap(),
                Act::Settle => self.dialogue.settle(&mut self.tenant),
                Act::Leave(leave) => writeln!(self.out, "! leave {leave:?}").unwrap(),
            }
        }
    }

    /// Performs a line that begins with `!`. False when the line states an expectation instead.
    fn direct(&mut self, directive: &str) -> bool {
        let (verb, rest) = directive.split_once(' ').unwrap_or((directive, ""));
        match verb {
            "again" => self.quietly(Self::again),
            "secured" => self.quietly(Self::secure),
            "login" => self.quietly(|me| {
                ["AUTH LOGIN", SCANNER, "c2FuZGJveA=="].iter().for_each(|line| me.client(line));
            }),
            "certificate" => self.dialogue.secured(TlsVersion::Tls13, vec![rest.to_owned()]),
            "advance" => self.now = self.now.plus(humantime::parse_duration(rest).unwrap()),
            "set" => self.tenant.rule(overlay(self.tenant.switches(), rest), *self.tenant.limits()),
            "limit" => {
                self.tenant.rule(self.tenant.switches(), overlay(*self.tenant.limits(), rest));
            }
            "send" => {
                let (to, sender) = rest.split_once(" as ").unwrap_or((rest, "scanner@contoso.com"));
                self.quietly(|me| me.envelope(sender, to));
                self.text(&format!("From: <{sender}>\r\nMessage-ID: <m@contoso.com>\r\n\r\n.\r\n"));
            }
            _what_follows => return false,
        }
        true
    }

    fn secure(&mut self) {
        ["EHLO relay", "STARTTLS", "EHLO relay"].iter().for_each(|line| self.client(line));
    }

    fn envelope(&mut self, sender: &str, to: &str) {
        self.client(&format!("MAIL FROM:<{sender}>"));
        self.client(&format!("RCPT TO:<{to}>"));
        self.client("DATA");
    }

    /// Performs `act` and leaves its output out of the transcript.
    fn quietly(&mut self, act: impl FnOnce(&mut Self)) {
        let out = std::mem::take(&mut self.out);
        act(self);
        self.out = out;
    }
}

fn open(role: Role, tenant: &mut Tenant, now: Timestamp) -> (Dialogue, Vec<Act>) {
    Dialogue::open(
        role,
        IpAddr::from([172, 105, 184, 101]),
        ID.to_owned(),
        Timing::default(),
        tenant,
        now,
    )
}

fn overlay<T: Serialize + DeserializeOwned>(current: T, changes: &str) -> T {
    let mut value = serde_json::to_value(current).unwrap();
    let changes: serde_json::Value = serde_json::from_str(changes).unwrap();
    changes.as_object().unwrap().iter().for_each(|(key, change)| value[key] = change.clone());
    serde_json::from_value(value).unwrap()
}

fn check(transcript: &str) {
    let role = if transcript.contains("! listener mx") { Role::Mx } else { Role::Submission };
    let mut rehearsal = Rehearsal::begin(role);
    let mut banner =
        Some(std::mem::take(&mut rehearsal.out)).filter(|_| transcript.contains("S: 220 FAKE"));
    let mut text = String::new();
    for line in transcript.lines() {
        if line.starts_with('#') || line.starts_with("! listener") {
            writeln!(rehearsal.out, "{line}").unwrap();
            continue;
        }
        if let Some(banner) = banner.take() {
            rehearsal.out.push_str(&banner);
        }
        if let Some(said) = line.strip_prefix("C: ") {
            writeln!(rehearsal.out, "{line}").unwrap();
            if rehearsal.waiting {
                text.push_str(&format!("{said}\r\n"));
                if said == "." {
                    rehearsal.text(&std::mem::take(&mut text));
                }
            } else {
                rehearsal.client(said);
            }
        } else if let Some(directive) = line.strip_prefix("! ") {
            let before = rehearsal.out.len();
            if rehearsal.direct(directive) {
                rehearsal.out.insert_str(before, &format!("{line}\n"));
            }
        }
    }
    for (number, (seen, expected)) in rehearsal.out.lines().zip(transcript.lines()).enumerate() {
        assert_eq!(seen, expected, "line {}", number + 1);
    }
    assert_eq!(rehearsal.out.lines().count(), transcript.lines().count());
}

#[test]
fn a_whole_submission_reads_as_the_public_log_does() {
    check(include_str!("../../../../tests/transcripts/sandbox/submission.smtp"));
}

#[test]
fn a_session_id_is_the_time_in_ticks() {
    assert_eq!(session_id(NOON, 0), ID);
    assert_ne!(session_id(NOON, 1), ID);
}

#[test]
fn disorder_is_answered_as_exchange_does() {
    check(include_str!("../../../../tests/transcripts/sandbox/disorder.smtp"));
}

#[test]
fn failed_logins_say_why_after_a_while() {
    check(include_str!("../../../../tests/transcripts/sandbox/logins.smtp"));
}

#[test]
fn the_mx_host_takes_the_tenants_mail_only() {
    check(include_str!("../../../../tests/transcripts/sandbox/mx.smtp"));
}

#[test]
fn limits_hold_as_the_clock_moves() {
    check(include_str!("../../../../tests/transcripts/sandbox/limits.smtp"));
}

#[test]
fn bad_texts_are_refused_at_their_end() {
    check(include_str!("../../../../tests/transcripts/sandbox/refused-texts.smtp"));
}

#[test]
fn the_fourth_submission_at_once_is_refused_and_every_limit_exceeded_is_told() {
    let mut tenant = tenant();
    let mut dialogues: Vec<Dialogue> =
        (0..4).map(|_| open(Role::Submission, &mut tenant, NOON).0).collect();
    for dialogue in &mut dialogues {
        for line in ["EHLO relay", "STARTTLS"] {
            dialogue.line(line.as_bytes(), &mut tenant, NOON);
        }
        dialogue.secured(TlsVersion::Tls13, Vec::new());
        for line in [
            "EHLO relay",
            "AUTH LOGIN",
            SCANNER,
            "c2FuZGJveA==",
            "MAIL FROM:<scanner@contoso.com>",
            "RCPT TO:<office@example.com>",
            "DATA",
        ] {
            dialogue.line(line.as_bytes(), &mut tenant, NOON);
        }
    }
    let mut reader = TextReader::default();
    reader.raw(b"From: <scanner@contoso.com>\r\n\r\n");
    let facts = reader.facts();
    let kept = |acts: Vec<Act>| acts.iter().any(|act| matches!(act, Act::Keep(_)));
    let outcomes: Vec<bool> = dialogues
        .iter_mut()
        .map(|dialogue| kept(dialogue.end_of_data(&facts, &mut tenant, NOON)))
        .collect();
    assert_eq!(outcomes, [true, true, true, false]);
    dialogues.iter_mut().for_each(|dialogue| dialogue.closed(&mut tenant));
    let state = tenant.state();
    let exceeded: Vec<(Limit, u64, u64)> = state
        .violations
        .iter()
        .map(|violation| (violation.limit, violation.seen, violation.allowed))
        .collect();
    assert_eq!(exceeded, [(Limit::Connections, 4, 3), (Limit::Submissions, 4, 3)]);
    let mailbox = &state.mailboxes["scanner@contoso.com"];
    assert_eq!(
        (
            mailbox.sessions.now,
            mailbox.sessions.peak,
            mailbox.submissions.now,
            mailbox.submissions.peak
        ),
        (0, 4, 0, 4)
    );
    assert_eq!(
        (state.connections.now, state.connections.peak, mailbox.accepted, mailbox.refused),
        (0, 4, 3, 1)
    );
}

#[test]
fn the_judge_tells_a_minute_with_too_many_even_when_answers_are_only_delayed() {
    let mut rehearsal = Rehearsal::begin(Role::Submission);
    ["secured", "login"].iter().for_each(|directive| assert!(rehearsal.direct(directive)));
    for _ in 0..30 {
        assert!(rehearsal.direct("send office@example.com"));
    }
    assert!(rehearsal.tenant.state().violations.is_empty());
    assert!(rehearsal.direct("advance 59s") && rehearsal.direct("send office@example.com"));
    let state = rehearsal.tenant.state();
    assert_eq!(state.violations.len(), 1);
    assert_eq!(
        (state.violations[0].limit, state.violations[0].seen),
        (Limit::MessagesPerMinute, 31)
    );
    assert_eq!(state.mailboxes["scanner@contoso.com"].begun_per_minute_peak, 31);
}

proptest::proptest! {
    #[test]
    fn whatever_a_client_says_is_answered_and_counted_out_at_the_end(
        lines in proptest::collection::vec(
            proptest::sample::select(vec![
                "EHLO relay", "HELO x", "STARTTLS", "AUTH LOGIN", SCANNER, "c2FuZGJveA==", "*",
                "MAIL FROM:<scanner@contoso.com>", "MAIL FROM:<>", "RCPT TO:<a@example.com>",
                "RCPT TO:<a+rcpt-550@example.com>", "DATA", "BDAT 3", "BDAT 0 LAST", "RSET",
                "NOOP", "", "{fe}", "\u{fffd}",
            ]),
            0..40,
        ),
    ) {
        let mut rehearsal = Rehearsal::begin(Role::Submission);
        for line in lines {
            rehearsal.out.clear();
            if rehearsal.waiting {
                rehearsal.text("From: <scanner@contoso.com>\r\n\r\n.\r\n");
            } else {
                rehearsal.client(line);
            }
            proptest::prop_assert!(!rehearsal.out.is_empty(), "{line:?} was not answered");
        }
        rehearsal.dialogue.closed(&mut rehearsal.tenant);
        let state = rehearsal.tenant.state();
        let mailbox = &state.mailboxes["scanner@contoso.com"];
        proptest::prop_assert_eq!(
            (state.connections.now, mailbox.sessions.now, mailbox.submissions.now),
            (0, 0, 0)
        );
    }
}
