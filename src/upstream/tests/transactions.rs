//! Transactions with several recipients, several transactions on a connection, and the octets on
//! the wire.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    net::TcpListener,
    time::advance,
};

use super::{
    Act, NO_PIPELINING, Point, Script, client, connect, destination, handover, letter, outcomes,
};
use crate::{
    classify::{
        Concern, Counted, Fault,
        Outcome::{Deliver, Fail, NextTransaction, Pause, Retry, Stop},
        Stage,
    },
    upstream::smtp::stream,
};

const BOTH: [&str; 2] = ["ann@contoso.com", "bob@contoso.com"];

#[tokio::test(start_paused = true)]
async fn a_refused_recipient_does_not_hold_back_the_others() {
    for extensions in [super::ALL_EXTENSIONS, NO_PIPELINING] {
        let script = Script::new()
            .offers(extensions)
            .on(Point::Rcpt, Act::say("550 5.1.1 unknown"))
            .on(Point::Rcpt, Act::say("250 ok"))
            .on(Point::Rcpt, Act::say("450 4.2.0 greylisted"))
            .on(Point::Rcpt, Act::say("452 4.5.3 Too many recipients"));
        let (connection, _server) = connect(script).await;
        let report = connection.unwrap().send(letter(&["a@x.y", "b@x.y", "c@x.y", "d@x.y"])).await;
        assert_eq!(outcomes(&report), [Fail, Deliver, Retry, NextTransaction]);
        assert_eq!((report.account, report.counted), (None, Counted::Perhaps));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_nobody_is_not_asked_again_at_once() {
    let (connection, _server) =
        connect(Script::new().on(Point::Rcpt, Act::say("452 4.5.3 Too many recipients"))).await;
    let report = connection.unwrap().send(letter(&BOTH)).await;
    assert_eq!(outcomes(&report), [Retry, Retry]);
}

#[tokio::test(start_paused = true)]
async fn when_nobody_is_accepted_the_go_ahead_is_taken_back_with_a_lone_dot() {
    // RFC 2920 3.1.
    for refused in [Point::Rcpt, Point::Mail] {
        let script = Script::new().on(refused, Act::say("550 no")).on(refused, Act::say("250 ok"));
        let (connection, server) =
            connect(script.on(Point::EndOfData, Act::say("554 no valid recipients"))).await;
        let mut connection = connection.unwrap();
        assert_eq!(
            outcomes(&connection.send(letter(&["ann@contoso.com"])).await),
            [Fail],
            "{refused:?}"
        );
        assert!(connection.is_reusable());
        connection.quit().await;
        let said = server.await.unwrap();
        assert!(said.ends_with("DATA\r\n.\r\nQUIT\r\n"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_left_open_is_reset_before_the_next() {
    for extensions in [super::ALL_EXTENSIONS, NO_PIPELINING] {
        let script = Script::new()
            .offers(extensions)
            .on(Point::Data, Act::say("451 4.3.0 no"))
            .on(Point::Data, Act::say("354 go"));
        let (connection, server) = connect(script).await;
        let mut connection = connection.unwrap();
        assert_eq!(outcomes(&connection.send(letter(&BOTH)).await), [Retry, Retry]);
        assert_eq!(outcomes(&connection.send(letter(&BOTH)).await), [Deliver, Deliver]);
        connection.quit().await;
        let said = server.await.unwrap();
        assert_eq!(said.matches("DATA\r\nRSET\r\nMAIL FROM:").count(), 1, "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_trouble_of_the_account_is_not_counted_against_its_recipients() {
    let quota = "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; no";
    for (point, words, outcome) in [
        (Point::EndOfData, quota, Pause(Duration::from_secs(1800))),
        (
            Point::EndOfData,
            "432 4.3.2 Concurrent connections limit exceeded",
            Pause(Duration::from_secs(20)),
        ),
        (Point::Mail, "530 5.7.57 Client not authenticated to send mail.", Stop),
        (Point::Rcpt, "550 5.7.64 TenantAttribution; Relay Access Denied", Stop),
    ] {
        let (connection, _server) = connect(Script::new().on(point, Act::say(words))).await;
        let mut connection = connection.unwrap();
        let report = connection.send(letter(&BOTH)).await;
        assert_eq!(outcomes(&report), [outcome, outcome], "{words}");
        assert!(report.recipients.iter().all(|verdict| verdict.concern == Concern::Account));
        let trouble = report.account.unwrap();
        assert_eq!(trouble.verdict, report.recipients[0]);
        assert!(connection.is_reusable(), "{words}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_relays_to_one_recipient_and_not_to_another_knows_us() {
    for words in ["550 relay not permitted", "550 authentication required"] {
        let script =
            Script::new().on(Point::Rcpt, Act::say(words)).on(Point::Rcpt, Act::say("250 ok"));
        let (connection, _server) = connect(script).await;
        let report = connection.unwrap().send(letter(&BOTH)).await;
        assert_eq!(outcomes(&report), [Retry, Deliver], "{words}");
        assert_eq!(report.recipients[0].concern, Concern::Recipient);
        assert_eq!(report.account, None, "{words}");
        let (connection, _server) = connect(Script::new().on(Point::Rcpt, Act::say(words))).await;
        let report = connection.unwrap().send(letter(&BOTH)).await;
        assert!(report.recipients.iter().all(|verdict| verdict.concern == Concern::Account));
        assert_eq!(report.account.unwrap().verdict, report.recipients[0], "{words}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_while_idle_costs_nothing() {
    for (words, account) in [
        ("421 4.4.1 Connection timed out. Total session duration: 00:05:00.7", false),
        ("451 4.7.0 Timeout waiting for client input", false),
        (
            "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
            true,
        ),
    ] {
        let (ours, mut theirs) = duplex(4096);
        let server = tokio::spawn(async move {
            let mut input = [0; 4096];
            for answer in [
                "220 hi\r\n",
                "250-x\r\n250 PIPELINING\r\n",
                "250 a\r\n250 b\r\n354 c\r\n",
                "250 ok\r\n",
            ] {
                theirs.write_all(answer.as_bytes()).await.unwrap();
                if !answer.starts_with("250 ok") {
                    assert!(theirs.read(&mut input).await.unwrap() > 0);
                }
            }
            theirs.write_all(format!("{words}\r\n").as_bytes()).await.unwrap();
            theirs
        });
        let mut connection = client(destination()).connect_over(Box::new(ours)).await.unwrap();
        assert_eq!(outcomes(&connection.send(letter(&["ann@contoso.com"])).await), [Deliver]);
        let mut theirs = server.await.unwrap();
        let report = connection.send(letter(&["ann@contoso.com"])).await;
        assert_eq!(
            (report.counted, report.account.is_some()),
            (Counted::No, account),
            "{words}: {report:?}"
        );
        assert!(!connection.is_reusable());
        drop(connection);
        let mut rest = Vec::new();
        theirs.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"", "nothing was sent into a connection that is over");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_ages_and_goes_stale() {
    let (connection, _server) = connect(Script::new()).await;
    let mut connection = connection.unwrap();
    advance(Duration::from_secs(119)).await;
    assert!(connection.is_fresh());
    advance(Duration::from_secs(2)).await;
    assert!(!connection.is_fresh(), "idle for two minutes");
    connection.send(letter(&["ann@contoso.com"])).await;
    assert!(connection.is_fresh(), "just used");
    for _minute in 0..7 {
        advance(Duration::from_secs(60)).await;
        connection.send(letter(&["ann@contoso.com"])).await;
    }
    assert!(!connection.is_fresh(), "nine minutes old");
}

#[tokio::test(start_paused = true)]
async fn a_small_message_takes_two_writes_of_ours_and_two_of_the_server() {
    let (ours, mut theirs) = duplex(4096);
    let server = tokio::spawn(async move {
        let mut heard = Vec::new();
        for answer in [
            "220 hi\r\n",
            "250-x\r\n250 PIPELINING\r\n",
            "250 a\r\n250 b\r\n250 c\r\n354 d\r\n",
            "250 ok\r\n",
        ] {
            let mut input = vec![0; 4096];
            theirs.write_all(answer.as_bytes()).await.unwrap();
            let length = theirs.read(&mut input).await.unwrap();
            input.truncate(length);
            heard.push(String::from_utf8(input).unwrap());
        }
        heard
    });
    let mut connection = client(destination()).connect_over(Box::new(ours)).await.unwrap();
    let text = vec![Ok(b".Hello\r\n".to_vec()), Ok(b".\r\n".to_vec())];
    assert_eq!(outcomes(&connection.send(handover(&BOTH, text)).await), [Deliver, Deliver]);
    drop(connection);
    assert_eq!(
        server.await.unwrap(),
        [
            "EHLO postroom.example.com\r\n",
            "MAIL FROM:<scan@contoso.com>\r\nRCPT TO:<ann@contoso.com>\r\nRCPT \
            TO:<bob@contoso.com>\r\nDATA\r\n",
            "..Hello\r\n..\r\n.\r\n",
            "",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_address_that_cannot_be_told_fails_alone() {
    let script = Script::new()
        .offers(NO_PIPELINING)
        .on(Point::Data, Act::say("451 no"))
        .on(Point::Data, Act::say("354 go"));
    let (connection, server) = connect(script).await;
    let mut connection = connection.unwrap();
    assert_eq!(outcomes(&connection.send(letter(&["ann@contoso.com"])).await), [Retry]);
    assert_eq!(outcomes(&connection.send(letter(&["jörg@contoso.com"])).await), [Fail]);
    assert_eq!(
        outcomes(&connection.send(letter(&["jörg@contoso.com", "ann@contoso.com"])).await),
        [Fail, Deliver]
    );
    connection.quit().await;
    let said = server.await.unwrap();
    assert!(!said.contains('ö'), "{said}");
    assert_eq!(said.matches("MAIL FROM").count(), 2, "{said}");
    assert_eq!(
        said.matches("RSET").count(),
        1,
        "what was owed before the message that was not told of is still owed: {said}"
    );
}

#[tokio::test]
async fn a_reset_of_a_real_socket_is_a_closed_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut destination = destination();
    destination.host = "127.0.0.1".to_owned();
    destination.smtp.port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (stream, _client) = listener.accept().await.unwrap();
        stream.set_zero_linger().unwrap();
    });
    let trouble = client(destination).connect().await.err().unwrap();
    server.await.unwrap();
    assert_eq!((trouble.verdict.place, trouble.fault), (Stage::Greeting.place(), Fault::Closed));
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut destination = destination();
    destination.host = "127.0.0.1".to_owned();
    destination.smtp.port = listener.local_addr().unwrap().port();
    drop(listener);
    let port = destination.smtp.port;
    let trouble = client(destination).connect().await.err().unwrap();
    assert_eq!(
        (trouble.verdict.place, trouble.verdict.concern),
        (Stage::Connect.place(), Concern::Account)
    );
    assert!(
        matches!(&trouble.fault, Fault::Local(_))
            && trouble.fault.to_string().contains(&format!("127.0.0.1:{port}")),
        "{:?}",
        trouble.fault
    );
}

#[test]
fn a_connection_that_ended_is_told_apart_from_one_that_failed() {
    use std::io::{Error, ErrorKind};
    assert_eq!(stream::fault(&Error::from(ErrorKind::ConnectionReset)), Fault::Closed);
    assert_eq!(stream::fault(&Error::from(ErrorKind::UnexpectedEof)), Fault::Closed);
    assert_eq!(stream::fault(&Error::from(ErrorKind::TimedOut)), Fault::TimedOut);
    assert!(matches!(stream::fault(&Error::other("network is unreachable")), Fault::Local(_)));
}
