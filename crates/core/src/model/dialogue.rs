//! The dialogue of one connection: the protocol lines of both sides, within bounds and without
//! secrets.
//!
//! A [`Recorder`] receives the lines while a connection lasts. What it has kept becomes a
//! [`Dialogue`] for the administrator. It never keeps what a client sends to log in, nor the text
//! of a message: the former becomes `***`, the latter its size.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::{Timestamp, is_invisible};

/// Lines kept from the beginning: greeting, TLS, login and the first messages.
const FIRST_LINES: usize = 40;
/// Lines kept from the end, where the problem is.
const LAST_LINES: usize = 24;
/// Octets kept of a line: more than any meaningful line has.
const LINE_OCTETS: usize = 240;

/// Commands whose arguments are shown. Any other line may hold a secret that came at the wrong
/// time.
const HARMLESS: &[&str] = &[
    "HELO", "EHLO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT", "VRFY", "EXPN",
    "HELP", "STARTTLS", "STLS", "CAPA", "STAT", "LIST", "UIDL", "RETR", "DELE", "TOP",
];
/// Commands whose arguments are shown even where a line may belong to a text or a login that went
/// astray.
const ALWAYS_HARMLESS: &[&str] = &["HELO", "EHLO", "MAIL", "RCPT"];
/// The mechanisms that clients ask for, whether Postroom offers them or not. Anything else after
/// `AUTH` may be a password.
const MECHANISMS: &[&str] = &[
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
    "DIGEST-MD5",
    "NTLM",
    "GSSAPI",
    "GSS-SPNEGO",
    "XOAUTH2",
    "OAUTHBEARER",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "EXTERNAL",
    "ANONYMOUS",
];

/// One connection, from its first line to its last.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dialogue {
    /// When it began.
    pub begun: Timestamp,
    /// The lines. Each begins with its speaker: `C:` for the client, `S:` for Postroom. `*` marks
    /// an event or an omission.
    pub lines: Vec<String>,
    /// What went wrong, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// A dialogue that is still being recorded.
#[derive(Default)]
pub struct Recorder {
    first: Vec<String>,
    last: VecDeque<String>,
    left_out: u64,
    trouble: Option<String>,
    mechanism: Option<&'static str>,
    caution: Caution,
    standing: Standing,
}

/// Whether the client has begun to log in or to send a text. After that, a line that is not a
/// command may be part of either.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Caution {
    #[default]
    Unneeded,
    Needed,
}

/// Our last reply.
#[derive(Clone, PartialEq, Eq, Default)]
enum Standing {
    #[default]
    Silent,
    /// A positive reply, with nothing under way.
    Settled,
    /// 3yz: the client must continue.
    Asked(String),
    /// Any other reply.
    Answered,
}

impl Recorder {
    /// Records a command of the client.
    pub fn command(&mut self, line: &[u8]) {
        let shown = self.shown(line);
        self.push('C', &shown);
    }

    /// Records that the client sent something to log in.
    pub fn response(&mut self) {
        self.push('C', "***");
    }

    /// Records that the client's line did not end within its bound.
    pub fn endless_line(&mut self) {
        self.push('C', "[a line that was too long]");
    }

    /// Records that the client sent the whole text of a message.
    pub fn text(&mut self, octets: u64) {
        self.push('C', &format!("[message text, {octets} octets]"));
    }

    /// Records that the client sent the beginning of a text and then stopped.
    pub fn unended_text(&mut self, octets: u64) {
        self.push('C', &format!("[message text, {octets} octets, without its end]"));
    }

    /// Records our reply, of one line or more.
    pub fn reply(&mut self, octets: &[u8]) {
        for line in String::from_utf8_lossy(octets).lines() {
            self.reply_line(line);
        }
    }

    /// Records an event.
    pub fn remark(&mut self, text: &str) {
        self.push('*', &printable(text));
    }

    /// Records an event before the first line.
    pub fn open_with(&mut self, text: &str) {
        self.first.insert(0, format!("* {}", printable(text)));
        self.first.truncate(FIRST_LINES);
    }

    /// Records a problem that no reply mentions.
    pub fn trouble(&mut self, text: &str) {
        self.remark(text);
        self.trouble = Some(printable(text));
    }

    /// The mechanism that the client asked for last, offered or not.
    #[must_use]
    pub const fn mechanism(&self) -> Option<&'static str> {
        self.mechanism
    }

    /// Ends the recording and returns what was kept of the connection.
    pub fn end(&mut self, begun: Timestamp) -> Dialogue {
        let Self { first, last, left_out, trouble, standing, .. } = std::mem::take(self);
        let mut lines = first;
        if left_out > 0 {
            lines.push(format!("* [{left_out} lines left out]"));
        }
        lines.extend(last);
        let abandoned = || match standing {
            Standing::Asked(line) => Some(format!("the client left after \"{line}\"")),
            Standing::Silent | Standing::Settled | Standing::Answered => None,
        };
        Dialogue { begun, lines, trouble: trouble.or_else(abandoned) }
    }

    fn reply_line(&mut self, line: &str) {
        // A challenge, and the proof of DIGEST-MD5, are made with the password or help someone
        // guess it.
        let shown = if line.starts_with("334") { "334 ***".to_owned() } else { printable(line) };
        // A client that keeps its connection open meets this each time.
        let idle = line.starts_with("421 4.4.2") && self.standing == Standing::Settled;
        let restart = line.starts_with("421 4.3.2");
        if (line.starts_with(['4', '5']) && !idle && !restart) || line.starts_with("-ERR") {
            self.trouble = Some(shown.clone());
        }
        self.standing = match line.as_bytes() {
            [b'3', ..] => Standing::Asked(shown.clone()),
            [b'2', b'5', b'0', b' ', b'2', b'.', b'0', b'.', ..] => Standing::Settled,
            _ => Standing::Answered,
        };
        self.push('S', &shown);
    }

    fn shown(&mut self, line: &[u8]) -> String {
        let text = printable(&String::from_utf8_lossy(line));
        let mut words = text.split_whitespace();
        let verb = words.next().unwrap_or_default();
        let is = |word: &&str| word.eq_ignore_ascii_case(verb);
        if HARMLESS.iter().any(is) {
            let bare = self.caution == Caution::Needed
                && !ALWAYS_HARMLESS.iter().any(is)
                && words.next().is_some();
            if ["DATA", "BDAT"].iter().any(is) {
                self.caution = Caution::Needed;
            }
            return if bare { format!("{verb} ***") } else { text };
        }
        if verb.eq_ignore_ascii_case("AUTH") {
            self.caution = Caution::Needed;
            let asked = words.next().unwrap_or_default();
            self.mechanism =
                MECHANISMS.iter().find(|name| name.eq_ignore_ascii_case(asked)).copied();
            let rest = if words.next().is_some() { " ***" } else { "" };
            return format!("{verb} {}{rest}", self.mechanism.unwrap_or("***"));
        }
        if ["USER", "PASS", "APOP"].iter().any(is) {
            self.caution = Caution::Needed;
            self.mechanism = Some(if verb.eq_ignore_ascii_case("APOP") { "APOP" } else { "POP" });
            return format!("{verb} ***");
        }
        // An unknown command. Its first word shows what it was meant to be, unless it may be a
        // password.
        let word = verb.len() <= 16 && verb.bytes().all(|octet| octet.is_ascii_alphabetic());
        match (self.caution, word, words.next()) {
            (Caution::Needed, _, _) | (Caution::Unneeded, false, _) => {
                format!("[{} octets that are no command]", line.len())
            }
            (Caution::Unneeded, true, Some(_)) => format!("{verb} ***"),
            (Caution::Unneeded, true, None) => verb.to_owned(),
        }
    }

    fn push(&mut self, who: char, text: &str) {
        let separator = if who == '*' { "" } else { ":" };
        let line = format!("{who}{separator} {text}");
        if self.first.len() < FIRST_LINES {
            self.first.push(line);
            return;
        }
        if self.last.len() >= LAST_LINES {
            self.last.pop_front();
            self.left_out += 1;
        }
        self.last.push_back(line);
    }
}

/// The text within the bound of a line, and without control characters that a terminal would obey.
fn printable(text: &str) -> String {
    let end = text.floor_char_boundary(LINE_OCTETS);
    let (kept, cut) = text.split_at(end);
    let plain = |c: char| if c.is_control() || is_invisible(c) { '?' } else { c };
    let mut shown: String = kept.chars().map(plain).collect();
    if !cut.is_empty() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: &[&str], expected: &[&str]) -> Option<String> {
        let mut recorder = Recorder::default();
        for line in said {
            match line.split_at(3) {
                ("C: ", line) => recorder.command(line.as_bytes()),
                ("S: ", line) => recorder.reply(format!("{line}\r\n").as_bytes()),
                (_, line) => recorder.remark(line),
            }
        }
        let dialogue = recorder.end(Timestamp::ZERO);
        assert_eq!(dialogue.lines, expected);
        dialogue.trouble
    }

    #[test]
    fn what_is_said_to_log_in_is_not_kept() {
        let said = [
            "C: AUTH PLAIN AG1mcDEAZ2VoZWlt",
            "C: auth login",
            "S: 334 VXNlcm5hbWU6",
            "C: AUTH Z2VoZWlt",
            "C: AUTH=PLAIN AG1mcDEAZ2VoZWlt",
            "C: USER mfp1",
            "C: pass geheim und mehr",
            "C: APOP mfp1 c4c9334bac560ecc979e58001b3e22fb",
            "C: Z2VoZWlt",
            "C: geheim",
        ];
        let kept = [
            "C: AUTH PLAIN ***",
            "C: auth LOGIN",
            "S: 334 ***",
            "C: AUTH ***",
            "C: [27 octets that are no command]",
            "C: USER ***",
            "C: pass ***",
            "C: APOP ***",
            "C: [8 octets that are no command]",
            "C: [6 octets that are no command]",
        ];
        check(&said, &kept);
    }

    #[test]
    fn an_unknown_command_is_shown_without_what_follows_it() {
        check(
            &["C: XCLIENT NAME=x", "C: GET /?password=geheim HTTP/1.1", "C: \u{1b}[31m"],
            &["C: XCLIENT ***", "C: GET ***", "C: [5 octets that are no command]"],
        );
    }

    #[test]
    fn a_text_that_is_sent_although_it_was_refused_is_not_kept() {
        let said = [
            "C: DATA",
            "S: 503 5.5.1 Send MAIL FROM first",
            "C: Subject: salaries",
            "C: confidential",
            "C: List of all of them",
        ];
        check(
            &said,
            &[
                said[0],
                said[1],
                "C: [17 octets that are no command]",
                "C: [12 octets that are no command]",
                "C: List ***",
            ],
        );
    }

    #[test]
    fn a_refusal_is_trouble_and_the_last_one_names_it() {
        let said = ["C: MAIL FROM:<a@b>", "S: 550 5.7.1 no", "C: RSET", "S: 250 2.0.0 Ok"];
        assert_eq!(check(&said, &said).as_deref(), Some("550 5.7.1 no"));
    }

    #[test]
    fn a_client_that_leaves_while_it_is_asked_to_go_on_is_in_trouble() {
        let said = ["C: AUTH LOGIN", "S: 334 ***"];
        assert_eq!(check(&said, &said).as_deref(), Some("the client left after \"334 ***\""));
        let said = ["C: DATA", "S: 354 End data with <CR><LF>.<CR><LF>"];
        assert!(check(&said, &said).unwrap().contains("354"));
    }

    #[test]
    fn an_idle_end_and_our_own_restart_are_no_trouble() {
        let idle = ["S: 250 2.0.0 queued as 1", "S: 421 4.4.2 Nothing received for too long"];
        assert_eq!(check(&idle, &idle), None);
        let stuck = ["S: 250 2.1.0 Sender ok", "S: 421 4.4.2 Nothing received for too long"];
        assert!(check(&stuck, &stuck).is_some());
        let restart = ["S: 421 4.3.2 The server is restarting"];
        assert_eq!(check(&restart, &restart), None);
    }

    #[test]
    fn of_an_endless_dialogue_its_ends_are_kept_and_the_gap_is_marked() {
        let mut recorder = Recorder::default();
        for n in 0..1000 {
            recorder.command(format!("NOOP {n} {}", "x".repeat(10_000)).as_bytes());
        }
        recorder.open_with("TLS");
        let dialogue = recorder.end(Timestamp::ZERO);
        assert_eq!(dialogue.lines.len(), FIRST_LINES + 1 + LAST_LINES);
        assert_eq!(dialogue.lines[0], "* TLS");
        assert_eq!(
            dialogue.lines[FIRST_LINES],
            format!("* [{} lines left out]", 1000 - FIRST_LINES - LAST_LINES)
        );
        assert!(dialogue.lines.last().unwrap().starts_with("C: NOOP 999 "));
        assert!(dialogue.lines.iter().all(|line| line.len() <= LINE_OCTETS + 8));
    }
}
