//! Questions about the journal, while it is being read and afterwards.

use std::sync::Arc;

use super::{question::Whom, *};
use crate::{
    clock::Clock,
    metrics::Metrics,
    model::{ByteSize, MessageId, Recipient, RecipientOutcome, ReversePath},
    spool::{Change, SpoolSettings},
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn ago(seconds: u64) -> Timestamp {
    NOW.minus(Duration::from_secs(seconds))
}

fn spool(folder: &std::path::Path) -> Spool {
    let settings = SpoolSettings {
        data_dir: folder.into(),
        min_free: ByteSize::from_octets(0),
        journal_keep: Duration::from_secs(90 * 86_400),
    };
    let route = Arc::new(|_envelope: &_| "scanner".into());
    Spool::open(settings, route, Clock::fixed(NOW), Metrics::new()).unwrap()
}

fn line(at: Timestamp, recipient: &str, device: &str, outcome: RecipientOutcome) -> JournalLine {
    JournalLine {
        at,
        id: MessageId::new(at, 7),
        device: device.into(),
        account: "scanner".into(),
        sender: ReversePath::Mailbox(format!("{device}@contoso.com").parse().unwrap()),
        recipient: Recipient::new(recipient.parse().unwrap()),
        outcome,
        attempts: 1,
        doubts: 0,
        reply: None,
        received: at,
        size: ByteSize::from_octets(1),
        subject: None,
    }
}

fn add(spool: &Spool, lines: Vec<JournalLine>) {
    spool.apply(Change { journal: lines, ..Change::default() }).unwrap();
}

/// A day of an office: every minute one message, by three devices for two people.
fn office(spool: &Spool) {
    let line = |minute: u64| {
        let device = ["mfp1", "mfp2", "fax"][usize::try_from(minute % 3).unwrap()];
        let to = ["Anna@Contoso.com", "bert@fabrikam.example"];
        let to = to[usize::try_from(minute % 2).unwrap()];
        let failed = minute % 100 == 7;
        let outcome = if failed { RecipientOutcome::Failed } else { RecipientOutcome::Delivered };
        line(ago(60 * minute), to, device, outcome)
    };
    let lines: Vec<JournalLine> = (1..=1440).map(line).collect();
    lines.chunks(300).for_each(|some| add(spool, some.to_vec()));
}

/// All lines that answer, page by page.
fn all(history: &History, spool: &Spool, question: &Question, page: usize) -> Vec<JournalLine> {
    let (mut question, mut lines) = (question.clone(), Vec::new());
    loop {
        let answer = history.ask(spool, &question, page, NOW).unwrap();
        lines.extend(answer.lines);
        match answer.next {
            Some(next) => question.until = Some(next),
            None => return lines,
        }
    }
}

fn questions() -> Vec<(Question, usize)> {
    let to = |text: &str| Some(Whom::parse(text));
    let (since, until) = (Some(ago(3600)), Some(ago(1800)));
    let none = Question::default;
    vec![
        (none(), 1440),
        (Question { to: to("anna@contoso.COM"), ..none() }, 720),
        (Question { to: to("@fabrikam.example"), ..none() }, 720),
        (Question { to: to("fabrikam.example"), device: Some("fax".into()), ..none() }, 240),
        (Question { to: to("nobody@contoso.com"), ..none() }, 0),
        (Question { from: to("FAX@contoso.com"), ..none() }, 480),
        (Question { from: to("contoso.com"), ..none() }, 1440),
        (Question { outcome: Some(RecipientOutcome::Failed), ..none() }, 15),
        (Question { account: Some("other".into()), ..none() }, 0),
        (Question { since, until, ..none() }, 30),
        (Question { id: Some(MessageId::new(ago(600), 7)), ..none() }, 1),
    ]
}

#[tokio::test]
async fn every_question_has_the_same_answer_before_and_after_the_journal_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    office(&spool);
    let history = History::default();
    for loaded in ["nothing", "a part"] {
        for (question, expected) in questions() {
            let lines = all(&history, &spool, &question, 100);
            assert_eq!(lines.len(), expected, "{loaded} is read: {question:?}");
            assert!(lines.is_sorted_by(|one, next| one.at >= next.at), "{question:?}");
            assert!(lines.iter().all(|line| question.fits(line)), "{question:?}");
        }
        assert!(!history.load(&spool, NOW).unwrap(), "a thousand lines are read at once");
    }
    while !history.load(&spool, NOW).unwrap() {}
    for (question, expected) in questions() {
        assert_eq!(all(&history, &spool, &question, 7).len(), expected, "{question:?}");
    }
}

#[tokio::test]
async fn what_is_added_later_or_late_is_found_once() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    let history = History::default();
    while !history.load(&spool, ago(600)).unwrap() {}
    let anna = |at| line(at, "anna@contoso.com", "mfp1", RecipientOutcome::Delivered);
    let found = |now| history.ask(&spool, &Question::default(), 100, now).unwrap().lines.len();
    add(&spool, vec![anna(ago(500))]);
    assert_eq!(found(ago(500)), 1);
    // It was written after one that names a later time.
    add(&spool, vec![anna(ago(501))]);
    assert_eq!(found(ago(490)), 2);
    assert_eq!(found(ago(100)), 2);
    add(&spool, vec![anna(ago(50))]);
    assert_eq!((found(NOW), found(NOW.plus(Duration::from_secs(600)))), (3, 3));
}

#[tokio::test]
async fn a_clock_that_is_set_back_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    office(&spool);
    let history = History::default();
    while !history.load(&spool, NOW).unwrap() {}
    let late = ago(7230);
    add(&spool, vec![line(late, "anna@contoso.com", "mfp1", RecipientOutcome::Delivered)]);
    let found = |now| {
        let question = Question { id: Some(MessageId::new(late, 7)), ..Question::default() };
        let answer = history.ask(&spool, &question, 100, now).unwrap();
        answer.lines.len()
    };
    assert_eq!(found(ago(7200)), 1);
    while !history.load(&spool, ago(7200)).unwrap() {}
    assert_eq!(found(ago(7190)), 1);
    assert_eq!(all(&history, &spool, &Question::default(), 100).len(), 1441);
}

#[tokio::test]
async fn the_day_is_counted_once_it_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let spool = spool(folder.path());
    office(&spool);
    let history = History::default();
    let count = |since| history.count_since(&spool, since, NOW).unwrap();
    assert_eq!(count(ago(86_400)), None);
    while !history.load(&spool, NOW).unwrap() {}
    let counted = count(ago(6000)).unwrap();
    assert_eq!((counted.delivered, counted.failed), (99, 1));
}
