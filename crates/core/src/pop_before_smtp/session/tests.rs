//! Dialogues of POP before SMTP.

use proptest::prelude::*;

use super::*;

const ALL: PopOffer = PopOffer { apop: Apop::Offered, stls: Stls::Offered, logins: Logins::Now };

/// Plays `input` in chunks of `step` octets, and answers each login with the next of `answers`.
/// Returns the replies.
fn play(input: &str, step: usize, answers: &[PopAnswer]) -> (String, Vec<String>, bool) {
    let mut session = PopSession::new("postroom.example", ALL, 0x2a);
    let mut answers = answers.iter();
    let mut logins = Vec::new();
    let mut replies = String::new();
    for chunk in input.as_bytes().chunks(step) {
        let mut rest = chunk;
        loop {
            let PopStep { consumed, action } = session.advance(rest);
            rest = &rest[consumed..];
            match action {
                PopAction::Read if rest.is_empty() => break,
                PopAction::Read => replies.push_str(&text(&mut session)),
                PopAction::Close => return (replies + &text(&mut session), logins, true),
                PopAction::StartTls => session.tls_started(),
                PopAction::Verify(login) => {
                    logins.push(login.user().to_owned());
                    session.answer(*answers.next().unwrap());
                }
            }
        }
    }
    (replies + &text(&mut session), logins, false)
}

fn text(session: &mut PopSession) -> String {
    String::from_utf8(std::mem::take(session.replies())).unwrap()
}

fn check(input: &str, answers: &[PopAnswer], replies: &str, closed: bool) {
    let greeting = "+OK POP before SMTP ready <000000000000002a@postroom.example>\r\n";
    for step in [1, 2, 3, 7, 4096] {
        let (seen, _, ended) = play(input, step, answers);
        assert_eq!(seen, format!("{greeting}{replies}"), "in steps of {step}");
        assert_eq!(ended, closed);
    }
}

#[test]
fn a_printer_logs_in_looks_and_leaves() {
    check(
        "USER mfp1\r\nPASS secret word\r\nSTAT\r\nLIST\r\nQUIT\r\n",
        &[PopAnswer::Right],
        "+OK send PASS\r\n+OK no messages; mail can be sent now\r\n+OK 0 0\r\n+OK no \
        messages\r\n.\r\n+OK bye\r\n",
        true,
    );
}

#[test]
fn apop_carries_the_timestamp_of_the_greeting() {
    let mut session = PopSession::new("postroom.example", ALL, 1);
    let step = session.advance(b"APOP mfp1 c4c9334bac560ecc979e58001b3e22fb\r\n");
    let PopAction::Verify(PopLogin::Apop { user, timestamp, digest }) = step.action else {
        panic!("no APOP login was asked about");
    };
    assert_eq!(
        (user.as_str(), timestamp.as_str()),
        ("mfp1", "<0000000000000001@postroom.example>")
    );
    assert_eq!(digest, "c4c9334bac560ecc979e58001b3e22fb");
}

#[test]
fn apop_is_neither_shown_nor_taken_where_a_password_is_not_known_in_clear() {
    let mut session =
        PopSession::new("postroom.example", PopOffer { apop: Apop::Absent, ..ALL }, 1);
    let step = session.advance(b"APOP mfp1 c4c9334bac560ecc979e58001b3e22fb\r\n");
    assert!(matches!(step.action, PopAction::Read));
    assert_eq!(text(&mut session), "+OK POP before SMTP ready\r\n-ERR not possible here\r\n");
}

#[test]
fn what_was_sent_before_the_handshake_is_not_taken_for_encrypted() {
    let mut session = PopSession::new("postroom.example", ALL, 1);
    let input = b"CAPA\r\nUSER evil\r\nSTLS\r\nPASS x\r\n";
    let step = session.advance(input);
    assert!(matches!(step.action, PopAction::StartTls));
    assert_eq!(step.consumed, input.len());
    assert!(text(&mut session).ends_with("\r\nSTLS\r\n.\r\n+OK send PASS\r\n+OK begin TLS\r\n"));
    session.tls_started();
    session.advance(b"PASS x\r\nSTLS\r\nCAPA\r\n");
    let capa = "+OK\r\nUSER\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n.\r\n";
    assert_eq!(
        text(&mut session),
        format!("-ERR not possible here\r\n-ERR not possible here\r\n{capa}")
    );
}

#[test]
fn the_third_wrong_login_ends_the_session() {
    let once = "USER a\r\nPASS b\r\n";
    let reply = "+OK send PASS\r\n-ERR [AUTH] wrong user name or password\r\n";
    check(&once.repeat(4), &[PopAnswer::Wrong; 3], &reply.repeat(3), true);
}

#[test]
fn bare_line_feeds_and_any_letter_case_will_do() {
    check(
        "user a\npass b\nquit\n",
        &[PopAnswer::Right],
        "+OK send PASS\r\n+OK no messages; mail can be sent now\r\n+OK bye\r\n",
        true,
    );
}

#[test]
fn nothing_can_be_read_or_deleted() {
    check("RETR 1\r\n", &[], "-ERR not possible here\r\n", false);
    check(
        "USER a\r\nPASS b\r\nRETR 1\r\nDELE 1\r\n",
        &[PopAnswer::Right],
        "+OK send PASS\r\n+OK no messages; mail can be sent now\r\n-ERR no such \
        message\r\n-ERR no such message\r\n",
        false,
    );
}

#[test]
fn an_endless_line_costs_one_bound_and_is_refused() {
    let long = format!("USER {}\r\nQUIT\r\n", "a".repeat(10_000));
    check(&long, &[], "-ERR line too long\r\n+OK bye\r\n", true);
}

#[test]
fn replies_are_sent_before_they_pile_up() {
    let mut session = PopSession::new("postroom.example", ALL, 1);
    let burst = "CAPA\n".repeat(10_000);
    let step = session.advance(burst.as_bytes());
    assert!(matches!(step.action, PopAction::Read) && step.consumed < burst.len());
    assert!(session.replies().len() < REPLIES_LIMIT + 200);
    check(&"NOOP\r\n".repeat(9), &[], &"-ERR not possible here\r\n".repeat(9), false);
}

#[test]
fn a_client_that_talks_something_else_is_shown_out() {
    check(&"GET / HTTP/1.1\r\n".repeat(12), &[], &"-ERR not possible here\r\n".repeat(10), true);
}

proptest! {
    #[test]
    fn no_input_panics_or_keeps_more_than_a_line(
        input in proptest::collection::vec(any::<u8>(), 0..4096),
    ) {
        let mut session = PopSession::new("h", ALL, 0);
        let mut rest = input.as_slice();
        for _ in 0..5000 {
            let step = session.advance(rest);
            rest = &rest[step.consumed..];
            match step.action {
                PopAction::Verify(_) => session.answer(PopAnswer::Wrong),
                PopAction::StartTls => session.tls_started(),
                PopAction::Read | PopAction::Close => break,
            }
            prop_assert!(session.line.len() <= LINE_LIMIT);
        }
    }
}

#[test]
fn who_must_encrypt_is_not_asked_for_a_password_before() {
    let offer = PopOffer { apop: Apop::Absent, logins: Logins::AfterTls, ..ALL };
    let mut session = PopSession::new("postroom.example", offer, 1);
    session.advance(b"CAPA\r\nUSER mfp1\r\n");
    let said = String::from_utf8(session.replies().clone()).unwrap();
    assert!(
        !said.contains('<')
            && !said.contains("\r\nUSER\r\n")
            && said.ends_with("-ERR use TLS 1.2 or newer first (encryption of its [[device]])\r\n"),
        "{said}"
    );
    session.replies().clear();
    session.tls_started();
    session.advance(b"CAPA\r\nUSER mfp1\r\n");
    let said = String::from_utf8(session.replies().clone()).unwrap();
    assert!(said.contains("\r\nUSER\r\n") && said.ends_with("+OK send PASS\r\n"), "{said}");
}
