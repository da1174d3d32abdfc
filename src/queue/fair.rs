//! Fairness: devices take turns, each message one turn. Pure.
//!
//! A device that dumped 5,000 messages delays another device's scan by one message, not by 5,000.

use crate::model::{AccountName, DeviceName};

/// Whose mail it is: a device's, for an account, which after a spill is not the one that sends.
pub(super) type Line = (DeviceName, AccountName);

/// Whose turn it was last.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    last: Option<Line>,
}

impl Turns {
    /// All lines, beginning with the one whose turn it is. They must come sorted.
    pub(super) fn order<'a>(&self, lines: &'a [Line]) -> impl Iterator<Item = &'a Line> + use<'a> {
        let next = self.last.as_ref().map_or(0, |last| lines.partition_point(|line| line <= last));
        let (before, after) = lines.split_at(next);
        after.iter().chain(before)
    }

    /// This one had its turn.
    pub(super) fn took(&mut self, line: Line) {
        self.last = Some(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(names: &[&str]) -> Vec<Line> {
        names.iter().map(|name| (DeviceName::from(*name), AccountName::from("a"))).collect()
    }

    fn check(last: Option<&str>, names: &[&str], order: &[&str]) {
        let turns = Turns { last: last.map(|name| (DeviceName::from(name), AccountName::from("a"))) };
        let lines_now = lines(names);
        let seen: Vec<&str> = turns.order(&lines_now).map(|(device, _)| device.as_str()).collect();
        assert_eq!(seen, order, "after {last:?}");
    }

    #[test]
    fn the_turn_goes_round_and_survives_devices_that_come_and_go() {
        check(None, &["a", "b", "c"], &["a", "b", "c"]);
        check(Some("a"), &["a", "b", "c"], &["b", "c", "a"]);
        check(Some("c"), &["a", "b", "c"], &["a", "b", "c"]);
        check(Some("bb"), &["a", "b", "c"], &["c", "a", "b"]);
        check(Some("z"), &["a"], &["a"]);
        check(Some("a"), &[], &[]);
    }

    #[test]
    fn a_busy_device_delays_another_by_one_message() {
        let mut turns = Turns::default();
        let both = lines(&["dump", "scan"]);
        let mut served = Vec::new();
        for _ in 0..6 {
            let line = turns.order(&both).next().unwrap().clone();
            served.push(line.0.as_str().to_owned());
            turns.took(line);
        }
        assert_eq!(served, ["dump", "scan", "dump", "scan", "dump", "scan"]);
    }
}
