//! Health and metrics, as the tools that read them see them.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use crate::{
    scratch,
    support::{
        device::Device,
        relay::{LISTENERS, Relay, SCANNERS},
        sandbox::{Limits, Sandbox},
        scan::{Kind, Scan},
        wait,
    },
};

const FROM: &str = "mfp1@contoso.com";

#[test]
fn promtool_finds_nothing_to_say_about_the_metrics_of_a_relay_at_work() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let relay = Relay::start(dir.path(), "", &[LISTENERS, SCANNERS, &sandbox.account("")]);
    let scan = Scan::new("metrics".to_owned(), Kind::Document, 10_000, FROM);
    Device::greeted(relay.listener("none"))
        .unwrap()
        .hand_in(FROM, "archive@contoso.com", &scan)
        .unwrap();
    relay.wait_until_empty(wait::PATIENCE);

    let (code, metrics) = relay.page("/metrics");
    assert_eq!(code, 200);
    assert_eq!(relay.metric("postroom_messages_accepted_total"), 1.0);
    assert_eq!(relay.metric("postroom_recipients_delivered_total"), 1.0);
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool cannot be started; `make test` installs it");
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}\n{metrics}", String::from_utf8_lossy(&said));
}

#[test]
fn health_and_readiness_are_pages_and_status_tells_the_same() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Exchange);
    let relay = Relay::start(dir.path(), "", &[LISTENERS, SCANNERS, &sandbox.account("")]);
    assert_eq!(relay.page("/healthz").0, 200);
    assert_eq!(relay.page("/readyz").0, 200);
    let status = relay.json(&["status"]);
    assert_eq!(status["ready"], true);
    assert_eq!(status["accounts"][0]["state"]["state"], "ready", "{status}");
}
