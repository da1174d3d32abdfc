//! What was seen of devices: shown, acted upon, and there again after a restart.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;

use crate::{
    scratch,
    support::{
        device::Device,
        process,
        relay::{LISTENERS, Relay},
        wait,
    },
};

/// Nobody is a device, and nobody answers for the account.
const NOBODY: &str = r#"
[[device]]
name = "elsewhere"
networks = ["192.0.2.0/24"]

[[account]]
name = "out"
route = "smarthost"
host = "127.0.0.1"
port = 1
address = "scanner@contoso.com"
"#;
/// What a device has set as its password before anybody has given it one.
const FACTORY: &str = "AG1mcDEAZ2VoZWlt";

/// A TLS 1.0 device of its time; what it reports.
fn old_device(relay: &Relay) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/old_device.py");
    let job = format!("{},implicit,tls1.0,aes128,sha", relay.listener("implicit").port());
    process::run(Command::new("python3").args([script, "127.0.0.1", &job]))
}

/// A device without TLS, that logs in whether that is offered or not.
fn plain_device(relay: &Relay, response: &str) -> String {
    let mut device = Device::greeted(relay.listener("none")).unwrap();
    device.command(&format!("AUTH PLAIN {response}")).unwrap();
    let answer = device.command("MAIL FROM:<scan@contoso.com>").unwrap();
    if answer.code == 250 {
        device.command("RCPT TO:<anna@contoso.com>").unwrap();
        device.command("DATA").unwrap();
        device.send(b"Subject: scan\r\n\r\na confidential page\r\n.\r\n").unwrap();
        device.answer().unwrap();
        // And something that it may not.
        device.command("MAIL FROM:<scan@contoso.com> SIZE=99999999999").unwrap();
    }
    device.command("QUIT").unwrap();
    answer.text
}

fn show(relay: &Relay, which: &str) -> String {
    process::run(&mut relay.command(&["device", "show", which]))
}

fn await_seen(relay: &Relay, what: &str, is_there: impl Fn(&Value) -> bool) -> Value {
    wait::until(what, wait::PATIENCE, || {
        let list = relay.json(&["device", "list"]);
        if is_there(&list) { Ok(list) } else { Err(list.to_string()) }
    })
}

#[test]
#[cfg(feature = "legacy-tls")]
fn a_refused_printer_is_admitted_by_the_lines_that_are_shown_and_still_known_after_a_restart() {
    let dir = scratch();
    let mut relay = Relay::start(dir.path(), "", &[LISTENERS, NOBODY]);
    assert!(old_device(&relay).starts_with("refused"));
    assert!(
        plain_device(&relay, FACTORY)
            .starts_with("550 5.7.1 127.0.0.1 is not in any device's networks")
    );
    let list =
        await_seen(&relay, "the stranger", |list| list["strangers"][0]["mechanism"] == "PLAIN");
    let lines = list["strangers"][0]["admitting"].as_str().unwrap().to_owned();
    assert!(
        lines.contains("oldest_tls = \"tls1.0\"") && lines.contains("auth = \"optional\""),
        "{lines}"
    );
    let text = process::run(&mut relay.command(&["device", "list"]));
    assert!(lines.lines().all(|line| text.contains(line)), "{text}");
    // It is shown what it said, and of its login nothing.
    let shown = show(&relay, "127.0.0.1");
    assert!(shown.contains("    C: AUTH PLAIN ***\n    S: 503 5.5.1 "), "{shown}");
    assert!(shown.contains("it offers at most tls1.0"), "{shown}");
    assert!(!shown.contains(FACTORY), "{shown}");

    let password = follow_the_lines(&relay, dir.path(), &lines);
    relay.terminate();
    assert!(relay.ended().success());
    relay.restart();
    assert_eq!(
        relay.json(&["device", "list"])["strangers"],
        serde_json::json!([]),
        "it is a device now"
    );

    assert!(old_device(&relay).starts_with("TLS 1.0\taes128\t250 2.0.0 queued as "));
    let response = STANDARD.encode(format!("\0scanner\0{}", password.trim()));
    assert!(plain_device(&relay, &response).starts_with("250 "));
    let is_whole = |list: &Value| {
        let client = &list["devices"][1]["seen"]["clients"][0];
        client["counts"]["connections"] == 2 && client["mechanism"] == "PLAIN"
    };
    await_seen(&relay, "both connections", is_whole);
    let before = relay.json(&["device", "show", "scanner"]);
    relay.terminate();
    assert!(relay.ended().success());
    relay.restart();
    let after = relay.json(&["device", "show", "scanner"]);
    assert_eq!(after, before, "what was seen outlives the process");

    check_shown(&relay, &after, &[password.trim(), response.as_str(), "confidential"]);
}

/// Pastes the lines into the config, as a person would; the password that was made for the device.
#[cfg(feature = "legacy-tls")]
fn follow_the_lines(relay: &Relay, dir: &Path, lines: &str) -> String {
    let file = dir.join("scanner.pass");
    let output = file.to_str().unwrap();
    let password = process::run(
        &mut relay.command(&["device", "password", "--user", "scanner", "--output", output]),
    );
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(lines.contains("/etc/postroom/scanner.pass"), "{lines}");
    let config = dir.join("postroom.toml");
    let pasted = format!(
        "{}\n{}",
        fs::read_to_string(&config).unwrap(),
        lines.replace("/etc/postroom/scanner.pass", output)
    );
    fs::write(&config, pasted).unwrap();
    process::run(&mut relay.command(&["check"]));
    password
}

/// What is shown of the admitted device; no secret is in it.
#[cfg(feature = "legacy-tls")]
fn check_shown(relay: &Relay, after: &Value, secrets: &[&str]) {
    let client = &after["seen"]["clients"][0];
    assert_eq!(client["counts"]["messages"], 2, "{client}");
    assert_eq!(
        (&client["login"]["user"], &client["login"]["outcome"]),
        (&"scanner".into(), &"right".into()),
        "{client}"
    );
    assert_eq!(client["last_refusal"]["kind"], "size", "{client}");
    let shown = show(relay, "scanner");
    for part in [
        "* tls1.0, TLS_RSA_WITH_AES_128_CBC_SHA",
        "C: AUTH PLAIN ***",
        "C: [message text, ",
        "scanner (PLAIN)",
        "raise max_message",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    for secret in secrets {
        assert!(
            !shown.contains(secret) && !after.to_string().contains(secret),
            "{secret:?} is in:\n{shown}"
        );
    }
}

#[test]
fn without_the_daemon_the_config_is_shown_and_a_wrong_name_is_answered_with_the_right_ones() {
    let dir = scratch();
    let mut relay = Relay::start(dir.path(), "", &[LISTENERS, NOBODY]);
    assert!(show(&relay, "elsewhere").contains("Never seen."));
    relay.terminate();
    relay.ended();
    let shown = show(&relay, "elsewhere");
    assert!(
        shown.contains("192.0.2.0/24") && shown.contains("oldest_tls           tls1.2"),
        "{shown}"
    );
    assert!(
        show(&relay, "192.0.2.7").contains("192.0.2.7 is in a network of device \"elsewhere\".")
    );
    let (status, _, errors) =
        process::run_anyhow(&mut relay.command(&["device", "show", "printers"]));
    assert!(!status.success() && errors.contains("devices are: elsewhere"), "{errors}");
}

#[test]
fn what_was_seen_outlives_a_process_that_is_killed_once_it_has_been_kept() {
    let dir = scratch();
    let mut relay = Relay::start(dir.path(), "", &[LISTENERS, NOBODY]);
    let syncs = || relay.metric("postroom_index_syncs_total");
    let before = syncs();
    assert!(plain_device(&relay, FACTORY).starts_with("550 "));
    await_seen(&relay, "the stranger, gone", |list| list["strangers"][0]["mechanism"] == "PLAIN");
    // Nothing else is written: what becomes durable is what was seen, within ten seconds.
    wait::until("the sighting on the disk", wait::PATIENCE, || {
        if syncs() > before { Ok(()) } else { Err("not yet".to_owned()) }
    });
    relay.kill();
    relay.restart();
    let list = relay.json(&["device", "list"]);
    assert_eq!(list["strangers"][0]["mechanism"], "PLAIN", "{list}");
    assert_eq!(list["strangers"][0]["last_refusal"]["kind"], "stranger", "{list}");
}
