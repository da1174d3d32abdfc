//! The second pass: changes the parts that the plan names, and nothing else.

use std::collections::VecDeque;

use crate::message::long_lines::plan::{LongLinePlan, MendedPart, Remedy};

/// RFC 2045 6.7 and 6.8: lines of encoded text are at most 76 long.
const ENCODED_LINE: usize = 76;

/// Changes a message while it passes through, in chunks of any size.
pub struct LineFolder {
    parts: VecDeque<MendedPart>,
    offset: u64,
    column: usize,
    /// Octets that are held until the next one shows what they are: blanks and CR before a line
    /// end, the `=xx` of quoted-printable.
    held: Vec<u8>,
    header: Vec<u8>,
}

impl LineFolder {
    /// Carries out a plan. `own_header` octets at the start of the message are the message's own
    /// header: it is edited elsewhere, and the text given to [`LineFolder::push`] begins after it.
    #[must_use]
    pub fn new(plan: LongLinePlan, own_header: u64) -> Self {
        Self {
            parts: plan.parts.into(),
            offset: own_header,
            column: 0,
            held: Vec::new(),
            header: Vec::new(),
        }
    }

    /// Appends the mended form of `chunk` to `output`.
    pub fn push(&mut self, mut chunk: &[u8], output: &mut Vec<u8>) {
        while !chunk.is_empty() {
            let Some(part) = self.parts.front() else {
                output.extend_from_slice(chunk);
                return;
            };
            let (next_edge, inside) = edge(part, self.offset);
            let length =
                usize::try_from(next_edge - self.offset).unwrap_or(usize::MAX).min(chunk.len());
            let (piece, rest) = chunk.split_at(length);
            let remedy = part.remedy;
            match inside {
                Inside::Nothing => output.extend_from_slice(piece),
                Inside::Header if remedy == Remedy::QuotedPrintable => {
                    self.header.extend_from_slice(piece);
                }
                Inside::Header => output.extend_from_slice(piece),
                Inside::Body => piece.iter().for_each(|octet| self.encode(*octet, remedy, output)),
            }
            self.offset += u64::try_from(length).unwrap_or(u64::MAX);
            chunk = rest;
            self.pass_edges(output);
        }
    }

    /// The message has ended: what is held goes out.
    pub fn finish(&mut self, output: &mut Vec<u8>) {
        self.release_held(output);
        output.append(&mut self.header);
    }

    fn pass_edges(&mut self, output: &mut Vec<u8>) {
        while let Some(part) = self.parts.front() {
            if self.offset == part.header.end && !self.header.is_empty() {
                let header = std::mem::take(&mut self.header);
                output.extend_from_slice(&say_quoted_printable(&header));
            }
            if self.offset < part.body.end {
                return;
            }
            self.release_held(output);
            self.column = 0;
            self.parts.pop_front();
        }
    }

    fn encode(&mut self, octet: u8, remedy: Remedy, output: &mut Vec<u8>) {
        match remedy {
            Remedy::FoldBase64 => self.fold(octet, output),
            Remedy::SoftBreaks => self.break_softly(octet, output),
            Remedy::QuotedPrintable => self.quote(octet, output),
        }
    }

    fn fold(&mut self, octet: u8, output: &mut Vec<u8>) {
        match octet {
            b'\n' => self.column = 0,
            b'\r' => {}
            _ if self.column == ENCODED_LINE => {
                output.extend_from_slice(b"\r\n");
                self.column = 1;
            }
            _ => self.column += 1,
        }
        output.push(octet);
    }

    /// Already quoted-printable: a break may stand anywhere but inside `=xx`.
    fn break_softly(&mut self, octet: u8, output: &mut Vec<u8>) {
        self.held.push(octet);
        let complete = match self.held.first() {
            Some(b'=') => self.held.len() == 3 || octet == b'\n',
            Some(_) | None => true,
        };
        if !complete {
            return;
        }
        let token = std::mem::take(&mut self.held);
        if token.ends_with(b"\n") || token == b"\r" {
            if token.ends_with(b"\n") {
                self.column = 0;
            }
        } else {
            self.make_room(token.len(), output);
            self.column += token.len();
        }
        output.extend_from_slice(&token);
    }

    /// RFC 2045 6.7: a blank at the end of a line must be encoded, so it is held until the next
    /// octet is known.
    fn quote(&mut self, octet: u8, output: &mut Vec<u8>) {
        match octet {
            b'\r' => {
                // Spooled text has CR before LF only; a run of them must not be held without bound.
                if self.held.contains(&b'\r') {
                    self.release_blanks(output);
                }
                self.held.push(octet);
            }
            b'\n' => {
                let held = std::mem::take(&mut self.held);
                for blank in held.iter().filter(|held| **held != b'\r') {
                    self.put_encoded(*blank, output);
                }
                output.extend_from_slice(b"\r\n");
                self.column = 0;
            }
            b' ' | b'\t' => {
                self.release_blanks(output);
                self.held.push(octet);
            }
            _ => {
                self.release_blanks(output);
                self.put(octet, output);
            }
        }
    }

    fn release_blanks(&mut self, output: &mut Vec<u8>) {
        for blank in std::mem::take(&mut self.held) {
            if blank == b'\r' {
                self.put_encoded(blank, output);
            } else {
                self.make_room(1, output);
                output.push(blank);
                self.column += 1;
            }
        }
    }

    fn put(&mut self, octet: u8, output: &mut Vec<u8>) {
        if (33..=126).contains(&octet) && octet != b'=' {
            self.make_room(1, output);
            output.push(octet);
            self.column += 1;
        } else {
            self.put_encoded(octet, output);
        }
    }

    fn put_encoded(&mut self, octet: u8, output: &mut Vec<u8>) {
        self.make_room(3, output);
        output.extend_from_slice(format!("={octet:02X}").as_bytes());
        self.column += 3;
    }

    fn make_room(&mut self, length: usize, output: &mut Vec<u8>) {
        // One column is left for the soft break's own "=".
        if self.column + length >= ENCODED_LINE {
            output.extend_from_slice(b"=\r\n");
            self.column = 0;
        }
    }

    fn release_held(&mut self, output: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        let encodes = self.parts.front().is_some_and(|part| part.remedy == Remedy::QuotedPrintable);
        for octet in held {
            if encodes && octet != b'\r' {
                // The body ends here: its boundary's line end follows.
                self.put_encoded(octet, output);
            } else {
                output.push(octet);
            }
        }
    }
}

enum Inside {
    Nothing,
    Header,
    Body,
}

/// Where the text at `offset` belongs, and where that ends.
fn edge(part: &MendedPart, offset: u64) -> (u64, Inside) {
    if offset < part.header.start {
        (part.header.start, Inside::Nothing)
    } else if offset < part.header.end {
        (part.header.end, Inside::Header)
    } else {
        (part.body.end, Inside::Body)
    }
}

/// A part's header that says how its body is encoded from now on.
fn say_quoted_printable(block: &[u8]) -> Vec<u8> {
    let mut header = crate::message::header::HeaderBlock::read(block);
    header.replace(
        "Content-Transfer-Encoding",
        "Content-Transfer-Encoding: quoted-printable\r\n".to_owned(),
    );
    header.render()
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders};
    use proptest::prelude::*;

    use crate::message::{
        header::HeaderBlock,
        long_lines::{LINE_LIMIT, LineFolder, LongLinePlanner},
    };

    /// Sends a message through both passes, in chunks of `step`, as an attempt does.
    fn fold(text: &[u8], step: usize) -> Vec<u8> {
        let mut planner = LongLinePlanner::new();
        text.chunks(step).for_each(|chunk| planner.read(chunk));
        let plan = planner.finish();
        let mut header = HeaderBlock::read(text);
        if plan.reencodes_whole_body() {
            header.replace(
                "Content-Transfer-Encoding",
                "Content-Transfer-Encoding: quoted-printable\r\n".into(),
            );
        }
        let mut output = header.render();
        let mut folder = LineFolder::new(plan, u64::try_from(header.length()).unwrap());
        text[header.length()..].chunks(step).for_each(|chunk| folder.push(chunk, &mut output));
        folder.finish(&mut output);
        output
    }

    #[track_caller]
    fn check_legal(text: &[u8]) {
        for line in text.split(|octet| *octet == b'\n') {
            assert!(line.len() <= LINE_LIMIT + 1, "a line of {} octets", line.len());
        }
    }

    /// What a reader sees of each part.
    fn contents(text: &[u8]) -> Vec<Vec<u8>> {
        MessageParser::default()
            .parse(text)
            .unwrap()
            .parts
            .iter()
            .map(|part| part.contents().to_vec())
            .collect()
    }

    fn multipart(encoding: &str, body: &str) -> Vec<u8> {
        format!(
            "From: a@b.c\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; \
            boundary=\"xyz\"\r\n\r\npreamble\r\n--xyz\r\nContent-Type: \
            text/plain\r\n\r\nshort\r\n--xyz\r\nContent-Type: application/pdf; \
            name=\"scan.pdf\"\r\nContent-Transfer-Encoding: \
            {encoding}\r\n\r\n{body}\r\n--xyz--\r\nepilogue\r\n"
        )
        .into_bytes()
    }

    #[test]
    fn base64_in_one_line_is_folded_and_decodes_to_the_same() {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let scan: Vec<u8> = (0..=250u8).cycle().take(60_000).collect();
        let text = multipart("base64", &STANDARD.encode(&scan));
        for step in [1, 77, 4096, 1 << 20] {
            let mended = fold(&text, step);
            check_legal(&mended);
            let parsed = MessageParser::default().parse(&mended).unwrap();
            assert_eq!(parsed.attachments().next().unwrap().contents(), scan);
            assert_eq!(parsed.attachments().next().unwrap().attachment_name(), Some("scan.pdf"));
        }
    }

    #[test]
    fn base64_with_an_odd_label_is_folded_too() {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let scan: Vec<u8> = (0..=250u8).cycle().take(6000).collect();
        let content = format!("{}\r\n", STANDARD.encode(&scan));
        for label in ["base64;", "\"base64\"", "base64 (scan)"] {
            let mended = String::from_utf8(fold(&multipart(label, &content), 100)).unwrap();
            check_legal(mended.as_bytes());
            let label = format!("Content-Transfer-Encoding: {label}\r\n");
            assert!(mended.contains(&label), "{label} is still there");
            let (_, body) = mended.split_once(&label).unwrap();
            let (body, _) = body.split_once("--xyz--").unwrap();
            let octets: String = body.split_whitespace().collect();
            assert_eq!(STANDARD.decode(octets).unwrap(), scan);
        }
    }

    #[test]
    fn a_seal_of_arc_is_not_broken() {
        let text = format!("ARC-Message-Signature: i=1\r\n\r\n{}\r\n", "x".repeat(5000));
        assert_eq!(fold(text.as_bytes(), 4096), text.as_bytes());
    }

    #[test]
    fn a_paragraph_in_one_line_becomes_quoted_printable_and_reads_the_same() {
        let paragraph = "Größe = 5, ".repeat(300);
        let text = format!(
            "From: a@b.c\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{paragraph}\r\nlast \
            line \r\n"
        );
        for step in [1, 3, 1000, 1 << 20] {
            let mended = fold(text.as_bytes(), step);
            check_legal(&mended);
            assert_eq!(contents(&mended), contents(text.as_bytes()), "in steps of {step}");
        }
    }

    #[test]
    fn a_quoted_printable_line_gets_soft_breaks_between_its_tokens() {
        let text = multipart("quoted-printable", &"a=3Db=C3=BC ".repeat(200));
        for step in [1, 5, 1 << 20] {
            let mended = fold(&text, step);
            check_legal(&mended);
            assert_eq!(contents(&mended), contents(&text));
        }
    }

    #[test]
    fn a_message_without_a_header_is_mended_too() {
        let text = "x ".repeat(1500);
        for text in [
            text.clone(),
            format!("Subject: x\r\n{text}\r\n"),
            format!(" {text}\r\nSubject: y\r\n\r\n"),
        ] {
            let header = HeaderBlock::read(text.as_bytes()).length();
            for step in [1, 1000, 1 << 20] {
                let mended = fold(text.as_bytes(), step);
                check_legal(&mended);
                let parsed = MessageParser::default().parse(&mended).unwrap();
                assert_eq!(parsed.body_text(0).unwrap(), &text[header..]);
            }
        }
    }

    #[test]
    fn what_is_signed_is_not_touched() {
        let long = "x".repeat(5000);
        let text = format!(
            "Content-Type: multipart/signed; boundary=s; \
            protocol=\"application/pkcs7-signature\"\r\n\r\n--s\r\nContent-Type: \
            text/plain\r\n\r\n{long}\r\n--s\r\nContent-Type: \
            application/pkcs7-signature\r\n\r\nabc\r\n--s--\r\n"
        );
        assert_eq!(fold(text.as_bytes(), 4096), text.as_bytes());
    }

    #[test]
    fn a_message_with_legal_lines_has_nothing_to_mend() {
        let mut planner = LongLinePlanner::new();
        planner.read(&multipart("base64", &format!("{}\r\n", "A".repeat(LINE_LIMIT))));
        assert!(planner.finish().is_empty());
        let mut planner = LongLinePlanner::new();
        planner.read(&multipart("base64", &"A".repeat(LINE_LIMIT + 1)));
        assert!(!planner.finish().is_empty());
    }

    #[test]
    fn the_last_line_counts_without_its_end_too() {
        for length in [LINE_LIMIT, LINE_LIMIT + 1, LINE_LIMIT + 2] {
            check_legal(&fold(format!("Subject: x\r\n\r\n{}", "y".repeat(length)).as_bytes(), 100));
        }
    }

    #[test]
    fn a_message_inside_a_message_is_mended_in_its_own_parts() {
        let inner = String::from_utf8(multipart("base64", &"QUJD".repeat(1000))).unwrap();
        let text = format!(
            "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: \
            message/rfc822\r\n\r\n{inner}\r\n--o--\r\n"
        );
        check_legal(&fold(text.as_bytes(), 512));
    }

    proptest! {
        #[test]
        fn whatever_the_text_what_a_reader_sees_stays(lines in proptest::collection::vec("[ -~äö=\t]{0,1500}", 1..6), step in 1usize..3000) {
            let text = format!("Content-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n", lines.join("\r\n"));
            let mended = fold(text.as_bytes(), step);
            check_legal(&mended);
            prop_assert_eq!(contents(&mended), contents(text.as_bytes()));
        }

        #[test]
        fn no_octets_panic(text in proptest::collection::vec(any::<u8>(), 0..3000), step in 1usize..500) {
            let _mended = fold(&text, step);
        }
    }
}
