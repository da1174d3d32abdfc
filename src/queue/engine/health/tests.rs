//! The transitions of an account's health.

use super::*;
use crate::{
    classify::{Concern, Fault, Stage, classify},
    model::Reply,
    queue::fixture::at,
};

fn trouble(stage: Stage, outcome: Outcome) -> Trouble {
    let reply = Reply::new(454, "4.7.0 Temporary authentication failure");
    let verdict = stage.verdict(Concern::Account, outcome, Some(reply.clone()), "Wait.");
    Trouble { fault: Fault::Reply(reply), verdict }
}

fn pause(secs: u64) -> Outcome {
    Outcome::Pause(Duration::from_secs(secs))
}

#[test]
fn a_pause_ends_by_itself_and_grows_until_something_works() {
    let mut health = Health::ready();
    let mut now = 0;
    for expected in [60, 120, 240] {
        health.trouble(&trouble(Stage::Connect, pause(60)), at(now));
        assert_eq!(health.next_at(), Some(at(now + expected)));
        assert!(!health.may_connect(at(now + expected - 1)));
        now += expected;
        assert!(health.lapse(at(now)) && health.may_connect(at(now)));
    }
    health.connected(at(now));
    health.trouble(&trouble(Stage::Connect, pause(60)), at(now));
    assert_eq!(health.next_at(), Some(at(now + 60)));
}

#[test]
fn connections_that_meet_trouble_together_pause_the_account_once() {
    let mut health = Health::ready();
    assert_eq!(health.trouble(&trouble(Stage::EndOfData, pause(60)), at(0)), Some(News::Hiccup));
    assert_eq!(health.trouble(&trouble(Stage::EndOfData, pause(60)), at(1)), None);
    assert_eq!(health.next_at(), Some(at(61)));
}

#[test]
fn a_person_is_told_once_of_trouble_and_once_of_its_end() {
    let mut health = Health::ready();
    assert_eq!(health.trouble(&trouble(Stage::Auth, Outcome::Stop), at(0)), Some(News::Alarm));
    for probe in 1..5 {
        assert_eq!(health.trouble(&trouble(Stage::Auth, Outcome::Stop), at(probe * 900)), None);
    }
    assert_eq!(health.connected(at(3601)), Some(News::AllClear));
    assert_eq!(health.account_state(), AccountState::Ready);
    assert_eq!(health.works(), None);
}

#[test]
fn a_short_pause_is_for_the_log_and_the_third_in_a_row_for_a_person() {
    let mut health = Health::ready();
    let news: Vec<_> = (0..4)
        .map(|hour| {
            health.lapse(at(hour * 3600));
            health.trouble(&trouble(Stage::Connect, pause(60)), at(hour * 3600))
        })
        .collect();
    assert_eq!(news, [News::Hiccup, News::Hiccup, News::Alarm, News::Hiccup].map(Some));
}

#[test]
fn a_refusal_of_mail_is_over_only_when_mail_goes() {
    let mut health = Health::ready();
    health.trouble(&trouble(Stage::EndOfData, Outcome::Stop), at(0));
    assert!(health.may_connect(at(300)));
    assert_eq!(health.connected(at(300)), None, "a login proves nothing");
    assert_eq!(health.account_state(), AccountState::Ready);
    health.trouble(&trouble(Stage::EndOfData, Outcome::Stop), at(300));
    assert_eq!(health.next_at(), Some(at(900)), "the next try costs a message, so it comes later");
    health.connected(at(900));
    assert_eq!(health.works(), Some(News::AllClear));
}

#[test]
fn what_was_under_way_when_mail_was_refused_neither_ends_the_stop_nor_makes_it_longer() {
    let mut health = Health::ready();
    health.trouble(&trouble(Stage::EndOfData, Outcome::Stop), at(0));
    assert_eq!(health.connected(at(1)), None);
    assert_eq!(health.trouble(&trouble(Stage::EndOfData, Outcome::Stop), at(1)), None);
    assert!(!health.may_connect(at(299)) && health.may_connect(at(300)));
    assert!(!health.is_probing());
    health.connected(at(300));
    assert!(health.is_probing(), "one message at a time, until one has gone");
    health.works();
    assert!(!health.is_probing());
}

#[test]
fn a_persons_word_is_borne_out_by_mail_and_then_somebody_is_told() {
    let mut health = Health::ready();
    health.trouble(&trouble(Stage::EndOfData, Outcome::Stop), at(0));
    health.set_enabled(Enabled::On);
    assert!(health.may_connect(at(1)) && health.is_probing());
    assert_eq!(health.works(), Some(News::AllClear));
    health.set_enabled(Enabled::On);
    assert!(!health.is_probing());
    assert_eq!(health.works(), None);
}

#[test]
fn a_restart_tries_what_it_may_have_put_right() {
    let mut stopped = Health::ready();
    stopped.trouble(&trouble(Stage::Auth, Outcome::Stop), at(0));
    assert!(stopped.restored(at(1)).may_connect(at(1)));
    let mut throttled = Health::ready();
    throttled.trouble(&trouble(Stage::EndOfData, pause(3600)), at(0));
    assert!(!throttled.clone().restored(at(1)).may_connect(at(1)));
    assert!(throttled.restored(at(3600)).may_connect(at(3600)));
}

#[test]
fn what_is_punished_when_repeated_is_tried_once_a_day_or_when_a_person_says_so() {
    let full = "5.2.2 mailbox full; \
        STOREDRV.Submission.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded";
    let fault = Fault::Reply(Reply::new(554, full));
    let verdict = classify(Stage::EndOfData, &fault);
    let full_mailbox = Trouble { fault, verdict };
    let mut health = Health::ready();
    assert_eq!(health.trouble(&full_mailbox, at(0)), Some(News::Alarm));
    let restarted = health.clone().restored(at(3600));
    for health in [&health, &restarted] {
        assert!(!health.may_connect(at(86_399)) && health.may_connect(at(86_400)));
    }
    health.set_enabled(Enabled::On);
    assert!(health.may_connect(at(1)));
}

#[test]
fn a_punishment_of_an_hour_grows_when_it_is_met_again() {
    let mut health = Health::ready();
    let mut now = 0;
    for hours in [1, 2, 4, 8, 8] {
        health.lapse(at(now));
        health.trouble(&trouble(Stage::EndOfData, pause(3600)), at(now));
        now += hours * 3600;
        assert_eq!(health.next_at(), Some(at(now)));
    }
}

#[test]
fn a_person_switches_off_and_on() {
    let mut health = Health::ready();
    health.set_enabled(Enabled::Off);
    assert_eq!(health.trouble(&trouble(Stage::Connect, pause(60)), at(0)), None);
    assert!(!health.restored(at(1)).may_connect(at(1)));
    let mut health = Health::ready();
    health.trouble(&trouble(Stage::Auth, Outcome::Stop), at(0));
    health.set_enabled(Enabled::On);
    assert!(health.may_connect(at(0)));
}

#[test]
fn a_pause_that_a_clock_step_made_endless_is_over() {
    let mut health = Health::ready();
    health.trouble(&trouble(Stage::EndOfData, pause(60)), at(900_000_000));
    assert!(health.lapse(at(0)));
}
