//! Any order of things that can happen to mail, restarts among them, against a model in memory.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection, prelude::*, sample::Index};

use super::*;
use crate::{
    model::DeviceName,
    spool::{Change, Hold, RecoveryReport, reclaim::Reclaim},
};

#[derive(Clone, Debug)]
enum Step {
    HandIn { device: u8, size: usize },
    Delay { message: Index, millis: u64 },
    Hold { message: Index },
    Release { message: Index },
    Reroute { message: Index, account: u8 },
    Settle { message: Index },
    Quarantine { message: Index },
    Sync,
    Restart,
    LoseIndex,
    KeepHouse,
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_u8, prop_oneof![0..2000_usize, 60_000..70_000_usize]).prop_map(|(device, size)| Step::HandIn { device, size }),
        4 => (any::<Index>(), 0..4_u64).prop_map(|(message, millis)| Step::Delay { message, millis }),
        1 => any::<Index>().prop_map(|message| Step::Hold { message }),
        1 => any::<Index>().prop_map(|message| Step::Release { message }),
        2 => (any::<Index>(), 0..3_u8).prop_map(|(message, account)| Step::Reroute { message, account }),
        3 => any::<Index>().prop_map(|message| Step::Settle { message }),
        1 => any::<Index>().prop_map(|message| Step::Quarantine { message }),
        1 => Just(Step::Sync),
        1 => Just(Step::Restart),
        1 => Just(Step::LoseIndex),
        2 => Just(Step::KeepHouse),
    ]
}

/// Segments are small, so that texts of all sizes reach them, fill them, and are moved.
fn open_small(data: &Path) -> Spool {
    let tuning = Tuning { disk: Disk::default(), segment: Some(128 * 1024) };
    open_tuned(&tuning, data).unwrap()
}

struct Run {
    data: tempfile::TempDir,
    spool: Spool,
    entries: BTreeMap<MessageId, Entry>,
}

impl Run {
    fn begin() -> Self {
        let data = tempfile::tempdir().unwrap();
        Self { spool: open_small(data.path()), data, entries: BTreeMap::new() }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::HandIn { device, size } => {
                let id = hand_in(&self.spool, &format!("device{device}"), &vec![b'x'; size])
                    .await
                    .unwrap()
                    .id();
                let size = ByteSize::from_octets(u64::try_from(size).unwrap());
                self.entries.insert(
                    id,
                    Entry::new(&envelope(id, &format!("device{device}")), account(), size)
                        .queued_at(NOW),
                );
            }
            Step::Delay { message, millis } => self
                .put(message, |entry| wait_until(entry, NOW.plus(Duration::from_millis(millis)))),
            Step::Hold { message } => self.put(message, |entry| {
                entry.hold = Some(Hold { since: NOW, reason: String::new() });
            }),
            Step::Release { message } => self.put(message, |entry| entry.hold = None),
            Step::Reroute { message, account } => {
                self.put(message, |entry| entry.account = format!("account{account}").into());
            }
            Step::Settle { message } => {
                if let Some(id) = self.choose(message) {
                    self.spool.apply(Change { remove: vec![id], ..Change::default() }).unwrap();
                    self.entries.remove(&id);
                }
            }
            Step::Quarantine { message } => {
                if let Some(id) = self.choose(message) {
                    self.spool.quarantine(id, "chosen").await.unwrap();
                    self.entries.remove(&id);
                }
            }
            Step::Sync => self.spool.sync().await.unwrap(),
            Step::Restart => self.restart(RecoveryReport::default()).await,
            Step::LoseIndex => {
                self.spool.close().await.unwrap();
                std::fs::remove_dir_all(self.data.path().join("index")).unwrap();
                self.restart(RecoveryReport::default()).await;
            }
            Step::KeepHouse => {
                let core = Arc::clone(&self.spool.0.core);
                core.index.flush().unwrap();
                Reclaim::default().run(&core).unwrap();
            }
        }
    }

    async fn restart(&mut self, expected: RecoveryReport) {
        self.spool.close().await.unwrap();
        self.spool = open(self.data.path());
        assert_eq!(self.spool.recovered().await, expected);
    }

    fn choose(&self, message: Index) -> Option<MessageId> {
        let ids: Vec<MessageId> = self.entries.keys().copied().collect();
        (!ids.is_empty()).then(|| *message.get(&ids))
    }

    fn put(&mut self, message: Index, edit: impl FnOnce(&mut Entry)) {
        if let Some(id) = self.choose(message) {
            let entry = self.entries.get_mut(&id).unwrap();
            edit(entry);
            self.spool.apply(Change { put: vec![entry.clone()], ..Change::default() }).unwrap();
        }
    }

    /// Everything that the spool says, against the model.
    fn compare(&self) {
        let listed = self.spool.list(None, usize::MAX).unwrap();
        assert_eq!(listed, self.entries.values().cloned().collect::<Vec<Entry>>());
        assert_eq!(self.spool.count(), u64::try_from(self.entries.len()).unwrap());
        for account in ["scanner", "account0", "account1", "account2"].map(AccountName::from) {
            let of_account = |entry: &&Entry| entry.account == account && entry.due().is_some();
            let devices: BTreeSet<DeviceName> = self
                .entries
                .values()
                .filter(of_account)
                .map(|entry| entry.device.clone())
                .collect();
            assert_eq!(
                self.spool.devices_waiting(&account),
                devices.iter().cloned().collect::<Vec<_>>()
            );
            for device in devices {
                let of_device =
                    self.entries.values().filter(of_account).filter(|entry| entry.device == device);
                let mut due: Vec<(Timestamp, MessageId)> =
                    of_device.map(|entry| (entry.due().unwrap(), entry.id)).collect();
                due.sort_unstable();
                assert_eq!(self.spool.first_due(&account, &device, usize::MAX).unwrap(), due);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn files_index_and_counts_stay_in_step_whatever_happens(
        steps in collection::vec(steps(), 1..40),
    ) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let mut run = Run::begin();
            for step in steps {
                run.take(step).await;
                run.compare();
            }
            run.restart(RecoveryReport::default()).await;
            run.compare();
            let index = &run.spool.0.core.index;
            let has_file = |id: &&MessageId| index.located(**id).unwrap().is_none();
            let with_files = run.entries.keys().filter(has_file).count();
            assert_eq!(files(&run.data.path().join("spool/mail")).len(), with_files);
        });
    }
}
