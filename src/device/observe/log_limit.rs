//! A limit on the log lines that one client can cause: a device that is refused in a loop must not
//! fill the disk.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::clock::Clock as _;

use crate::device::stopwatch::Stopwatch;

/// The lines that one client may cause in each period.
const LINES: u32 = 20;
/// How long a period lasts.
const PERIOD: Duration = Duration::from_secs(60);
/// The maximum number of clients that are counted at once. Beyond it, further clients cause no
/// lines until a period has ended.
const CLIENTS_LIMIT: usize = 1024;

/// What may be logged of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Allowance {
    /// One line, which also tells how many were left out before it.
    Line { left_out: Option<u64> },
    /// The line is left out, and counted.
    Nothing,
}

/// Counts the lines of each client.
pub(super) struct LogLimit {
    clients: Mutex<HashMap<IpAddr, Period>>,
    stopwatch: Stopwatch,
}

struct Period {
    begun: Duration,
    lines: u32,
    left_out: u64,
}

impl LogLimit {
    pub(super) fn new() -> Self {
        Self { clients: Mutex::default(), stopwatch: Stopwatch::start() }
    }

    /// Whether an event of this client may be logged now.
    pub(super) fn allow(&self, peer: IpAddr) -> Allowance {
        let now = self.stopwatch.now();
        let is_over = |period: &Period| now.saturating_sub(period.begun) >= PERIOD;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS_LIMIT && !clients.contains_key(&peer) {
            clients.retain(|_, period| !is_over(period));
            if clients.len() >= CLIENTS_LIMIT {
                return Allowance::Nothing;
            }
        }
        let period = clients.entry(peer).or_insert(Period { begun: now, lines: 0, left_out: 0 });
        if is_over(period) {
            *period = Period { begun: now, lines: 0, ..*period };
        }
        if period.lines >= LINES {
            period.left_out = period.left_out.saturating_add(1);
            return Allowance::Nothing;
        }
        period.lines += 1;
        let left_out = std::mem::take(&mut period.left_out);
        Allowance::Line { left_out: (left_out > 0).then_some(left_out) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_causes_a_bounded_number_of_lines_and_the_next_tells_what_was_left_out() {
        let limit = LogLimit::new();
        let peer = IpAddr::from(Ipv4Addr::LOCALHOST);
        let lines = |limit: &LogLimit| {
            (0..100_000).filter(|_| limit.allow(peer) != Allowance::Nothing).count()
        };
        assert_eq!(lines(&limit), 20);
        let other = IpAddr::from([192, 168, 10, 9]);
        assert_eq!(limit.allow(other), Allowance::Line { left_out: None });
        tokio::time::advance(PERIOD).await;
        assert_eq!(limit.allow(peer), Allowance::Line { left_out: Some(99_980) });
        assert_eq!(limit.allow(peer), Allowance::Line { left_out: None });
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_clients_are_counted_than_the_bound_says() {
        let limit = LogLimit::new();
        for n in 0..10_000_u32 {
            limit.allow(Ipv4Addr::from(n).into());
        }
        assert_eq!(limit.clients.lock().unwrap().len(), CLIENTS_LIMIT);
        tokio::time::advance(PERIOD).await;
        let late = IpAddr::from([192, 168, 10, 9]);
        assert_eq!(limit.allow(late), Allowance::Line { left_out: None });
    }
}
