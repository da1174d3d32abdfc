//! The audit: one line for each change by a person, kept on the disk.
//!
//! # Failure
//! A line that cannot be kept is logged in full; the change itself has happened.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use serde::{Deserialize, Serialize};
use tracing::{error, info};

use crate::{
    clock::Clock,
    model::Timestamp,
    spool::{Change, Memo, MemoKind, Spool, SpoolError},
};

/// The number of lines that are kept: those of years in an office.
const MOST_LINES: usize = 10_000;
/// A text of a person is cut to this length.
const LONGEST_TEXT: usize = 500;

/// The person who makes a change.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Who {
    /// The name, as given by that person.
    pub name: String,
    /// The user of the process at the other end of the socket, as the kernel says.
    pub uid: Option<u32>,
}

/// The header of a request that names the person.
pub const BY_HEADER: &str = "postroom-by";

/// The user at the other end of the socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerUid(pub(super) Option<u32>);

impl Who {
    fn of(headers: &HeaderMap, uid: Option<u32>) -> Self {
        let name = headers.get(BY_HEADER).and_then(|name| name.to_str().ok());
        let unnamed = || uid.map_or_else(|| "somebody".to_owned(), |uid| format!("user {uid}"));
        Self { name: name.map_or_else(unnamed, ToOwned::to_owned), uid }
    }
}

impl<S: Sync> FromRequestParts<S> for Who {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let uid = parts.extensions.get::<PeerUid>().and_then(|PeerUid(uid)| *uid);
        Ok(Self::of(&parts.headers, uid))
    }
}

/// One change by a person: `GET /api/v1/audit`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AuditLine {
    /// The time of the change.
    pub at: Timestamp,
    /// The name of the person, as given by that person.
    pub by: String,
    /// The user of the process that asked, as the kernel says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// What was done: `enable`, `set`, `reload`.
    pub what: String,
    /// To what: `account scanner`, `message 01J…`.
    pub subject: String,
    /// What was before.
    pub from: String,
    /// What is now.
    pub to: String,
}

/// Keeps the lines. Cheap to clone.
#[derive(Clone)]
pub struct Audit(Arc<Inner>);

struct Inner {
    spool: Spool,
    clock: Clock,
    /// The names of the lines that are kept, the oldest first.
    kept: Mutex<VecDeque<String>>,
}

impl Audit {
    /// Opens the lines that earlier processes have kept.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn open(spool: Spool, clock: Clock) -> Result<Self, SpoolError> {
        let lines = spool.recall_all::<serde::de::IgnoredAny>(MemoKind::Audit)?;
        let mut kept: Vec<String> = lines.into_iter().map(|(name, _)| name).collect();
        kept.sort();
        Ok(Self(Arc::new(Inner { spool, clock, kept: Mutex::new(kept.into()) })))
    }

    /// Notes a change.
    pub async fn note(&self, who: &Who, what: &str, subject: &str, from: &str, to: &str) {
        let Inner { spool, clock, .. } = &*self.0;
        let line = AuditLine {
            at: clock.now(),
            by: cut(&who.name),
            uid: who.uid,
            what: what.to_owned(),
            subject: cut(subject),
            from: cut(from),
            to: cut(to),
        };
        let AuditLine { at: _, by, uid, what, subject, from, to } = &line;
        info!(by, uid, what, subject, from, to, "changed by a person");
        let kept = match self.remember(&line) {
            Ok(change) => spool.apply(change),
            Err(problem) => Err(problem),
        };
        let synced = match kept {
            Ok(()) => spool.sync().await,
            Err(problem) => Err(problem),
        };
        if let Err(problem) = synced {
            error!(%problem, "audit line not kept");
        }
    }

    /// The change that keeps a line and drops the oldest ones.
    fn remember(&self, line: &AuditLine) -> Result<Change, SpoolError> {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let name = next_name(line.at, kept.back().map(String::as_str));
        let mut remember = vec![Memo::keep(MemoKind::Audit, &name, line)?];
        kept.push_back(name);
        let surplus = kept.len().saturating_sub(MOST_LINES);
        remember.extend(kept.drain(..surplus).map(|old| Memo::forget(MemoKind::Audit, &old)));
        Ok(Change { remember, ..Change::default() })
    }

    /// The latest lines, the latest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn lines(&self, most: usize) -> Result<Vec<AuditLine>, SpoolError> {
        let mut lines = self.0.spool.recall_all::<AuditLine>(MemoKind::Audit)?;
        lines.sort_by(|(one, _), (other, _)| other.cmp(one));
        // A line that cannot be read is of a later version.
        Ok(lines.into_iter().filter_map(|(_, line)| line).take(most).collect())
    }
}

/// The name of a line: by its order. A clock that was set back does not change the order.
fn next_name(at: Timestamp, last: Option<&str>) -> String {
    let by_clock = at.as_millis().saturating_mul(1000);
    let last = last.and_then(|last| last.parse::<u64>().ok());
    format!("{:020}", last.map_or(by_clock, |last| by_clock.max(last.saturating_add(1))))
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use std::{path::Path, time::Duration};

    use super::*;
    use crate::{metrics::Metrics, model::ByteSize, spool::SpoolSettings};

    fn spool(folder: &Path, clock: &Clock) -> Spool {
        let settings = SpoolSettings {
            data_dir: folder.into(),
            min_free: ByteSize::from_octets(0),
            journal_keep: Duration::from_secs(86_400),
        };
        let route = Arc::new(|_device: &_| "scanner".into());
        Spool::open(settings, route, clock.clone(), Metrics::new()).unwrap()
    }

    #[tokio::test]
    async fn lines_outlive_the_process_and_the_latest_come_first_whatever_the_clock_does() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(Timestamp::from_millis(5_000));
        let anna = Who { name: "anna\n".into(), uid: Some(1000) };
        let first = spool(folder.path(), &clock);
        let audit = Audit::open(first.clone(), clock.clone()).unwrap();
        audit.note(&anna, "disable", "account scanner", "ready", "disabled").await;
        clock.set(Timestamp::from_millis(1_000));
        audit.note(&anna, "enable", "account scanner", "disabled", "ready").await;
        drop(audit);
        first.close().await.unwrap();

        let second = spool(folder.path(), &clock);
        let audit = Audit::open(second, clock).unwrap();
        audit.note(&Who::default(), "reload", "config", "", "").await;
        let lines = audit.lines(10).unwrap();
        let what: Vec<&str> = lines.iter().map(|line| line.what.as_str()).collect();
        assert_eq!(what, ["reload", "enable", "disable"]);
        assert_eq!((lines[2].by.as_str(), lines[2].uid), ("anna", Some(1000)));
        assert_eq!(audit.lines(1).unwrap().len(), 1);
    }

    #[test]
    fn names_are_in_the_order_of_the_lines() {
        let first = next_name(Timestamp::from_millis(7), None);
        let second = next_name(Timestamp::from_millis(7), Some(&first));
        let third = next_name(Timestamp::from_millis(3), Some(&second));
        assert!(first < second && second < third, "{first} {second} {third}");
    }
}
