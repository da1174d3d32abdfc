//! POP: the same replies and logins for every cut, within bounds.

use postroom_core::pop_before_smtp::{
    Apop, Logins, PopAction, PopAnswer, PopLogin, PopOffer, PopSession, PopStep, Stls,
};

use super::Input;

/// Octets of replies that may wait to be sent.
const REPLIES_LIMIT: usize = 17 * 1024;

#[derive(PartialEq, Eq, Debug, Default)]
struct Outcome {
    replies: Vec<u8>,
    logins: Vec<String>,
    closed: bool,
}

/// Plays the octets against a session whose first logins fail.
pub fn check(input: &[u8]) {
    let Some(input) = Input::read(input).filter(|input| !input.octets.is_empty()) else { return };
    let play = |pieces: &[&[u8]]| play(pieces, &input);
    let seen = play(&input.pieces());
    // What is sent ahead of STLS is thrown away, so there the cut does matter.
    if !input.option(2) {
        assert_eq!(seen, play(&[input.octets]), "the cut matters");
        assert_eq!(seen, play(&input.octets.chunks(1).collect::<Vec<_>>()), "the cut matters");
    }
    assert!(seen.logins.len() <= 4, "guesses in one session: {:?}", seen.logins);
}

fn play(pieces: &[&[u8]], input: &Input<'_>) -> Outcome {
    let offer = PopOffer {
        apop: if input.option(3) { Apop::Absent } else { Apop::Offered },
        stls: if input.option(2) { Stls::Offered } else { Stls::Absent },
        logins: if input.option(1) { Logins::AfterTls } else { Logins::Now },
    };
    let mut session = PopSession::new("postroom.example", offer, 7);
    let mut outcome = Outcome::default();
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let PopStep { consumed, action } = session.advance(rest);
            rest = &rest[consumed..];
            assert!(
                session.replies().len() <= REPLIES_LIMIT,
                "{} octets of replies",
                session.replies().len()
            );
            outcome.replies.append(session.replies());
            match action {
                PopAction::Read if rest.is_empty() => break,
                PopAction::Read => assert!(consumed > 0, "nothing was used up"),
                PopAction::Verify(login) => {
                    outcome.logins.push(login.user().to_owned());
                    let answer = match input.options & 3 {
                        0 => PopAnswer::Right,
                        1 => PopAnswer::TooMany,
                        bound if outcome.logins.len() >= usize::from(bound) => PopAnswer::Right,
                        _ => PopAnswer::Wrong,
                    };
                    if let PopLogin::Apop { timestamp, .. } = login {
                        assert!(
                            timestamp.starts_with('<') && timestamp.ends_with("@postroom.example>")
                        );
                    }
                    session.answer(answer);
                }
                PopAction::StartTls => {
                    assert!(rest.is_empty(), "something said in clear is left");
                    session.tls_started();
                }
                PopAction::Close => {
                    outcome.closed = true;
                    return outcome;
                }
            }
        }
    }
    outcome
}
