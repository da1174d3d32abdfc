//! The text of an outgoing message with its edits, read in chunks.
//!
//! # Failure
//! An error of the disk breaks the attempt off before end of data. A footer that would make the
//! message too large is logged and left out. A message whose edits take too long to plan is logged
//! and goes out without any.

use std::io;

use tracing::{debug, info, warn};

use crate::{
    message::{Edits, EightBit, Findings, Identity, Plan, Planner, Rewriter, Text, footer::Footer},
    model::{Address, ByteSize},
    queue::outgoing::{
        Source,
        workshop::{Budget, Exceeded, Workshop},
    },
    spool::MessageReader,
};

/// The maximum size of a chunk in octets, as [`Text::read`] promises.
const CHUNK: usize = 64 * 1024;

impl Text for MessageReader {
    fn size(&self) -> u64 {
        Self::size(self)
    }

    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        Self::read(self, buffer).await.map_err(io::Error::other)
    }
}

/// A text with the edits of delivery.
pub(in crate::queue) struct Outgoing<T> {
    source: T,
    rest: Rest,
    workshop: Workshop,
    /// Changed text; `given` counts the octets of it that were read.
    ready: Vec<u8>,
    given: usize,
    chunk: Vec<u8>,
    size: u64,
}

/// How the text goes out that was not read yet.
enum Rest {
    /// As it comes.
    Unchanged,
    /// With the edits of a plan.
    Rewritten(Box<Rewriter>),
    /// Not at all: a reader was dropped while the text was rewritten.
    Lost,
}

/// Why no edits were planned.
enum Unplanned {
    /// The text could not be read.
    Unreadable(io::Error),
    /// It would take too long.
    Exceeded,
}

impl From<io::Error> for Unplanned {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl From<Exceeded> for Unplanned {
    fn from(_exceeded: Exceeded) -> Self {
        Self::Exceeded
    }
}

/// What has to be done to a message, beside what it asks for itself.
pub(in crate::queue) struct Changes {
    pub(in crate::queue) edits: Edits,
    pub(in crate::queue) footer: Option<Footer>,
    /// The largest message that the account takes.
    pub(in crate::queue) limit: Option<ByteSize>,
}

impl<T: Text> Outgoing<T> {
    /// Reads `source` to plan its edits. `whom` gets the addresses in `From:` and `Sender:` and
    /// returns the required identity. A text of more than one chunk is opened again to be sent. It is
    /// read once more for its size when that cannot be computed.
    pub(in crate::queue) async fn prepare(
        mut source: T,
        changes: Changes,
        whom: impl FnOnce(Option<&Address>, Option<&Address>) -> Option<Identity>,
        again: &impl Source<Text = T>,
        workshop: &Workshop,
    ) -> io::Result<Self> {
        let (id, original) = (changes.edits.id, source.size());
        let mut first = Vec::new();
        source.read(&mut first).await?;
        let planner = Planning { workshop, budget: workshop.budget(original), original };
        let (first, plan, size) = match planner.plan(&mut source, first, changes, whom, again).await
        {
            Ok((first, plan, size)) => (Some(first), plan, size),
            Err(Unplanned::Unreadable(error)) => return Err(error),
            Err(Unplanned::Exceeded) => {
                warn!(%id, size = original, "message not edited; that would take too long");
                (None, Plan::default(), original)
            }
        };
        if !plan.repairs().is_empty() {
            debug!(%id, repairs = ?plan.repairs(), "header repaired");
        }
        let rest = if plan.is_empty() {
            Rest::Unchanged
        } else {
            Rest::Rewritten(Box::new(Rewriter::new(plan)))
        };
        let mut outgoing = Self {
            source,
            rest,
            workshop: workshop.clone(),
            ready: Vec::new(),
            given: 0,
            chunk: Vec::new(),
            size,
        };
        match first.filter(|first| octets(first.len()) >= original) {
            Some(first) => outgoing.take_whole(first).await?,
            None => outgoing.source = again.open().await?,
        }
        Ok(outgoing)
    }

    /// Rewrites a message that is a single chunk.
    async fn take_whole(&mut self, first: Vec<u8>) -> io::Result<()> {
        self.chunk = first;
        if matches!(self.rest, Rest::Unchanged) {
            std::mem::swap(&mut self.ready, &mut self.chunk);
            return Ok(());
        }
        if !self.chunk.is_empty() {
            self.rewrite().await?;
            self.chunk.clear();
        }
        self.rewrite().await
    }
}

impl<T> Outgoing<T> {
    /// Appends the chunk to `ready` as the plan says. An empty chunk is the end of the text.
    async fn rewrite(&mut self) -> io::Result<()> {
        let Rest::Rewritten(mut rewriter) = std::mem::replace(&mut self.rest, Rest::Lost) else {
            return Err(io::Error::other("the text was not read to its end"));
        };
        let (chunk, mut ready) = (std::mem::take(&mut self.chunk), std::mem::take(&mut self.ready));
        let work = move || {
            if chunk.is_empty() {
                rewriter.finish(&mut ready);
                return (Rest::Unchanged, chunk, ready);
            }
            rewriter.push(&chunk, &mut ready);
            (Rest::Rewritten(rewriter), chunk, ready)
        };
        (self.rest, self.chunk, self.ready) = self.workshop.run(weight(self.size), work).await;
        Ok(())
    }
}

impl<T: Text> Text for Outgoing<T> {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        while self.given >= self.ready.len() {
            self.ready.clear();
            self.given = 0;
            if matches!(self.rest, Rest::Unchanged) {
                return self.source.read(buffer).await;
            }
            self.source.read(&mut self.chunk).await?;
            self.rewrite().await?;
        }
        if self.given == 0 && self.ready.len() <= CHUNK {
            // Moved, not copied: most messages are a single chunk.
            std::mem::swap(buffer, &mut self.ready);
            self.ready.clear();
            return Ok(());
        }
        let rest = self.ready.get(self.given..).unwrap_or_default();
        let piece = rest.get(..CHUNK).unwrap_or(rest);
        buffer.clear();
        buffer.extend_from_slice(piece);
        self.given += piece.len();
        Ok(())
    }
}

/// The planning of a message's edits.
struct Planning<'a> {
    workshop: &'a Workshop,
    budget: Budget,
    /// The octets of the message before its edits.
    original: u64,
}

impl Planning<'_> {
    /// Plans the edits. Returns the first chunk again, the plan, and the octets of the message once
    /// the plan is carried out.
    async fn plan<T: Text>(
        mut self,
        source: &mut T,
        first: Vec<u8>,
        mut changes: Changes,
        whom: impl FnOnce(Option<&Address>, Option<&Address>) -> Option<Identity>,
        again: &impl Source<Text = T>,
    ) -> Result<(Vec<u8>, Plan, u64), Unplanned> {
        let (first, findings) = self.survey(source, first).await?;
        let (findings, author, sender) = self
            .compute(move || {
                let (author, sender) = (findings.author(), findings.sender());
                (findings, author, sender)
            })
            .await?;
        changes.edits.identity = whom(author.as_ref(), sender.as_ref());
        let (plan, size) = self.sized(findings, changes, again).await?;
        Ok((first, plan, size))
    }

    async fn compute<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Exceeded> {
        self.workshop.within(&mut self.budget, weight(self.original), work).await
    }

    /// Reads a message to its end, or to where nothing matters any more. `first` was read already.
    async fn survey<T: Text>(
        &mut self,
        source: &mut T,
        first: Vec<u8>,
    ) -> Result<(Vec<u8>, Findings), Unplanned> {
        let read = |mut planner: Planner, chunk: Vec<u8>| {
            move || {
                planner.read(&chunk);
                (planner, chunk)
            }
        };
        let is_whole = octets(first.len()) >= self.original;
        let (mut planner, first) = self.compute(read(Planner::default(), first)).await?;
        let mut chunk = Vec::new();
        while !is_whole && !planner.is_settled() {
            source.read(&mut chunk).await?;
            if chunk.is_empty() {
                break;
            }
            (planner, chunk) = self.compute(read(planner, chunk)).await?;
        }
        let findings = self.compute(move || planner.finish()).await?;
        Ok((first, findings))
    }

    /// The plan, and the octets of the message once it is carried out. A footer that makes the
    /// message larger than the account takes is left out.
    async fn sized<T: Text>(
        &mut self,
        findings: Findings,
        changes: Changes,
        again: &impl Source<Text = T>,
    ) -> Result<(Plan, u64), Unplanned> {
        let (findings, changes, plan) = self
            .compute(move || {
                let plan = findings.plan(&changes.edits, changes.footer.as_ref(), EightBit::Kept);
                (findings, changes, plan)
            })
            .await?;
        let size = self.measured(&plan, again).await?;
        let has_footer = changes.footer.is_some();
        let Some(limit) = changes.limit.filter(|limit| has_footer && size > limit.octets()) else {
            return Ok((plan, size));
        };
        let id = changes.edits.id;
        let without =
            self.compute(move || findings.plan(&changes.edits, None, EightBit::Kept)).await?;
        if without == plan {
            return Ok((plan, size));
        }
        info!(%id, size, %limit, "footer left out");
        let size = self.measured(&without, again).await?;
        Ok((without, size))
    }

    /// The size of the message after its edits. RFC 1870 3: a server may refuse a message by its
    /// declared size.
    async fn measured<T: Text>(
        &mut self,
        plan: &Plan,
        again: &impl Source<Text = T>,
    ) -> Result<u64, Unplanned> {
        if let Some(size) = plan.size(self.original) {
            return Ok(size);
        }
        let mut rewriter = Rewriter::new(plan.clone());
        let mut source = again.open().await?;
        let (mut chunk, mut changed, mut size) = (Vec::new(), Vec::new(), 0);
        loop {
            source.read(&mut chunk).await?;
            let work = move || {
                changed.clear();
                if chunk.is_empty() {
                    rewriter.finish(&mut changed);
                } else {
                    rewriter.push(&chunk, &mut changed);
                }
                (rewriter, chunk, changed)
            };
            (rewriter, chunk, changed) = self.compute(work).await?;
            size += octets(changed.len());
            if chunk.is_empty() {
                return Ok(size);
            }
        }
    }
}

/// The octets by which the work on one chunk of a message is judged. At the end of a text, work can
/// be left of all of it.
fn weight(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

fn octets(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        queue::{SenderRewrite, engine::sender, fixture, outgoing},
        spool::Entry,
    };

    /// A text that comes in chunks of `step`.
    #[derive(Clone)]
    struct Chunks {
        text: Vec<u8>,
        at: usize,
        step: usize,
    }

    impl Text for Chunks {
        fn size(&self) -> u64 {
            octets(self.text.len())
        }

        async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
            let end = (self.at + self.step).min(self.text.len());
            buffer.clear();
            buffer.extend_from_slice(&self.text[self.at..end]);
            self.at = end;
            Ok(())
        }
    }

    impl Source for Chunks {
        type Text = Self;

        async fn open(&self) -> io::Result<Self> {
            Ok(self.clone())
        }
    }

    async fn send(text: &[u8], step: usize) -> (u64, Vec<u8>) {
        let account = fixture::account("scanner", SenderRewrite::WhenNotAllowed);
        let entry: Entry = fixture::entry(1);
        let source = Chunks { text: text.to_vec(), at: 0, step };
        let again = source.clone();
        let whom = |author: Option<&Address>, sender: Option<&Address>| {
            sender::header(&entry, author, sender, &account)
        };
        let changes =
            Changes { edits: outgoing::edits(&entry, &account), footer: None, limit: None };
        let mut outgoing =
            Outgoing::prepare(source, changes, whom, &again, &Workshop::default()).await.unwrap();
        let (mut sent, mut chunk) = (Vec::new(), Vec::new());
        loop {
            outgoing.read(&mut chunk).await.unwrap();
            if chunk.is_empty() {
                return (outgoing.size(), sent);
            }
            sent.extend_from_slice(&chunk);
        }
    }

    const STEPS: [usize; 4] = [1, 40, 1000, 1 << 16];

    #[tokio::test]
    async fn a_sound_message_goes_out_octet_for_octet() {
        let text = format!(
            "Received: from mfp1\r\nDate: Sun, 9 Mar 2025 19:25:28 +0000\r\nMessage-ID: \
            <1@mfp>\r\nTo: it@contoso.com\r\nFrom: scanner@contoso.com\r\n\r\n{}",
            "body\r\n.\r\n".repeat(500)
        );
        for step in STEPS {
            let (size, sent) = send(text.as_bytes(), step).await;
            assert!(
                sent == text.as_bytes(),
                "in chunks of {step}: {}",
                String::from_utf8_lossy(&sent[..400])
            );
            assert_eq!(size, octets(sent.len()));
        }
    }

    #[tokio::test]
    async fn the_size_is_that_of_the_edited_text() {
        for step in STEPS {
            let (size, sent) = send(b"Subject: toner\r\n\r\nlow\r\n", step).await;
            assert_eq!(size, octets(sent.len()));
            let sent = String::from_utf8(sent).unwrap();
            assert!(
                sent.starts_with("Subject: toner\r\nFrom: scanner@contoso.com\r\nDate: "),
                "{sent}"
            );
            assert!(sent.ends_with("\r\n\r\nlow\r\n"), "{sent}");
        }
    }

    #[tokio::test]
    async fn long_lines_are_mended_whatever_the_chunks() {
        let paragraph = "Größe. ".repeat(400);
        let text = format!(
            "From: scanner@contoso.com\r\nContent-Type: text/plain; \
            charset=utf-8\r\n\r\n{paragraph}\r\n"
        );
        let (_, whole) = send(text.as_bytes(), 1 << 20).await;
        for step in STEPS {
            let (size, sent) = send(text.as_bytes(), step).await;
            assert_eq!(size, octets(sent.len()), "what is declared is what is sent");
            assert!(
                sent == whole,
                "in chunks of {step}: {}",
                String::from_utf8_lossy(&sent[..400])
            );
        }
        let parsed = mail_parser::MessageParser::default().parse(&whole).unwrap();
        assert_eq!(parsed.body_text(0).unwrap().trim_end(), paragraph.trim_end());
    }

    #[tokio::test]
    async fn an_empty_message_gets_a_header() {
        let (size, sent) = send(b"", 10).await;
        assert_eq!(size, octets(sent.len()));
        assert!(sent.ends_with(b"\r\n\r\n"));
    }

    #[tokio::test]
    async fn a_message_that_takes_too_long_to_plan_goes_out_as_it_is() {
        let text = format!("Subject: toner\r\nTo: {}\r\n\r\nlow\r\n", ",".repeat(240_000));
        let (account, entry) =
            (fixture::account("scanner", SenderRewrite::WhenNotAllowed), fixture::entry(1));
        let source = Chunks { text: text.clone().into_bytes(), at: 0, step: 1 << 16 };
        let changes =
            Changes { edits: outgoing::edits(&entry, &account), footer: None, limit: None };
        let workshop = Workshop::impatient();
        let again = source.clone();
        let mut outgoing =
            Outgoing::prepare(source, changes, |_, _| None, &again, &workshop).await.unwrap();
        let (mut sent, mut chunk) = (Vec::new(), Vec::new());
        loop {
            outgoing.read(&mut chunk).await.unwrap();
            if chunk.is_empty() {
                break;
            }
            sent.extend_from_slice(&chunk);
        }
        assert!(sent == text.as_bytes());
        assert_eq!(outgoing.size(), octets(sent.len()));
    }
}
