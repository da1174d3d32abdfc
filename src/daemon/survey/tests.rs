//! What is counted, and what the metrics say of it.

use std::{net::IpAddr, sync::Arc};

use super::*;
use crate::{
    device::{DirectorySettings, fixture},
    entry::{Attempting, Hold, Settled},
    model::{ByteSize, Envelope, MailParameters, Recipient, ReversePath, Via},
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn ago(seconds: u64) -> Timestamp {
    NOW.minus(Duration::from_secs(seconds))
}

/// A message for two recipients, received this many seconds ago.
fn entry(age: u64, account: &str) -> Entry {
    let received = ago(age);
    let envelope = Envelope {
        id: MessageId::new(received, age),
        received,
        device: "printers".into(),
        via: Via { peer: None, helo: "mfp1".into(), esmtp: true, tls: None, user: None },
        sender: ReversePath::Null,
        recipients: ["anna@contoso.com", "bert@contoso.com"]
            .map(|address| Recipient::new(address.parse().unwrap()))
            .to_vec(),
        parameters: MailParameters::default(),
    };
    Entry::new(&envelope, account, ByteSize::from_octets(1000))
}

fn samples(metrics: &Metrics, start: &str) -> Vec<String> {
    metrics
        .render()
        .lines()
        .filter_map(|line| line.strip_prefix(start))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_message_counts_once_for_each_account_in_the_state_that_is_furthest() {
    let fresh = entry(10, "scanner");
    let mut retried = entry(500, "scanner");
    retried.recipients[1].attempts = 2;
    let mut sending = entry(20, "scanner");
    sending.recipients[0].attempts = 1;
    sending.recipients[1].progress =
        Progress::Attempting(Attempting { since: NOW, due: NOW, account: "scanner".into() });
    let mut held = entry(30, "scanner");
    held.hold = Some(Hold { since: NOW, reason: "looked at".into() });
    let mut parted = entry(40, "scanner");
    parted.recipients[1].account = Some("invoices".into());
    let mut half = entry(900, "invoices");
    half.recipients[0].progress = Progress::Delivered(Settled { at: NOW });
    let mut nobody = entry(1000, "invoices");
    nobody.recipients.iter_mut().for_each(|recipient| {
        recipient.progress = Progress::Failed(Settled { at: NOW });
    });

    let mut counted = Counted::default();
    for entry in [fresh, retried, sending, held, parted, half, nobody] {
        counted.add(&entry);
    }
    let of = |states: &[(QueueStateValue, i64)], oldest| OfAccount {
        states: states.iter().copied().collect(),
        oldest: Some(ago(oldest)),
    };
    let scanner = of(
        &[
            (QueueStateValue::waiting, 2),
            (QueueStateValue::retrying, 1),
            (QueueStateValue::sending, 1),
            (QueueStateValue::held, 1),
        ],
        500,
    );
    let invoices = of(&[(QueueStateValue::waiting, 2)], 900);
    let expected = [("invoices".into(), invoices), ("scanner".into(), scanner)];
    assert_eq!(counted, Counted(expected.into()));
}

#[test]
fn accounts_without_mail_count_zero_and_accounts_that_are_gone_are_not_named() {
    let (metrics, mut published) = (Metrics::new(), Published::default());
    let mut counted = Counted::default();
    counted.add(&entry(90, "former"));
    let configured = || [("scanner".into(), Some(10_000)), ("printers".into(), None)].into_iter();
    published.publish_queue(configured(), counted, NOW, &metrics);
    let ages = || {
        let mut ages = samples(&metrics, "postroom_account_oldest_message_age_seconds");
        ages.sort();
        ages
    };
    assert_eq!(
        ages(),
        ["{account=\"former\"} 90", "{account=\"printers\"} 0", "{account=\"scanner\"} 0"]
    );

    published.publish_queue(configured(), Counted::default(), NOW, &metrics);
    assert_eq!(ages(), ["{account=\"printers\"} 0", "{account=\"scanner\"} 0"]);
    let queue = samples(&metrics, "postroom_account_queue_messages");
    assert_eq!(queue.len(), 2 * QueueStateValue::ALL.len(), "{queue:?}");
    let limits = samples(&metrics, "postroom_account_day_recipients_limit");
    assert_eq!(limits, ["{account=\"scanner\"} 10000"]);
}

#[test]
fn only_configured_devices_have_metrics_and_what_was_seen_before_the_start_is_not_counted() {
    let device = |name, network| fixture::device(name, &[network]);
    let settings = |devices| {
        Arc::new(DirectorySettings { devices, users: Vec::new(), hostname: "postroom".into() })
    };
    let both = settings(vec![device("mfp1", "10.0.0.1/32"), device("mfp2", "10.0.0.2/32")]);
    let sender = watch::Sender::new(both);
    let devices = Devices::new(sender.subscribe(), Clock::fixed(NOW), Metrics::new());
    let accept = |peer: &str| {
        let peer: IpAddr = peer.parse().unwrap();
        let client = devices.identify(peer);
        client.note_connection(None);
        client.note_message(MessageId::new(NOW, 1), 9);
    };
    accept("10.0.0.1");
    let (metrics, mut published) = (Metrics::new(), Published::default());
    published.remember_devices(&devices);
    accept("10.0.0.1");
    accept("172.16.0.1");
    let mut messages = || {
        published.publish_devices(&devices, &metrics);
        let mut messages = samples(&metrics, "postroom_device_messages_total");
        messages.sort();
        messages
    };
    assert_eq!(messages(), ["{device=\"mfp1\"} 1", "{device=\"mfp2\"} 0"]);
    accept("10.0.0.1");
    assert_eq!(messages(), ["{device=\"mfp1\"} 2", "{device=\"mfp2\"} 0"]);
    sender.send_replace(settings(vec![device("mfp2", "10.0.0.2/32")]));
    assert_eq!(messages(), ["{device=\"mfp2\"} 0"]);
    let mut seen = samples(&metrics, "postroom_device_last_seen_timestamp_seconds");
    assert_eq!(seen.pop().as_deref(), Some("{device=\"mfp2\"} 0"));
}
