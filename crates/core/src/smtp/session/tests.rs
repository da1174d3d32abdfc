use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    model::{ByteSize, EnhancedCode, Reply, Timestamp},
    smtp::{EndOfData, Mechanism, NoLogin, StartTls},
};

struct Kept(MessageId);

impl AsRef<MessageId> for Kept {
    fn as_ref(&self) -> &MessageId {
        &self.0
    }
}

fn settings() -> Arc<SessionSettings> {
    Arc::new(SessionSettings {
        hostname: "postroom.example".to_owned(),
        max_message: ByteSize::from_octets(200_000),
        max_recipients: 3,
        starttls: StartTls::Offered,
        mechanisms: vec![
            Mechanism::Plain,
            Mechanism::Login,
            Mechanism::CramMd5,
            Mechanism::DigestMd5,
        ],
        no_login: NoLogin::Never,
        hide_extensions: Vec::new(),
        end_of_data: EndOfData::Strict,
    })
}

/// Plays a driver that permits everything. Returns the replies, the stored texts, and how the
/// session ended.
fn play(session: &mut Session<Kept>, pieces: &[&[u8]]) -> (String, Vec<Vec<u8>>, bool) {
    let (mut replies, mut texts, mut text) = (Vec::new(), Vec::new(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let SessionStep { consumed, action } = session.advance(rest);
            rest = &rest[consumed..];
            match action {
                Action::Read => {
                    assert!(session.replies().len() <= REPLIES_LIMIT + 2048);
                    replies.append(session.replies());
                    if rest.is_empty() {
                        break;
                    }
                }
                Action::StartTls => session.answer(Answer::TlsStarted {
                    version: TlsVersion::Tls12,
                    settings: settings(),
                }),
                Action::Ask(crate::smtp::Question::Login(_)) => {
                    session
                        .answer(Answer::LoggedIn { user: "mfp1".to_owned(), settings: settings() });
                }
                Action::Ask(_) | Action::OpenMessage(_) => session.answer(Answer::Permit),
                Action::WriteBody => {
                    assert!(session.body().len() <= crate::smtp::body::CHUNK);
                    text.extend_from_slice(session.body());
                }
                Action::Commit => {
                    texts.push(std::mem::take(&mut text));
                    session.answer(Answer::Accepted(Kept(MessageId::new(Timestamp::ZERO, 0))));
                }
                Action::Discard => text.clear(),
                Action::Close => {
                    replies.append(session.replies());
                    return (String::from_utf8(replies).unwrap(), texts, true);
                }
            }
        }
    }
    (String::from_utf8(replies).unwrap(), texts, false)
}

fn session() -> Session<Kept> {
    Session::new(settings(), None, 1)
}

#[test]
fn a_message_goes_through() {
    let input =
        b"EHLO mfp\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: \
        x\r\n\r\n..hi\r\n.\r\nQUIT\r\n";
    let (replies, texts, closed) = play(&mut session(), &[input]);
    assert!(closed);
    assert_eq!(texts, [b"Subject: x\r\n\r\n.hi\r\n"]);
    assert!(
        replies.ends_with(
            "354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 queued as \
            00000000000000000000\r\n221 2.0.0 Bye\r\n"
        ),
        "{replies}"
    );
}

/// Sequences that some server has taken for the end of data (CVE-2023-51764, CVE-2023-51765,
/// CVE-2023-51766, CVE-2024-27305 and similar).
const FAKE_ENDS: [&[u8]; 20] = [
    b"\n.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\n.\r",
    b"\r.\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n.\r\0\n",
    b"\r\0\n.\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\n\r.\r\n",
    b"\n\n.\r\n",
    b"\r\n .\r\n",
    b"\r\n. \r\n",
    b"\r\n..\r\n",
    b"\r\n.\x85",
];

#[test]
fn no_fake_end_of_data_makes_two_messages_of_one_wherever_it_is_cut() {
    let head = b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n";
    let second =
        b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nsecond\r\n.\r\nQUIT\r\n";
    for fake in FAKE_ENDS {
        let input = [head.as_slice(), b"first", fake, second].concat();
        for at in head.len()..input.len() {
            let (one, two) = input.split_at(at);
            let (replies, texts, _) = play(&mut session(), &[one, two]);
            assert_eq!(texts.len(), 1, "{} cut at {at}", fake.escape_ascii());
            assert_eq!(replies.matches("queued as").count(), 1);
            assert!(
                texts[0].starts_with(b"first") && texts[0].ends_with(b"second\r\n"),
                "{}",
                texts[0].escape_ascii()
            );
        }
    }
}

#[test]
fn where_a_lone_lf_ends_the_text_nothing_after_it_is_a_command() {
    let lone_lf = Arc::new(SessionSettings {
        end_of_data: EndOfData::LoneLfThenClose,
        ..(*settings()).clone()
    });
    let head = b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n";
    let second =
        b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nsecond\r\n.\r\nQUIT\r\n";
    for fake in FAKE_ENDS {
        let input = [head.as_slice(), b"first", fake, second].concat();
        for at in head.len()..input.len() {
            let (one, two) = input.split_at(at);
            let (_, texts, closed) = play(&mut Session::new(lone_lf.clone(), None, 1), &[one, two]);
            assert!(closed && texts.len() == 1, "{} cut at {at}", fake.escape_ascii());
        }
    }
}

#[test]
fn replies_are_sent_before_they_pile_up() {
    let mut session = session();
    let input = b"EHLO x\r\n".repeat(5000);
    let (replies, _, closed) = play(&mut session, &[&input]);
    assert!(!closed);
    assert_eq!(replies.matches("250-postroom.example\r\n").count(), 5000);
}

#[test]
fn a_driver_that_answers_beside_the_question_gets_no_yes() {
    let mut session = session();
    session.advance(b"EHLO x\r\n");
    session.answer(Answer::Permit);
    assert!(matches!(session.advance(b"MAIL FROM:<a@b.example>\r\n").action, Action::Close));
    assert!(session.replies().ends_with(b"451 4.3.0 Local error; try again later\r\n"));
}

#[test]
fn a_question_left_open_ends_the_session() {
    let mut session = session();
    let step = session.advance(b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nNOOP\r\n");
    assert!(matches!(step.action, Action::Ask(_)));
    assert!(matches!(session.advance(b"NOOP\r\n").action, Action::Close));
}

#[test]
fn a_permit_is_no_proof_that_a_message_is_safe() {
    let mut session = session();
    let mut rest: &[u8] =
        b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n.\r\n";
    loop {
        let SessionStep { consumed, action } = session.advance(rest);
        rest = &rest[consumed..];
        match action {
            Action::Ask(_) | Action::OpenMessage(_) => session.answer(Answer::Permit),
            Action::Commit => break,
            Action::Read
            | Action::StartTls
            | Action::WriteBody
            | Action::Discard
            | Action::Close => panic!("{action:?}"),
        }
    }
    session.replies().clear();
    session.answer(Answer::Permit);
    assert_eq!(session.replies().as_slice(), b"451 4.3.0 Local error; try again later\r\n");
}

#[test]
fn a_login_without_verification_is_none() {
    let mut session = session();
    session.advance(b"EHLO x\r\nAUTH DIGEST-MD5\r\n");
    let replies = String::from_utf8(std::mem::take(session.replies())).unwrap();
    let challenge = replies.lines().last().unwrap().strip_prefix("334 ").unwrap();
    let challenge = String::from_utf8(
        base64::Engine::decode(&base64::prelude::BASE64_STANDARD, challenge).unwrap(),
    )
    .unwrap();
    let nonce = challenge.split('"').nth(3).unwrap();
    let response = format!(
        "username=\"a\",nonce=\"{nonce}\",nc=00000001,cnonce=\"b\",digest-uri=\"smtp/x\",response=0"
    );
    let line = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, response) + "\r\n";
    assert!(matches!(
        session.advance(line.as_bytes()).action,
        Action::Ask(crate::smtp::Question::Login(_))
    ));
    session.answer(Answer::LoggedIn { user: "a".to_owned(), settings: settings() });
    assert_eq!(
        session.replies().as_slice(),
        b"454 4.7.0 Temporary authentication failure; try again later\r\n"
    );
}

#[test]
fn a_refusal_may_come_at_every_question() {
    let mut session = session();
    session.advance(b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n");
    session.answer(Answer::Refuse(Reply::fixed(550, EnhancedCode(5, 7, 1), "No")));
    assert!(session.replies().ends_with(b"550 5.7.1 No\r\n"));
    assert_eq!((session.helo(), session.is_esmtp(), session.unfinished_text()), ("x", true, None));
}

#[test]
fn a_text_that_never_ends_is_not_swallowed_for_ever() {
    let mut session = session();
    play(
        &mut session,
        &[b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"],
    );
    let piece = vec![b'A'; 16 * 1024 * 1024];
    let pieces = usize::try_from(text::SWALLOW_LIMIT).unwrap() / piece.len() + 1;
    let (replies, texts, closed) = play(&mut session, &vec![piece.as_slice(); pieces]);
    assert!(closed && texts.is_empty());
    assert_eq!(replies, format!("{}\r\n", reply::TOO_LARGE));
}

/// Significant lines, whole or in pieces, in any order.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(b"EHLO mfp\r\n".to_vec()),
        Just(b"HELO\n".to_vec()),
        Just(b"MAIL FROM:<a@b.example>\r\n".to_vec()),
        Just(b"MAIL FROM: a@b.example SIZE=x\r\n".to_vec()),
        Just(b"RCPT TO:<c@d.example>\r\n".to_vec()),
        Just(b"RCPT TO:<\"(<'@,:;>e@f.example>\r\n".to_vec()),
        Just(b"DATA\r\n".to_vec()),
        Just(b"\r\n.\r\n".to_vec()),
        Just(b"\n.\n".to_vec()),
        Just(b"AUTH LOGIN\r\n".to_vec()),
        Just(b"AUTH DIGEST-MD5\r\n".to_vec()),
        Just(b"AUTH PLAIN AGEAYg==\r\n".to_vec()),
        Just(b"YQ==\r\n".to_vec()),
        Just(b"STARTTLS\r\n".to_vec()),
        Just(b"RSET\r\n".to_vec()),
        Just(b"BDAT 5\r\n".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..60),
        (any::<u8>(), 0..20_000_usize).prop_map(|(octet, times)| vec![octet; times]),
        "[ -~]{0,80}\r\n".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(line, 0..60).prop_map(|lines| lines.concat())
}

proptest! {
    #[test]
    fn no_bytes_can_break_a_session_or_its_bounds(
        input in soup(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        places.extend([0, input.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
        let mut session = session();
        let (_, texts, _) = play(&mut session, &pieces);
        prop_assert!(texts.iter().all(|text| text.len() <= 200_000));
    }

    #[test]
    fn how_a_message_is_cut_changes_nothing(
        text in proptest::collection::vec(any::<u8>(), 0..300),
        cut in any::<prop::sample::Index>(),
    ) {
        let head = b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n";
        let input = [head.as_slice(), &text, b"\r\n.\r\nQUIT\r\n"].concat();
        let whole = play(&mut session(), &[&input]);
        let (one, two) = input.split_at(cut.index(input.len()));
        prop_assert_eq!(play(&mut session(), &[one, two]), whole.clone());
        prop_assert_eq!(play(&mut session(), &input.chunks(1).collect::<Vec<_>>()), whole);
    }
}

#[test]
fn whatever_is_announced_can_be_hidden_by_its_name() {
    let greet = |hidden: &[&str]| {
        let hide_extensions = hidden.iter().map(|&name| name.to_owned()).collect();
        let settings = SessionSettings { hide_extensions, ..SessionSettings::clone(&settings()) };
        let mut session = Session::new(Arc::new(settings), None, 1);
        play(&mut session, &[b"EHLO mfp1\r\n"]).0
    };
    let all = greet(&[]);
    for name in EXTENSIONS {
        assert!(
            all.contains(&format!("-{name}")) || all.contains(&format!(" {name}")),
            "{name}: {all}"
        );
        let without = greet(&[name]);
        assert_eq!(
            without.lines().count(),
            all.lines().count() - if name == "AUTH" { 2 } else { 1 },
            "{name}: {without}"
        );
    }
    assert_eq!(greet(&EXTENSIONS).lines().count(), 2, "banner and name");
}
