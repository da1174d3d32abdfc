//! How many messages a second the spool makes durable. `cargo bench --bench spool [FOLDER]`: the
//! folder should lie on the disk in question; without one, the folder for temporary files is used.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement stops at the first error and prints what it found"
)]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use postroom::{
    clock::{self},
    metrics::Metrics,
    model::{AccountName, ByteSize, Envelope, MailParameters, Recipient, ReversePath, Via},
    spool::{Change, Spool, SpoolSettings},
};
use tokio::{task::JoinSet, time::Instant};

/// What a session reads from its socket at once.
static TEXT: [u8; 16 * 1024] = [b'x'; 16 * 1024];

const LASTING: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    let folder = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'))
        .map_or_else(std::env::temp_dir, PathBuf::from);
    println!(
        "{:>10} {:>6} {:>12} {:>16} {:>14} {:>8}",
        "octets", "tasks", "messages/s", "CPU µs/message", "index MB", "RSS MB"
    );
    for (size, tasks) in [
        (4096, 1),
        (4096, 16),
        (4096, 64),
        (65_536, 1),
        (65_536, 16),
        (65_536, 64),
        (25_000_000, 32),
    ] {
        let data = folder.join("postroom-bench");
        measure(&data, size, tasks).await;
        std::fs::remove_dir_all(&data).unwrap();
    }
    settle(&folder.join("postroom-bench")).await;
    std::fs::remove_dir_all(folder.join("postroom-bench")).unwrap();
}

fn open(data: &Path) -> Spool {
    let settings = SpoolSettings {
        data_dir: data.to_owned(),
        min_free: ByteSize::from_mebibytes(100),
        journal_keep: Duration::from_secs(86_400),
    };
    Spool::open(
        settings,
        Arc::new(|_envelope: &_| account().into()),
        clock::system(),
        Metrics::new(),
    )
    .unwrap()
}

fn account() -> AccountName {
    "scanner".into()
}

async fn hand_in(spool: &Spool, device: usize, size: usize) {
    let envelope = Envelope {
        id: spool.new_id(),
        received: clock::system().now(),
        device: format!("device{device}").into(),
        via: Via {
            peer: "192.168.10.7".parse().ok(),
            helo: "mfp1".to_owned(),
            esmtp: true,
            tls: None,
            user: None,
        },
        sender: ReversePath::Mailbox("scanner@contoso.com".parse().unwrap()),
        recipients: vec![Recipient::new("anna@contoso.com".parse().unwrap())],
        parameters: MailParameters::default(),
    };
    let mut incoming = spool.receive(envelope, account()).await.unwrap();
    let mut left = size;
    while left > 0 {
        let chunk = TEXT.get(..left).unwrap_or(&TEXT);
        incoming.write(chunk).await.unwrap();
        left -= chunk.len();
    }
    incoming.commit().await.unwrap();
}

/// Tasks that hand in one message after the other.
async fn measure(data: &Path, size: usize, tasks: usize) {
    let spool = open(data);
    let (begun, cpu) = (Instant::now(), cpu_micros());
    let mut sessions = JoinSet::new();
    for device in 0..tasks {
        let spool = spool.clone();
        sessions.spawn(async move {
            while begun.elapsed() < LASTING {
                hand_in(&spool, device, size).await;
            }
        });
    }
    sessions.join_all().await;
    let (messages, seconds) = (spool.count(), begun.elapsed().as_secs_f64());
    let each =
        u32::try_from(messages).map_or(0.0, |messages| (cpu_micros() - cpu) / f64::from(messages));
    let rate = u32::try_from(messages).map_or(0.0, f64::from) / seconds;
    let index = std::fs::metadata(data.join("index/db")).unwrap().len() / 1_000_000;
    println!(
        "{size:>10} {tasks:>6} {rate:>12.0} {each:>16.0} {index:>14} {:>8}",
        resident_megabytes()
    );
}

/// What the queue asks of the index while much mail waits: the first due of a device, then its
/// removal.
async fn settle(data: &Path) {
    let spool = open(data);
    let mut sessions = JoinSet::new();
    for device in 0..64 {
        let spool = spool.clone();
        sessions.spawn(async move {
            for _message in 0..500 {
                hand_in(&spool, device, 20).await;
            }
        });
    }
    sessions.join_all().await;
    let begun = Instant::now();
    let mut settled = 0_u32;
    while begun.elapsed() < LASTING && spool.count() > 0 {
        for device in spool.devices_waiting(&account()) {
            let due = spool.first_due(&account(), &device, 1).unwrap();
            let remove = due.iter().map(|(_due, id)| *id).collect();
            spool.apply(Change { remove, ..Change::default() }).unwrap();
            settled += 1;
        }
        spool.sync().await.unwrap();
    }
    let left = spool.count();
    println!(
        "settled {:.0}/s in syncs of up to 64, {left} left of 32000",
        f64::from(settled) / begun.elapsed().as_secs_f64()
    );
    drop(spool);
    let begun = Instant::now();
    let spool = open(data);
    println!("opened with {left} messages in {:?}", begun.elapsed());
    spool.recovered().await;
    println!("recovered after {:?}", begun.elapsed());
}

/// Processor time of this process so far, from the clock ticks in /proc (of which Linux shows 100
/// in a second).
fn cpu_micros() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields.iter().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap() * 10_000.0).sum()
}

fn resident_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1000
}
