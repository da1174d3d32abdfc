//! What is handed in arrives, unchanged, by every way in.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
    time::Duration,
};

use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use tokio::time::Instant;

use crate::{
    scratch,
    support::{
        Pace,
        peers::{self, HandIn, Login, Transport},
        relay::{LISTENERS, Relay, SCANNERS},
        sandbox::{Limits, Sandbox, write_secret},
        scan::{self, Kind, Proof, Scan},
    },
};

const FROM: &str = "mfp1@contoso.com";
const TO: &str = "archive@contoso.com";

/// A mail program and how it connects.
#[derive(Clone, Copy, Debug)]
enum NextHop {
    Swaks(Transport, &'static str),
    SmtpSource,
    Smtplib(Transport, Who),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    Anyone,
    User,
}

const LANES: [NextHop; 9] = [
    NextHop::Swaks(Transport::Plain, ""),
    NextHop::Swaks(Transport::StartTls, "LOGIN"),
    NextHop::Swaks(Transport::Implicit, "PLAIN"),
    NextHop::SmtpSource,
    NextHop::Smtplib(Transport::Plain, Who::Anyone),
    NextHop::Smtplib(Transport::Plain, Who::User),
    NextHop::Smtplib(Transport::StartTls, Who::Anyone),
    NextHop::Smtplib(Transport::StartTls, Who::User),
    NextHop::Smtplib(Transport::Implicit, Who::User),
];

/// How many mail programs run at once: more would only wait for the two processors of a build
/// server.
const AT_ONCE: usize = 3;

#[test]
fn two_hundred_messages_of_all_sizes_and_kinds_arrive_unchanged_by_every_way_in() {
    let dir = scratch();
    let sandbox = Sandbox::start(dir.path(), Limits::Out);
    let login = Login { user: "mfp1".to_owned(), password_file: dir.path().join("mfp1.password") };
    write_secret(&login.password_file, "Kopierer2026");
    let user = format!(
        "[[user]]\nname = \"mfp1\"\npassword_file = \"{}\"\ndevice = \"scanners\"\n",
        login.password_file.display()
    );
    let account = sandbox.account("limits = { connections = 4 }\nbatch = { messages = 100000 }");
    let relay = Relay::start(dir.path(), "", &[LISTENERS, SCANNERS, &user, &account]);

    // The shape is the same at either pace; the quick one spares a debug build the largest two
    // thirds of the octets.
    let mut sizes = scan::sizes(200, 10e3, Pace::chosen().pick(8e6, 25e6));
    // Lanes and kinds follow the number, so each gets sizes of all orders.
    sizes.shuffle(&mut StdRng::seed_from_u64(200));
    let mut jobs: Vec<(NextHop, Vec<(usize, usize)>)> =
        LANES.iter().map(|lane| (*lane, Vec::new())).collect();
    for (number, size) in sizes.iter().enumerate() {
        let lane = number % jobs.len();
        jobs[lane].1.push((number, *size));
    }
    let octets: usize = sizes.iter().sum();
    let begun = Instant::now();
    let proofs = Mutex::new(HashMap::new());
    let queue = Mutex::new(jobs.into_iter());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let job = queue.lock().unwrap().next();
                    let Some((lane, messages)) = job else { break };
                    hand_in(lane, &messages, &relay, &login, dir.path(), &proofs);
                }
            });
        }
    });
    let proofs = proofs.into_inner().unwrap();
    let handed_in = begun.elapsed();
    let files = sandbox.wait_for(sizes.len(), Duration::from_secs(600));
    relay.wait_until_empty(Duration::from_secs(60));
    eprintln!(
        "{} messages, {} MB: handed in after {handed_in:.1?}, all arrived after {:.1?}",
        files.len(),
        octets / 1_000_000,
        begun.elapsed()
    );

    assert_eq!(sandbox.files().len(), sizes.len(), "each arrives once");
    let mut seen = HashMap::new();
    for file in files {
        let arrived = fs::read(&file).unwrap();
        let mark = scan::mark(&arrived).unwrap();
        let proof = &proofs[&mark];
        assert_eq!(proof.faults(&arrived), Vec::<String>::new(), "{mark} in {}", file.display());
        seen.insert(mark, ());
    }
    assert_eq!(seen.len(), proofs.len());
}

fn hand_in(
    lane: NextHop,
    messages: &[(usize, usize)],
    relay: &Relay,
    login: &Login,
    dir: &Path,
    proofs: &Mutex<HashMap<String, Proof>>,
) {
    let (listener, transport) = match lane {
        NextHop::Swaks(transport, _) | NextHop::Smtplib(transport, _) => {
            (listener_of(transport), transport)
        }
        NextHop::SmtpSource => ("none", Transport::Plain),
    };
    let login = match lane {
        NextHop::Swaks(Transport::Plain, _)
        | NextHop::SmtpSource
        | NextHop::Smtplib(_, Who::Anyone) => None,
        NextHop::Swaks(Transport::StartTls | Transport::Implicit, _)
        | NextHop::Smtplib(_, Who::User) => Some(login),
    };
    let route = HandIn { server: relay.listener(listener), transport, login, from: FROM, to: TO };
    // One at a time on disk: all of them would be larger than what is measured.
    for (number, size) in messages {
        let mut scan = Scan::new(format!("arrival-{number}"), Kind::of(*number), *size, FROM);
        let file: PathBuf = dir.join(format!("{}.eml", scan.mark));
        match lane {
            NextHop::Swaks(_, mechanism) => {
                fs::write(&file, scan.for_swaks()).unwrap();
                let dialogue = peers::swaks(&route, &file, mechanism);
                assert!(dialogue.contains("queued as"), "{dialogue}");
            }
            NextHop::SmtpSource => {
                scan = scan.with_empty_line();
                fs::write(&file, scan.for_smtp_source()).unwrap();
                peers::smtp_source(&route, &file);
            }
            NextHop::Smtplib(..) => {
                fs::write(&file, &scan.text).unwrap();
                let answers = peers::smtplib(&route, std::slice::from_ref(&file));
                assert!(answers[0].starts_with("250 2.0.0 queued as "), "{answers:?}");
            }
        }
        fs::remove_file(&file).unwrap();
        proofs.lock().unwrap().insert(scan.mark, scan.proof);
    }
}

const fn listener_of(transport: Transport) -> &'static str {
    match transport {
        Transport::Plain => "none",
        Transport::StartTls => "starttls",
        Transport::Implicit => "implicit",
    }
}
