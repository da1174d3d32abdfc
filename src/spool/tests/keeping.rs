//! What is accepted is kept, found, changed and removed.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    model::{RecipientOutcome, Reply},
    spool::{Change, Charge, Hold, JournalLine, Memo, MemoKind, Phase},
};

fn put(entry: Entry) -> Change {
    Change { put: vec![entry], ..Change::default() }
}

fn remove(id: MessageId) -> Change {
    Change { remove: vec![id], ..Change::default() }
}

#[tokio::test]
async fn a_committed_message_is_found_again_with_its_text_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    for size in [0, 1, 4096, 65_000, 65_536, 70_000, 1_000_000] {
        let text: Vec<u8> = (0..size).map(|n: u32| n.to_le_bytes()[0]).collect();
        let spool = open(folder.path());
        let committed = hand_in(&spool, "printers", &text).await.unwrap();
        assert_eq!(committed.size(), ByteSize::from_octets(u64::from(size)));
        drop(spool);

        let spool = open(folder.path());
        assert_eq!(text_of(&spool, committed.id()).await.unwrap(), text, "{size}");
        let entry = spool.entry(committed.id()).unwrap().unwrap();
        assert_eq!(
            entry,
            Entry::new(&envelope(committed.id(), "printers"), account(), committed.size())
                .queued_at(NOW)
        );
    }
    assert!(files(&folder.path().join("spool/incoming")).is_empty());
}

#[tokio::test]
async fn the_text_may_come_in_pieces_of_any_size() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let text: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    for piece in [1000, 65_536, 200_000] {
        let mut incoming =
            spool.receive(envelope(spool.new_id(), "printers"), account()).await.unwrap();
        for piece in text.chunks(piece) {
            incoming.write(piece).await.unwrap();
        }
        let committed = incoming.commit().await.unwrap();
        assert_eq!(text_of(&spool, committed.id()).await.unwrap(), text);
    }
}

#[tokio::test]
async fn a_message_dropped_before_commit_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    for size in [10, 200_000] {
        let mut incoming =
            spool.receive(envelope(spool.new_id(), "printers"), account()).await.unwrap();
        incoming.write(&vec![b'x'; size]).await.unwrap();
    }
    assert!(files(&folder.path().join("spool")).is_empty());
    assert_eq!(spool.count(), 0);
}

#[tokio::test]
async fn many_messages_at_once_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let mut sessions = tokio::task::JoinSet::new();
    for device in 0..40 {
        let spool = spool.clone();
        sessions.spawn(async move {
            hand_in(&spool, &format!("device{device:02}"), b"Subject: scan\r\n\r\n")
                .await
                .unwrap()
                .id()
        });
    }
    let mut ids = sessions.join_all().await;
    ids.sort_unstable();
    assert_eq!(spool.count(), 40);
    assert_eq!(spool.devices_waiting(&account()).len(), 40);
    assert_eq!(spool.accounts_waiting(), [(account(), 40)]);
    let listed: Vec<MessageId> =
        spool.list(None, 100).unwrap().iter().map(|entry| entry.id).collect();
    assert_eq!(listed, ids);
    let rest: Vec<MessageId> =
        spool.list(Some(ids[9]), 5).unwrap().iter().map(|entry| entry.id).collect();
    assert_eq!(rest, ids[10..15]);
}

#[tokio::test]
async fn the_due_index_follows_every_change_of_an_entry() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let first = hand_in(&spool, "printers", b"1").await.unwrap().id();
    let second = hand_in(&spool, "printers", b"2").await.unwrap().id();
    let later = NOW.plus(Duration::from_secs(1800));
    let due = |spool: &Spool, account: &str| {
        spool.first_due(&account.into(), &"printers".into(), 10).unwrap()
    };

    let mut entry = spool.entry(first).unwrap().unwrap();
    wait_until(&mut entry, later);
    spool.apply(put(entry.clone())).unwrap();
    assert_eq!(due(&spool, "scanner"), [(NOW, second), (later, first)]);
    assert_eq!(spool.first_due(&account(), &"printers".into(), 1).unwrap(), [(NOW, second)]);

    entry.account = "spare".into();
    spool.apply(put(entry.clone())).unwrap();
    assert_eq!(due(&spool, "scanner"), [(NOW, second)]);
    assert_eq!(due(&spool, "spare"), [(later, first)]);

    entry.hold = Some(Hold { since: NOW, reason: "asked for".to_owned() });
    spool.apply(put(entry)).unwrap();
    assert_eq!(due(&spool, "spare"), []);
    assert!(spool.devices_waiting(&"spare".into()).is_empty());
    assert_eq!(spool.count(), 2);

    spool.apply(remove(second)).unwrap();
    assert_eq!(due(&spool, "scanner"), []);
    assert_eq!(spool.accounts_waiting(), []);
    assert_eq!(spool.count(), 1);
}

#[tokio::test]
async fn a_change_is_applied_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let id = hand_in(&spool, "printers", b"1").await.unwrap().id();
    let before = spool.entry(id).unwrap().unwrap();
    let mut after = before.clone();
    wait_until(&mut after, Timestamp::MAX);
    let unknown = spool.new_id();
    let change = Change {
        put: vec![after],
        remove: vec![unknown],
        remember: vec![Memo::of(MemoKind::RunTimeSettings, "x", Some(json!(1)))],
        ..Change::default()
    };
    assert!(
        matches!(spool.apply(change), Err(SpoolError::NotFound(missing)) if missing == unknown)
    );
    assert_eq!(spool.entry(id).unwrap(), Some(before));
    assert_eq!(spool.recall::<u32>(MemoKind::RunTimeSettings, "x").unwrap(), None);
    assert_eq!(spool.first_due(&account(), &"printers".into(), 9).unwrap(), [(NOW, id)]);
}

#[tokio::test]
async fn a_settled_message_goes_with_its_file_and_cannot_be_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let id = hand_in(&spool, "printers", b"1").await.unwrap().id();
    let entry = spool.entry(id).unwrap().unwrap();
    spool.apply(remove(id)).unwrap();
    assert_eq!(
        files(&folder.path().join("spool")).len(),
        1,
        "the file stays until its removal is durable"
    );
    spool.sync().await.unwrap();
    assert!(files(&folder.path().join("spool")).is_empty());
    assert!(matches!(spool.apply(put(entry)), Err(SpoolError::NotFound(_))));
    assert!(matches!(spool.body(id).await, Err(SpoolError::Io { .. })));
}

#[tokio::test]
async fn charges_are_given_back_replaced_and_found_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let charge = |account: &str, at, sequence| Charge {
        account: account.into(),
        at: Timestamp::from_millis(at),
        sequence,
        recipients: 7,
        phase: Phase::UnderWay,
    };
    let charges =
        vec![charge("a", 10, 1), charge("a", 20, 1), charge("a", 20, 2), charge("b", 15, 1)];
    spool.apply(Change { charge: charges, ..Change::default() }).unwrap();
    let ended = Charge { phase: Phase::Ended, ..charge("a", 20, 2) };
    spool
        .apply(Change {
            charge: vec![ended.clone()],
            refund: vec![charge("a", 20, 1)],
            ..Change::default()
        })
        .unwrap();
    assert_eq!(
        spool.charges(&"a".into(), Timestamp::ZERO).unwrap(),
        [charge("a", 10, 1), ended.clone()]
    );
    assert_eq!(spool.charges(&"a".into(), Timestamp::from_millis(11)).unwrap(), [ended]);
}

fn line(at: u64, id: MessageId, recipient: &str) -> JournalLine {
    JournalLine {
        at: Timestamp::from_millis(at),
        id,
        device: "printers".into(),
        account: account(),
        sender: ReversePath::Null,
        recipient: Recipient::new(recipient.parse().unwrap()),
        outcome: RecipientOutcome::Delivered,
        attempts: 1,
        doubts: 0,
        reply: Some(Reply::new(250, "2.0.0 OK")),
        received: NOW,
        size: ByteSize::from_octets(1),
        subject: None,
    }
}

#[tokio::test]
async fn the_journal_is_read_backwards_page_by_page_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let id = spool.new_id();
    let lines = vec![
        line(10, id, "a@x.org"),
        line(20, id, "a@x.org"),
        line(20, id, "b@x.org"),
        line(30, id, "c@x.org"),
    ];
    spool.apply(Change { journal: lines.clone(), ..Change::default() }).unwrap();
    assert_eq!(spool.journal(None, 1).unwrap(), [lines[3].clone()]);
    let second = spool.journal(Some(Timestamp::from_millis(30)), 1).unwrap();
    assert_eq!(
        second,
        [lines[2].clone(), lines[1].clone()],
        "lines of one millisecond stay together"
    );
    assert_eq!(spool.journal(Some(Timestamp::from_millis(20)), 9).unwrap(), [lines[0].clone()]);
    assert_eq!(spool.journal(None, 0).unwrap(), []);
}

#[tokio::test]
async fn old_journal_lines_and_charges_are_pruned_and_so_are_too_many_lines() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let id = spool.new_id();
    let index = &spool.0.core.index;
    let journal = (0..1000).map(|at| line(at, id, "a@x.org")).collect();
    let charge = |at| Charge {
        account: account(),
        at: Timestamp::from_millis(at),
        sequence: 0,
        recipients: 1,
        phase: Phase::Ended,
    };
    spool
        .apply(Change { journal, charge: (0..1000).map(charge).collect(), ..Change::default() })
        .unwrap();
    index.prune_charges(Timestamp::from_millis(990)).unwrap();
    assert_eq!(spool.charges(&account(), Timestamp::ZERO).unwrap().len(), 10);
    index.prune_journal(Timestamp::from_millis(100), 1_000_000).unwrap();
    assert_eq!(spool.journal(None, 2000).unwrap().len(), 900);
    index.prune_journal(Timestamp::ZERO, 15).unwrap();
    let left: Vec<u64> =
        spool.journal(None, 2000).unwrap().iter().map(|line| line.at.as_millis()).collect();
    assert_eq!(left, (985..1000).rev().collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_remembered_value_survives_a_restart_and_can_be_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let remember = |value| Change {
        remember: vec![Memo::of(MemoKind::AccountHealth, "scanner", value)],
        ..Change::default()
    };
    spool.apply(remember(Some(json!({"until": 5})))).unwrap();
    spool.close().await.unwrap();
    assert!(matches!(spool.apply(remember(None)), Err(SpoolError::Index(_))));
    assert!(matches!(spool.sync().await, Err(SpoolError::Index(_))));

    let spool = open(folder.path());
    assert_eq!(
        spool.recall(MemoKind::AccountHealth, "scanner").unwrap(),
        Some(json!({"until": 5}))
    );
    assert!(matches!(
        spool.recall::<u32>(MemoKind::AccountHealth, "scanner"),
        Err(SpoolError::Index(_))
    ));
    spool.apply(remember(None)).unwrap();
    assert_eq!(spool.recall::<u32>(MemoKind::AccountHealth, "scanner").unwrap(), None);
}

#[tokio::test]
async fn a_message_in_quarantine_keeps_its_file_its_reason_and_a_journal_line() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let id = hand_in(&spool, "printers", b"1").await.unwrap().id();
    spool.quarantine(id, "it made two attempts panic").await.unwrap();
    assert_eq!(spool.entry(id).unwrap(), None);
    assert!(files(&folder.path().join("spool/mail")).is_empty());
    assert_eq!(
        files(&folder.path().join("spool/quarantine")),
        [format!("{id}.eml"), format!("{id}.eml.reason")]
    );
    let outcomes: Vec<String> =
        spool.journal(None, 9).unwrap().into_iter().map(|line| line.outcome.to_string()).collect();
    assert_eq!(outcomes, ["quarantined", "quarantined"]);
    assert!(matches!(spool.quarantine(id, "again").await, Err(SpoolError::NotFound(_))));
}

#[tokio::test]
async fn a_second_process_is_told_that_the_folder_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    assert!(
        matches!(open_on(&Disk::default(), folder.path()), Err(SpoolError::Locked(path)) if path == folder.path())
    );
    spool.close().await.unwrap();
    open(folder.path());
}

#[tokio::test]
async fn nothing_is_received_when_the_disk_is_nearly_full() {
    let folder = tempfile::tempdir().unwrap();
    let all =
        SpoolSettings { min_free: ByteSize::from_octets(u64::MAX / 2), ..settings(folder.path()) };
    let spool = Spool::open(
        all,
        Arc::new(|_envelope: &_| account().into()),
        Clock::fixed(NOW),
        Metrics::new(),
    )
    .unwrap();
    assert!(matches!(spool.admits(None), Err(SpoolError::Full)));
    assert!(matches!(hand_in(&spool, "printers", b"1").await, Err(SpoolError::Full)));
    drop(spool);
    let spool = open(folder.path());
    assert!(spool.admits(Some(ByteSize::from_octets(1000))).is_ok());
    assert!(matches!(spool.admits(Some(ByteSize::from_octets(u64::MAX))), Err(SpoolError::Full)));
}

#[tokio::test]
async fn a_wakeup_reaches_whoever_waits_next() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    let wakeups = spool.wakeups();
    wakeups.notified().await;
    hand_in(&spool, "printers", b"1").await.unwrap();
    wakeups.notified().await;
}
