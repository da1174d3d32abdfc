//! Fairness: devices take turns, and a turn is one message. Pure.
//!
//! A device that dumped 5,000 messages delays another device's scan by one message, not by 5,000.

use crate::model::{AccountName, DeviceName};

/// A device and the account that its mail waits for. After a spill another account sends it.
pub(in crate::queue) type FlowKey = (DeviceName, AccountName);

/// The flow that had the last turn.
#[derive(Clone, Debug, Default)]
pub(in crate::queue) struct RoundRobin {
    last: Option<FlowKey>,
}

impl RoundRobin {
    /// All flows, beginning with the one whose turn it is. `lines` must be sorted.
    pub(in crate::queue) fn order<'a>(
        &self,
        lines: &'a [FlowKey],
    ) -> impl Iterator<Item = &'a FlowKey> + use<'a> {
        let next = self.last.as_ref().map_or(0, |last| lines.partition_point(|line| line <= last));
        let (before, after) = lines.split_at(next);
        after.iter().chain(before)
    }

    /// Records that a flow had its turn.
    pub(in crate::queue) fn took(&mut self, line: FlowKey) {
        self.last = Some(line);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn lines(names: &[&str]) -> Vec<FlowKey> {
        names.iter().map(|name| (DeviceName::from(*name), AccountName::from("a"))).collect()
    }

    fn check(last: Option<&str>, names: &[&str], order: &[&str]) {
        let turns =
            RoundRobin { last: last.map(|name| (DeviceName::from(name), AccountName::from("a"))) };
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

    proptest! {
        /// Devices come, hand in any number of messages, and run dry. After each of these events
        /// one message goes.
        #[test]
        fn no_device_has_two_turns_while_another_waits(
            dumps in proptest::collection::vec((0u8..7, 0usize..30), 1..200),
        ) {
            let mut turns = RoundRobin::default();
            let mut waiting: BTreeMap<u8, usize> = BTreeMap::new();
            // For each waiting device, the devices that had a turn since it began to wait.
            let mut since: BTreeMap<u8, BTreeSet<u8>> = BTreeMap::new();
            for (device, messages) in dumps {
                if messages > 0 {
                    *waiting.entry(device).or_default() += messages;
                    since.entry(device).or_default();
                }
                let names: Vec<FlowKey> = waiting.keys().map(|n| (DeviceName::from(n.to_string()), AccountName::from("a"))).collect();
                let Some(line) = turns.order(&names).next().cloned() else { continue };
                let served: u8 = line.0.as_str().parse().unwrap();
                turns.took(line);
                for (other, had_turns) in since.iter_mut().filter(|(other, _)| **other != served) {
                    prop_assert!(had_turns.insert(served), "{served} had two turns while {other} \
                        waited");
                }
                since.insert(served, BTreeSet::new());
                *waiting.get_mut(&served).unwrap() -= 1;
                if waiting[&served] == 0 {
                    waiting.remove(&served);
                    since.remove(&served);
                }
            }
        }
    }

    #[test]
    fn a_busy_device_delays_another_by_one_message() {
        let mut turns = RoundRobin::default();
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
