//! Each login mechanism, octet by octet.

use base64::{Engine, prelude::BASE64_STANDARD};
use tempfile::NamedTempFile;

use super::{Act, Auth, AuthMethod, Point, Script, client, destination, pipe};
use crate::{
    attempt::Trouble,
    classify::{Fault, Outcome, Stage},
};

const USER: &str = "test@contoso.onmicrosoft.com";

/// What the client sends after EHLO, and the result of the login.
async fn login(
    method: AuthMethod,
    user: &str,
    secret: &str,
    script: Script,
) -> (String, Option<Trouble>) {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), secret).unwrap();
    let mut destination = destination();
    destination.auth = Some(Auth {
        method,
        user: user.to_owned(),
        secret: crate::upstream::SecretSource::File(file.path().to_owned()),
    });
    let (ours, theirs) = pipe();
    let server = script.serve(theirs);
    let trouble = match client(destination).connect_over(ours).await {
        Ok(connection) => {
            connection.quit().await;
            None
        }
        Err(trouble) => Some(trouble),
    };
    let said = server.await.unwrap();
    (said.replace("EHLO postroom.example.com\r\n", "").replace("QUIT\r\n", ""), trouble)
}

fn challenges(challenges: &[&str]) -> Script {
    let script = challenges
        .iter()
        .fold(Script::new(), |script, words| script.on(Point::Auth, Act::say(words)));
    script.on(Point::Auth, Act::say("235 2.7.0 Authentication successful"))
}

async fn check(method: AuthMethod, user: &str, secret: &str, script: Script, expected: &str) {
    let (said, trouble) = login(method, user, secret, script).await;
    assert_eq!(said, expected, "{method:?}");
    assert_eq!(trouble, None, "{method:?}");
}

#[tokio::test]
async fn login_answers_two_prompts_however_they_are_worded() {
    let said = "AUTH LOGIN\r\nc2Nhbg==\r\ndDBwIHNlY3JldA==\r\n";
    for prompts in [
        ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"],
        ["334 ", "334"],
        ["334 VXNlciBOYW1lAA==", "334 UGFzc3dvcmQA"],
    ] {
        check(AuthMethod::Login, "scan", "t0p secret\n", challenges(&prompts), said).await;
    }
}

#[tokio::test]
async fn plain_goes_with_the_command_when_there_is_room() {
    check(
        AuthMethod::Plain,
        "tim",
        "tanstaaftanstaaf\r\n",
        challenges(&[]),
        "AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n",
    )
    .await;
    let long = "x".repeat(500);
    let encoded = BASE64_STANDARD.encode(format!("\0tim\0{long}"));
    check(
        AuthMethod::Plain,
        "tim",
        &long,
        challenges(&["334 "]),
        &format!("AUTH PLAIN\r\n{encoded}\r\n"),
    )
    .await;
}

#[tokio::test]
async fn cram_md5_is_as_in_its_rfc() {
    // RFC 2195 2.
    let challenge = "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
    let said = "AUTH CRAM-MD5\r\ndGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\r\n";
    check(AuthMethod::CramMd5, "tim", "tanstaaftanstaaf", challenges(&[challenge]), said).await;
}

#[tokio::test]
async fn cram_md5_takes_a_key_of_64_octets_as_it_is() {
    // RFC 2104 2: only longer keys are hashed. Computed with Python's hmac.
    let key = "0123456789abcdef".repeat(4);
    let (said, _) = login(AuthMethod::CramMd5, "tim", &key, challenges(&["334 PDFAeD4="])).await;
    let response = BASE64_STANDARD.decode(said.lines().nth(1).unwrap()).unwrap();
    assert_eq!(String::from_utf8(response).unwrap(), "tim 0b493beaff956dd3fac02298674782f6");
}

#[tokio::test]
async fn xoauth2_is_as_microsoft_documents_it() {
    let token = "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA";
    let encoded = "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==";
    check(
        AuthMethod::Xoauth2,
        USER,
        token,
        challenges(&[]),
        &format!("AUTH XOAUTH2 {encoded}\r\n"),
    )
    .await;
}

#[tokio::test]
async fn a_long_token_goes_on_a_line_of_its_own() {
    let token = "t".repeat(2500);
    let encoded = BASE64_STANDARD.encode(format!("user={USER}\x01auth=Bearer {token}\x01\x01"));
    check(
        AuthMethod::Xoauth2,
        USER,
        &token,
        challenges(&["334 "]),
        &format!("AUTH XOAUTH2\r\n{encoded}\r\n"),
    )
    .await;
}

#[tokio::test]
async fn a_bad_token_is_refused_at_once_by_microsoft_and_after_an_empty_line_by_google() {
    let microsoft = Script::new().on(
        Point::Auth,
        Act::say("535 5.7.3 Authentication unsuccessful [SN2PR00CA0018.namprd00.prod.outlook.com]"),
    );
    let google = Script::new()
        .on(Point::Auth, Act::say("334 eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIn0="))
        .on(Point::Auth, Act::say("535 5.7.8 Username and Password not accepted."));
    for (script, last) in [(microsoft, "AUTH XOAUTH2 "), (google, "\r\n\r\n")] {
        let (said, trouble) = login(AuthMethod::Xoauth2, USER, "token", script).await;
        assert!(said.contains(last) && said.lines().count() <= 2, "{said:?}");
        let trouble = trouble.unwrap();
        assert_eq!(
            (trouble.verdict.place, trouble.verdict.outcome),
            (Stage::Auth.place(), Outcome::Stop)
        );
    }
}

#[tokio::test]
async fn a_secret_that_the_server_repeats_is_masked() {
    let encoded = BASE64_STANDARD.encode("t0p secret");
    let refusal = format!("535 5.7.8 {USER} may not use t0p secret ({encoded})");
    for method in [AuthMethod::Login, AuthMethod::Plain, AuthMethod::CramMd5] {
        let script = match method {
            AuthMethod::Login => challenges(&["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", &refusal]),
            AuthMethod::CramMd5 => challenges(&["334 PDEuMUBteD4=", &refusal]),
            AuthMethod::Plain | AuthMethod::Xoauth2 => challenges(&[&refusal]),
        };
        let (_said, trouble) = login(method, USER, "t0p secret", script).await;
        let told = format!("{:?}", trouble.unwrap());
        assert!(told.contains(&format!("{USER} may not use *** (***)")), "{told}");
        assert!(!told.contains("t0p") && !told.contains(&encoded), "{told}");
    }
}

#[tokio::test]
async fn a_server_that_asks_without_end_is_left() {
    let (said, trouble) = login(
        AuthMethod::Login,
        "scan",
        "secret",
        Script::new().on(Point::Auth, Act::say("334 VXNlcm5hbWU6")),
    )
    .await;
    assert_eq!(said.lines().count(), 3, "{said:?}");
    assert_eq!(trouble.unwrap().verdict.outcome, Outcome::Stop);
}

#[tokio::test]
async fn no_secret_is_sent_to_a_server_that_does_not_offer_the_method() {
    let (said, trouble) =
        login(AuthMethod::Login, "scan", "secret", Script::new().offers(&["AUTH XOAUTH2 GSSAPI"]))
            .await;
    assert_eq!(said, "");
    let trouble = trouble.unwrap();
    assert!(
        matches!(&trouble.fault, Fault::Local(_))
            && trouble.fault.to_string().contains("XOAUTH2, GSSAPI"),
        "{:?}",
        trouble.fault
    );
    assert_eq!(trouble.verdict.outcome, Outcome::Stop);
}

#[tokio::test]
async fn a_secret_that_is_missing_or_empty_is_the_accounts_trouble() {
    let (said, trouble) = login(AuthMethod::Login, "scan", "\n", Script::new()).await;
    assert_eq!(said, "");
    assert_eq!(trouble.unwrap().verdict.place, Stage::Token.place());
    let mut destination = destination();
    destination.auth = Some(Auth {
        method: AuthMethod::Login,
        user: "scan".to_owned(),
        secret: crate::upstream::SecretSource::File("/nonexistent/secret".into()),
    });
    let (ours, theirs) = pipe();
    let _server = Script::new().serve(theirs);
    let trouble = client(destination).connect_over(ours).await.err().unwrap();
    assert_eq!(
        (trouble.verdict.place, trouble.verdict.outcome),
        (Stage::Token.place(), Outcome::Stop)
    );
    assert!(
        matches!(&trouble.fault, Fault::Local(_))
            && trouble.fault.to_string().contains("/nonexistent/secret"),
        "{:?}",
        trouble.fault
    );
}
