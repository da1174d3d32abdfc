//! What was answered with 250 survives `kill -9`, and doubles come from doubt alone.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, SyncSender},
    },
    thread,
    time::Duration,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

use crate::{
    scratch,
    support::{
        Pace,
        device::Device,
        process,
        relay::{self, LISTENERS, Relay, SCANNERS},
        sandbox::{Limits, Sandbox},
        scan::{self, Kind, Scan},
        wait,
    },
};

/// Printed with a failure; change it to look at other moments.
const SEED: u64 = 20_261_123;
const DEVICES: usize = 6;
const CONNECTIONS: usize = 4;
const FROM: &str = "mfp1@contoso.com";
const TO: &str = "archive@contoso.com";

/// Marks of the messages that the devices were told are accepted.
type Accepted = Mutex<HashSet<String>>;

#[test]
fn every_message_answered_with_250_survives_kill_minus_nine_and_doubles_are_doubts() {
    let rounds = Pace::chosen().pick(50, 500);
    let mut random = StdRng::seed_from_u64(SEED);
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let account = sandbox.account(&format!(
        "limits = {{ connections = {CONNECTIONS} }}\nbatch = {{ messages = 100000 }}"
    ));
    let mut relay = Relay::start(dir.path(), "", &[LISTENERS, SCANNERS, &account]);

    let accepted = Accepted::default();
    let numbers = AtomicUsize::new(0);
    for round in 0..rounds {
        if round > 0 {
            relay.restart();
        }
        let messages_first = random.random_range(0..40);
        let moment = Duration::from_micros(random.random_range(0..60_000));
        let server = relay.listener("none");
        thread::scope(|scope| {
            // Devices wait for room only while the test is between looking and killing.
            let (tell, told) = mpsc::sync_channel(1);
            for _ in 0..DEVICES {
                let tell = tell.clone();
                let (numbers, accepted) = (&numbers, &accepted);
                scope
                    .spawn(move || hand_in_until_the_line_breaks(server, numbers, accepted, &tell));
            }
            drop(tell);
            for _ in 0..messages_first {
                told.recv_timeout(wait::PATIENCE).unwrap_or_else(|_| {
                    panic!("seed {SEED}, round {round}: nothing is accepted any more")
                });
            }
            // The moment itself must not be tied to an answer: the crash may fall anywhere.
            while told.recv_timeout(moment).is_ok() && random.random_range(0..4) > 0 {}
            relay.kill();
            drop(told);
        });
    }
    relay.restart();

    let accepted = accepted.into_inner().unwrap();
    let doubtful = settle(&relay, rounds);
    check_arrivals(&accepted, &doubtful, &arrivals(&sandbox), rounds);
}

/// Nothing that was accepted is lost, and what arrived twice had been in doubt.
fn check_arrivals(
    accepted: &HashSet<String>,
    doubtful: &HashMap<String, usize>,
    arrived: &HashMap<String, usize>,
    rounds: usize,
) {
    let lost: Vec<_> = accepted.iter().filter(|mark| !arrived.contains_key(*mark)).collect();
    assert_eq!(lost, Vec::<&String>::new(), "seed {SEED}: accepted with 250, and lost");
    let doubles: HashMap<_, _> = arrived.iter().filter(|(_, times)| **times > 1).collect();
    for (mark, times) in &doubles {
        let doubts = doubtful.get(*mark).copied().unwrap_or(0);
        assert!(
            **times <= 1 + doubts,
            "seed {SEED}: {mark} arrived {times} times, with {doubts} doubts"
        );
    }
    assert!(
        accepted.len() >= rounds,
        "seed {SEED}: only {} messages were accepted in {rounds} rounds",
        accepted.len()
    );
    eprintln!(
        "{rounds} crashes: {} messages accepted, {} in doubt, {} arrived twice, none lost",
        accepted.len(),
        doubtful.len(),
        doubles.len()
    );
}

fn hand_in_until_the_line_breaks(
    server: SocketAddr,
    numbers: &AtomicUsize,
    accepted: &Accepted,
    tell: &SyncSender<()>,
) {
    loop {
        let Ok(mut device) = Device::greeted(server) else { return };
        for _ in 0..3 {
            let number = numbers.fetch_add(1, Ordering::Relaxed);
            let size = [700, 4_000, 60_000, 400_000][number % 4];
            let scan = Scan::new(format!("crash-{number}"), Kind::of(number), size, FROM);
            let Ok(answer) = device.hand_in(FROM, TO, &scan) else { return };
            assert_eq!(answer.code, 250, "{}", answer.text);
            accepted.lock().unwrap().insert(scan.mark);
            if tell.send(()).is_err() {
                return;
            }
        }
        drop(device.command("QUIT"));
    }
}

/// Lets everything go out that may, releases what is in doubt, and waits for the empty queue. The
/// doubts by mark: a message whose 250 the device never read has an id that only the queue knows.
fn settle(relay: &Relay, rounds: usize) -> HashMap<String, usize> {
    let waiting =
        wait::until("everything without doubt to be delivered", Duration::from_secs(120), || {
            let queue = relay.queue();
            let fresh = queue.iter().filter(|entry| relay::doubts(entry) == 0).count();
            if fresh == 0 {
                Ok(queue)
            } else {
                Err(format!("{fresh} of {} messages without doubt", queue.len()))
            }
        });
    let doubts = |entry: &Value| {
        let text =
            process::run(&mut relay.command(&["queue", "export", entry["id"].as_str().unwrap()]));
        (scan::mark(text.as_bytes()).unwrap(), relay::doubts(entry))
    };
    let doubtful: HashMap<String, usize> = waiting.iter().map(doubts).collect();
    // Only an attempt under way can be in doubt, and a crash meets no more of them than there are
    // connections.
    let sum: usize = doubtful.values().sum();
    assert!(
        sum <= rounds * CONNECTIONS,
        "{sum} doubts after {rounds} crashes with {CONNECTIONS} connections"
    );
    if !waiting.is_empty() {
        let ids: Vec<&str> = waiting.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
        process::run(relay.command(&["queue", "retry", "--yes"]).args(ids));
    }
    relay.wait_until_empty(Duration::from_secs(120));
    doubtful
}

/// How often each message arrived.
fn arrivals(sandbox: &Sandbox) -> HashMap<String, usize> {
    let mut arrived = HashMap::new();
    for mark in sandbox.marks() {
        *arrived.entry(mark).or_insert(0) += 1;
    }
    assert_eq!(arrived.keys().collect::<HashSet<_>>().len(), arrived.len());
    arrived
}
