//! The thread that turns files in place into accepted mail: it syncs the folders of all messages
//! that came together, and has the journal name them. A hundred devices cost hardly more than one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    model::MessageId,
    spool::{
        Committed, SpoolError,
        batch_queue::Taken,
        committed::Pending,
        core::Core,
        messages::{MessageStore, files::DurableFolders},
        requests::Ticket,
        threads::lock,
    },
};

/// The session that waits to say `250`.
type Reply = oneshot::Sender<Result<Committed, SpoolError>>;

/// Waiting for the first costs nothing; the thread only has to wake when it is told to end.
const PATIENCE: Duration = Duration::from_secs(3600);

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

fn admit(core: &Arc<Core>, durable: &mut DurableFolders, tickets: Vec<Ticket>) {
    let mut shards: BTreeMap<String, Vec<Ticket>> = BTreeMap::new();
    for ticket in tickets {
        shards.entry(ticket.entry.id.shard().to_owned()).or_default().push(ticket);
    }
    for (shard, tickets) in shards {
        let durable = core.messages.make_names_durable(&shard, durable);
        for ticket in tickets {
            match &durable {
                Ok(()) => enter(core, ticket),
                Err(error) => refuse(core, ticket.entry.id, ticket.reply, error.again()),
            }
        }
    }
    core.metrics.storage().admission_rounds.inc();
}

/// Has the journal name a file that is in place.
fn enter(core: &Arc<Core>, ticket: Ticket) {
    let Ticket { entry, reply } = ticket;
    let (id, pending, told) = (entry.id, Pending::of(&entry), Arc::clone(core));
    // The reply has one owner: the journal's thread, or this one when the journal takes nothing.
    let reply = Arc::new(Mutex::new(Some(reply)));
    let kept = Arc::clone(&reply);
    let appended = core.index.admit(None, entry, move |durable| match durable {
        Ok(durable) => {
            lock(&told.arriving).remove(&id);
            told.note_change();
            told.wake();
            answer(&kept, Ok(pending.committed(durable)));
        }
        Err(error) => {
            withdraw(&told, id);
            answer(&kept, Err(error));
        }
    });
    if let Err(error) = appended {
        withdraw(core, id);
        answer(&reply, Err(error));
    }
}

fn answer(reply: &Mutex<Option<Reply>>, outcome: Result<Committed, SpoolError>) {
    if let Some(reply) = lock(reply).take() {
        // A session that is gone does not hear it; its device will hand the message in again.
        drop(reply.send(outcome));
    }
}

fn refuse(core: &Core, id: MessageId, reply: Reply, error: SpoolError) {
    withdraw(core, id);
    drop(reply.send(Err(error)));
}
