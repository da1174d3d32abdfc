//! Keeps on the disk what was seen of devices, and brings it back at the start.
//!
//! # Failure
//! Logged, and no reason to stop: sightings are for people, no message depends on them. A crash
//! costs the last seconds of them.

use std::time::Duration;

use tokio::{sync::watch, time::MissedTickBehavior};
use tracing::warn;

use crate::{
    daemon::supervise,
    device::{Devices, SightingRecord},
    spool::{Change, Memo, MemoKind, Spool, SpoolError},
};

/// One write for all that was seen in between, whatever the devices do.
const KEEP_EVERY: Duration = Duration::from_secs(10);
/// Records in one change: what comes in has to wait for it.
const KEPT_AT_ONCE: usize = 32;

/// What was kept by the last process.
pub(super) fn restore(devices: &Devices, spool: &Spool) {
    match spool.recall_all::<serde_json::Value>(MemoKind::DeviceSighting) {
        Ok(records) => {
            // A record that is not JSON was not written by us; it counts as empty.
            let records = records
                .into_iter()
                .map(|(name, value)| (name, value.unwrap_or_default()))
                .collect();
            let unreadable = devices.restore_sightings(records);
            if unreadable > 0 {
                warn!(unreadable, "some sightings of devices could not be read and are forgotten");
            }
        }
        Err(error) => warn!(%error, "sightings of devices not read"),
    }
}

/// Keeps them every few seconds, until the stop.
pub(super) async fn keep_up(
    devices: Devices,
    spool: Spool,
    mut stop: watch::Receiver<bool>,
) -> &'static str {
    let mut ticks = tokio::time::interval(KEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => keep(&devices, &spool).await,
            () = supervise::stopped(&mut stop) => return "the keeping of sightings",
        }
    }
}

/// Keeps what has changed.
pub(super) async fn keep(devices: &Devices, spool: &Spool) {
    let records = devices.unkept_sightings();
    if records.is_empty() {
        return;
    }
    if let Err(error) = write(spool, records).await {
        warn!(%error, "sightings of devices not kept");
        devices.keep_sightings_again();
    }
}

async fn write(spool: &Spool, records: Vec<SightingRecord>) -> Result<(), SpoolError> {
    let memo = |SightingRecord { name, value }| Memo::of(MemoKind::DeviceSighting, &name, value);
    let mut remember = records.into_iter().map(memo).peekable();
    while remember.peek().is_some() {
        spool.apply(Change {
            remember: remember.by_ref().take(KEPT_AT_ONCE).collect(),
            ..Change::default()
        })?;
    }
    spool.sync().await
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use tokio::sync::watch;

    use super::*;
    use crate::{
        clock::Clock,
        device::{DirectorySettings, Parting},
        metrics::Metrics,
        model::{ByteSize, Recorder, Timestamp},
        spool::SpoolSettings,
    };

    fn spool(folder: &Path) -> Spool {
        let settings = SpoolSettings {
            data_dir: folder.into(),
            min_free: ByteSize::from_octets(0),
            journal_keep: Duration::from_secs(86_400),
        };
        Spool::open(
            settings,
            Arc::new(|_device: &_| "scanner".into()),
            Clock::fixed(Timestamp::ZERO),
            Metrics::new(),
        )
        .unwrap()
    }

    fn devices() -> Devices {
        let nobody = DirectorySettings {
            devices: Vec::new(),
            users: Vec::new(),
            hostname: "postroom.contoso.lan".into(),
        };
        Devices::new(
            watch::Sender::new(Arc::new(nobody)).subscribe(),
            Clock::fixed(Timestamp::from_millis(7)),
            Metrics::new(),
        )
    }

    #[tokio::test]
    async fn what_was_seen_is_known_after_a_restart_and_what_cannot_be_read_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let first = spool(folder.path());
        let before = devices();
        let stranger = before.identify("172.16.0.1".parse().unwrap());
        stranger.note_connection(None);
        let mut recorder = Recorder::default();
        recorder.command(b"EHLO mfp1");
        let quirks = std::collections::BTreeSet::from([crate::smtp::Quirk::NoQuit]);
        let dialogue = recorder.end(Timestamp::from_millis(7));
        stranger.note_parting(Parting {
            helo: "mfp1",
            tls: None,
            mechanism: Some("LOGIN"),
            quirks: &quirks,
            dialogue,
        });
        keep(&before, &first).await;
        let strange = vec![Memo::of(MemoKind::DeviceSighting, "strange", Some(7.into()))];
        first.apply(Change { remember: strange, ..Change::default() }).unwrap();
        first.close().await.unwrap();

        let (second, after) = (spool(folder.path()), devices());
        restore(&after, &second);
        assert_eq!(after.strangers(), before.strangers());
        assert_eq!(after.strangers()[0].helo.as_deref(), Some("mfp1"));
        keep(&after, &second).await;
        assert_eq!(
            second.recall_all::<serde_json::Value>(MemoKind::DeviceSighting).unwrap().len(),
            1
        );
    }
}
