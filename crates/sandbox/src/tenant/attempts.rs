//! Records which message was tried for which recipient and when, to find repetitions and
//! duplicates.

use std::collections::{HashMap, VecDeque};

use crate::tenant::judge::SandboxState;
use postroom_core::model::Timestamp;

/// The maximum number of pairs of message and recipient remembered. The oldest are forgotten, and
/// their repetitions go unnoticed.
const REMEMBERED_LIMIT: usize = 200_000;

/// The outcome of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    Accepted,
    Refused,
}

struct Tried {
    last: Timestamp,
    accepted: bool,
}

/// The attempts so far.
#[derive(Default)]
pub(crate) struct Attempts {
    tried: HashMap<(String, String), Tried>,
    order: VecDeque<(String, String)>,
}

impl Attempts {
    pub(crate) fn note(
        &mut self,
        message_id: &str,
        recipient: &str,
        ending: Ending,
        now: Timestamp,
        state: &mut SandboxState,
    ) {
        let key = (message_id.to_owned(), recipient.to_lowercase());
        let accepted = ending == Ending::Accepted;
        if let Some(tried) = self.tried.get_mut(&key) {
            let gap = u64::try_from(now.since(tried.last).as_millis()).unwrap_or(u64::MAX);
            state.repeated += 1;
            state.shortest_repeat_ms =
                Some(state.shortest_repeat_ms.map_or(gap, |shortest| shortest.min(gap)));
            state.duplicates += u64::from(tried.accepted && accepted);
            tried.last = now;
            tried.accepted |= accepted;
            return;
        }
        if self.order.len() >= REMEMBERED_LIMIT
            && let Some(oldest) = self.order.pop_front()
        {
            self.tried.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.tried.insert(key, Tried { last: now, accepted });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_given_twice_to_one_recipient_is_a_duplicate_and_a_second_try_is_none() {
        let (mut attempts, mut state) = (Attempts::default(), SandboxState::default());
        let at = Timestamp::from_millis;
        attempts.note("<1>", "a@b.c", Ending::Refused, at(0), &mut state);
        attempts.note("<1>", "A@b.c", Ending::Accepted, at(1_800_000), &mut state);
        attempts.note("<1>", "d@b.c", Ending::Accepted, at(1_800_000), &mut state);
        assert_eq!(
            (state.repeated, state.duplicates, state.shortest_repeat_ms),
            (1, 0, Some(1_800_000))
        );
        attempts.note("<1>", "a@b.c", Ending::Accepted, at(1_800_007), &mut state);
        assert_eq!((state.repeated, state.duplicates, state.shortest_repeat_ms), (2, 1, Some(7)));
    }
}
