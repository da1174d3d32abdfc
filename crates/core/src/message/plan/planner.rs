//! The first reading: notes what a plan needs to know of a message.

use crate::message::{
    charset,
    header::{Field, HeaderBlock, LINE_LIMIT},
    header_encoding::encoded,
    mime::{Event, Kind, Listener, Part, Walker},
    plan::{findings::Findings, footing::Footing, leaf::Leaf, lines::Base64Folder, target::Target},
};

/// Octets of headers of parts that are kept, because something may have to change in them.
const KEPT_HEADERS: usize = 1024 * 1024;
/// Parts that are noted. More of them go out as they came.
const PART_LIMIT: usize = 10_000;

/// Reads a message in chunks of any size.
#[derive(Default)]
pub struct Planner {
    walker: Walker,
    survey: Survey,
}

impl Planner {
    /// Reads on.
    pub fn read(&mut self, chunk: &[u8]) {
        self.walker.read(chunk, &mut self.survey);
    }

    /// True when nothing that follows can matter: the message is sealed.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.survey.findings.sealed
    }

    /// The message has ended, or nothing that follows matters.
    #[must_use]
    pub fn finish(self) -> Findings {
        let Self { walker, mut survey } = self;
        walker.finish(&mut survey);
        survey.findings.footing = survey.footing;
        survey.findings
    }
}

/// What was found up to here.
#[derive(Default)]
struct Survey {
    findings: Findings,
    footing: Footing,
    at: At,
    /// Octets of the present line.
    line: u64,
    kept: usize,
}

/// What the walker is in.
#[derive(Default)]
enum At {
    /// A part whose octets mean something.
    Leaf(Box<Leaf>),
    /// What no reader shows.
    Around { start: u64, long: bool },
    /// What must not change.
    #[default]
    Sealed,
}

impl Listener for Survey {
    fn hear(&mut self, event: Event<'_>) {
        match event {
            Event::Begins(part) => self.begins(&part),
            Event::Text { octets } => self.text(octets),
            Event::LineEnd { ending } => self.line_end(ending),
            Event::Ends { at } => self.ends(at),
            Event::Boundary { multipart, line, last } => {
                self.footing.boundary(multipart, &line, last);
                self.at = At::Around { start: line.end, long: false };
            }
        }
    }
}

impl Survey {
    fn begins(&mut self, part: &Part<'_>) {
        // A message inside a message begins where the part that holds it began.
        self.ends(part.header.start);
        let is_whole = part.header.start == 0;
        if is_whole {
            self.findings.own_header = part.block.to_vec();
            // A header that is too long to be read.
            self.findings.unreadable =
                part.content.kind == Kind::Unreadable && part.block.is_empty();
            self.findings.sealed = self.findings.unreadable
                || part.fields.is_sealed()
                || part.content.kind == Kind::Sealed;
        }
        self.findings.signed |= part.content.kind == Kind::Signature && !part.inside_message;
        if self.findings.charset.is_none() {
            self.findings.charset = part.content.charset.as_deref().and_then(charset::named);
        }
        let target = self.footing.begins(part);
        self.at = if matches!(part.content.kind, Kind::Sealed | Kind::Fragment) {
            At::Sealed
        } else if part.is_leaf() {
            At::Leaf(Box::new(self.leaf(part, target)))
        } else {
            let _mended = self.mend_header(part);
            At::Around { start: part.header.end, long: false }
        };
    }

    fn leaf(&mut self, part: &Part<'_>, target: Option<Target>) -> Leaf {
        let is_text = matches!(part.content.kind, Kind::Plain | Kind::Html | Kind::OtherText);
        let block = self.mend_header(part).unwrap_or_else(|| part.block.to_vec());
        Leaf {
            header: part.header.clone(),
            block: Some(block),
            body: part.header.end..part.header.end,
            encoding: part.encoding,
            is_text,
            long: false,
            high: false,
            folds: 0,
            target,
        }
    }

    /// Mends the header of a part: lines that are too long are folded, and what says what the part
    /// is becomes ASCII.
    fn mend_header(&mut self, part: &Part<'_>) -> Option<Vec<u8>> {
        let is_content = |field: &Field<'_>| {
            field.name().get(..8).is_some_and(|start| start.eq_ignore_ascii_case("content-"))
        };
        let mended = |field: &Field<'_>| {
            field.has_long_line() || (is_content(field) && encoded(field).is_some())
        };
        let wrong = part.header.start > 0 && part.fields.fields().any(mended);
        if !wrong || self.kept + part.block.len() > KEPT_HEADERS {
            return None;
        }
        self.kept += part.block.len();
        let mut header = HeaderBlock::read_in(part.block, self.findings.charset);
        header.rewrite(|field| encoded(field).filter(|_| is_content(field)));
        let rendered = header.render();
        self.findings.headers.push((part.header.clone(), rendered.clone()));
        Some(rendered)
    }

    fn text(&mut self, octets: &[u8]) {
        self.line += length(octets);
        self.findings.high |= !octets.is_ascii();
        if let At::Leaf(leaf) = &mut self.at {
            leaf.high |= !octets.is_ascii();
            if let Some(target) = &mut leaf.target {
                target.read(octets);
            }
        }
    }

    fn line_end(&mut self, ending: &[u8]) {
        self.measure_line();
        if let At::Leaf(leaf) = &mut self.at
            && let Some(target) = &mut leaf.target
        {
            target.read(ending);
        }
    }

    /// A line has ended, or what it stands in.
    fn measure_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let is_long = usize::try_from(line).is_ok_and(|line| line > LINE_LIMIT);
        match &mut self.at {
            At::Leaf(leaf) => {
                leaf.long |= is_long;
                leaf.folds += Base64Folder::added(line);
            }
            At::Around { long, .. } => *long |= is_long,
            At::Sealed => {}
        }
    }

    fn ends(&mut self, at: u64) {
        self.measure_line();
        self.findings.length = at;
        match std::mem::take(&mut self.at) {
            At::Leaf(leaf) => self.end_leaf(*leaf, at),
            At::Around { start, long: true } if self.findings.around.len() < PART_LIMIT => {
                self.findings.around.push(start..at.max(start));
            }
            At::Around { .. } | At::Sealed => {}
        }
    }

    fn end_leaf(&mut self, mut leaf: Leaf, end: u64) {
        leaf.body.end = end.max(leaf.body.start);
        if let Some(target) = &mut leaf.target {
            target.end();
            if !self.footing.ends(target) {
                leaf.target = None;
            }
        }
        if !leaf.long && !leaf.high && leaf.target.is_none()
            || self.findings.leaves.len() >= PART_LIMIT
        {
            return;
        }
        // The message's own header is kept once.
        let room = KEPT_HEADERS - self.kept;
        leaf.block = leaf.block.filter(|block| leaf.header.start > 0 && block.len() <= room);
        self.kept += leaf.block.as_ref().map_or(0, Vec::len);
        self.findings.leaves.push(leaf);
    }
}

fn length(octets: &[u8]) -> u64 {
    u64::try_from(octets.len()).unwrap_or(u64::MAX)
}
