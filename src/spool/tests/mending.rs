//! An index that has failed opens again by itself, and what was promised meanwhile is kept.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

use super::*;
use crate::spool::{
    Change, Memo, MemoKind,
    disk::{Deed, Witness},
};

/// Refuses to write or sync the index while it is full.
struct Full(AtomicBool);

impl Witness for Full {
    fn before(&self, deed: Deed<'_>) -> io::Result<()> {
        let of_index = matches!(deed, Deed::WriteIndex | Deed::SyncIndex);
        if of_index && self.0.load(Ordering::Relaxed) {
            Err(io::ErrorKind::StorageFull.into())
        } else {
            Ok(())
        }
    }

    fn after(&self, _deed: Deed<'_>) {}
}

/// What the thread that keeps house does by and by.
fn keep_house(spool: &Spool) {
    let core = &spool.0.core;
    if core.index.has_failed() {
        drop(crate::spool::mend::mend_index(core));
    }
    // What waited already, and what came since.
    drop(core.index.flush().and_then(|()| core.index.flush()));
}

#[tokio::test]
async fn an_index_that_has_failed_stops_no_mail_and_opens_again_without_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let full = Arc::new(Full(AtomicBool::new(false)));
    let spool = open_on(&Disk::watched(full.clone()), data.path()).unwrap();
    spool.recovered().await;
    let kept = hand_in(&spool, "printers", b"1").await.unwrap().id();
    full.0.store(true, Ordering::Relaxed);
    keep_house(&spool);
    assert!(spool.0.core.index.has_failed());
    hand_in(&spool, "printers", b"2").await.unwrap();
    keep_house(&spool);
    spool.sync().await.unwrap();
    full.0.store(false, Ordering::Relaxed);
    keep_house(&spool);
    assert!(!spool.0.core.index.has_failed() && spool.0.core.index.memory.overlay.is_empty());
    hand_in(&spool, "printers", b"3").await.unwrap();
    assert_eq!((spool.count(), spool.accounts_waiting()), (3, vec![(account(), 3)]));
    assert_eq!(text_of(&spool, kept).await.unwrap(), b"1");
    spool.close().await.unwrap();
    let spool = open(data.path());
    assert_eq!(spool.count(), 3);
}

/// A small file system in memory, unmounted when dropped; none where we may not mount.
struct Small(tempfile::TempDir);

impl Small {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(Self(folder))
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut ballast = File::create(self.0.path().join("ballast")).unwrap();
        for size in [1 << 20, 4096] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

#[tokio::test]
async fn a_disk_that_was_really_full_serves_again_when_there_is_room() {
    let Some(small) = Small::mount() else {
        // Where nothing may be mounted, the test above is all that can be had.
        return;
    };
    let data = small.0.path().join("data");
    fs::create_dir(&data).unwrap();
    let spool = open(&data);
    spool.recovered().await;
    let kept = hand_in(&spool, "printers", b"1").await.unwrap().id();
    small.fill();
    let large = serde_json::json!("x".repeat(100_000));
    let write = |n: usize| {
        spool.apply(Change {
            remember: vec![Memo::of(MemoKind::DeviceSighting, &n.to_string(), Some(large.clone()))],
            ..Change::default()
        })
    };
    let mut failed = false;
    for n in 0..1000 {
        failed = write(n).is_err() || spool.sync().await.is_err();
        if failed {
            break;
        }
    }
    assert!(failed, "the disk was to be full");
    assert!(hand_in(&spool, "printers", &[b'x'; LARGE]).await.is_err());
    fs::remove_file(small.0.path().join("ballast")).unwrap();
    keep_house(&spool);
    spool.sync().await.unwrap();
    let after = hand_in(&spool, "printers", b"3").await.unwrap().id();
    for (id, text) in [(kept, b"1"), (after, b"3")] {
        assert!(spool.entry(id).unwrap().is_some());
        assert_eq!(text_of(&spool, id).await.unwrap(), text);
    }
    spool.close().await.unwrap();
}
