//! The text of an outgoing message with its edits, read in chunks.
//!
//! # Failure
//! An error of the disk breaks the attempt off before end of data. A footer that would make the
//! message too large is logged and left out.

use std::io;

use tracing::{debug, info};

use crate::{
    message::{Edits, EightBit, Findings, Identity, Plan, Planner, Rewriter, Text, footer::Footer},
    model::{Address, ByteSize},
    queue::outgoing::Source,
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
    /// The whole text, when it is one chunk.
    first: Option<Vec<u8>>,
    /// The plan for a server that takes no octets above 127, when it is another.
    seven_bit: Option<Plan>,
    eight_bit: bool,
    /// `None` when the rest goes out as it comes.
    rewriter: Option<Rewriter>,
    /// Changed text; `given` counts the octets of it that were read.
    ready: Vec<u8>,
    given: usize,
    chunk: Vec<u8>,
    size: u64,
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
    /// returns the identity for the header. A text of more than one chunk is opened again to be
    /// sent. It is read once more for its size when that cannot be computed.
    pub(in crate::queue) async fn prepare(
        mut source: T,
        mut changes: Changes,
        whom: impl Fn(Option<&Address>, Option<&Address>) -> Option<Identity>,
        again: &impl Source<Text = T>,
    ) -> io::Result<Self> {
        let original = source.size();
        let mut first = Vec::new();
        source.read(&mut first).await?;
        let findings = survey(&mut source, &first).await?;
        let sender = findings.sender();
        changes.edits.identity = whom(findings.author().as_ref(), sender.as_ref());
        // `Sender:` follows the same rule as `From:`.
        changes.edits.sender =
            sender.and_then(|sender| whom(Some(&sender), None)).map(|identity| identity.address);
        let (plan, size) = sized(&findings, &mut changes, original, again).await?;
        if !plan.repairs().is_empty() {
            debug!(id = %changes.edits.id, repairs = ?plan.repairs(), "header repaired");
        }
        let seven_bit = findings
            .is_eight_bit()
            .then(|| findings.plan(&changes.edits, changes.footer.as_ref(), EightBit::Encoded))
            .filter(|other| *other != plan);
        let whole = octets(first.len()) >= original;
        if !whole {
            source = again.open().await?;
        }
        Ok(Self {
            source,
            first: whole.then_some(first),
            rewriter: (!plan.is_empty()).then(|| Rewriter::new(plan)),
            seven_bit,
            eight_bit: findings.is_eight_bit(),
            ready: Vec::new(),
            given: 0,
            chunk: Vec::new(),
            size,
        })
    }
}

impl<T: Text> Text for Outgoing<T> {
    fn size(&self) -> u64 {
        self.size
    }

    fn is_eight_bit(&self) -> bool {
        self.eight_bit
    }

    fn encode_eight_bit(&mut self) {
        // The size stays an estimate then (RFC 1870 6.1), unless the plan tells it.
        if let Some(plan) = self.seven_bit.take() {
            self.size = plan.size(self.source.size()).unwrap_or(self.size);
            self.rewriter = Some(Rewriter::new(plan));
        }
    }

    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        if let Some(first) = self.first.take() {
            self.ready = match self.rewriter.take() {
                None => first,
                Some(mut rewriter) => {
                    let mut ready = Vec::with_capacity(first.len() + 512);
                    rewriter.push(&first, &mut ready);
                    rewriter.finish(&mut ready);
                    ready
                }
            };
        }
        while self.given >= self.ready.len() {
            self.ready.clear();
            self.given = 0;
            let Some(rewriter) = &mut self.rewriter else {
                return self.source.read(buffer).await;
            };
            self.source.read(&mut self.chunk).await?;
            if self.chunk.is_empty() {
                rewriter.finish(&mut self.ready);
                self.rewriter = None;
            } else {
                rewriter.push(&self.chunk, &mut self.ready);
            }
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

/// Reads a message to its end, or to where nothing matters any more. `first` was read already.
async fn survey<T: Text>(source: &mut T, first: &[u8]) -> io::Result<Findings> {
    let mut planner = Planner::default();
    planner.read(first);
    if octets(first.len()) < source.size() {
        let mut chunk = Vec::new();
        while !planner.is_settled() {
            source.read(&mut chunk).await?;
            if chunk.is_empty() {
                break;
            }
            planner.read(&chunk);
        }
    }
    Ok(planner.finish())
}

/// The plan, and the octets of the message once it is carried out. A footer that makes the message
/// larger than the account takes is left out.
async fn sized<T: Text>(
    findings: &Findings,
    changes: &mut Changes,
    original: u64,
    again: &impl Source<Text = T>,
) -> io::Result<(Plan, u64)> {
    let Changes { edits, footer, limit } = changes;
    let plan = findings.plan(edits, footer.as_ref(), EightBit::Kept);
    let size = measured(&plan, original, again).await?;
    let Some(limit) = (*limit).filter(|limit| footer.is_some() && size > limit.octets()) else {
        return Ok((plan, size));
    };
    let without = findings.plan(edits, None, EightBit::Kept);
    *footer = None;
    if without == plan {
        return Ok((plan, size));
    }
    info!(id = %edits.id, size, %limit, "footer left out");
    let size = measured(&without, original, again).await?;
    Ok((without, size))
}

/// The size of the message after its edits. RFC 1870 3: a server may refuse a message by its
/// declared size.
async fn measured<T: Text>(
    plan: &Plan,
    original: u64,
    again: &impl Source<Text = T>,
) -> io::Result<u64> {
    if let Some(size) = plan.size(original) {
        return Ok(size);
    }
    let mut rewriter = Rewriter::new(plan.clone());
    let mut source = again.open().await?;
    let (mut chunk, mut changed, mut size) = (Vec::new(), Vec::new(), 0);
    loop {
        source.read(&mut chunk).await?;
        changed.clear();
        if chunk.is_empty() {
            rewriter.finish(&mut changed);
            return Ok(size + octets(changed.len()));
        }
        rewriter.push(&chunk, &mut changed);
        size += octets(changed.len());
    }
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
        let mut outgoing = Outgoing::prepare(source, changes, whom, &again).await.unwrap();
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
    async fn octets_above_127_are_encoded_for_a_server_that_takes_none() {
        let text = "From: scanner@contoso.com\r\nContent-Type: text/plain; \
            charset=utf-8\r\n\r\nGröße\r\n";
        for step in STEPS {
            let account = fixture::account("scanner", SenderRewrite::WhenNotAllowed);
            let entry: Entry = fixture::entry(1);
            let source = Chunks { text: text.as_bytes().to_vec(), at: 0, step };
            let again = source.clone();
            let whom = |author: Option<&Address>, sender: Option<&Address>| {
                sender::header(&entry, author, sender, &account)
            };
            let changes =
                Changes { edits: outgoing::edits(&entry, &account), footer: None, limit: None };
            let mut outgoing = Outgoing::prepare(source, changes, whom, &again).await.unwrap();
            assert!(outgoing.is_eight_bit());
            outgoing.encode_eight_bit();
            let (mut sent, mut chunk) = (Vec::new(), Vec::new());
            loop {
                outgoing.read(&mut chunk).await.unwrap();
                if chunk.is_empty() {
                    break;
                }
                sent.extend_from_slice(&chunk);
            }
            assert!(sent.is_ascii());
            let parsed = mail_parser::MessageParser::default().parse(&sent).unwrap();
            assert_eq!(parsed.body_text(0).unwrap(), "Größe\r\n");
        }
    }

    #[tokio::test]
    async fn an_empty_message_gets_a_header() {
        let (size, sent) = send(b"", 10).await;
        assert_eq!(size, octets(sent.len()));
        assert!(sent.ends_with(b"\r\n\r\n"));
    }
}
