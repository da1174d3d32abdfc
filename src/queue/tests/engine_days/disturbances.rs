//! What happens to the simulated office: mail, answers, crashes, clocks that are set.

use super::*;

impl Days {
    pub(super) fn fate(&mut self) -> Fate {
        if self.calm {
            return Fate::Taken;
        }
        match self.dice.between(0, 999) {
            0..20 => Fate::Later,
            20..25 => Fate::Doubt,
            25..27 => Fate::Pause,
            27 => Fate::Stop,
            28..33 => Fate::Dead,
            _ => Fate::Taken,
        }
    }

    /// The process dies and starts again. The results of transactions under way are lost.
    pub(super) fn crash(&mut self) {
        for Flying { claim, .. } in std::mem::take(&mut self.flying) {
            for index in claim.indexes() {
                self.ended.insert((claim.entry.id, index), self.time);
                assert!(matches!(claim.entry.recipients[index].progress, Progress::Attempting(_)));
                self.doubts += 1;
            }
        }
        self.store.crash();
        // Turns are not stored.
        self.turns = Default::default();
        if self.dice.once_in(3) {
            self.reboot();
        } else {
            let down = self.dice.between(0, 60);
            self.pass(self.time + Duration::from_secs(down));
        }
        self.start();
    }

    /// The machine loses its power. Its clock may have stopped meanwhile, or have begun anew.
    fn reboot(&mut self) {
        let off = Duration::from_secs(self.dice.between(1, 7200));
        self.late += self.time + off - self.noted.1;
        let stopped_at = self.machine.now();
        self.pass(self.time + off);
        match self.dice.between(0, 3) {
            0 => self.machine.set(stopped_at),
            1 => self.machine.set(at(0).minus(DAY * 365)),
            _ => {}
        }
        self.machine.reboot();
        let booting = self.dice.between(1, 60);
        self.pass(self.time + Duration::from_secs(booting));
    }

    /// Sets the wall clock.
    pub(super) fn set_clock(&mut self) {
        let most = if self.dice.once_in(2) { 5400 } else { 40 * 86_400 };
        let (by, now) = (Duration::from_secs(self.dice.between(1, most)), self.machine.now());
        self.machine.set(if self.dice.once_in(2) { now.plus(by) } else { now.minus(by) });
    }

    pub(super) fn arrive(&mut self) {
        let place = usize::try_from(self.dice.between(0, 2)).unwrap();
        let device = format!("{}-{}", ACCOUNTS[place], self.dice.between(0, 3));
        let burst = self.dice.once_in(40);
        let messages = if burst { self.dice.between(50, 200) } else { 1 };
        let now = self.now();
        for _ in 0..messages {
            self.number += 1;
            let recipients = usize::try_from(self.dice.between(1, 3)).unwrap();
            let mut envelope = envelope(MessageId::new(now.wall, self.number), recipients);
            envelope.device = device.as_str().into();
            envelope.received = now.wall;
            let size = ByteSize::from_octets(1000);
            let entry = Entry::new(&envelope, ACCOUNTS[place], size).queued_at(now.steady);
            self.store.accept(entry);
            self.accepted += recipients;
        }
    }

    pub(super) fn disturb(&mut self) {
        match self.dice.between(0, 3) {
            0 | 1 => self.crash(),
            2 => self.set_clock(),
            _ => {
                let place = usize::try_from(self.dice.between(0, 2)).unwrap();
                self.with(place, |runtime, _| runtime.health.set_enabled(Enabled::Off));
                self.with(place, |runtime, _| runtime.health.set_enabled(Enabled::On));
            }
        }
    }
}
