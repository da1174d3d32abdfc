//! Fixtures that the tests of this module share.

use std::{sync::Arc, time::Duration};

use crate::{
    model::{
        AccountName, ByteSize, DeviceName, Envelope, MailParameters, MessageId, Recipient,
        ReversePath, Timestamp, Via,
    },
    queue::{AccountSettings, BatchSettings, LimitSettings, SenderRewrite, SenderSettings, Split},
    spool::Entry,
    upstream::{Route, Server, Smarthost},
};

/// Keeps simulated time from leaping ahead until it is dropped. A running blocking task does that
/// (tokio's `time::pause`).
pub(in crate::queue) fn stand_still() -> Option<std::sync::mpsc::Sender<()>> {
    let (release, released) = std::sync::mpsc::channel::<()>();
    tokio::runtime::Handle::try_current().ok().map(|runtime| {
        runtime.spawn_blocking(move || released.recv());
        release
    })
}

/// The time this number of seconds after the beginning of every test.
pub(in crate::queue) fn at(secs: u64) -> Timestamp {
    Timestamp::from_millis(1_763_900_000_000).plus(Duration::from_secs(secs))
}

/// An envelope received at the beginning, with this many recipients.
pub(in crate::queue) fn envelope(id: MessageId, recipients: usize) -> Envelope {
    Envelope {
        id,
        received: at(0),
        device: DeviceName::from("printers"),
        via: Via { peer: None, helo: "mfp1".into(), esmtp: true, tls: None, user: None },
        sender: ReversePath::Mailbox("mfp1@contoso.com".parse().unwrap()),
        recipients: (0..recipients)
            .map(|n| Recipient::new(format!("r{n}@contoso.com").parse().unwrap()))
            .collect(),
        parameters: MailParameters::default(),
    }
}

/// A message received at the beginning, with this many recipients, all due.
pub(in crate::queue) fn entry(recipients: usize) -> Entry {
    Entry::new(
        &envelope(MessageId::new(at(0), 7), recipients),
        AccountName::from("scanner"),
        ByteSize::from_octets(1000),
    )
}

/// An account with Office 365's limits, whose mailbox may also send as `help@contoso.com`.
pub(in crate::queue) fn account(name: &str, rewrite: SenderRewrite) -> AccountSettings {
    AccountSettings {
        name: AccountName::from(name),
        route: Route::Smarthost(Smarthost {
            server: Server::new("127.0.0.1", 587, "postroom.contoso.lan"),
        }),
        address: Some(format!("{name}@contoso.com").parse().unwrap()),
        limits: LimitSettings {
            messages_per_minute: Some(30),
            recipients_per_day: Some(10_000),
            recipients_per_message: 500,
            connections: 3,
            message_size: Some(ByteSize::from_mebibytes(35)),
        },
        batch: BatchSettings { messages: 30, interval: Duration::ZERO, split: Split::OnFailure },
        sender: SenderSettings {
            rewrite,
            allowed: vec!["help@contoso.com".parse().unwrap()],
            identities: Arc::default(),
            senders: Arc::default(),
        },
        for_senders: Vec::new(),
        for_recipients: Vec::new(),
        footer: None,
        spill_to: Vec::new(),
    }
}
