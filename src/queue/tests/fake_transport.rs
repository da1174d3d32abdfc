//! A scripted transport for tests: a server that records every transaction and reacts as told.

use std::{
    future::Future,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::sleep;

use crate::{
    attempt::{Dsn, NextHop, Report, Trouble},
    classify::{Concern, Counted, Fault, Outcome, Stage, Verdict, classify},
    clock::Clock,
    message::Text,
    model::{Reply, Timestamp},
    oauth::Expiry,
    queue::{Link, Transport},
    upstream::Handover,
};

/// How the server reacts to a transaction.
#[derive(Clone, Debug)]
pub(super) enum Reaction {
    /// Accepts the message after this time.
    Take(Duration),
    /// Refuses all recipients at a stage, with this reply.
    Refuse(Stage, &'static str),
    /// Refuses addresses with this prefix at `RCPT TO`, and accepts the others.
    RefuseSome(&'static str, &'static str),
    /// Accepts this number of recipients, and replies to the others that there are too many.
    TakeFirst(usize),
    /// Refuses at end of data if any address has this prefix.
    RefuseAllFor(&'static str, &'static str),
    /// Closes the connection at a stage.
    Drop(Stage),
    /// Does not answer at a stage, until the client gives up after ten minutes.
    Silence(Stage),
    /// Had closed the connection before the transaction.
    Gone,
    /// Refuses the whole account at a stage, with this outcome and reply.
    Bar(Stage, Outcome, &'static str),
    /// Makes the client panic.
    Panic,
}

/// One transaction, as the server saw it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) begun: Timestamp,
    pub(super) ended: Option<Timestamp>,
    pub(super) sender: String,
    pub(super) recipients: Vec<String>,
    /// The `Subject` of the message.
    pub(super) subject: String,
    pub(super) text: String,
    /// Whether the server may have counted it.
    pub(super) counted: bool,
    /// The number of recipients refused at `RCPT TO`, which are not counted.
    pub(super) refused: usize,
    /// The recipients for which the server has the message.
    pub(super) taken: Vec<String>,
    /// The number of transactions under way when it began, including itself.
    pub(super) at_once: usize,
}

type Script = Box<dyn FnMut(&Seen) -> Reaction + Send>;
/// The trouble that a connecting client meets.
type Door = Box<dyn FnMut(&NextHop, Timestamp) -> Option<Trouble> + Send>;

/// The server. It is cheap to clone.
#[derive(Clone)]
pub(super) struct Server(Arc<Inner>);

struct Inner {
    clock: Clock,
    script: Mutex<Script>,
    door: Mutex<Door>,
    log: Mutex<Vec<Seen>>,
    logins: Mutex<Vec<Timestamp>>,
    expiry: Mutex<Option<Expiry>>,
}

impl Server {
    /// A server that accepts everything at once.
    pub(super) fn new(clock: Clock) -> Self {
        let script: Script = Box::new(|_| Reaction::Take(Duration::from_millis(100)));
        let door: Door = Box::new(|_, _| None);
        Self(Arc::new(Inner {
            clock,
            script: Mutex::new(script),
            door: Mutex::new(door),
            log: Mutex::default(),
            logins: Mutex::default(),
            expiry: Mutex::default(),
        }))
    }

    pub(super) fn react(&self, script: impl FnMut(&Seen) -> Reaction + Send + 'static) {
        *self.0.script.lock().unwrap() = Box::new(script);
    }

    pub(super) fn admit(
        &self,
        mut door: impl FnMut(Timestamp) -> Option<Trouble> + Send + 'static,
    ) {
        self.admit_to(move |_lane, now| door(now));
    }

    /// Sets what clients meet when they connect to a next hop.
    pub(super) fn admit_to(
        &self,
        door: impl FnMut(&NextHop, Timestamp) -> Option<Trouble> + Send + 'static,
    ) {
        *self.0.door.lock().unwrap() = Box::new(door);
    }

    /// Sets when the clients' credentials expire.
    pub(super) fn expires(&self, expiry: Expiry) {
        *self.0.expiry.lock().unwrap() = Some(expiry);
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.0.log.lock().unwrap().clone()
    }

    pub(super) fn logins(&self) -> Vec<Timestamp> {
        self.0.logins.lock().unwrap().clone()
    }

    /// Ends the transactions under way, because the client died.
    pub(super) fn cut_off(&self) {
        let now = self.0.clock.now();
        for seen in self.0.log.lock().unwrap().iter_mut().filter(|seen| seen.ended.is_none()) {
            seen.ended = Some(now);
        }
    }

    fn begin(&self, mut seen: Seen) -> (usize, Reaction) {
        let mut log = self.0.log.lock().unwrap();
        seen.at_once = 1 + log.iter().filter(|other| other.ended.is_none()).count();
        let reaction = (self.0.script.lock().unwrap())(&seen);
        seen.counted = !matches!(reaction, Reaction::Gone);
        log.push(seen);
        (log.len() - 1, reaction)
    }

    fn end(&self, index: usize, taken: Vec<String>, refused: usize) {
        let now = self.0.clock.now();
        let seen = &mut self.0.log.lock().unwrap()[index];
        (seen.ended, seen.taken, seen.refused) = (Some(now), taken, refused);
    }
}

impl Transport for Server {
    type Link = Line;

    fn connect(&self, lane: &NextHop) -> impl Future<Output = Result<Line, Trouble>> + Send {
        let now = self.0.clock.now();
        self.0.logins.lock().unwrap().push(now);
        let trouble = (self.0.door.lock().unwrap())(lane, now);
        let server = self.clone();
        async move {
            sleep(Duration::from_millis(50)).await;
            trouble.map_or(Ok(Line { server, open: true }), Err)
        }
    }

    async fn expiry(&self) -> io::Result<Option<Expiry>> {
        Ok(*self.0.expiry.lock().unwrap())
    }
}

/// A connection to the server.
pub(super) struct Line {
    server: Server,
    open: bool,
}

impl Link for Line {
    async fn send<T: Text>(&mut self, mut handover: Handover<T>) -> Report {
        let (mut text, mut chunk) = (Vec::new(), Vec::new());
        loop {
            handover.text.read(&mut chunk).await.unwrap();
            if chunk.is_empty() {
                break;
            }
            text.extend_from_slice(&chunk);
        }
        let text = String::from_utf8(text).unwrap();
        let recipients: Vec<String> =
            handover.recipients.iter().map(|r| r.address.to_string()).collect();
        let seen = Seen {
            begun: self.server.0.clock.now(),
            ended: None,
            sender: handover.sender.to_string(),
            recipients: recipients.clone(),
            subject: text
                .lines()
                .find_map(|line| line.strip_prefix("Subject: "))
                .unwrap_or_default()
                .to_owned(),
            text,
            counted: true,
            refused: 0,
            taken: Vec::new(),
            at_once: 0,
        };
        let (index, reaction) = self.server.begin(seen);
        let (report, taken) = self.react(reaction, &recipients).await;
        let refused = report.recipients.iter().filter(|verdict| {
            verdict.place == Stage::RcptTo.place() && verdict.concern == Concern::Recipient
        });
        self.server.end(index, taken, refused.count());
        report
    }

    fn is_reusable(&self) -> bool {
        self.open
    }

    fn is_fresh(&self) -> bool {
        true
    }

    async fn quit(self) {
        sleep(Duration::from_millis(10)).await;
    }
}

impl Line {
    /// The report that `upstream` would give, and the recipients that got the message.
    async fn react(&mut self, reaction: Reaction, recipients: &[String]) -> (Report, Vec<String>) {
        sleep(Duration::from_millis(20)).await;
        let all = |verdict: Verdict| recipients.iter().map(|_| verdict.clone()).collect::<Vec<_>>();
        let nobody = Vec::new();
        match reaction {
            Reaction::Take(time) => {
                sleep(time).await;
                (report(all(taken())), recipients.to_vec())
            }
            Reaction::Refuse(stage, reply) => {
                let concern =
                    if stage == Stage::RcptTo { Concern::Recipient } else { Concern::Message };
                (report(all(refusal(stage, concern, reply))), nobody)
            }
            Reaction::RefuseSome(prefix, reply) => refuse_some(recipients, prefix, reply),
            Reaction::TakeFirst(most) => take_first(recipients, most),
            Reaction::RefuseAllFor(prefix, reply)
                if recipients.iter().any(|address| address.starts_with(prefix)) =>
            {
                (report(all(refusal(Stage::EndOfData, Concern::Message, reply))), nobody)
            }
            Reaction::RefuseAllFor(..) => (report(all(taken())), recipients.to_vec()),
            Reaction::Drop(stage) | Reaction::Silence(stage) => {
                if matches!(reaction, Reaction::Silence(_)) {
                    sleep(Duration::from_secs(600)).await;
                }
                self.open = false;
                let outcome =
                    if stage == Stage::EndOfData { Outcome::Doubt } else { Outcome::Retry };
                // The worst case: the server has the message, and the answer is lost.
                let got = if stage == Stage::EndOfData { recipients.to_vec() } else { nobody };
                (report(all(verdict(stage, Concern::Message, outcome, None))), got)
            }
            Reaction::Gone => {
                self.open = false;
                let verdict = verdict(Stage::MailFrom, Concern::Message, Outcome::Retry, None);
                (Report { counted: Counted::No, ..report(all(verdict)) }, nobody)
            }
            Reaction::Bar(stage, outcome, reply) => {
                let trouble = trouble(stage, outcome, reply);
                (Report { account: Some(trouble.clone()), ..report(all(trouble.verdict)) }, nobody)
            }
            Reaction::Panic => panic!("as the script says"),
        }
    }
}

/// Refuses the recipients with this prefix, and accepts the others.
fn refuse_some(recipients: &[String], prefix: &str, reply: &str) -> (Report, Vec<String>) {
    let one = |address: &String| {
        if address.starts_with(prefix) {
            refusal(Stage::RcptTo, Concern::Recipient, reply)
        } else {
            taken()
        }
    };
    let got = recipients.iter().filter(|address| !address.starts_with(prefix)).cloned();
    (report(recipients.iter().map(one).collect()), got.collect())
}

/// Accepts the first recipients, and replies to the others that there are too many.
fn take_first(recipients: &[String], most: usize) -> (Report, Vec<String>) {
    let too_many = verdict(
        Stage::RcptTo,
        Concern::Recipient,
        Outcome::NextTransaction,
        Some(read("452 4.5.3 Too many recipients")),
    );
    let each =
        (0..recipients.len()).map(|place| if place < most { taken() } else { too_many.clone() });
    (report(each.collect()), recipients.iter().take(most).cloned().collect())
}

/// Trouble of the account.
pub(super) fn trouble(stage: Stage, outcome: Outcome, reply: &str) -> Trouble {
    let reply = read(reply);
    Trouble {
        fault: Fault::Reply(reply.clone()),
        verdict: verdict(stage, Concern::Account, outcome, Some(reply)),
    }
}

pub(super) fn report(recipients: Vec<Verdict>) -> Report {
    Report { recipients, account: None, counted: Counted::Perhaps, dsn: Dsn::EndsHere }
}

pub(super) fn taken() -> Verdict {
    verdict(Stage::EndOfData, Concern::Message, Outcome::Deliver, Some(read("250 2.0.0 OK")))
}

pub(super) fn refusal(stage: Stage, concern: Concern, reply: &str) -> Verdict {
    let reply = read(reply);
    let outcome = if reply.is_permanent() { Outcome::Fail } else { Outcome::Retry };
    verdict(stage, concern, outcome, Some(reply))
}

pub(super) fn verdict(
    stage: Stage,
    concern: Concern,
    outcome: Outcome,
    reply: Option<Reply>,
) -> Verdict {
    let advice = "Do what the script says.";
    match reply {
        Some(reply) => {
            let facts = classify(stage, &Fault::Reply(reply));
            Verdict { concern, outcome, advice, ..facts }
        }
        None => stage.verdict(concern, outcome, None, advice),
    }
}

fn read(reply: &str) -> Reply {
    let (code, text) = reply.split_once(' ').unwrap();
    Reply::new(code.parse().unwrap(), text)
}
