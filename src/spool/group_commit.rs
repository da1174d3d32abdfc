//! The thread that turns files in place into accepted mail: syncs the folders and makes the entries
//! of all messages that came together, so that a hundred devices cost hardly more than one.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    model::MessageId,
    spool::{Entry, SpoolError, batch_queue::Taken, core::Core, index::local::lock},
};

/// Waiting for the first costs nothing; the thread only has to wake when it is told to end.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A message whose file is synced and in place, and whose session waits to say `250`.
pub(super) struct Ticket {
    pub(super) entry: Entry,
    pub(super) reply: oneshot::Sender<Result<(), SpoolError>>,
}

impl Ticket {
    /// The entry goes to the index; the session goes on waiting.
    fn part(self) -> (Entry, Waiting) {
        let id = self.entry.id;
        (self.entry, Waiting { id, reply: self.reply })
    }
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
    drop(core.disk.remove(&core.folders.mail_file(id)));
    lock(&core.arriving).remove(&id);
}

/// Serves until the admissions are closed.
pub(super) fn run(core: &Arc<Core>) {
    // Folders whose own names are known to be durable: at most 1,024.
    let mut durable = HashSet::new();
    loop {
        match core.admissions.take(PATIENCE) {
            Taken::Some(tickets) => admit(core, &mut durable, tickets),
            Taken::Nobody => {}
            Taken::Closed => return,
        }
    }
}

fn admit(core: &Core, durable: &mut HashSet<String>, tickets: Vec<Ticket>) {
    let mut shards: BTreeMap<String, Vec<Ticket>> = BTreeMap::new();
    for ticket in tickets {
        shards.entry(ticket.entry.id.shard().to_owned()).or_default().push(ticket);
    }
    let mut placed = Vec::new();
    for (shard, tickets) in shards {
        match sync_shard(core, durable, &shard) {
            Ok(()) => placed.extend(tickets),
            Err(error) => {
                refuse(core, tickets.into_iter().map(|ticket| ticket.part().1).collect(), &error);
            }
        }
    }
    let (entries, waiting) = placed.into_iter().map(Ticket::part).unzip();
    match core.index.admit(entries) {
        Ok(()) => accept(core, waiting),
        Err(error) => refuse(core, waiting, &error),
    }
}

fn sync_shard(core: &Core, durable: &mut HashSet<String>, shard: &str) -> Result<(), SpoolError> {
    core.disk.sync_folder(&core.folders.mail.join(shard))?;
    if !durable.contains(shard) {
        core.disk.sync_folder(&core.folders.mail)?;
        durable.insert(shard.to_owned());
    }
    Ok(())
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
