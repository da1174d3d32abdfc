//! What was found in a message, and the plan that follows from it for one attempt.

use std::{collections::BTreeSet, ops::Range};

use encoding_rs::Encoding as Charset;

use crate::{
    message::{
        Edits,
        edit::{author, edit_in, sender},
        footer::Footer,
        plan::{
            edit_list::{Edit, EightBit, Plan, With},
            footing::{Footing, Whole},
            leaf::Leaf,
            part_edits::{LeafEdits, restated, wrapped},
        },
    },
    model::Address,
};

/// What was found in a message.
#[derive(Default)]
pub struct Findings {
    pub(super) own_header: Vec<u8>,
    /// The header is longer than is read: the message goes out as it came.
    pub(super) unreadable: bool,
    /// Octets of the message.
    pub(super) length: u64,
    /// Nothing in the body may change.
    pub(super) sealed: bool,
    /// A signature stands beside what it signs.
    pub(super) signed: bool,
    /// Of the first text, for a header that names none.
    pub(super) charset: Option<&'static Charset>,
    /// Octets above 127 in the body.
    pub(super) high: bool,
    pub(super) leaves: Vec<Leaf>,
    /// Headers of parts with lines that are too long, and the same folded.
    pub(super) headers: Vec<(Range<u64>, Vec<u8>)>,
    /// What stands around parts with lines that are too long.
    pub(super) around: Vec<Range<u64>>,
    pub(super) footing: Footing,
}

impl Findings {
    /// The address in `From:`, when it has one.
    #[must_use]
    pub fn author(&self) -> Option<Address> {
        author(&self.own_header)
    }

    /// The address in `Sender:`, when it has one.
    #[must_use]
    pub fn sender(&self) -> Option<Address> {
        sender(&self.own_header)
    }

    /// True when the body has octets above 127, or was not read because it is sealed.
    #[must_use]
    pub const fn is_eight_bit(&self) -> bool {
        self.high || self.sealed
    }

    /// The plan for one attempt.
    #[must_use]
    pub fn plan(&self, edits: &Edits, footer: Option<&Footer>, eight_bit: EightBit) -> Plan {
        if self.unreadable {
            return Plan::default();
        }
        let edited = edit_in(&self.own_header, edits, self.charset);
        let plan = Plan { edits: Vec::new(), repairs: edited.repairs };
        self.complete(plan, edited.header, footer, eight_bit)
    }

    /// The plan for a message whose header is right.
    #[cfg(test)]
    pub(super) fn plan_without_repairs(
        &self,
        footer: Option<&Footer>,
        eight_bit: EightBit,
    ) -> Plan {
        self.complete(Plan::default(), self.own_header.clone(), footer, eight_bit)
    }

    fn complete(
        &self,
        mut plan: Plan,
        mut header: Vec<u8>,
        footer: Option<&Footer>,
        eight_bit: EightBit,
    ) -> Plan {
        if !self.sealed && !self.signed {
            self.mend_leaves(footer, eight_bit, &mut header, &mut plan);
            self.mend_around(&mut plan);
        }
        if !self.sealed
            && let Some(footer) = footer
        {
            self.add_footer_part(footer, &mut header, &mut plan);
        }
        if header != self.own_header {
            let range = 0..octets(self.own_header.len());
            // First: without a header, the body begins there, too.
            plan.edits.insert(0, Edit { range, with: With::Text(header) });
        }
        plan.edits.sort_by_key(|edit| edit.range.start);
        plan
    }

    fn mend_leaves(
        &self,
        footer: Option<&Footer>,
        eight_bit: EightBit,
        header: &mut Vec<u8>,
        plan: &mut Plan,
    ) {
        let footer = footer.filter(|_| !matches!(self.footing.found(), (Whole::Sealed, _)));
        let mut footed = 0;
        for leaf in &self.leaves {
            let is_whole = leaf.is_whole();
            let block = if is_whole { Some(header.as_slice()) } else { leaf.block.as_deref() };
            let LeafEdits { header: new, body } = match (&leaf.target, footer, block) {
                (Some(target), Some(footer), Some(block)) if target.takes(footer) => {
                    footed += 1;
                    target.edits(block, footer, footed - 1, leaf.anew_with_footer(eight_bit))
                }
                _ => leaf.edits(block, eight_bit),
            };
            match new {
                Some(new) if is_whole => *header = new,
                Some(new) => {
                    plan.edits.push(Edit { range: leaf.header.clone(), with: With::Text(new) });
                }
                None => {}
            }
            plan.edits.extend(body);
        }
    }

    fn mend_around(&self, plan: &mut Plan) {
        let written: BTreeSet<u64> = plan.edits.iter().map(|edit| edit.range.start).collect();
        for (range, header) in &self.headers {
            // A new header of a part is folded already.
            if !written.contains(&range.start) {
                plan.edits.push(Edit { range: range.clone(), with: With::Text(header.clone()) });
            }
        }
        let wrapped = |range: &Range<u64>| Edit { range: range.clone(), with: With::Wrapped };
        plan.edits.extend(self.around.iter().map(wrapped));
    }

    /// A message without a text gets one beside what it has.
    fn add_footer_part(&self, footer: &Footer, header: &mut Vec<u8>, plan: &mut Plan) {
        match self.footing.found() {
            (Whole::Mixed { boundary, first: Some(first) }, 0) => {
                let text =
                    [b"--", boundary.as_slice(), b"\r\n", &footer.whole_part(), b"\r\n"].concat();
                plan.edits.push(Edit { range: *first..*first, with: With::Text(text) });
            }
            (Whole::Document, _) => {
                let boundary = footer.boundary("mixed");
                let start = format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n");
                let before =
                    [b"--", boundary.as_bytes(), b"\r\n", &footer.whole_part(), b"\r\n"].concat();
                *header = wrapped(&restated(header, None, None, true), &start, &boundary, &before);
                let text = format!("\r\n--{boundary}--\r\n").into_bytes();
                plan.edits.push(Edit { range: self.length..self.length, with: With::Text(text) });
            }
            (Whole::Sealed | Whole::Text | Whole::Mixed { .. }, _) => {}
        }
    }
}

fn octets(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
