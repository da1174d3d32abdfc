use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::house::{House, scanner};
use crate::{
    classify::{Outcome, Stage},
    model::RecipientOutcome,
    queue::{
        AccountSettings, LimitSettings, Split,
        tests::fake_transport::{Reaction, Seen},
    },
};

/// The events of the three days, in order.
#[derive(Clone, Debug)]
enum Event {
    /// This number of seconds passes.
    Pass(u64),
    /// A device submits `messages` messages, each to `recipients` recipients.
    Burst { device: u8, messages: usize, recipients: usize },
    /// The process dies, and starts again after this number of seconds.
    Crash(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (1u64..7200).prop_map(Event::Pass),
        2 => (1u64..60).prop_map(Event::Pass),
        4 => (0u8..3, 1usize..12, 1usize..5).prop_map(|(device, messages, recipients)| Event::Burst { device, messages, recipients }),
        1 => (0u64..600).prop_map(Event::Crash),
    ];
    proptest::collection::vec(event, 10..60)
}

/// A server that is often in trouble. Its reaction depends only on the time and the seed.
fn mood(seen: &Seen, seed: u64) -> Reaction {
    let number =
        seen.begun.as_millis().wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(seed) >> 32;
    let time = Duration::from_millis(number % 30_000);
    match number % 16 {
        0 => Reaction::Refuse(Stage::MailFrom, "451 4.3.2 Later"),
        1 => Reaction::Refuse(Stage::EndOfData, "451 4.3.2 Later"),
        2 => Reaction::Drop(Stage::Body),
        3 => Reaction::Drop(Stage::EndOfData),
        4 => Reaction::Silence(Stage::RcptTo),
        5 => Reaction::Gone,
        6 => Reaction::Bar(
            Stage::EndOfData,
            Outcome::Pause(time),
            "432 4.3.2 Concurrent connections limit exceeded",
        ),
        7 => Reaction::RefuseSome("r1", "450 4.2.1 Busy"),
        _ => Reaction::Take(time),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn three_bad_days_lose_nothing_and_break_no_promise(
        events in events(),
        seed in any::<u64>(),
        split in 0u8..3,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let limits = LimitSettings { messages_per_minute: Some(10), recipients_per_day: Some(150), ..scanner().limits };
            let mut settings = AccountSettings { limits, ..scanner() };
            settings.batch.split = [Split::Never, Split::Always, Split::OnFailure][usize::from(split)];
            let mut house = House::open(vec![settings]);
            house.server.react(move |seen| mood(seen, seed));
            let mut accepted = 0;
            for event in events {
                match event {
                    Event::Pass(secs) => house.pass(secs).await,
                    Event::Burst { device, messages, recipients } => for _ in 0..messages {
                        house.receive_from(&format!("device{device}"), recipients).await;
                        accepted += recipients;
                    },
                    Event::Crash(down) => house = house.crash(Duration::from_secs(down)).await,
                }
            }
            house.server.react(|_| Reaction::Take(Duration::from_millis(100)));
            house.pass(4 * 86_400 + 86_400 * u64::try_from(accepted / 150).unwrap()).await;
            house.assert_limits();
            house.assert_spacing();
            assert_eq!(house.spool.count(), 0, "everything is settled");
            let journal = house.journal();
            assert_eq!(journal.len(), accepted, "each recipient has one line");
            assert!(journal.iter().all(|line| line.outcome == RecipientOutcome::Delivered));
            let mut copies: BTreeMap<(String, String), u32> = BTreeMap::new();
            for seen in house.seen() {
                for recipient in &seen.taken {
                    *copies.entry((seen.subject.clone(), recipient.clone())).or_default() += 1;
                }
            }
            assert_eq!(copies.len(), accepted, "the server has everything");
            let doubts: u32 = journal.iter().map(|line| line.doubts).sum();
            let doubles: u32 = copies.values().map(|copies| copies - 1).sum();
            assert!(doubles <= doubts, "{doubles} doubles, but {doubts} doubts: a double must be \
                counted");
            house.stop().await;
        });
    }
}
