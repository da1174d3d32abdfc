//! Detects whether a client begins with TLS or waits for our banner, where the port allows both.
//!
//! An SMTP server speaks first, a TLS server second, so the server has to wait on such a port. The
//! wait is short. What a client did is remembered by its address, so that a known client does not
//! have to wait again.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{io::AsyncReadExt, time::timeout};

use crate::{
    client_hello::{self, Opening},
    listener::wire::Transport,
};

/// The wait for an unknown client: long enough for a ClientHello over a slow radio link, and too
/// short to be noticed.
const WAIT_FOR_THE_UNKNOWN: Duration = Duration::from_millis(300);
/// The wait on a STARTTLS port, where TLS is the exception. A hello that was sent at once arrives
/// after one round trip.
const GLANCE: Duration = Duration::from_millis(30);
/// The wait for a client that has always begun with TLS. It will again, unless its settings were
/// just changed.
const WAIT_FOR_TLS: Duration = Duration::from_secs(3);
/// The maximum number of addresses remembered. Beyond it, all are forgotten, and each waits once
/// more.
const ADDRESSES_LIMIT: usize = 4096;

/// What a client has begun with so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Habit {
    Plain,
    Tls,
    /// TLS and plaintext: several programs on one machine, or one whose settings were changed.
    Both,
}

/// How long a port that allows both waits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Policy {
    /// `tls = "auto"`: TLS is as likely as plaintext.
    Wait,
    /// `tls = "starttls"`: TLS from the first byte is a mistake of the device. The wait is short,
    /// and longer for a client that is known to make the mistake.
    Glance,
}

/// What a client began with, and what was read of it.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Beginning {
    /// A ClientHello, or its first part.
    Tls(Vec<u8>),
    /// The client waits for the banner, or speaks before it.
    Plain(Vec<u8>),
}

/// What the clients of all listeners begin with, for each policy: an address may be a computer with
/// several programs, each configured for its port.
#[derive(Default)]
pub(super) struct OpeningHabits(Mutex<HashMap<(IpAddr, Policy), Habit>>);

impl OpeningHabits {
    /// Waits as long as this client's past suggests, and remembers what it did.
    pub(super) async fn observe<IO: Transport>(
        &self,
        peer: IpAddr,
        policy: Policy,
        io: &mut IO,
    ) -> io::Result<Beginning> {
        let mut seen = Vec::new();
        let wait = self.wait(peer, policy);
        if wait.is_zero() {
            return Ok(Beginning::Plain(seen));
        }
        let opening = match timeout(wait, sniff(io, &mut seen)).await {
            Ok(opening) => opening?,
            Err(_elapsed) => Opening::Incomplete,
        };
        let begins_with_tls = match opening {
            Opening::Hello(_) | Opening::Garbled => true,
            // The first octets of a hello count as a hello. The handshake waits for the rest.
            Opening::Incomplete => !seen.is_empty(),
            Opening::NoTls => false,
        };
        if begins_with_tls {
            self.note(peer, policy, Habit::Tls);
            Ok(Beginning::Tls(seen))
        } else {
            self.note(peer, policy, Habit::Plain);
            Ok(Beginning::Plain(seen))
        }
    }

    /// Records that a client began with TLS after the banner. Its next connection will be waited
    /// for.
    pub(super) fn note_late_tls(&self, peer: IpAddr) {
        for policy in [Policy::Wait, Policy::Glance] {
            self.note(peer, policy, Habit::Tls);
        }
    }

    fn wait(&self, peer: IpAddr, policy: Policy) -> Duration {
        let habits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (habits.get(&(peer, policy)), policy) {
            (Some(Habit::Tls), _) => WAIT_FOR_TLS,
            (Some(Habit::Both), _) | (None, Policy::Wait) => WAIT_FOR_THE_UNKNOWN,
            (None, Policy::Glance) => GLANCE,
            (Some(Habit::Plain), _) => Duration::ZERO,
        }
    }

    fn note(&self, peer: IpAddr, policy: Policy, seen: Habit) {
        let key = (peer, policy);
        let mut habits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if habits.len() >= ADDRESSES_LIMIT && !habits.contains_key(&key) {
            habits.clear();
        }
        let habit = habits.entry(key).or_insert(seen);
        if *habit != seen {
            *habit = Habit::Both;
        }
    }
}

/// Reads until the first bytes show whether they begin a ClientHello. At the end of input, the
/// result is [`Opening::Incomplete`].
pub(super) async fn sniff<IO: Transport>(io: &mut IO, seen: &mut Vec<u8>) -> io::Result<Opening> {
    loop {
        let opening = client_hello::read(seen);
        if opening != Opening::Incomplete {
            return Ok(opening);
        }
        let room = u64::try_from(client_hello::HELLO_LIMIT.saturating_sub(seen.len())).unwrap_or(0);
        if (&mut *io).take(room).read_buf(seen).await? == 0 {
            return Ok(Opening::Incomplete);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::{io::AsyncWriteExt, time::Instant};

    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    /// Enough to see that it is TLS, and malformed, so that nothing waits for more.
    const BROKEN_HELLO: &[u8] = &[22, 3, 1, 0, 80, 2];

    async fn check(
        habits: &OpeningHabits,
        policy: Policy,
        says: &[u8],
        expected: Beginning,
        waits: Duration,
    ) {
        let (mut client, mut server) = tokio::io::duplex(1024);
        client.write_all(says).await.unwrap();
        let start = Instant::now();
        assert_eq!(habits.observe(PEER, policy, &mut server).await.unwrap(), expected);
        let waited = start.elapsed();
        assert!(
            waited >= waits && waited < waits + Duration::from_millis(10),
            "{waited:?} instead of {waits:?}"
        );
    }

    fn plain() -> Beginning {
        Beginning::Plain(Vec::new())
    }

    fn tls() -> Beginning {
        Beginning::Tls(BROKEN_HELLO.to_vec())
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_client_is_waited_for_and_a_known_one_is_not() {
        let habits = OpeningHabits::default();
        check(&habits, Policy::Wait, b"", plain(), WAIT_FOR_THE_UNKNOWN).await;
        check(&habits, Policy::Wait, b"", plain(), Duration::ZERO).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_client_does_on_a_starttls_port_says_nothing_of_an_automatic_one() {
        let habits = OpeningHabits::default();
        check(&habits, Policy::Glance, b"", plain(), GLANCE).await;
        check(&habits, Policy::Wait, BROKEN_HELLO, tls(), Duration::ZERO).await;
        check(&habits, Policy::Glance, b"", plain(), Duration::ZERO).await;
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_talks_before_the_banner_loses_nothing() {
        let early = b"EHLO printer\r\n";
        check(
            &OpeningHabits::default(),
            Policy::Wait,
            early,
            Beginning::Plain(early.to_vec()),
            Duration::ZERO,
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_spoke_tls_too_late_is_waited_for_the_next_time() {
        let habits = OpeningHabits::default();
        check(&habits, Policy::Glance, b"", plain(), GLANCE).await;
        check(&habits, Policy::Glance, b"", plain(), Duration::ZERO).await;
        habits.note_late_tls(PEER);
        check(&habits, Policy::Glance, b"", plain(), WAIT_FOR_THE_UNKNOWN).await;
        check(&habits, Policy::Glance, BROKEN_HELLO, tls(), Duration::ZERO).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_of_tls_that_was_set_up_anew_gets_its_banner() {
        let habits = OpeningHabits::default();
        check(&habits, Policy::Wait, BROKEN_HELLO, tls(), Duration::ZERO).await;
        check(&habits, Policy::Wait, b"", plain(), WAIT_FOR_TLS).await;
        check(&habits, Policy::Wait, b"", plain(), WAIT_FOR_THE_UNKNOWN).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_part_of_a_hello_is_taken_for_one() {
        let part = [22, 3, 1, 0, 80, 1];
        check(
            &OpeningHabits::default(),
            Policy::Wait,
            &part,
            Beginning::Tls(part.to_vec()),
            WAIT_FOR_THE_UNKNOWN,
        )
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_addresses_are_remembered_than_the_bound_says() {
        let habits = OpeningHabits::default();
        for n in 0..10_000_u32 {
            habits.note(Ipv4Addr::from(n).into(), Policy::Wait, Habit::Plain);
        }
        assert!(habits.0.lock().unwrap().len() <= ADDRESSES_LIMIT);
    }
}
