//! The text of a message with its account's footer, read in chunks.
//!
//! # Failure
//! Errors of the disk are returned. A footer that would make the message too large is logged and
//! left out.

use std::io;

use tracing::info;

use crate::{
    message::{
        Text,
        footer::{Facts, Footer, FooterInserter, FooterPlan, FooterPlanner},
        header::{HEADER_LIMIT, HeaderBlock},
    },
    queue::{AccountSettings, outgoing::Source},
    report::Reporter,
    spool::Entry,
};

/// The maximum size of a chunk in octets, as [`Text::read`] promises.
const CHUNK: usize = 64 * 1024;

/// The footer of a message. `None` for our own notices, and for mail with a null sender, which
/// programs process.
pub(in crate::queue) fn footer(entry: &Entry, account: &AccountSettings) -> Option<Footer> {
    let template = account.footer.as_ref()?;
    let sender =
        entry.sender.mailbox().filter(|_| entry.device.as_str() != Reporter::OWN_DEVICE)?;
    let received = entry.received.to_rfc3339();
    let (date, time) = received.split_once('T').unwrap_or((&received, ""));
    let values = vec![
        ("device", entry.device.to_string()),
        ("sender", sender.to_string()),
        ("account", account.name.to_string()),
        ("date", date.to_owned()),
        ("time", time.get(..5).unwrap_or_default().to_owned()),
        ("hostname", account.destination.helo.clone()),
        ("id", entry.id.to_string()),
    ];
    Some(template.fill(&Facts { values, tag: entry.id.to_string() }))
}

/// How a message gets its footer. It is computed once and used for every reading of the message.
pub(in crate::queue) struct Footing {
    plan: FooterPlan,
    size: u64,
}

impl Footing {
    /// Reads the message to find the place of the footer, and once more for the size with the
    /// footer.
    pub(in crate::queue) async fn find<S: Source>(footer: &Footer, source: &S) -> io::Result<Self> {
        let again = source;
        let mut source = again.open().await?;
        let (mut start, mut chunk) = (Vec::new(), Vec::new());
        loop {
            source.read(&mut chunk).await?;
            start.extend_from_slice(&chunk);
            if chunk.is_empty() || HeaderBlock::read(&start).is_whole(&start) {
                break;
            }
            if start.len() > HEADER_LIMIT {
                return Ok(Self { plan: FooterPlan::default(), size: source.size() });
            }
        }
        let (header, body) = start.split_at(HeaderBlock::read(&start).length());
        let mut planner = FooterPlanner::new(footer, header);
        planner.read(body);
        while !chunk.is_empty() {
            source.read(&mut chunk).await?;
            planner.read(&chunk);
        }
        let footing = Self { plan: planner.finish(), size: source.size() };
        if footing.plan.is_empty() {
            return Ok(footing);
        }
        let mut footed = footing.over(again.open().await?);
        let mut size = 0;
        loop {
            footed.read(&mut chunk).await?;
            if chunk.is_empty() {
                return Ok(Self { size, ..footing });
            }
            size += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        }
    }

    /// `None` when the footer would make the message larger than the account allows. The message
    /// then goes out without it.
    pub(in crate::queue) fn within(self, entry: &Entry, account: &AccountSettings) -> Option<Self> {
        let limit = account
            .limits
            .message_size
            .filter(|limit| self.size > limit.octets() && !self.plan.is_empty());
        if let Some(limit) = limit {
            info!(id = %entry.id, account = %account.name, size = self.size, %limit, "footer left out");
            return None;
        }
        Some(self)
    }

    /// The message with its footer, from its start.
    pub(in crate::queue) fn over<T: Text>(&self, source: T) -> Footed<T> {
        let inserter = (!self.plan.is_empty()).then(|| FooterInserter::new(self.plan.clone()));
        Footed { source, size: self.size, inserter, ready: Vec::new(), given: 0, chunk: Vec::new() }
    }
}

/// A source whose texts have the footer, if there is one.
pub(in crate::queue) struct WithFooting<S> {
    pub(in crate::queue) source: S,
    pub(in crate::queue) footing: Option<Footing>,
}

impl<S: Source> WithFooting<S> {
    /// Adds the footer to a text that was just opened.
    pub(in crate::queue) fn over(&self, text: S::Text) -> Footed<S::Text> {
        match &self.footing {
            Some(footing) => footing.over(text),
            None => Footed::bare(text),
        }
    }
}

impl<S: Source> Source for WithFooting<S> {
    type Text = Footed<S::Text>;

    async fn open(&self) -> io::Result<Self::Text> {
        Ok(self.over(self.source.open().await?))
    }
}

/// A text with its footer, or without one.
pub(in crate::queue) struct Footed<T> {
    source: T,
    size: u64,
    inserter: Option<FooterInserter>,
    /// Changed text; `given` counts the octets of it that were read.
    ready: Vec<u8>,
    given: usize,
    chunk: Vec<u8>,
}

impl<T: Text> Footed<T> {
    /// The text without a footer.
    pub(in crate::queue) fn bare(source: T) -> Self {
        Self {
            size: source.size(),
            source,
            inserter: None,
            ready: Vec::new(),
            given: 0,
            chunk: Vec::new(),
        }
    }
}

impl<T: Text> Text for Footed<T> {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        while self.given >= self.ready.len() {
            let Some(inserter) = &mut self.inserter else {
                // There is no footer, or it was inserted completely and the source is at its end as
                // well.
                return self.source.read(buffer).await;
            };
            self.ready.clear();
            self.given = 0;
            self.source.read(&mut self.chunk).await?;
            if self.chunk.is_empty() {
                inserter.finish(&mut self.ready);
                self.inserter = None;
            } else {
                inserter.push(&self.chunk, &mut self.ready);
            }
        }
        let rest = self.ready.get(self.given..).unwrap_or_default();
        let piece = rest.get(..CHUNK).unwrap_or(rest);
        buffer.clear();
        buffer.extend_from_slice(piece);
        self.given += piece.len();
        Ok(())
    }
}
