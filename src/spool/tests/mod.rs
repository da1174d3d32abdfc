//! The spool through its own door, on a real disk in a temporary folder.

mod crashing;
mod damaging;
mod keeping;
mod mending;
mod modelling;
mod recovering;

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    clock::Clock,
    metrics::Metrics,
    model::{
        AccountName, ByteSize, Envelope, MailParameters, MessageId, Recipient, ReversePath,
        Timestamp, Via,
    },
    spool::{
        Committed, Entry, Progress, Spool, SpoolError, SpoolSettings, disk::Disk, open::Tuning,
    },
};

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(super) fn settings(data_dir: &Path) -> SpoolSettings {
    SpoolSettings {
        data_dir: data_dir.to_owned(),
        min_free: ByteSize::from_octets(0),
        journal_keep: Duration::from_secs(90 * 86_400),
    }
}

pub(super) fn open_on(disk: &Disk, data_dir: &Path) -> Result<Spool, SpoolError> {
    open_tuned(&Tuning { disk: disk.clone(), segment: None }, data_dir)
}

/// With segments of another size.
pub(super) fn open_tuned(tuning: &Tuning, data_dir: &Path) -> Result<Spool, SpoolError> {
    let route: crate::spool::RouteMessage = Arc::new(|_envelope: &_| account().into());
    Spool::open_on(tuning, settings(data_dir), route, Clock::fixed(NOW), Metrics::new())
}

pub(super) fn open(data_dir: &Path) -> Spool {
    open_on(&Disk::default(), data_dir).unwrap()
}

pub(super) fn account() -> AccountName {
    "scanner".into()
}

pub(super) fn envelope(id: MessageId, device: &str) -> Envelope {
    Envelope {
        id,
        received: NOW,
        device: device.into(),
        via: Via { peer: None, helo: "mfp1".to_owned(), esmtp: false, tls: None, user: None },
        sender: ReversePath::Mailbox("scanner@contoso.com".parse().unwrap()),
        recipients: ["anna@contoso.com", "bert@contoso.com"]
            .map(|a| Recipient::new(a.parse().unwrap()))
            .to_vec(),
        parameters: MailParameters::default(),
    }
}

pub(super) async fn hand_in(
    spool: &Spool,
    device: &str,
    text: &[u8],
) -> Result<Committed, SpoolError> {
    let mut incoming = spool.receive(envelope(spool.new_id(), device), account()).await?;
    incoming.write(text).await?;
    incoming.commit().await
}

pub(super) async fn text_of(spool: &Spool, id: MessageId) -> Result<Vec<u8>, SpoolError> {
    let mut reader = spool.body(id).await?;
    let (mut text, mut chunk) = (Vec::new(), Vec::new());
    loop {
        reader.read(&mut chunk).await?;
        if chunk.is_empty() {
            return Ok(text);
        }
        text.extend_from_slice(&chunk);
    }
}

/// Opens, and waits until nothing goes on in the background.
pub(super) async fn open_quietly(tuning: &Tuning, data_dir: &Path) -> Spool {
    let spool = open_tuned(tuning, data_dir).unwrap();
    spool.recovered().await;
    spool.sync().await.unwrap();
    let log = spool.0.core.index.log().unwrap();
    // The journal makes a segment ahead of need.
    while log.usage().free == 0 {
        std::thread::yield_now();
    }
    spool
}

/// A text that does not go to the journal.
pub(super) const LARGE: usize = 200_000;

/// Names of all files below a folder, save for the journal's segments.
pub(super) fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_name() == "journal" {
            continue;
        }
        if entry.path().is_dir() {
            names.extend(files(&entry.path()));
        } else {
            names.push(entry.file_name().into_string().unwrap());
        }
    }
    names.sort();
    names
}

pub(super) fn wait_until(entry: &mut Entry, due: Timestamp) {
    for recipient in &mut entry.recipients {
        recipient.progress = Progress::Waiting { due };
    }
}
