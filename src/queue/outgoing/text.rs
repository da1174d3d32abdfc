//! The text of an outgoing message with its edits, read in chunks.
//!
//! # Failure
//! An error of the disk breaks the attempt off before end of data. Nothing is logged here.

use std::io;

use tracing::debug;

use crate::{
    message::{
        self, Edits, Identity, Text,
        header::{HEADER_LIMIT, HeaderBlock},
        long_lines::{LineFolder, LongLinePlan, LongLinePlanner},
    },
    model::Address,
    queue::outgoing::Source,
    spool::MessageReader,
};

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
    /// Output that precedes the rest of the source: the edited header, and the text that was read
    /// with it.
    ahead: Vec<u8>,
    folder: Option<LineFolder>,
    size: u64,
    chunk: Vec<u8>,
}

impl<T: Text> Outgoing<T> {
    /// Surveys `source` and edits its header. `whom` gets the address in `From:` and returns the
    /// identity that the message must have. A text of more than one chunk is read once for the
    /// survey, then opened again. A text with lines to fold is read once more for its size.
    pub(in crate::queue) async fn prepare(
        mut source: T,
        mut edits: Edits,
        whom: impl FnOnce(Option<&Address>) -> Option<Identity>,
        again: &impl Source<Text = T>,
    ) -> io::Result<Self> {
        let mut ahead = Vec::new();
        source.read(&mut ahead).await?;
        let (plan, one_chunk) = survey(&mut source, &ahead).await?;
        if !one_chunk {
            source = again.open().await?;
            source.read(&mut ahead).await?;
        }
        read_header(&mut source, &mut ahead).await?;
        let original = source.size();
        let own_header = HeaderBlock::read(&ahead).length();
        if own_header >= HEADER_LIMIT {
            return Ok(Self { source, ahead, folder: None, size: original, chunk: Vec::new() });
        }
        let plan = if plan.fits(octets(own_header)) { plan } else { LongLinePlan::default() };
        edits.identity = whom(message::author(&ahead).as_ref());
        edits.transfer_encoding = plan.reencodes_whole_body().then_some("quoted-printable");
        let edited = message::edit(&ahead, &edits);
        if !edited.repairs.is_empty() {
            debug!(id = %edits.id, repairs = ?edited.repairs, "header repaired");
        }
        let body = if plan.is_empty() {
            original - octets(edited.replaces)
        } else {
            mended_size(again.open().await?, &plan, edited.replaces).await?
        };
        let size = octets(edited.header.len()) + body;
        let mut folder = (!plan.is_empty()).then(|| LineFolder::new(plan, octets(edited.replaces)));
        let rest = ahead.get(edited.replaces..).unwrap_or_default();
        let mut ready = edited.header;
        match &mut folder {
            Some(folder) => folder.push(rest, &mut ready),
            None => ready.extend_from_slice(rest),
        }
        Ok(Self { source, ahead: ready, folder, size, chunk: Vec::new() })
    }
}

impl<T: Text> Text for Outgoing<T> {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        if !self.ahead.is_empty() {
            // Moved, not copied: most messages are a single chunk.
            std::mem::swap(buffer, &mut self.ahead);
            self.ahead = Vec::new();
            return Ok(());
        }
        let Some(folder) = &mut self.folder else {
            return self.source.read(buffer).await;
        };
        buffer.clear();
        // The folder may hold back a whole chunk. Only the end of the source ends the text.
        while buffer.is_empty() {
            self.source.read(&mut self.chunk).await?;
            if self.chunk.is_empty() {
                folder.finish(buffer);
                break;
            }
            folder.push(&self.chunk, buffer);
        }
        Ok(())
    }
}

/// The number of octets after the first `replaces` ones, once their long lines are folded.
/// RFC 1870 3: a server may refuse a message by its declared size.
async fn mended_size<T: Text>(
    mut source: T,
    plan: &LongLinePlan,
    replaces: usize,
) -> io::Result<u64> {
    let mut folder = LineFolder::new(plan.clone(), octets(replaces));
    let (mut skip, mut size) = (replaces, 0);
    let (mut chunk, mut mended) = (Vec::new(), Vec::new());
    loop {
        source.read(&mut chunk).await?;
        let body = chunk.get(skip.min(chunk.len())..).unwrap_or_default();
        skip = skip.saturating_sub(chunk.len());
        mended.clear();
        if chunk.is_empty() {
            folder.finish(&mut mended);
            return Ok(size + octets(mended.len()));
        }
        folder.push(body, &mut mended);
        size += octets(mended.len());
    }
}

/// Finds the parts with lines that are too long. Also returns whether `first` was the whole text.
async fn survey<T: Text>(source: &mut T, first: &[u8]) -> io::Result<(LongLinePlan, bool)> {
    let mut survey = LongLinePlanner::new();
    survey.read(first);
    let one_chunk = octets(first.len()) >= source.size();
    if !one_chunk {
        let mut chunk = Vec::new();
        loop {
            source.read(&mut chunk).await?;
            if chunk.is_empty() {
                break;
            }
            survey.read(&chunk);
        }
    }
    Ok((survey.finish(), one_chunk))
}

/// Reads on until the header is complete or reaches its limit.
async fn read_header<T: Text>(source: &mut T, ahead: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = Vec::new();
    while !HeaderBlock::read(ahead).is_whole(ahead) && ahead.len() < HEADER_LIMIT {
        source.read(&mut chunk).await?;
        if chunk.is_empty() {
            break;
        }
        ahead.extend_from_slice(&chunk);
    }
    Ok(())
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
        let whom = |author: Option<&Address>| sender::header(&entry, author, &account);
        let mut outgoing =
            Outgoing::prepare(source, outgoing::edits(&entry, &account), whom, &again)
                .await
                .unwrap();
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
}
