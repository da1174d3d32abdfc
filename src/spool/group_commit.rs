//! The thread that turns files in place into accepted mail: syncs the folders and makes the entries
//! of all messages that came together, so that a hundred devices cost hardly more than one.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use crate::{
    model::MessageId,
    spool::{
        Entry, SpoolError,
        batch_queue::Taken,
        core::Core,
        messages::{MessageStore, files::DurableFolders},
        requests::Ticket,
        threads::lock,
    },
};

/// Waiting for the first costs nothing; the thread only has to wake when it is told to end.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The entry goes to the index; the session goes on waiting.
fn part(ticket: Ticket) -> (Entry, Waiting) {
    let id = ticket.entry.id;
    (ticket.entry, Waiting { id, reply: ticket.reply })
}

/// A session that waits to say `250`.
struct Waiting {
    id: MessageId,
    reply: oneshot::Sender<Result<(), SpoolError>>,
}

/// The message is not accepted after all.
pub(super) fn withdraw(core: &Core, id: MessageId) {
    // Should the deletion fail as well, the next start admits the message, and the device's
    // repetition is a double: docs/adr/0004-duplicates-over-loss.md.
    drop(core.messages.remove(id));
    lock(&core.arriving).remove(&id);
}

/// Serves until the admissions are closed.
pub(super) fn run(core: &Arc<Core>) {
    let mut durable = DurableFolders::default();
    loop {
        match core.admissions.take(PATIENCE) {
            Taken::Some(tickets) => admit(core, &mut durable, tickets),
            Taken::Nobody => {}
            Taken::Closed => return,
        }
    }
}

fn admit(core: &Core, durable: &mut DurableFolders, tickets: Vec<Ticket>) {
    let mut shards: BTreeMap<String, Vec<Ticket>> = BTreeMap::new();
    for ticket in tickets {
        shards.entry(ticket.entry.id.shard().to_owned()).or_default().push(ticket);
    }
    let mut placed = Vec::new();
    for (shard, tickets) in shards {
        match core.messages.make_names_durable(&shard, durable) {
            Ok(()) => placed.extend(tickets),
            Err(error) => {
                refuse(core, tickets.into_iter().map(|ticket| part(ticket).1).collect(), &error);
            }
        }
    }
    let (entries, waiting) = placed.into_iter().map(part).unzip();
    match core.index.admit(entries) {
        Ok(()) => accept(core, waiting),
        Err(error) => refuse(core, waiting, &error),
    }
}

fn accept(core: &Core, waiting: Vec<Waiting>) {
    if waiting.is_empty() {
        return;
    }
    {
        let mut arriving = lock(&core.arriving);
        for one in &waiting {
            arriving.remove(&one.id);
        }
    }
    core.metrics.storage().admission_rounds.inc();
    core.wake();
    for one in waiting {
        // A session that is gone does not hear it; its device will hand the message in again.
        drop(one.reply.send(Ok(())));
    }
}

fn refuse(core: &Core, waiting: Vec<Waiting>, error: &SpoolError) {
    for one in waiting {
        withdraw(core, one.id);
        drop(one.reply.send(Err(error.again())));
    }
}
