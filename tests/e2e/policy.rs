//! What a device may do, rule by rule, in the running program.

use std::net::IpAddr;

use crate::{
    scratch,
    support::{
        device::Device,
        process,
        relay::{LISTENERS, Relay},
        scan::{Kind, Scan},
    },
};

/// A device for each rule, each with an address of its own. Nobody answers for the accounts, so
/// mail stays where it is.
const DEVICES: &str = r#"
[[device]]
name = "all"
networks = ["127.0.0.0/8"]

[[device]]
name = "narrow"
networks = ["127.0.1.0/24"]
senders = ["*@contoso.com"]
recipients = ["*@contoso.com"]
account = "second"

[[device]]
name = "narrowest"
networks = ["127.0.1.9"]
max_message = "64KB"

[[device]]
name = "slow"
networks = ["127.0.2.0/24"]
messages_per_minute = 2

[[device]]
name = "alone"
networks = ["127.0.3.0/24"]
connections = 1

[[device]]
name = "simple"
networks = ["127.0.4.0/24"]
auth = "optional"
mechanisms = ["login", "cram-md5"]
hide_extensions = ["SIZE", "DSN"]
end_of_data = "lone_lf_then_close"

[[device]]
name = "careful"
networks = ["127.0.5.0/24"]
auth = "required"

[[account]]
name = "first"
route = "smarthost"
host = "127.0.0.1"
port = 1
address = "scanner@contoso.com"

[[account]]
name = "second"
route = "smarthost"
host = "127.0.0.1"
port = 1
address = "scanner@contoso.com"
"#;

/// The base64 of NUL, `mfp1`, NUL, `geheim`.
const PLAIN: &str = "AG1mcDEAZ2VoZWlt";

struct Office {
    relay: Relay,
    _dir: tempfile::TempDir,
}

impl Office {
    fn open() -> Self {
        let dir = scratch();
        let password = dir.path().join("mfp1.pass");
        std::fs::write(&password, "geheim\n").unwrap();
        let user = format!(
            "[[user]]\nname = \"mfp1\"\npassword_file = {password:?}\ndevice = \"careful\"\n"
        );
        Self { relay: Relay::start(dir.path(), "", &[LISTENERS, DEVICES, &user]), _dir: dir }
    }

    fn call(&self, from: &str) -> Device {
        Device::greeted_from(from.parse::<IpAddr>().unwrap(), self.relay.listener("none")).unwrap()
    }

    /// What a device is answered, line by line, up to the first refusal.
    #[track_caller]
    fn check(&self, from: &str, lines: &[&str], expected: &str) {
        let mut device = self.call(from);
        let mut last = String::new();
        for line in lines {
            let answer = device.command(line).unwrap();
            last = answer.text;
            if answer.code >= 400 {
                break;
            }
        }
        assert!(last.starts_with(expected), "{from} {lines:?}: {last}");
    }
}

#[test]
fn every_rule_of_a_device_holds() {
    let office = Office::open();
    // The longest prefix wins, wherever it stands in the file.
    office.check("127.0.0.7", &["MAIL FROM:<a@fabrikam.com>", "RCPT TO:<b@example.com>"], "250 ");
    office.check(
        "127.0.1.7",
        &["MAIL FROM:<a@fabrikam.com>"],
        "550 5.7.1 <a@fabrikam.com> is not among the senders of device \"narrow\"",
    );
    office.check(
        "127.0.1.7",
        &["MAIL FROM:<a@contoso.com>", "RCPT TO:<b@example.com>"],
        "550 5.7.1 <b@example.com> is not among the recipients of device \"narrow\"",
    );
    office.check("127.0.1.9", &["MAIL FROM:<a@fabrikam.com>"], "250 ");
    let too_large = "552 5.3.4 too large: max_message of device \"narrowest\" is 64KB";
    office.check("127.0.1.9", &["MAIL FROM:<a@fabrikam.com> SIZE=65537"], too_large);
    let twice = ["MAIL FROM:<>", "RSET", "MAIL FROM:<>", "RSET", "MAIL FROM:<>"];
    office.check(
        "127.0.2.1",
        &twice,
        "450 4.7.1 too fast: messages_per_minute of device \"slow\" is 2",
    );
    office.check("127.0.2.2", &["MAIL FROM:<>"], "450 4.7.1 ");
    office.check(
        "127.0.5.1",
        &["MAIL FROM:<>"],
        "530 5.7.0 log in first: device \"careful\" has auth = \"required\"",
    );
    office.check("127.0.5.1", &[&format!("AUTH PLAIN {PLAIN}"), "MAIL FROM:<>"], "250 ");
    // A user's device is its own, wherever it comes from.
    office.check(
        "127.0.4.1",
        &["AUTH LOGIN", "bWZwMQ==", "Z2VoZWlt", "MAIL FROM:<a@fabrikam.com>"],
        "250 ",
    );
    office.check("127.0.4.1", &[&format!("AUTH PLAIN {PLAIN}")], "504 5.5.4 ");
    office.check("127.0.0.7", &[&format!("AUTH PLAIN {PLAIN}")], "503 5.5.1 ");
}

#[test]
fn a_device_is_offered_what_suits_it_and_has_the_places_that_are_its_own() {
    let office = Office::open();
    let offered = office.call("127.0.4.1").command("EHLO mfp1").unwrap().text;
    assert!(
        offered.contains("\r\n250-AUTH LOGIN CRAM-MD5\r\n") && offered.contains("PIPELINING"),
        "{offered}"
    );
    assert!(!offered.contains("SIZE") && !offered.contains("DSN"), "{offered}");

    let _only = office.call("127.0.3.1");
    let address = office.relay.listener("none");
    let refused = Device::greeted_from("127.0.3.2".parse().unwrap(), address).err().unwrap();
    assert!(
        format!("{refused:?}").contains("421 4.7.0 Too many connections from this device"),
        "{refused:?}"
    );
    let shown = process::run(&mut office.relay.command(&["device", "show", "alone"]));
    assert!(
        shown.contains("In [[device]] \"alone\" write connections = 2 or more, and reload."),
        "{shown}"
    );

    let mut lone = office.call("127.0.4.1");
    assert_eq!(lone.begin("a@contoso.com", "b@contoso.com").unwrap().code, 354);
    lone.send(b"Subject: scan\n\npage\n.\n").unwrap();
    assert_eq!(lone.answer().unwrap().code, 250);
    assert!(lone.answer().is_err(), "nothing is taken after it");
    let mut strict = office.call("127.0.1.7");
    assert_eq!(strict.begin("a@contoso.com", "b@contoso.com").unwrap().code, 354);
    strict.send(b"Subject: scan\n\npage\n.\nNOOP\r\n.\r\n").unwrap();
    let id = strict.answer().unwrap().queued_as();
    let queue = office.relay.queue();
    assert_eq!(queue.len(), 2, "the text holds no second message");
    let entry = queue.iter().find(|entry| entry["id"] == id.as_str()).unwrap();
    assert_eq!((&entry["device"], &entry["account"]), (&"narrow".into(), &"second".into()));
}

#[test]
fn a_message_that_is_too_large_is_refused_at_its_end_and_the_next_one_is_taken() {
    let office = Office::open();
    let mut device = office.call("127.0.1.9");
    let hand_in = |device: &mut Device, octets: usize| {
        let scan = Scan::new(format!("policy-{octets}"), Kind::Document, octets, "a@contoso.com");
        device.hand_in("a@contoso.com", "b@contoso.com", &scan).unwrap()
    };
    assert!(hand_in(&mut device, 200_000).text.starts_with("552 5.3.4 "));
    assert_eq!(hand_in(&mut device, 10_000).code, 250);
}
