//! The index is damaged in every place, or replaced by an old copy: nothing is forgotten and
//! nothing is repeated.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::*;
use crate::spool::{Change, Charge, Phase, RecoveryReport, tests::recovering::copy_tree};

const PAGE: usize = 4096;

/// A day at the office, and an old copy of its index.
struct Day {
    folder: tempfile::TempDir,
    waiting: Vec<Entry>,
    settled: MessageId,
    charges: Vec<Charge>,
}

impl Day {
    async fn pass() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spool = open(folder.path());
        let settled = hand_in(&spool, "printers", b"settled").await.unwrap().id();
        spool.close().await.unwrap();
        copy_tree(&folder.path().join("index"), &folder.path().join("old"));
        let spool = open(folder.path());
        let mut waiting = Vec::new();
        let mut charges = Vec::new();
        for number in 0..20_u32 {
            let text = vec![b'x'; if number == 7 { LARGE } else { 3000 }];
            let id = hand_in(&spool, "printers", &text).await.unwrap().id();
            let mut entry = spool.entry(id).unwrap().unwrap();
            entry.recipients[0].attempts = number;
            let charge = Charge {
                account: account(),
                at: NOW,
                sequence: number,
                recipients: 2,
                phase: Phase::Ended,
            };
            spool
                .apply(Change {
                    put: vec![entry.clone()],
                    charge: vec![charge.clone()],
                    ..Change::default()
                })
                .unwrap();
            waiting.push(entry);
            charges.push(charge);
            // Several generations of pages.
            spool.0.core.index.flush().unwrap();
        }
        spool.apply(Change { remove: vec![settled], ..Change::default() }).unwrap();
        spool.close().await.unwrap();
        waiting.sort_by_key(|entry| entry.id);
        Self { folder, waiting, settled, charges }
    }

    /// A copy of the data folder.
    fn copy(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(self.folder.path(), copy.path());
        copy
    }

    async fn assert_whole(&self, data: &Path, context: &str) {
        let spool = open(data);
        let report = spool.recovered().await;
        let report = RecoveryReport { index_moved_to: None, ..report };
        assert_eq!(report, RecoveryReport::default(), "{context}");
        assert!(spool.list(None, 100).unwrap() == self.waiting, "{context}");
        assert_eq!(spool.entry(self.settled).unwrap(), None, "{context}");
        assert_eq!(spool.charges(&account(), Timestamp::ZERO).unwrap(), self.charges, "{context}");
        assert_eq!(spool.journal(None, 9).unwrap(), [], "nothing is called lost: {context}");
        for entry in &self.waiting {
            text_of(&spool, entry.id).await.unwrap();
        }
    }
}

fn databases(data: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(data.join("index")).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.is_file()).collect()
}

#[tokio::test]
async fn an_index_damaged_in_any_page_is_noticed_and_rebuilt() {
    let day = Day::pass().await;
    for file in databases(day.folder.path()) {
        let content = fs::read(&file).unwrap();
        for page in 0..content.len().div_ceil(PAGE) {
            let place = page * PAGE..content.len().min((page + 1) * PAGE);
            // Beyond what sled has used there is nothing to damage.
            if content[place.clone()].iter().all(|octet| *octet == 0) {
                continue;
            }
            for flip in [false, true] {
                let copy = day.copy();
                let mut damaged = content.clone();
                if flip {
                    damaged[place.start + place.len() / 2] ^= 0x10;
                } else {
                    damaged[place.clone()].fill(0);
                }
                fs::write(copy.path().join("index").join(file.file_name().unwrap()), damaged)
                    .unwrap();
                let context = format!("{}, page {page}, flip {flip}", file.display());
                day.assert_whole(copy.path(), &context).await;
            }
        }
    }
}

#[tokio::test]
async fn an_old_copy_of_the_index_is_brought_up_to_date() {
    let day = Day::pass().await;
    let copy = day.copy();
    fs::remove_dir_all(copy.path().join("index")).unwrap();
    copy_tree(&copy.path().join("old"), &copy.path().join("index"));
    day.assert_whole(copy.path(), "an old copy").await;
}
