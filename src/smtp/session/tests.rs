use std::sync::Arc;

use super::*;
use crate::{
    model::{ByteSize, EnhancedCode, Reply, Timestamp},
    smtp::{EndOfData, Mechanism, StartTls},
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
        mechanisms: vec![Mechanism::Plain, Mechanism::Login, Mechanism::CramMd5, Mechanism::DigestMd5],
        hide_extensions: Vec::new(),
        end_of_data: EndOfData::Strict,
    })
}

/// A driver that says yes to everything. Gives replies, stored texts, and how the session ended.
fn play(session: &mut Session<Kept>, pieces: &[&[u8]]) -> (String, Vec<Vec<u8>>, bool) {
    let (mut replies, mut texts, mut text) = (Vec::new(), Vec::new(), Vec::new());
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let Step { consumed, action } = session.advance(rest);
            rest = &rest[consumed..];
            match action {
                Action::Read => {
                    assert!(session.replies().len() <= REPLIES_LIMIT + 2048);
                    replies.append(session.replies());
                    if rest.is_empty() {
                        break;
                    }
                }
                Action::StartTls => session.answer(Answer::TlsStarted { version: TlsVersion::Tls12, settings: settings() }),
                Action::Ask(crate::smtp::Question::Login(_)) => {
                    session.answer(Answer::LoggedIn { user: "mfp1".to_owned(), settings: settings() });
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
    let input = b"EHLO mfp\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: x\r\n\r\n..hi\r\n.\r\nQUIT\r\n";
    let (replies, texts, closed) = play(&mut session(), &[input]);
    assert!(closed);
    assert_eq!(texts, [b"Subject: x\r\n\r\n.hi\r\n"]);
    assert!(
        replies.ends_with("354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 queued as 00000000000000000000\r\n221 2.0.0 Bye\r\n"),
        "{replies}"
    );
}
