//! The disk fails, or the machine stops, at every single step; afterwards every promise must have
//! been kept.
//!
//! A workload is run once for each step, until it comes through whole. At its step the saboteur
//! either refuses one deed ([`Strike::Refuse`]), or freezes the data folder as a start would find
//! it: as the kernel had it when the process was killed ([`Strike::Kill`]), or, at its harshest,
//! with nothing but what was explicitly synced ([`Strike::PowerCut`]): unsynced files empty, names
//! of unsynced folders as before, the index as of its last sync.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::PathBuf,
    sync::Mutex,
};

use super::*;
use crate::model::RecipientOutcome;
use crate::spool::{
    Attempting, Change, Charge, Phase, RecoveryReport,
    disk::{Deed, Witness},
    reclaim::Reclaim,
    threads::lock,
};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Strike {
    Refuse(io::ErrorKind),
    Kill,
    PowerCut,
}

fn watched(saboteur: &Arc<Saboteur>) -> Tuning {
    Tuning { disk: Disk::watched(saboteur.clone()), segment: None }
}

/// Lets deeds pass until its step comes.
struct Saboteur {
    data: PathBuf,
    frozen: PathBuf,
    strike: Strike,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Deeds until the strike; none while disarmed.
    left: Option<usize>,
    struck: bool,
    /// Content of files as last synced, by where they are now.
    synced: BTreeMap<PathBuf, Vec<u8>>,
    /// Names in folders as last synced, with the content then.
    durable: BTreeMap<PathBuf, BTreeMap<PathBuf, Vec<u8>>>,
    index: BTreeMap<PathBuf, Vec<u8>>,
    /// Segments of the journal, and those that are being made.
    segments: BTreeMap<PathBuf, SegmentState>,
    /// Deeds seen: what is kept of unsynced sectors depends on it.
    deeds: u64,
}

#[derive(Default, Clone)]
struct SegmentState {
    /// As last synced.
    synced: Vec<u8>,
    /// What was written since, sector by sector.
    unsynced: BTreeMap<usize, Vec<u8>>,
}

const SECTOR: usize = 512;

impl SegmentState {
    fn write(&mut self, at: u64, octets: &[u8]) {
        let at = usize::try_from(at).unwrap();
        assert!(at.is_multiple_of(SECTOR), "batches begin on pages");
        for (number, sector) in octets.chunks(SECTOR).enumerate() {
            self.unsynced.insert(at / SECTOR + number, sector.to_vec());
        }
    }

    fn sync(&mut self) {
        self.keep(|_sector| true);
    }

    /// Puts some of the unsynced sectors on the disk; the others are lost.
    fn keep(&mut self, mut kept: impl FnMut(usize) -> bool) {
        for (number, sector) in std::mem::take(&mut self.unsynced) {
            if kept(number) {
                let end = number * SECTOR + sector.len();
                self.synced.resize(self.synced.len().max(end), 0);
                self.synced[number * SECTOR..end].copy_from_slice(&sector);
            }
        }
    }
}

impl State {
    /// A segment as a power cut leaves it: any subset of what was not synced is there.
    fn torn(&self, path: &Path, content: Vec<u8>) -> Vec<u8> {
        let Some(segment) = self.segments.get(path) else { return content };
        let mut segment = segment.clone();
        let mut dice = self.deeds;
        segment.keep(|_sector| {
            // Any sequence serves that is another one for each step.
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            dice >> 63 == 0
        });
        segment.synced
    }
}

impl Saboteur {
    fn arm(&self, step: usize) {
        let index = read_tree(&self.data.join("index"));
        let journal = self.data.join("spool/journal");
        let names = read_tree(&journal);
        let segment = |(path, synced): (&PathBuf, &Vec<u8>)| {
            (path.clone(), SegmentState { synced: synced.clone(), unsynced: BTreeMap::new() })
        };
        let segments = names.iter().map(segment).collect();
        let durable = BTreeMap::from([(journal, names)]);
        *lock(&self.state) =
            State { left: Some(step), index, segments, durable, ..State::default() };
    }

    /// The name of a folder of the journal.
    fn is_segment(&self, path: &Path) -> bool {
        path.starts_with(self.data.join("spool/journal"))
    }

    fn has_struck(&self) -> bool {
        lock(&self.state).struck
    }

    fn freeze(&self, state: &State) {
        let tree = match self.strike {
            Strike::Refuse(_) => return,
            Strike::Kill => read_tree(&self.data),
            Strike::PowerCut => {
                let mail = self.data.join("spool/mail");
                let shard_is_durable = |folder: &PathBuf| {
                    folder.parent() != Some(&mail) || state.durable.contains_key(&mail)
                };
                let names =
                    state.durable.iter().filter(|(folder, _names)| shard_is_durable(folder));
                let tree = names.flat_map(|(_folder, names)| names.clone());
                let mut tree: BTreeMap<PathBuf, Vec<u8>> = tree
                    .map(|(path, content)| {
                        let content = state.torn(&path, content);
                        (path, content)
                    })
                    .collect();
                tree.extend(state.index.clone());
                tree
            }
        };
        for (path, content) in tree {
            let to = self.frozen.join(path.strip_prefix(&self.data).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(to, content).unwrap();
        }
    }
}

impl Witness for Saboteur {
    fn before(&self, deed: Deed<'_>) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.deeds += 1;
        match (self.strike, state.left) {
            (Strike::Kill | Strike::PowerCut, _any) if state.struck => {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            (_any, None) => Ok(()),
            (strike, Some(0)) => {
                state.left = None;
                state.struck = true;
                if let Deed::WriteSegment(path, at, octets) = deed
                    && let Some(segment) = state.segments.get_mut(path)
                    && !matches!(self.strike, Strike::Refuse(_))
                {
                    // Torn, not merely missing.
                    segment.write(at, octets);
                }
                self.freeze(&state);
                Err(if let Strike::Refuse(kind) = strike {
                    kind.into()
                } else {
                    io::ErrorKind::BrokenPipe.into()
                })
            }
            (_any, Some(left)) => {
                state.left = Some(left - 1);
                Ok(())
            }
        }
    }

    fn after(&self, deed: Deed<'_>) {
        let mut state = lock(&self.state);
        match deed {
            Deed::SyncFile(path) => {
                let content = fs::read(path).unwrap();
                if self.is_segment(path) {
                    let synced = content.clone();
                    let segment = SegmentState { synced, unsynced: BTreeMap::new() };
                    state.segments.insert(path.to_owned(), segment);
                }
                state.synced.insert(path.to_owned(), content);
            }
            Deed::WriteSegment(path, at, octets) => {
                if let Some(segment) = state.segments.get_mut(path) {
                    segment.write(at, octets);
                }
            }
            Deed::SyncSegment(path) => {
                if let Some(segment) = state.segments.get_mut(path) {
                    segment.sync();
                }
            }
            Deed::Rename(from, to) => {
                if let Some(content) = state.synced.remove(from) {
                    state.synced.insert(to.to_owned(), content);
                }
                if let Some(segment) = state.segments.remove(from) {
                    state.segments.insert(to.to_owned(), segment);
                }
            }
            Deed::SyncFolder(folder) => {
                let names = fs::read_dir(folder)
                    .unwrap()
                    .map(|entry| entry.unwrap().path())
                    .filter(|path| path.is_file());
                let names = names
                    .map(|path| {
                        (path.clone(), state.synced.get(&path).cloned().unwrap_or_default())
                    })
                    .collect();
                state.durable.insert(folder.to_owned(), names);
            }
            Deed::SyncIndex => state.index = read_tree(&self.data.join("index")),
            Deed::Create(_)
            | Deed::Write(_)
            | Deed::CreateFolder(_)
            | Deed::Remove(_)
            | Deed::WriteIndex => {}
        }
    }
}

/// Every file below a folder, with its content.
fn read_tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut tree = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            tree.extend(read_tree(&entry.path()));
        } else if let Ok(content) = fs::read(entry.path()) {
            // Another thread may be renaming it.
            tree.insert(entry.path(), content);
        }
    }
    tree
}

/// A message's text, which no failing test should print.
#[derive(PartialEq)]
struct Text(Vec<u8>);

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} octets", self.0.len())
    }
}

/// What the workload was promised, and what it only asked for.
#[derive(Default, Debug)]
struct Promises {
    committed: BTreeMap<MessageId, Text>,
    /// Handed in without `250`.
    refused: BTreeSet<MessageId>,
    removal_applied: BTreeSet<MessageId>,
    removal_durable: BTreeSet<MessageId>,
    quarantine_asked: BTreeSet<MessageId>,
    quarantine_durable: BTreeSet<MessageId>,
    attempt_durable: BTreeSet<MessageId>,
    /// How many segments of the journal were given back.
    oldest_segment: u64,
}

/// A day at the office. Goes on after errors, as the daemon does.
struct Workload<'a> {
    spool: &'a Spool,
    promises: Promises,
}

impl Workload<'_> {
    async fn run(mut self) -> Promises {
        let small = self.hand_in(b"Subject: one page\r\n\r\n".to_vec()).await;
        let large = self.hand_in(vec![b'x'; 200_000]).await;
        self.attempt(small).await;
        self.settle(small).await;
        let strange = self
            .hand_in(b"Postroom-File: 1 text-at=0000000062 size=00000000000000000000\r\n".to_vec())
            .await;
        self.quarantine(strange).await;
        let last = self.hand_in(Vec::new()).await;
        self.attempt(last).await;
        self.settle(large).await;
        self.promises
    }

    async fn recycle(mut self) -> Promises {
        let kept = self.hand_in(vec![b'k'; 20_000]).await;
        self.attempt(kept).await;
        for round in 0..6_u8 {
            let mut some = Vec::new();
            for size in [38_000, 38_000, 38_000] {
                some.push(self.hand_in(vec![b'a' + round; size]).await);
            }
            self.keep_house();
            for id in some {
                self.settle(id).await;
            }
        }
        self.keep_house();
        let log = self.spool.0.core.index.log().unwrap();
        self.promises.oldest_segment = log.segments().first().map_or(0, |oldest| oldest.0);
        drop(log);
        self.settle(kept).await;
        let last = self.hand_in(vec![b'l'; 20_000]).await;
        self.attempt(last).await;
        self.keep_house();
        self.promises
    }

    /// What the thread that keeps house does by and by.
    fn keep_house(&self) {
        let core = &self.spool.0.core;
        if core.index.flush().is_ok() {
            drop(Reclaim::default().run(core));
        }
    }

    async fn hand_in(&mut self, text: Vec<u8>) -> MessageId {
        let id = self.spool.new_id();
        let committed = async {
            let mut incoming = self.spool.receive(envelope(id, "printers"), account()).await?;
            incoming.write(&text).await?;
            incoming.commit().await
        };
        match committed.await {
            Ok(committed) => self.promises.committed.insert(committed.id(), Text(text)).is_none(),
            Err(_refused) => self.promises.refused.insert(id),
        };
        id
    }

    async fn attempt(&mut self, id: MessageId) {
        let Ok(Some(mut entry)) = self.spool.entry(id) else { return };
        let due = NOW.plus(Duration::from_secs(1800));
        entry.recipients[0].progress =
            Progress::Attempting(Attempting { since: NOW, due, account: account() });
        let charge = Charge {
            account: account(),
            at: NOW,
            sequence: 1,
            recipients: 1,
            phase: Phase::UnderWay,
        };
        let applied = self.spool.apply(Change {
            put: vec![entry],
            charge: vec![charge],
            ..Change::default()
        });
        if applied.is_ok() && self.spool.sync().await.is_ok() {
            self.promises.attempt_durable.insert(id);
        }
    }

    async fn settle(&mut self, id: MessageId) {
        let Ok(Some(entry)) = self.spool.entry(id) else { return };
        let journal = crate::spool::quarantine::farewell(&entry, NOW, RecipientOutcome::Delivered);
        if self.spool.apply(Change { remove: vec![id], journal, ..Change::default() }).is_ok() {
            self.promises.removal_applied.insert(id);
            if self.spool.sync().await.is_ok() {
                self.promises.removal_durable.insert(id);
            }
        }
    }

    async fn quarantine(&mut self, id: MessageId) {
        self.promises.quarantine_asked.insert(id);
        if self.spool.quarantine(id, "strange").await.is_ok() {
            self.promises.quarantine_durable.insert(id);
        }
    }
}

/// Every promise, against what a start finds.
async fn audit(data: &Path, promises: &Promises, strike: Strike, context: &str) {
    let spool = open(data);
    let report = spool.recovered().await;
    let context = format!("{context}\n{promises:?}\n{report:?}");
    assert!(report.without_file.is_empty(), "{context}");
    assert!(report.quarantined.is_empty(), "{context}");
    let journal = spool.journal(None, 100).unwrap();
    let queued: Vec<MessageId> =
        spool.list(None, 100).unwrap().iter().map(|entry| entry.id).collect();

    for (id, text) in &promises.committed {
        let gone = !queued.contains(id);
        if promises.removal_durable.contains(id) {
            assert!(gone, "settled and sent again: {id}, {context}");
        } else if !promises.removal_applied.contains(id) && !promises.quarantine_asked.contains(id)
        {
            assert!(!gone, "lost: {id}, {context}");
        }
        if gone {
            let lines = journal.iter().filter(|line| line.id == *id).count();
            // The history of segments that were given back is in the index alone.
            let may_lack = promises.oldest_segment > 0 && lines == 0;
            assert!(lines == 2 || may_lack, "one line for each recipient: {id}, {context}");
        } else {
            assert_eq!(&Text(text_of(&spool, *id).await.unwrap()), text, "{context}");
        }
    }
    for id in &promises.quarantine_durable {
        assert!(
            data.join(format!("spool/quarantine/{id}.eml")).exists() && !queued.contains(id),
            "{context}"
        );
    }
    for id in promises.refused.iter().filter(|id| queued.contains(id)) {
        // The crash came after the rename: whole, if it is there. After a mere refusal, not there
        // at all.
        assert!(
            strike == Strike::Kill || strike == Strike::PowerCut,
            "refused and kept: {id}, {context}"
        );
        text_of(&spool, *id).await.unwrap();
    }
    for id in promises.attempt_durable.iter().filter(|id| queued.contains(id)) {
        let entry = spool.entry(*id).unwrap().unwrap();
        assert_eq!(entry.recipients[0].doubts.len(), 1, "{context}");
        assert_eq!(spool.charges(&account(), NOW).unwrap().len(), 1, "{context}");
    }
    assert_in_step(&spool, data, &context);
    spool.close().await.unwrap();
    let again = open(data);
    assert_eq!(again.recovered().await, RecoveryReport::default(), "{context}");
}

/// Files, entries, due times and counts name the same messages.
fn assert_in_step(spool: &Spool, data: &Path, context: &str) {
    let queued: Vec<MessageId> =
        spool.list(None, 100).unwrap().iter().map(|entry| entry.id).collect();
    let has_file = |id: &&MessageId| spool.0.core.index.located(**id).unwrap().is_none();
    let names: Vec<String> = queued.iter().filter(has_file).map(|id| format!("{id}.eml")).collect();
    assert_eq!(files(&data.join("spool/mail")), names, "{context}");
    assert!(files(&data.join("spool/incoming")).is_empty(), "{context}");
    let mut due: Vec<MessageId> = spool
        .first_due(&account(), &"printers".into(), 100)
        .unwrap()
        .iter()
        .map(|due| due.1)
        .collect();
    due.sort_unstable();
    assert_eq!(due, queued, "{context}");
    assert_eq!(spool.count(), u64::try_from(queued.len()).unwrap(), "{context}");
    let waiting: u64 = spool.accounts_waiting().iter().map(|(_account, messages)| messages).sum();
    assert_eq!(waiting, spool.count(), "{context}");
}

/// What is done at every step, and to the index before the audit.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Scenario {
    /// A day at the office.
    Day,
    /// Messages come and go until segments of the journal are used again, with those that wait
    /// moved out of the way; the index follows in between.
    Recycling,
}

async fn at_every_step(strike: Strike) {
    for (scenario, lose_index) in [
        (Scenario::Day, false),
        (Scenario::Day, true),
        (Scenario::Recycling, false),
        (Scenario::Recycling, true),
    ] {
        if lose_index && matches!(strike, Strike::Refuse(_)) {
            continue;
        }
        every_step_of(strike, scenario, lose_index).await;
    }
}

async fn every_step_of(strike: Strike, scenario: Scenario, lose_index: bool) {
    // A lost index differs in what is made of the journal, which few steps change.
    let pace = if lose_index { 3 } else { 1 };
    for step in (0..).step_by(pace) {
        let (data, frozen) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let saboteur = Arc::new(Saboteur {
            data: data.path().to_owned(),
            frozen: frozen.path().to_owned(),
            strike,
            state: Mutex::default(),
        });
        let segment = (scenario == Scenario::Recycling).then_some(128 * 1024);
        let tuning = Tuning { disk: Disk::watched(saboteur.clone()), segment };
        let spool = open_quietly(&tuning, data.path()).await;
        saboteur.arm(step);
        let workload = Workload { spool: &spool, promises: Promises::default() };
        let promises = match scenario {
            Scenario::Day => workload.run().await,
            Scenario::Recycling => workload.recycle().await,
        };
        let during = saboteur.has_struck();
        let closed = spool.close().await;
        let found = if matches!(strike, Strike::Refuse(_)) || !saboteur.has_struck() {
            data.path()
        } else {
            frozen.path()
        };
        let recycled = promises.oldest_segment;
        let mut promises = promises;
        promises.oldest_segment *= u64::from(lose_index);
        if lose_index {
            fs::remove_dir_all(found.join("index")).unwrap();
        }
        let context = format!("{scenario:?}, {strike:?} at step {step}, while working: {during}");
        audit(found, &promises, strike, &context).await;
        if !saboteur.has_struck() {
            closed.unwrap();
            let recycles = scenario == Scenario::Recycling;
            assert!(!recycles || recycled > 2, "only {recycled} segments were given back");
            assert!(step > 40, "only {step} steps were seen");
            return;
        }
    }
}

#[tokio::test]
async fn a_process_killed_at_any_step_keeps_its_promises() {
    at_every_step(Strike::Kill).await;
}

#[tokio::test]
async fn a_power_cut_at_any_step_breaks_no_promise() {
    at_every_step(Strike::PowerCut).await;
}

#[tokio::test]
async fn a_disk_that_refuses_any_one_step_breaks_no_promise() {
    at_every_step(Strike::Refuse(io::ErrorKind::Other)).await;
}

#[tokio::test]
async fn a_disk_that_is_full_at_any_one_step_breaks_no_promise() {
    at_every_step(Strike::Refuse(io::ErrorKind::StorageFull)).await;
}

#[tokio::test]
async fn a_full_disk_is_told_apart_from_a_broken_one_and_leaves_nothing_behind() {
    for step in 0.. {
        let data = tempfile::tempdir().unwrap();
        let saboteur = Arc::new(Saboteur {
            data: data.path().to_owned(),
            frozen: PathBuf::new(),
            strike: Strike::Refuse(io::ErrorKind::StorageFull),
            state: Mutex::default(),
        });
        let spool = open_quietly(&watched(&saboteur), data.path()).await;
        saboteur.arm(step);
        let outcome = hand_in(&spool, "printers", &[b'1'; LARGE]).await;
        if !saboteur.has_struck() {
            assert!(outcome.is_ok() && step > 5, "{outcome:?} at step {step}");
            return;
        }
        assert!(matches!(outcome, Err(SpoolError::Full)), "{outcome:?} at step {step}");
        assert!(files(&data.path().join("spool")).is_empty(), "step {step}");
        assert_eq!(spool.count(), 0);
        assert!(hand_in(&spool, "printers", b"1").await.is_ok(), "the next message is taken");
    }
}

#[tokio::test]
async fn a_message_with_a_gap_can_no_longer_be_committed() {
    let data = tempfile::tempdir().unwrap();
    let refuse = Strike::Refuse(io::ErrorKind::Other);
    let state = Mutex::default();
    let saboteur = Arc::new(Saboteur {
        data: data.path().to_owned(),
        frozen: PathBuf::new(),
        strike: refuse,
        state,
    });
    let spool = open_quietly(&watched(&saboteur), data.path()).await;
    let mut incoming =
        spool.receive(envelope(spool.new_id(), "printers"), account()).await.unwrap();
    saboteur.arm(1);
    assert!(incoming.write(&[b'x'; 400_000]).await.is_err());
    assert!(
        incoming.write(b"the rest\r\n").await.is_ok(),
        "what fits into memory is not yet the disk's concern"
    );
    assert!(incoming.commit().await.is_err());
    assert!(files(&data.path().join("spool")).is_empty());
}
