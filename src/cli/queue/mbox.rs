//! The format mboxrd: messages in one file, each after a line `From `. Lines of a message that
//! begin like one get a `>`, so that the message comes back unchanged.

use std::io::{self, BufRead, Write};

use crate::{
    cli::when::asctime,
    model::{ReversePath, Timestamp},
};

/// The largest message that is read, in octets.
const LARGEST: usize = 200 * 1024 * 1024;

/// Writes one message.
pub(super) struct MboxWriter<'a, W: Write> {
    file: &'a mut W,
    line: Vec<u8>,
}

impl<'a, W: Write> MboxWriter<'a, W> {
    /// Writes the line before the message.
    pub(super) fn begin(
        file: &'a mut W,
        sender: &ReversePath,
        received: Timestamp,
    ) -> io::Result<Self> {
        let sender = sender.mailbox().map_or("MAILER-DAEMON", |sender| sender.as_str());
        writeln!(file, "From {sender} {}", asctime(received))?;
        Ok(Self { file, line: Vec::new() })
    }

    /// Writes what is left, and the empty line behind the message.
    pub(super) fn end(mut self) -> io::Result<()> {
        if !self.line.is_empty() {
            self.line.push(b'\n');
            self.write_line()?;
        }
        self.file.write_all(b"\n")
    }

    fn write_line(&mut self) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        if line.ends_with(b"\r\n") {
            line.truncate(line.len().saturating_sub(2));
            line.push(b'\n');
        }
        if is_from(&line) {
            self.file.write_all(b">")?;
        }
        self.file.write_all(&line)
    }
}

impl<W: Write> Write for MboxWriter<'_, W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        for part in octets.split_inclusive(|octet| *octet == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.write_line()?;
            }
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Reads messages.
pub(super) struct MboxReader<R> {
    file: R,
    /// The line `From ` of the next message was read.
    has_next: bool,
}

impl<R: BufRead> MboxReader<R> {
    pub(super) const fn new(file: R) -> Self {
        Self { file, has_next: false }
    }

    /// Reads the next message, with CRLF line ends. None at the end of the file.
    pub(super) fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        if !self.has_next && self.file.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.has_next = false;
        let mut message = Vec::new();
        loop {
            line.clear();
            if self.file.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if line.starts_with(b"From ") {
                self.has_next = true;
                break;
            }
            while line.ends_with(b"\n") || line.ends_with(b"\r") {
                line.pop();
            }
            let quoted = line.strip_prefix(b">").filter(|rest| is_from(rest));
            message.extend_from_slice(quoted.unwrap_or(&line));
            message.extend_from_slice(b"\r\n");
            if message.len() > LARGEST {
                return Err(io::Error::other("a message is larger than 200 MB"));
            }
        }
        // The empty line behind the message is not part of it.
        if message.ends_with(b"\r\n\r\n") {
            message.truncate(message.len().saturating_sub(2));
        }
        Ok(Some(message))
    }
}

/// Whether a line is `From `, or that behind any number of `>`.
fn is_from(line: &[u8]) -> bool {
    let start = line.iter().take_while(|octet| **octet == b'>').count();
    line.get(start..).is_some_and(|rest| rest.starts_with(b"From "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_as_they_went_whatever_their_lines_begin_with() {
        let messages: [&[u8]; 3] = [
            b"Subject: a\r\n\r\nFrom here\r\n>From there\r\n>>From\r\n",
            b"Subject: b\r\n\r\nends in empty lines\r\n\r\n\r\n",
            b"Subject: c\r\n\r\n\r\nFrom after an empty line\r\n",
        ];
        let mut file = Vec::new();
        for message in messages {
            let mut writer =
                MboxWriter::begin(&mut file, &ReversePath::Null, Timestamp::ZERO).unwrap();
            for octet in message {
                writer.write_all(&[*octet]).unwrap();
            }
            writer.end().unwrap();
        }
        assert!(file.starts_with(b"From MAILER-DAEMON Thu Jan  1 00:00:00 1970\nSubject: a\n"));
        let mut reader = MboxReader::new(io::BufReader::with_capacity(16, file.as_slice()));
        for message in messages {
            assert_eq!(reader.read().unwrap().unwrap(), message);
        }
        assert_eq!(reader.read().unwrap(), None);
    }
}
