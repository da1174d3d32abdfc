//! What those get who are not in the config: nothing, and they keep nobody out.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::Command,
    thread,
    time::Duration,
};

use argon2::{Argon2, PasswordHasher as _, password_hash::SaltString};
use tokio::time::Instant;

use crate::{
    scratch,
    support::{
        device::Device,
        peers::{self, HandIn, Login, Transport},
        process::{self, Process},
        relay::{LISTENERS, Relay},
        sandbox::{Limits, Sandbox, write_secret},
        scan::{Kind, Scan},
        wait,
    },
};

const FROM: &str = "mfp1@contoso.com";
const TO: &str = "archive@contoso.com";
/// The loopback network has 2^24 addresses: this one is the printer, all others are strangers.
const PRINTER: &str = "[[device]]\nname = \"printer\"\nnetworks = [\"127.0.0.1/32\"]\n";
/// Addresses that guess passwords at once.
const GUESSERS: u8 = 24;
const NOBODY: &str = "[[device]]\nname = \"printer\"\nnetworks = [\"192.0.2.0/24\"]\n";

#[test]
fn an_unknown_network_may_not_send_to_anyone_by_any_way_in() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let relay = Relay::start(dir.path(), "", &[LISTENERS, NOBODY, &sandbox.account("")]);
    let file = written(&dir, "probe");
    for (listener, transport) in [
        ("none", Transport::Plain),
        ("starttls", Transport::StartTls),
        ("implicit", Transport::Implicit),
    ] {
        for (from, to) in [
            (FROM, TO),
            ("", "anyone@example.com"),
            ("a@example.com", "b@example.com"),
            (FROM, "\"b@example.com\"@contoso.com"),
            (FROM, "b%example.com@contoso.com"),
        ] {
            let route =
                HandIn { server: relay.listener(listener), transport, login: None, from, to };
            let (status, dialogue, _) =
                process::run_anyhow(&mut peers::swaks_command(&route, &file, ""));
            assert!(
                !status.success() && !dialogue.contains(" 354 "),
                "{listener}, {from} to {to}:\n{dialogue}"
            );
            assert!(
                dialogue.contains(" 550 5.7.1 ") || dialogue.contains(" 530 "),
                "{listener}, {from} to {to}:\n{dialogue}"
            );
        }
    }
    assert_eq!(relay.queue().len(), 0);
    assert_eq!(sandbox.files().len(), 0);
}

#[test]
fn wrong_credentials_open_nothing_and_right_ones_do() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let right = Login { user: "mfp1".to_owned(), password_file: dir.path().join("mfp1.password") };
    let wrong = Login { user: "mfp1".to_owned(), password_file: dir.path().join("wrong.password") };
    let unknown = Login { user: "root".to_owned(), password_file: right.password_file.clone() };
    write_secret(&right.password_file, "Kopierer2026");
    write_secret(&wrong.password_file, "kopierer2026");
    let user = format!(
        "[[user]]\nname = \"mfp1\"\npassword_file = \"{}\"\ndevice = \"printer\"\n",
        right.password_file.display()
    );
    let relay = Relay::start(dir.path(), "", &[LISTENERS, NOBODY, &user, &sandbox.account("")]);
    let file = written(&dir, "login");
    let attempt = |login: &Login, mechanism: &str| {
        let route = HandIn {
            server: relay.listener("starttls"),
            transport: Transport::StartTls,
            login: Some(login),
            from: FROM,
            to: TO,
        };
        process::run_anyhow(&mut peers::swaks_command(&route, &file, mechanism))
    };
    for (login, mechanism) in [(&wrong, "LOGIN"), (&unknown, "PLAIN")] {
        let (status, dialogue, _) = attempt(login, mechanism);
        assert!(!status.success() && !dialogue.contains("354 "), "{dialogue}");
        assert!(dialogue.contains("535 5.7.8 "), "{dialogue}");
    }
    assert_eq!(relay.queue().len(), 0);
    let (status, dialogue, errors) = attempt(&right, "LOGIN");
    assert!(status.success(), "{dialogue}{errors}");
    sandbox.wait_for(1, Duration::from_secs(60));
}

#[test]
fn two_thousand_idle_connections_and_a_flood_from_strangers_do_not_delay_the_printer() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let relay = Relay::start(
        dir.path(),
        "",
        &[LISTENERS, PRINTER, &hashed_user(&dir), &sandbox.account("")],
    );
    let server = relay.listener("none");
    let mut crowd = Command::new("python3");
    crowd.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/crowd.py"));
    crowd.args([&server.ip().to_string(), &server.port().to_string(), "2000"]);
    let log = dir.path().join("crowd.log");
    let (_crowd, line) = Process::start_and_read_line("the crowd", &mut crowd, &log);
    // `connections_per_client`: one address, however often it calls, has this many places.
    assert_eq!(line.trim(), "ready, 50 kept");
    let flooded = || {
        fs::read_to_string(&log)
            .unwrap()
            .lines()
            .last()
            .map_or(0, |count| count.parse::<u32>().unwrap())
    };
    wait::until("the flood", Duration::from_secs(60), || {
        if flooded() > 0 { Ok(()) } else { Err("not one hundred connections".to_owned()) }
    });
    let before = flooded();
    let guessers: Vec<_> =
        (1..=GUESSERS).map(|number| thread::spawn(move || guess(server, number))).collect();

    for number in 0..5 {
        let scan = Scan::new(format!("printer-{number}"), Kind::Document, 100_000, FROM);
        let begun = Instant::now();
        let mut device = Device::greeted(server).unwrap();
        let answer = device.hand_in(FROM, TO, &scan).unwrap();
        let took = begun.elapsed();
        assert_eq!(answer.code, 250, "{}", answer.text);
        assert!(took < Duration::from_secs(1), "message {number} took {took:?}");
    }
    wait::until("more of the flood", Duration::from_secs(60), || {
        if flooded() > before { Ok(()) } else { Err("it has ended".to_owned()) }
    });
    let judged: usize = guessers.into_iter().map(|guesser| guesser.join().unwrap()).sum();
    assert!(judged > 0, "no password was looked at");
    let peak = relay.peak_memory_kib();
    eprintln!(
        "peak resident memory with 2,000 connections, a flood of {} and {judged} wrong passwords: \
        {peak} KiB",
        flooded()
    );
    assert!(peak < 128 * 1024, "{peak} KiB");
}

/// One whose password is known by a hash only, at the cost that is usual: 19 MiB for each look.
fn hashed_user(dir: &tempfile::TempDir) -> String {
    let file = dir.path().join("erp.hash");
    let salt = SaltString::encode_b64(b"saltsaltsalt").unwrap();
    let hash = Argon2::default().hash_password(b"Kopierer2026", &salt).unwrap();
    write_secret(&file, &hash.to_string());
    format!(
        "[[device]]\nname = \"erp\"\n[[user]]\nname = \"erp\"\npassword_file = \"{}\"\ndevice = \
        \"erp\"\n",
        file.display()
    )
}

/// A stranger that tries a password: how many were looked at. It may have to call often, because
/// many others call too.
fn guess(server: SocketAddr, number: u8) -> usize {
    let address = IpAddr::from([127, 0, 9, number]);
    let looked_at = |_call| {
        let mut device = Device::greeted_from(address, server).ok()?;
        device.command("EHLO guesser").ok()?;
        // erp, and a wrong password.
        let answer = device.command("AUTH PLAIN AGVycAB3cm9uZw==").ok()?;
        answer.text.starts_with("535 ").then_some(1)
    };
    (0..200).find_map(looked_at).unwrap_or(0)
}

fn written(dir: &tempfile::TempDir, mark: &str) -> PathBuf {
    let file = dir.path().join(format!("{mark}.eml"));
    fs::write(&file, Scan::new(mark.to_owned(), Kind::Document, 5_000, FROM).for_swaks()).unwrap();
    file
}
