//! Unknown devices: admitted for a while, confirmed by a person, and audited.

use std::fs;

use crate::{
    scratch,
    support::{
        device::Device,
        relay::{LISTENERS, NOWHERE, Relay},
        wait,
    },
};

const OTHERS: &str = "[[device]]\nname = \"others\"\nnetworks = [\"10.0.0.0/8\"]\n";
const OURS: &str = "archive@contoso.com";

/// What the relay says to a recipient of this device, or to the device itself.
fn answer(relay: &Relay, to: &str) -> u16 {
    let mut device = Device::greeted(relay.listener("none")).unwrap();
    let sender = device.command("MAIL FROM:<mfp1@contoso.com>").unwrap().code;
    if sender != 250 {
        return sender;
    }
    device.command(&format!("RCPT TO:<{to}>")).unwrap().code
}

#[test]
fn unknown_devices_of_one_network_may_send_for_a_while_and_to_our_own_recipients_only() {
    let dir = scratch();
    let relay = Relay::start(dir.path(), "", &[LISTENERS, OTHERS, NOWHERE]);
    assert_eq!(answer(&relay, OURS), 550);
    let learning = relay.json(&["device", "learn", "127.0.0.0/24", "--for", "1h"]);
    assert_eq!(learning["recipients"], serde_json::json!(["*@contoso.com"]));
    assert_eq!(answer(&relay, OURS), 250);
    assert_eq!(answer(&relay, "anybody@fabrikam.com"), 550, "the relay is not open");
    let learned = relay.json(&["device", "learn"]);
    assert_eq!(learned["clients"][0]["peer"], "127.0.0.1", "{learned}");
    assert_eq!(relay.json(&["status"])["learning"]["network"], "127.0.0.0/24");

    // A reload does not end it, and neither does it begin it anew.
    relay.json(&["reload"]);
    assert_eq!(answer(&relay, OURS), 250);
    relay.done(&["device", "learn", "--end"]);
    assert_eq!(answer(&relay, OURS), 550);

    relay.json(&["device", "learn", "127.0.0.0/24", "--for", "1s"]);
    wait::until("the end of learning mode", wait::PATIENCE, || {
        if relay.json(&["status"])["learning"].is_null() { Ok(()) } else { Err("it lasts".into()) }
    });
    assert_eq!(answer(&relay, OURS), 550);
    for (words, says) in [
        (["device", "learn", "0.0.0.0/0", "--for", "1h"], "is too wide"),
        (["device", "learn", "127.0.0.0/24", "--for", "25h"], "1s to 24h"),
        (["device", "learn", "10.1.0.0/16", "--for", "1h"], "is device \"others\" already"),
    ] {
        assert!(relay.refused(&words).contains(says), "{words:?}");
    }
}

#[test]
fn a_device_is_admitted_into_conf_d_and_each_change_leaves_one_audit_line() {
    let dir = scratch();
    let relay = Relay::start(dir.path(), "", &[LISTENERS, OTHERS, NOWHERE]);
    assert_eq!(answer(&relay, OURS), 550);
    relay.done(&["device", "admit", "127.0.0.1", "--name", "mfp 7", "--oldest-tls", "tls1.0"]);
    assert_eq!(answer(&relay, OURS), 250);
    let file = dir.path().join("conf.d/device-mfp-7.toml");
    assert!(fs::read_to_string(&file).unwrap().contains("oldest_tls = \"tls1.0\""));
    let again = relay.refused(&["device", "admit", "127.0.0.1", "--name", "other"]);
    assert!(again.contains("127.0.0.1 is device \"mfp 7\" already"), "{again}");
    let wrong = relay.refused(&["device", "admit", "127.0.0.2", "--name", "postroom"]);
    assert!(wrong.contains("is reserved") && wrong.contains("nothing has changed"), "{wrong}");
    assert!(!dir.path().join("conf.d/device-postroom.toml").exists());

    relay.done(&["account", "disable", "out"]);
    relay.done(&["account", "set", "out", "batch.messages=7"]);
    let audit = relay.json(&["audit"]);
    let lines = audit.as_array().unwrap();
    let what: Vec<_> = lines.iter().map(|line| line["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["set", "disable", "reload"], "{audit}");
    assert_eq!(
        (&lines[0]["subject"], &lines[0]["from"], &lines[0]["to"]),
        (&"account out batch.messages".into(), &"30".into(), &"7".into())
    );
    assert_eq!(lines[1]["to"], "disabled");
    assert_eq!(lines[2]["to"], "device \"mfp 7\" added");
    let uid = fs::metadata("/proc/self").map(|own| std::os::unix::fs::MetadataExt::uid(&own));
    assert!(lines.iter().all(|line| line["uid"] == uid.as_ref().copied().unwrap()), "{audit}");
    assert!(lines.iter().all(|line| !line["by"].as_str().unwrap().is_empty()), "{audit}");
}
