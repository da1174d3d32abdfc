//! How long a question about the journal takes. `cargo bench --bench history [FOLDER]`: fills a
//! journal with a million lines, reads it into memory, and asks. Fails if an answer takes more than
//! 100 ms.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement stops at the first error and prints what it found"
)]

use std::{path::PathBuf, sync::Arc, time::Duration};

use postroom::{
    clock,
    metrics::Metrics,
    model::{ByteSize, MessageId, Recipient, RecipientOutcome, ReversePath, Timestamp},
    spool::{Change, History, JournalLine, Question, Spool, SpoolSettings, Whom},
};
use tokio::time::Instant;

const LINES: u64 = 1_000_000;
const AT_ONCE: u64 = 1000;
/// The time that an answer may take.
const PROMISED: Duration = Duration::from_millis(100);
/// Lines in an answer, as `postroom history` asks for.
const PAGE: usize = 100;

#[tokio::main]
async fn main() {
    let folder = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'))
        .map_or_else(std::env::temp_dir, PathBuf::from)
        .join("postroom-bench-history");
    let settings = SpoolSettings {
        data_dir: folder.clone(),
        min_free: ByteSize::from_mebibytes(100),
        journal_keep: Duration::from_secs(400 * 86_400),
    };
    let route = Arc::new(|_envelope: &_| "scanner".into());
    let spool = Spool::open(settings, route, clock::system(), Metrics::new()).unwrap();
    let now = clock::system().now();

    let begun = Instant::now();
    for first in (0..LINES).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let journal = (first..first + AT_ONCE).map(|number| line(now, number)).collect();
        spool.apply(Change { journal, ..Change::default() }).unwrap();
    }
    println!("{LINES} lines written in {:?}", begun.elapsed());

    let (history, begun) = (History::default(), Instant::now());
    while !history.load(&spool, now).unwrap() {}
    println!("read into memory in {:?}", begun.elapsed());

    let mut slowest = Duration::ZERO;
    for (name, question) in questions(now) {
        let begun = Instant::now();
        let answer = history.ask(&spool, &question, PAGE, now).unwrap();
        let took = begun.elapsed();
        println!("{name:<34} {:>5} lines in {took:?}", answer.lines.len());
        slowest = slowest.max(took);
    }
    spool.close().await.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(slowest <= PROMISED, "an answer took {slowest:?}");
}

/// One line each 7.8 seconds, for 90 days: 40 devices, 2000 recipients.
fn line(now: Timestamp, number: u64) -> JournalLine {
    let at = now.minus(Duration::from_millis(7_776 * number));
    let device = format!("mfp{}", number % 40);
    JournalLine {
        at,
        id: MessageId::new(at, number),
        device: device.as_str().into(),
        account: "scanner".into(),
        sender: ReversePath::Mailbox(format!("{device}@contoso.com").parse().unwrap()),
        recipient: Recipient::new(format!("person{}@contoso.com", number % 2000).parse().unwrap()),
        outcome: if number % 5000 == 4999 {
            RecipientOutcome::Failed
        } else {
            RecipientOutcome::Delivered
        },
        attempts: 1,
        doubts: 0,
        reply: None,
        received: at.minus(Duration::from_secs(2)),
        size: ByteSize::from_octets(400_000),
        subject: None,
    }
}

fn questions(now: Timestamp) -> Vec<(&'static str, Question)> {
    let none = Question::default;
    let to = |text: &str| Some(Whom::parse(text));
    let ago = |days: u64| Some(now.minus(Duration::from_secs(86_400 * days)));
    vec![
        ("the latest", none()),
        ("a recipient", Question { to: to("person77@contoso.com"), ..none() }),
        ("a recipient that never was", Question { to: to("nobody@contoso.com"), ..none() }),
        ("a device", Question { device: Some("mfp7".into()), ..none() }),
        ("a day, 80 days ago", Question { since: ago(80), until: ago(79), ..none() }),
        (
            "a recipient by a device that day",
            Question {
                to: to("person7@contoso.com"),
                device: Some("mfp7".into()),
                since: ago(80),
                until: ago(79),
                ..none()
            },
        ),
        ("failures", Question { outcome: Some(RecipientOutcome::Failed), ..none() }),
        ("a message, 85 days old", Question { id: Some(line(now, 950_000).id), ..none() }),
    ]
}
