//! What a start finds and puts right, one combination of file, entry and tombstone after the other.

use std::{fs, path::PathBuf};

use super::*;
use crate::model::RecipientOutcome;
use crate::spool::{
    Attempting, Change, Charge, Memo, MemoKind, Phase, RecoveryReport,
    disk::{Deed, Witness},
    index::keys,
};

/// A data folder with one message in it, and the spool closed.
struct Scene {
    folder: tempfile::TempDir,
    id: MessageId,
    entry: Entry,
    text: Vec<u8>,
}

/// Copies a folder with everything in it.
pub(super) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

const SMALL: &[u8] = b"Subject: scan\r\n\r\n";

fn text() -> Vec<u8> {
    [SMALL, &[b'x'; LARGE]].concat()
}

impl Scene {
    /// It has a file.
    async fn with_one_message() -> Self {
        Self::with(&text()).await
    }

    /// It is in the journal.
    async fn with_one_small_message() -> Self {
        Self::with(SMALL).await
    }

    async fn with(text: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spool = open(folder.path());
        let id = hand_in(&spool, "printers", text).await.unwrap().id();
        let entry = spool.entry(id).unwrap().unwrap();
        spool.close().await.unwrap();
        // A second start writes the index's first snapshot.
        open(folder.path()).close().await.unwrap();
        Self { folder, id, entry, text: text.to_vec() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mail_file(&self) -> PathBuf {
        self.path("spool/mail").join(self.id.shard()).join(format!("{}.eml", self.id))
    }

    /// Changes keys of the index behind everybody's back.
    async fn tamper(&self, change: impl FnOnce(&mut crate::spool::index::batch::Batch)) {
        let spool = open(self.folder.path());
        spool.recovered().await;
        let written = spool.0.core.index.write(|_store, staging| {
            change(&mut staging.batch);
            Ok(())
        });
        written.unwrap();
        spool.close().await.unwrap();
    }

    /// Opens, and checks what recovery says; a second start must find nothing more to do.
    async fn recover(&self, expected: RecoveryReport) -> Spool {
        let spool = open(self.folder.path());
        assert_eq!(spool.recovered().await, expected);
        spool.close().await.unwrap();
        let spool = open(self.folder.path());
        assert_eq!(spool.recovered().await, RecoveryReport::default(), "a second start");
        let of_files = if self.text.len() < LARGE { 0 } else { spool.count() };
        assert_eq!(files(&self.path("spool/mail")).len(), usize::try_from(of_files).unwrap());
        spool
    }

    fn quarantined(&self) -> Vec<PathBuf> {
        vec![self.path(&format!("spool/quarantine/{}.eml", self.id))]
    }

    async fn assert_waiting(&self, spool: &Spool) {
        assert_eq!(spool.entry(self.id).unwrap().as_ref(), Some(&self.entry));
        assert_eq!(spool.first_due(&account(), &"printers".into(), 9).unwrap(), [(NOW, self.id)]);
        assert_eq!(spool.devices_waiting(&account()), ["printers".into()]);
        assert!(text_of(spool, self.id).await.unwrap() == self.text);
        assert_eq!(spool.count(), 1);
    }

    fn assert_gone(&self, spool: &Spool) {
        assert_eq!(spool.entry(self.id).unwrap(), None);
        assert!(spool.first_due(&account(), &"printers".into(), 9).unwrap().is_empty());
        assert!(spool.devices_waiting(&account()).is_empty());
        assert_eq!(spool.count(), 0);
    }
}

#[tokio::test]
async fn file_and_entry_agree() {
    let scene = Scene::with_one_message().await;
    let spool = scene.recover(RecoveryReport::default()).await;
    scene.assert_waiting(&spool).await;
}

#[tokio::test]
async fn a_lost_index_is_rebuilt_from_the_files() {
    let scene = Scene::with_one_message().await;
    // As in a data folder of the time before the journal.
    fs::remove_dir_all(scene.path("spool/journal")).unwrap();
    fs::remove_dir_all(scene.path("index")).unwrap();
    let spool = scene.recover(RecoveryReport { readmitted: 1, ..Default::default() }).await;
    scene.assert_waiting(&spool).await;
    assert_eq!(spool.index_lost_at().unwrap(), Some(NOW));
}

#[tokio::test]
async fn an_index_that_is_lost_is_rebuilt_from_the_journal_and_nothing_is_forgotten() {
    for scene in [Scene::with_one_message().await, Scene::with_one_small_message().await] {
        let spool = open(scene.folder.path());
        let settled = hand_in(&spool, "printers", b"settled").await.unwrap().id();
        let mut entry = scene.entry.clone();
        entry.recipients[1].attempts = 7;
        let charge =
            Charge { account: account(), at: NOW, sequence: 1, recipients: 2, phase: Phase::Ended };
        let change = Change {
            put: vec![entry.clone()],
            remove: vec![settled],
            charge: vec![charge.clone()],
            remember: vec![Memo::of(MemoKind::AccountHealth, "x", Some(serde_json::json!(1)))],
            ..Change::default()
        };
        spool.apply(change).unwrap();
        spool.close().await.unwrap();
        fs::remove_dir_all(scene.path("index")).unwrap();

        let spool = scene.recover(RecoveryReport::default()).await;
        assert_eq!(spool.entry(scene.id).unwrap(), Some(entry));
        assert_eq!(spool.entry(settled).unwrap(), None);
        assert_eq!(spool.charges(&account(), Timestamp::ZERO).unwrap(), [charge]);
        assert_eq!(spool.recall(MemoKind::AccountHealth, "x").unwrap(), Some(1));
        assert_eq!(spool.index_lost_at().unwrap(), None, "nothing is lost");
        assert!(text_of(&spool, scene.id).await.unwrap() == scene.text);
    }
}

#[tokio::test]
async fn a_broken_index_is_moved_aside_and_rebuilt() {
    let scene = Scene::with_one_message().await;
    for snapshot in files(&scene.path("index")).iter().filter(|name| name.starts_with("snap.")) {
        fs::write(
            scene.path("index").join(snapshot),
            b"this is no snapshot, and longer than its checksum",
        )
        .unwrap();
    }
    let aside = scene.path(&format!("index.broken-{}", NOW.as_millis()));
    let spool = scene
        .recover(RecoveryReport { index_moved_to: Some(aside.clone()), ..Default::default() })
        .await;
    scene.assert_waiting(&spool).await;
    assert!(files(&aside).contains(&"db".to_owned()));
}

#[tokio::test]
async fn whatever_happens_to_the_files_of_the_index_the_message_is_kept() {
    for file in ["db", "conf", "snap."] {
        for damage in ["empty", "half", "zeroes", "noise", "gone"] {
            let scene = Scene::with_one_message().await;
            for name in files(&scene.path("index")).iter().filter(|name| name.starts_with(file)) {
                let path = scene.path("index").join(name);
                let mut content = fs::read(&path).unwrap();
                match damage {
                    "empty" => content.clear(),
                    "half" => content.truncate(content.len() / 2),
                    "zeroes" => content.fill(0),
                    "noise" => {
                        for (octet, n) in content.iter_mut().zip(0_u32..) {
                            *octet ^= n.wrapping_mul(2_654_435_761).to_be_bytes()[0];
                        }
                    }
                    _gone => {
                        fs::remove_file(&path).unwrap();
                        continue;
                    }
                }
                fs::write(path, content).unwrap();
            }
            let spool = open(scene.folder.path());
            spool.recovered().await;
            scene.assert_waiting(&spool).await;
        }
    }
}

#[tokio::test]
async fn an_index_that_may_not_be_read_is_not_taken_for_broken() {
    let scene = Scene::with_one_message().await;
    fs::remove_file(scene.path("index/db")).unwrap();
    fs::create_dir(scene.path("index/db")).unwrap();
    assert!(matches!(open_on(&Disk::default(), scene.folder.path()), Err(SpoolError::Io { .. })));
    assert!(scene.path("index/conf").exists());
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_rebuilt_from_its_file() {
    for nonsense in [&b""[..], b"\x01{}", b"\x07{\"id\":1}", b"\xff"] {
        let scene = Scene::with_one_message().await;
        let id = scene.id;
        scene
            .tamper(|batch| {
                batch.insert(keys::entry(id), nonsense.to_vec());
                batch.insert(
                    keys::due(&account(), &"printers".into(), Timestamp::MAX, id),
                    Vec::new(),
                );
            })
            .await;
        let spool = scene.recover(RecoveryReport { rebuilt: 1, ..Default::default() }).await;
        scene.assert_waiting(&spool).await;
    }
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_and_has_no_file_is_reported_and_removed() {
    let scene = Scene::with_one_message().await;
    scene.tamper(|batch| batch.insert(keys::entry(scene.id), b"nonsense".to_vec())).await;
    fs::remove_file(scene.mail_file()).unwrap();
    let spool =
        scene.recover(RecoveryReport { without_file: vec![scene.id], ..Default::default() }).await;
    scene.assert_gone(&spool);
}

#[tokio::test]
async fn a_file_without_an_entry_is_admitted_again() {
    let scene = Scene::with_one_message().await;
    scene
        .tamper(|batch| {
            batch.remove(keys::entry(scene.id));
            batch.remove(keys::due(&account(), &"printers".into(), NOW, scene.id));
        })
        .await;
    let spool = scene.recover(RecoveryReport { readmitted: 1, ..Default::default() }).await;
    scene.assert_waiting(&spool).await;
}

#[tokio::test]
async fn an_entry_without_a_file_is_journaled_as_lost() {
    let scene = Scene::with_one_message().await;
    fs::remove_file(scene.mail_file()).unwrap();
    let spool =
        scene.recover(RecoveryReport { without_file: vec![scene.id], ..Default::default() }).await;
    scene.assert_gone(&spool);
    let outcomes: Vec<String> =
        spool.journal(None, 9).unwrap().into_iter().map(|line| line.outcome.to_string()).collect();
    assert_eq!(outcomes, ["lost", "lost"]);
}

#[tokio::test]
async fn a_file_that_was_cut_short_goes_to_quarantine_and_is_journaled() {
    let scene = Scene::with_one_message().await;
    let content = fs::read(scene.mail_file()).unwrap();
    for length in [0, 5, 100, content.len() - 1] {
        let scene = Scene::with_one_message().await;
        fs::write(scene.mail_file(), &content[..length]).unwrap();
        let spool = scene
            .recover(RecoveryReport { quarantined: scene.quarantined(), ..Default::default() })
            .await;
        scene.assert_gone(&spool);
        assert_eq!(spool.journal(None, 9).unwrap()[0].outcome, RecipientOutcome::Quarantined);
        assert!(
            fs::read_to_string(scene.path(&format!("spool/quarantine/{}.eml.reason", scene.id)))
                .unwrap()
                .contains("it")
        );
    }
}

#[tokio::test]
async fn what_is_no_message_among_the_mail_goes_to_quarantine() {
    let scene = Scene::with_one_message().await;
    let shard = scene.mail_file().parent().unwrap().to_owned();
    let other = MessageId::new(NOW, 1);
    fs::write(shard.join("notes.txt"), "x").unwrap();
    fs::write(shard.join(format!("{other}.eml")), "Subject: no envelope\r\n").unwrap();
    fs::create_dir_all(scene.path("spool/mail/zz")).unwrap();
    fs::copy(
        scene.mail_file(),
        scene.path("spool/mail/zz").join(format!("{}.eml", MessageId::new(NOW, 2))),
    )
    .unwrap();
    fs::copy(scene.mail_file(), shard.join(format!("{}.eml", MessageId::new(NOW, 3)))).unwrap();
    fs::write(scene.path("spool/mail/stray"), "x").unwrap();
    let spool = open(scene.folder.path());
    assert_eq!(spool.recovered().await.quarantined.len(), 5);
    scene.assert_waiting(&spool).await;
    assert_eq!(files(&scene.path("spool/mail")).len(), 1);
    assert_eq!(files(&scene.path("spool/quarantine")).len(), 10, "each with its reason");
}

#[tokio::test]
async fn a_message_taken_out_of_quarantine_by_hand_is_admitted_again() {
    let scene = Scene::with_one_message().await;
    let spool = open(scene.folder.path());
    spool.quarantine(scene.id, "by mistake").await.unwrap();
    spool.close().await.unwrap();
    fs::rename(scene.path(&format!("spool/quarantine/{}.eml", scene.id)), scene.mail_file())
        .unwrap();
    let spool = scene.recover(RecoveryReport { readmitted: 1, ..Default::default() }).await;
    scene.assert_waiting(&spool).await;
}

#[tokio::test]
async fn a_quarantine_that_was_cut_off_is_finished() {
    let scene = Scene::with_one_message().await;
    fs::rename(scene.mail_file(), scene.path(&format!("spool/quarantine/{}.eml", scene.id)))
        .unwrap();
    let spool = scene.recover(RecoveryReport::default()).await;
    scene.assert_gone(&spool);
    assert_eq!(spool.journal(None, 9).unwrap()[0].outcome, RecipientOutcome::Quarantined);
}

struct NothingIsDeleted;

impl Witness for NothingIsDeleted {
    fn before(&self, deed: Deed<'_>) -> std::io::Result<()> {
        if matches!(deed, Deed::Remove(_)) {
            Err(std::io::ErrorKind::PermissionDenied.into())
        } else {
            Ok(())
        }
    }

    fn after(&self, _deed: Deed<'_>) {}
}

#[tokio::test]
async fn the_file_of_a_settled_message_is_deleted_and_not_sent_again() {
    let scene = Scene::with_one_message().await;
    let spool = open_on(&Disk::watched(Arc::new(NothingIsDeleted)), scene.folder.path()).unwrap();
    spool.recovered().await;
    spool.apply(Change { remove: vec![scene.id], ..Change::default() }).unwrap();
    spool.close().await.unwrap();
    assert!(scene.mail_file().exists());
    let spool = scene.recover(RecoveryReport::default()).await;
    scene.assert_gone(&spool);
    assert!(spool.0.core.index.tombstones().unwrap().is_empty());
}

#[tokio::test]
async fn half_received_files_are_deleted() {
    let scene = Scene::with_one_message().await;
    fs::write(scene.path("spool/incoming/01kcc5ok00934s2m7q3n"), "Postroom-File: 1").unwrap();
    let spool = scene.recover(RecoveryReport { unfinished: 1, ..Default::default() }).await;
    scene.assert_waiting(&spool).await;
    assert!(files(&scene.path("spool/incoming")).is_empty());
}

#[tokio::test]
async fn an_attempt_that_was_cut_off_is_in_doubt_and_waits_for_the_stored_time() {
    let scene = Scene::with_one_message().await;
    let (since, due) = (NOW, NOW.plus(Duration::from_secs(1800)));
    let spool = open(scene.folder.path());
    let mut entry = scene.entry.clone();
    entry.recipients[1].progress =
        Progress::Attempting(Attempting { since, due, account: account() });
    entry.hold =
        Some(crate::spool::Hold { since: NOW, reason: "held while it was attempted".to_owned() });
    spool.apply(Change { put: vec![entry.clone()], ..Change::default() }).unwrap();
    spool.close().await.unwrap();

    let spool = scene.recover(RecoveryReport { doubtful: 1, ..Default::default() }).await;
    let recovered = spool.entry(scene.id).unwrap().unwrap();
    assert_eq!(recovered.recipients[0], entry.recipients[0]);
    assert_eq!(recovered.recipients[1].progress, Progress::Waiting { due });
    assert_eq!(recovered.recipients[1].doubts.len(), 1);
    assert_eq!(recovered.recipients[1].doubts[0].attempt, since);
}

#[tokio::test]
async fn mail_that_arrives_while_recovery_looks_is_neither_doubled_nor_lost() {
    let folder = tempfile::tempdir().unwrap();
    let spool = open(folder.path());
    for _message in 0..150 {
        hand_in(&spool, "printers", b"old").await.unwrap();
    }
    spool.close().await.unwrap();
    fs::remove_dir_all(folder.path().join("index")).unwrap();

    let spool = open(folder.path());
    let mut sessions = tokio::task::JoinSet::new();
    for device in ["a", "b", "c", "d"] {
        let spool = spool.clone();
        sessions.spawn(async move {
            for _message in 0..40 {
                let id = hand_in(&spool, device, b"new").await.unwrap().id();
                spool.apply(Change { remove: vec![id], ..Change::default() }).unwrap();
                spool.sync().await.unwrap();
                hand_in(&spool, device, b"new").await.unwrap();
            }
        });
    }
    sessions.join_all().await;
    assert_eq!(spool.recovered().await, RecoveryReport::default());
    assert_eq!(spool.count(), 150 + 160);
    assert_eq!(spool.list(None, 1000).unwrap().len(), 310);
    assert_eq!(spool.accounts_waiting(), [(account(), 310)]);
    assert_eq!(files(&folder.path().join("spool/mail")).len(), 0);
}
