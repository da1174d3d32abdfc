//! The config is read again while mail comes in and goes out.

use std::{
    collections::HashSet,
    fs,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
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
const TO: &str = "archive@contoso.com";
const DEVICES: usize = 8;
const MESSAGES: usize = 2_000;
/// The messages that a device hands in over one connection.
const IN_A_ROW: usize = 5;
const RELOADS: usize = 50;

/// Hands in this device's share. Returns what was not taken.
fn hand_in(device: usize, server: SocketAddr, done: &AtomicUsize) -> Vec<String> {
    let mut troubles = Vec::new();
    for row in 0..MESSAGES / DEVICES / IN_A_ROW {
        let mut connection = Device::greeted(server).unwrap();
        for number in 0..IN_A_ROW {
            let id = format!("reload-{device}-{row}-{number}");
            let scan = Scan::new(id.clone(), Kind::Document, 2_000, FROM);
            match connection.hand_in(FROM, TO, &scan) {
                Ok(answer) if answer.code == 250 => {}
                Ok(answer) => troubles.push(format!("{id}: {}", answer.text)),
                Err(broken) => troubles.push(format!("{id}: {broken:?}")),
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    }
    troubles
}

/// The tables of one of the configs: everything that can change while it runs changes.
fn tables(turn: usize, account: &str) -> Vec<String> {
    let odd = turn % 2 == 1;
    let listeners = if odd {
        format!("{}\n[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"auto\"\n", LISTENERS)
    } else {
        LISTENERS.replacen("tls = \"none\"", "tls = \"auto\"", 1)
    };
    let scanners = if odd { SCANNERS } else { &SCANNERS.replace("= 200", "= 300") };
    let mut tables = vec![listeners, scanners.to_owned(), account.to_owned()];
    if odd {
        tables.push(
            "[[device]]\nname = \"others\"\nnetworks = [\"10.0.0.0/8\"]\n\
            [[account]]\nname = \"spare\"\nroute = \"smarthost\"\nhost = \"127.0.0.1\"\nport = 1\n\
            [retry]\nspacing = [\"40m\"]\n[receiving]\nconnections = 400\n\
            [report]\nadministrator = \"it@contoso.com\"\n"
                .to_owned(),
        );
    }
    tables
}

fn write(relay: &Relay, tables: &[String]) {
    let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
    relay.configure("", &tables);
}

#[test]
fn no_message_is_refused_or_lost_while_the_config_is_read_again_fifty_times() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let account = |connections: usize| {
        sandbox.account(&format!(
            "limits = {{ messages_per_minute = \"none\", recipients_per_day = \"none\", \
            connections = {connections} }}"
        ))
    };
    let begin = tables(0, &account(3));
    let begin: Vec<&str> = begin.iter().map(String::as_str).collect();
    let relay = Relay::start(dir.path(), "", &begin);
    let server = relay.listener("auto");
    let done = AtomicUsize::new(0);
    let troubles: Vec<String> = thread::scope(|scope| {
        let done = &done;
        let devices: Vec<_> =
            (0..DEVICES).map(|device| scope.spawn(move || hand_in(device, server, done))).collect();
        for turn in 1..=RELOADS {
            // The reloads are spread over all the mail, however fast the machine is.
            let due = MESSAGES * (turn - 1) / RELOADS;
            wait::until("the devices", wait::PATIENCE, || {
                let count = done.load(Ordering::Relaxed);
                if count >= due { Ok(()) } else { Err(format!("{count} of {due} handed in")) }
            });
            write(&relay, &tables(turn, &account(3 + turn % 4)));
            let reloaded = relay.json(&["reload"]);
            assert!(!reloaded["changed"].as_array().unwrap().is_empty(), "{reloaded}");
        }
        devices.into_iter().flat_map(|device| device.join().unwrap()).collect()
    });
    assert_eq!(troubles, Vec::<String>::new());
    let files = sandbox.wait_for(MESSAGES, Duration::from_secs(300));
    relay.wait_until_empty(wait::PATIENCE);
    let subjects: HashSet<String> = files
        .iter()
        .map(|file| {
            let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
            text.lines().find(|line| line.starts_with("Subject:")).unwrap().to_owned()
        })
        .collect();
    assert_eq!((files.len(), subjects.len()), (MESSAGES, MESSAGES), "each came once");
}

#[test]
fn new_rules_hold_for_new_mail_and_a_wrong_config_changes_nothing_and_says_why() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let account = sandbox.account("");
    let relay = Relay::start(dir.path(), "", &[LISTENERS, SCANNERS, &account]);
    let (plain, tls) = (relay.listener("none"), relay.listener("starttls"));
    let mut before = Device::greeted(plain).unwrap();
    let rcpt = |device: &mut Device| {
        device.command(&format!("MAIL FROM:<{FROM}>")).unwrap();
        device.command(&format!("RCPT TO:<{TO}>")).unwrap().code
    };

    let strict = SCANNERS.replace("auth =", "recipients = [\"nobody@contoso.com\"]\nauth =");
    let fewer =
        LISTENERS.replacen("[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"none\"\n", "", 1);
    relay.configure("", &[&fewer, &strict, &account]);
    let reloaded = relay.json(&["reload"]);
    assert!(
        reloaded["changed"].to_string().contains("device \\\"scanners\\\" changed"),
        "{reloaded}"
    );
    assert_eq!(rcpt(&mut before), 250, "a session keeps the rules that it began with");
    wait::until("the listener to close", wait::PATIENCE, || match Device::greeted(plain) {
        Err(_refused) => Ok(()),
        Ok(_) => Err("still taken".to_owned()),
    });
    assert_eq!(rcpt(&mut Device::greeted(tls).unwrap()), 550);

    let wrong = format!("{SCANNERS}oldest_tsl = \"tls1.2\"\n");
    relay.configure("", &[LISTENERS, &wrong, &account]);
    let refused = relay.refused(&["reload"]);
    assert!(
        refused.contains("postroom.toml:") && refused.contains("oldest_tsl: there is no such key"),
        "{refused}"
    );
    assert_eq!(rcpt(&mut Device::greeted(tls).unwrap()), 550, "what held still holds");

    relay.configure("stop_timeout = \"30s\"\n", &[LISTENERS, SCANNERS, &account]);
    let reloaded = relay.json(&["reload"]);
    assert_eq!(reloaded["needs_restart"], serde_json::json!(["stop_timeout"]));
    assert_eq!(rcpt(&mut Device::greeted(relay.listener("none")).unwrap()), 250);
}
