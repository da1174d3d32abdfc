//! Finds lines of the journal: by recipient, device, time and more.
//!
//! The journal on disk is sorted by time alone. [`History`] keeps a short row for each line in
//! memory: at most 32 MB for a million lines. It reads the journal once, in the background after
//! the start, and afterwards what was added. Until everything is read, a question reads the rest of
//! the journal itself.
//!
//! - `question`: [`Question`], what is searched for
//! - `rows`: the journal in short
//!
//! # Failure
//! Every method returns the disk's error. A line that was removed meanwhile is left out.

pub(in crate::spool) mod question;
mod rows;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use self::{
    question::Question,
    rows::{Kinds, Row},
};
use crate::{
    model::{RecipientOutcome, Timestamp},
    spool::{JournalLine, Spool, SpoolError},
};

/// Rows in memory. The journal itself keeps as many lines.
const MOST_ROWS: usize = 1_000_000;
/// Rows beyond that which may stay for a while, because dropping a few of a million costs as much
/// as dropping many.
const SURPLUS: usize = 10_000;
/// Lines read from the journal at once.
const STEP: usize = 1000;
/// Lines of this time are read anew each time, because a line is written a moment after the time
/// that it names.
const UNSETTLED: Duration = Duration::from_secs(60);
/// The most places in the journal that are read for one answer: some ten milliseconds.
const MOST_READS: usize = 2000;

/// Finds lines of the journal.
#[derive(Default)]
pub struct History(Mutex<Rows>);

/// The rows, in three parts that follow each other in time.
#[derive(Default)]
struct Rows {
    kinds: Kinds,
    /// Read anew with each question, the newest first.
    recent: Vec<Row>,
    /// Added since the start, the oldest first.
    newer: Vec<Row>,
    /// What was there at the start, the newest first.
    older: Vec<Row>,
    /// `newer` has all lines before this time, from where `older` began.
    complete_until: Option<Timestamp>,
    /// `older` has all lines from this time on; earlier ones are still on disk only.
    complete_from: Option<Timestamp>,
    /// Everything was read.
    is_loaded: bool,
}

/// Whether a list of places has all of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Whole,
    Short,
}

/// An answer: some lines, the newest first.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Answer {
    /// The lines. Lines of one millisecond are never parted, so there may be some more than asked
    /// for.
    pub lines: Vec<JournalLine>,
    /// Where the search ended, if there may be more lines: the next question asks for those before
    /// this time.
    pub next: Option<Timestamp>,
}

/// How many recipients were settled.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counted {
    /// A server accepted the message for them.
    pub delivered: u64,
    /// Postroom gave up.
    pub failed: u64,
}

impl History {
    /// Reads more of the journal: the newest lines that are not known yet. Returns true when all
    /// are known. Blocks for some milliseconds.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn load(&self, spool: &Spool, now: Timestamp) -> Result<bool, SpoolError> {
        let mut rows = self.rows();
        rows.follow(spool, now)?;
        if rows.is_loaded {
            return Ok(true);
        }
        let lines = spool.journal(rows.complete_from, STEP)?;
        rows.complete_from = lines.last().map(|line| line.at).or(rows.complete_from);
        rows.is_loaded = lines.is_empty() || rows.older.len() >= MOST_ROWS;
        let Rows { kinds, older, .. } = &mut *rows;
        older.extend(lines.iter().map(|line| kinds.row(line)));
        Ok(rows.is_loaded)
    }

    /// Finds lines, the newest first. Stops at `limit` lines, or when it has looked at many that do
    /// not fit. Blocks for some milliseconds.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn ask(
        &self,
        spool: &Spool,
        question: &Question,
        limit: usize,
        now: Timestamp,
    ) -> Result<Answer, SpoolError> {
        let ((places, cut), rest) = {
            let mut rows = self.rows();
            rows.follow(spool, now)?;
            (rows.places(question), rows.complete_from.filter(|_| !rows.is_loaded))
        };
        let mut answer = Answer::default();
        for at in &places {
            // The lines of one millisecond, unless they are gone.
            let lines = spool.journal(Some(at.plus(Duration::from_millis(1))), 1)?;
            answer.lines.extend(lines.into_iter().filter(|line| question.fits(line)));
            if answer.lines.len() >= limit {
                answer.next = Some(*at);
                return Ok(answer);
            }
        }
        match (cut, rest) {
            (Cut::Short, _) => answer.next = places.last().copied(),
            (Cut::Whole, Some(from)) => return read_on(spool, question, limit, from, answer),
            (Cut::Whole, None) => {}
        }
        Ok(answer)
    }

    /// Counts the recipients that were settled at this time or later. `None` while that part of the
    /// journal has not been read.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn count_since(
        &self,
        spool: &Spool,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Counted>, SpoolError> {
        let mut rows = self.rows();
        rows.follow(spool, now)?;
        let is_known = rows.is_loaded || rows.complete_from.is_some_and(|from| from <= since);
        Ok(is_known.then(|| rows.count_since(since)))
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Searches the part of the journal that is not in memory yet.
fn read_on(
    spool: &Spool,
    question: &Question,
    limit: usize,
    from: Timestamp,
    mut answer: Answer,
) -> Result<Answer, SpoolError> {
    let from = question.until.map_or(from, |until| until.min(from));
    let lines = spool.journal(Some(from), MOST_READS.max(limit))?;
    answer.next = lines.last().map(|line| line.at);
    let is_over = question.since.is_some_and(|since| answer.next.is_some_and(|at| at < since));
    if is_over {
        answer.next = None;
    }
    answer.lines.extend(lines.into_iter().filter(|line| question.fits(line)));
    Ok(answer)
}

impl Rows {
    /// Reads what was added to the journal.
    fn follow(&mut self, spool: &Spool, now: Timestamp) -> Result<(), SpoolError> {
        let settled = now.minus(UNSETTLED);
        let Some(from) = self.complete_until else {
            // The beginning: everything before this time is read by and by.
            self.complete_until = Some(settled);
            self.complete_from = Some(settled);
            return self.follow(spool, now);
        };
        if now < from {
            // The clock was set back: lines may come that belong among those that were read.
            *self = Self::default();
            return self.follow(spool, now);
        }
        let until = settled.max(from);
        let (mut before, mut fresh) = (None, Vec::new());
        self.recent.clear();
        'pages: loop {
            let lines = spool.journal(before, STEP)?;
            for line in &lines {
                if line.at < from {
                    break 'pages;
                }
                let row = self.kinds.row(line);
                if line.at < until { fresh.push(row) } else { self.recent.push(row) }
            }
            let Some(last) = lines.last() else { break };
            before = Some(last.at);
        }
        self.newer.extend(fresh.into_iter().rev());
        self.complete_until = Some(until);
        self.forget_surplus();
        Ok(())
    }

    /// Drops the oldest rows beyond the limit. Their lines are gone, too.
    fn forget_surplus(&mut self) {
        let surplus = self.older.len().saturating_add(self.newer.len()).saturating_sub(MOST_ROWS);
        if surplus <= SURPLUS {
            return;
        }
        let kept = self.older.len().saturating_sub(surplus);
        let from_newer = surplus.saturating_sub(self.older.len()).min(self.newer.len());
        self.older.truncate(kept);
        self.newer.drain(..from_newer);
    }

    fn count_since(&self, since: Timestamp) -> Counted {
        let mut counted = Counted::default();
        for row in self.newest_first().take_while(|row| row.at >= since) {
            match self.kinds.outcome(row) {
                Some(RecipientOutcome::Delivered) => counted.delivered += 1,
                Some(RecipientOutcome::Failed) => counted.failed += 1,
                Some(
                    RecipientOutcome::Delayed
                    | RecipientOutcome::Doubtful
                    | RecipientOutcome::Deleted
                    | RecipientOutcome::Quarantined
                    | RecipientOutcome::Lost,
                )
                | None => {}
            }
        }
        counted
    }

    fn newest_first(&self) -> impl Iterator<Item = &Row> {
        self.recent.iter().chain(self.newer.iter().rev()).chain(&self.older)
    }

    /// The times of lines that may answer, the newest first, and whether these are all.
    fn places(&self, question: &Question) -> (Vec<Timestamp>, Cut) {
        let filter = self.kinds.filter(question);
        let rows = self.newest_first();
        let mut places: Vec<Timestamp> =
            rows.filter(|row| filter.may_fit(row)).map(|row| row.at).take(MOST_READS).collect();
        let cut = if places.len() < MOST_READS { Cut::Whole } else { Cut::Short };
        places.dedup();
        (places, cut)
    }
}

#[cfg(test)]
mod tests;
