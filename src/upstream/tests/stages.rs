//! Every stage with every fault that can occur there.

use std::time::Duration;

use tokio::io::duplex;

use super::{
    ALL_EXTENSIONS, Act, Auth, AuthMethod, NO_PIPELINING, Point, Script, client, connect,
    destination, handover, letter, outcomes, pipe,
};
use crate::classify::{Concern, Counted, Outcome, Stage};

const LATE: Duration = Duration::from_secs(200);

/// The faults, by name.
fn mishaps() -> Vec<(&'static str, Act)> {
    let long = |code: u16, octets: usize| {
        Act::Say(format!("{code} 5.2.0 {}", "0123456789abcdef".repeat(octets / 16)))
    };
    vec![
        ("4xx", Act::say("451 4.3.0 not now")),
        ("5xx", Act::say("550 5.0.0 never")),
        ("421", Act::say("421 4.3.0 closing")),
        ("silence", Act::Silence),
        ("close", Act::Close),
        ("slow", Act::Drip("550 5.0.0 never".to_owned(), LATE)),
        ("garbage", Act::say("HTTP/1.1 400 Bad Request")),
        ("long", long(554, 3000)),
        ("endless", long(554, 100_000)),
        ("several lines", Act::say("550-5.0.0 never\r\n550-5.0.0 and\r\n550 5.0.0 ever")),
    ]
}

#[tokio::test]
async fn a_server_that_closes_at_ehlo_is_greeted_with_helo() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = tokio::spawn(async move {
        let closing = Script::new().on(Point::Ehlo, Act::Close);
        let first = closing.serve(listener.accept().await.unwrap().0);
        let second = Script::new().offers(&[]).serve(listener.accept().await.unwrap().0);
        (first.await.unwrap(), second.await.unwrap())
    });
    let mut server = destination();
    server.host = "127.0.0.1".to_owned();
    server.smtp.port = port;
    let mut connection = client(server).connect().await.unwrap();
    let report = connection.send(letter(&["ann@contoso.com"])).await;
    assert_eq!(outcomes(&report), [Outcome::Deliver]);
    connection.quit().await;
    let (first, second) = said.await.unwrap();
    assert_eq!(first, "EHLO postroom.example.com\r\n");
    assert!(second.starts_with("HELO postroom.example.com\r\nMAIL FROM:"), "{second}");
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_before_mail_concerns_the_account() {
    for (point, stage) in
        [(Point::Greeting, Stage::Greeting), (Point::Ehlo, Stage::Ehlo), (Point::Auth, Stage::Auth)]
    {
        for (name, act) in mishaps() {
            let secret = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(secret.path(), "secret\n").unwrap();
            let auth = Auth {
                method: AuthMethod::Plain,
                user: "scan".to_owned(),
                secret: crate::upstream::SecretSource::File(secret.path().to_owned()),
            };
            let (ours, theirs) = pipe();
            let _server = Script::new().on(point, act).serve(theirs);
            let mut destination = destination();
            destination.auth = Some(auth);
            let trouble = client(destination).connect_over(ours).await.err().unwrap();
            assert_eq!(
                (trouble.verdict.place, trouble.verdict.concern),
                (stage.place(), Concern::Account),
                "{stage:?} {name}"
            );
            let stops = matches!(name, "5xx" | "long" | "several lines");
            assert_eq!(
                trouble.verdict.outcome == Outcome::Stop,
                stops,
                "{stage:?} {name}: {:?}",
                trouble.verdict
            );
        }
    }
}

/// The expected result for a stage and a fault: concern, outcome, counted, and whether the
/// connection can be used again.
fn expected(point: Point, name: &str, again: bool) -> (Concern, Outcome, Counted, bool) {
    let answered = matches!(name, "4xx" | "5xx" | "long" | "several lines");
    let concern =
        if point == Point::Rcpt && answered { Concern::Recipient } else { Concern::Message };
    let outcome = match name {
        "5xx" | "long" | "several lines" => Outcome::Fail,
        "4xx" | "421" => Outcome::Retry,
        _no_answer if point == Point::EndOfData => Outcome::Doubt,
        _no_answer => Outcome::Retry,
    };
    let counted =
        if point == Point::Mail && again && !answered { Counted::No } else { Counted::Perhaps };
    (concern, outcome, counted, answered)
}

#[tokio::test(start_paused = true)]
async fn every_stage_of_a_transaction_has_its_outcome_for_everything_that_can_happen() {
    for extensions in [ALL_EXTENSIONS, NO_PIPELINING] {
        for point in [Point::Mail, Point::Rcpt, Point::Data, Point::EndOfData] {
            for again in [false, true] {
                for (name, act) in mishaps() {
                    let what = format!("{point:?} {name}, again: {again}, {extensions:?}");
                    let mut script = Script::new().offers(extensions);
                    if again {
                        let good = script.act(point);
                        script.seen.clear();
                        script = script.on(point, good);
                    }
                    let (connection, _server) = connect(script.on(point, act)).await;
                    let mut connection = connection.unwrap();
                    if again {
                        let report = connection.send(letter(&["ann@contoso.com"])).await;
                        assert_eq!(report.recipients[0].outcome, Outcome::Deliver, "{what}");
                    }
                    let report = connection.send(letter(&["ann@contoso.com"])).await;
                    let verdict = &report.recipients[0];
                    let seen = (
                        verdict.concern,
                        verdict.outcome,
                        report.counted,
                        connection.is_reusable(),
                    );
                    assert_eq!(seen, expected(point, name, again), "{what}: {report:?}");
                    assert_eq!(report.account, None, "{what}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_reading_the_text_leaves_no_doubt() {
    for (name, act) in [("silence", Act::Silence), ("close", Act::Close)] {
        // The pipe holds less than the text, so that the client cannot finish writing it.
        let (ours, theirs) = duplex(16 * 1024);
        let _server = Script::new().on(Point::Body, act).serve(theirs);
        let mut connection = client(destination()).connect_over(Box::new(ours)).await.unwrap();
        let report =
            connection.send(handover(&["ann@contoso.com"], vec![Ok(vec![b'x'; 65_536]); 4])).await;
        let verdict = &report.recipients[0];
        assert_eq!(
            (verdict.place, verdict.concern, verdict.outcome),
            (Stage::Body.place(), Concern::Message, Outcome::Retry),
            "{name}: {report:?}"
        );
        assert!(!connection.is_reusable());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_the_middle_of_the_text_is_heard() {
    let (ours, theirs) = duplex(16 * 1024);
    let _server = Script::new()
        .on(Point::Body, Act::SayAndClose("552 5.3.4 too large".to_owned()))
        .serve(theirs);
    let mut connection = client(destination()).connect_over(Box::new(ours)).await.unwrap();
    let report =
        connection.send(handover(&["ann@contoso.com"], vec![Ok(vec![b'x'; 65_536]); 4])).await;
    let verdict = &report.recipients[0];
    assert_eq!(
        (verdict.place, verdict.outcome),
        (Stage::Body.place(), Outcome::Fail),
        "{report:?}"
    );
    assert_eq!(verdict.reply.as_ref().unwrap().text, "too large");
}

#[tokio::test(start_paused = true)]
async fn slow_answers_within_the_limits_are_waited_for() {
    let slowly = |words: &str| Act::Drip(words.to_owned(), Duration::from_secs(10));
    let script = Script::new()
        .on(Point::Greeting, slowly("220 hi"))
        .on(Point::Ehlo, slowly("250-x\r\n250 SIZE"))
        .on(Point::Mail, slowly("250 ok"))
        .on(Point::Rcpt, slowly("250 ok"))
        .on(Point::Data, slowly("354 ok"))
        .on(Point::EndOfData, slowly("250 2.0.0 OK <x@contoso.com>"));
    let (connection, _server) = connect(script).await;
    let report = connection.unwrap().send(letter(&["ann@contoso.com"])).await;
    assert_eq!(report.recipients[0].outcome, Outcome::Deliver, "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_read_is_broken_off_before_its_end() {
    let (connection, server) = connect(Script::new()).await;
    let mut connection = connection.unwrap();
    let report = connection
        .send(handover(&["ann@contoso.com"], vec![Ok(b"Hello\r\n".to_vec()), Err(())]))
        .await;
    assert_eq!(
        (report.recipients[0].place, report.recipients[0].outcome),
        (Stage::Body.place(), Outcome::Retry),
        "{report:?}"
    );
    assert!(!connection.is_reusable());
    connection.quit().await;
    let said = server.await.unwrap();
    assert!(said.ends_with("DATA\r\n"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_given_up_leaves_no_usable_connection() {
    let (connection, _server) = connect(Script::new().on(Point::EndOfData, Act::Silence)).await;
    let mut connection = connection.unwrap();
    let attempt =
        tokio::time::timeout(Duration::from_secs(1), connection.send(letter(&["ann@contoso.com"])))
            .await;
    assert!(attempt.is_err());
    assert!(!connection.is_reusable());
}
