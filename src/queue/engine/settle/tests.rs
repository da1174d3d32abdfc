use std::time::Duration;

use super::*;
use crate::{
    classify::{Concern, Fault, Stage, Verdict, classify},
    queue::fixture::{at, entry},
};

fn plan() -> RetrySettings {
    RetrySettings {
        spacing: [1800, 1800, 3600].map(Duration::from_secs).into(),
        give_up_after: Duration::from_secs(5 * 86_400),
        delay_notice_after: Duration::from_secs(4 * 3600),
    }
}

fn verdict(stage: Stage, concern: Concern, outcome: Outcome, reply: &str) -> Verdict {
    let (code, text) = reply.split_once(' ').unwrap_or(("0", reply));
    let reply = (!reply.is_empty()).then(|| Reply::new(code.parse().unwrap(), text));
    let advice = "Do this.";
    match reply {
        Some(reply) => {
            let facts = classify(stage, &Fault::Reply(reply));
            Verdict { concern, outcome, advice, ..facts }
        }
        None => stage.verdict(concern, outcome, None, advice),
    }
}

fn delivered() -> Verdict {
    verdict(Stage::EndOfData, Concern::Message, Outcome::Deliver, "250 2.0.0 OK")
}

fn report(recipients: Vec<Verdict>) -> Report {
    Report { recipients, account: None, counted: Counted::Perhaps, dsn: Dsn::PassedOn }
}

/// Attempts all recipients at `begun` and concludes ten seconds later.
fn run(mut entry: Entry, split: Split, begun: u64, report: &Report) -> Conclusion {
    let account = AccountName::from("scanner");
    let indexes: Vec<usize> = (0..entry.recipients.len()).collect();
    let attempt = Attempt::begin(&mut entry, &indexes, &account, &plan(), Now::both(at(begun)));
    conclude(
        entry,
        &attempt,
        report,
        &Context { plan: &plan(), account: &account, split, now: Now::both(at(begun + 10)) },
    )
}

/// Checks the state of one recipient after one verdict, written `word due attempts`; the due time
/// is in seconds from the beginning.
fn check(verdict: Verdict, expected: &str) {
    let name = format!("{verdict:?}");
    let conclusion = run(entry(1), Split::OnFailure, 0, &report(vec![verdict]));
    let state = &conclusion.entry.recipients[0];
    let due = state.due().map_or("-".to_owned(), |due| due.since(at(0)).as_secs().to_string());
    let word = conclusion.lines.first().map_or("-", |line| line.line.outcome.as_str());
    assert_eq!(format!("{word} {due} {}", state.attempts), expected, "{name}");
}

#[test]
fn each_verdict_has_its_consequence_for_the_recipient() {
    use Concern::{Account, Message, Recipient};
    use Stage::{EndOfData, MailFrom, RcptTo};
    check(delivered(), "delivered - 1");
    check(
        verdict(RcptTo, Recipient, Outcome::Fail, "550 5.4.1 Recipient address rejected"),
        "failed - 1",
    );
    check(
        verdict(RcptTo, Recipient, Outcome::Retry, "451 4.3.2 Temporary server error"),
        "delayed 1810 1",
    );
    check(
        verdict(EndOfData, Message, Outcome::Retry, "451 4.4.0 Message failed to be replicated"),
        "delayed 1810 1",
    );
    check(
        verdict(RcptTo, Recipient, Outcome::RetryAfter(Duration::from_secs(7200)), "554 5.2.122"),
        "delayed 7210 1",
    );
    check(verdict(EndOfData, Message, Outcome::Fail, "554 5.2.252 SendAsDenied"), "failed - 1");
    check(verdict(EndOfData, Message, Outcome::Doubt, ""), "doubtful 1810 1");
    check(
        verdict(
            EndOfData,
            Account,
            Outcome::Pause(Duration::from_secs(10)),
            "432 4.3.2 Concurrent",
        ),
        "delayed 1810 0",
    );
    check(
        verdict(MailFrom, Account, Outcome::Stop, "550 5.7.30 Basic authentication"),
        "delayed 1810 0",
    );
    check(
        verdict(RcptTo, Recipient, Outcome::NextTransaction, "452 4.5.3 Too many recipients"),
        "delayed 1810 1",
    );
}

#[test]
fn an_attempt_is_counted_and_its_next_time_stored_before_it_begins() {
    let mut entry = entry(1);
    let attempt =
        Attempt::begin(&mut entry, &[0], &AccountName::from("scanner"), &plan(), Now::both(at(0)));
    let state = &entry.recipients[0];
    assert_eq!((state.attempts, state.last_attempt), (1, Some(at(0))));
    assert!(
        state.due().unwrap() >= at(1800),
        "should nobody report, it comes up no sooner than the plan says"
    );
    attempt.undo(&mut entry, at(5));
    assert_eq!((entry.recipients[0].attempts, entry.recipients[0].due()), (0, Some(at(5))));
}

#[test]
fn what_provably_did_not_happen_is_due_at_once_and_not_counted() {
    let never = Report {
        counted: Counted::No,
        ..report(vec![verdict(
            Stage::MailFrom,
            Concern::Message,
            Outcome::Retry,
            "421 4.4.1 Connection timed out",
        )])
    };
    let conclusion = run(entry(1), Split::Never, 0, &never);
    let state = &conclusion.entry.recipients[0];
    assert_eq!((state.attempts, state.last_attempt, state.due()), (0, None, Some(at(10))));
    assert!(conclusion.lines.is_empty());
}

#[test]
fn recipients_that_did_not_fit_go_at_once_in_another_transaction() {
    let too_many = verdict(
        Stage::RcptTo,
        Concern::Recipient,
        Outcome::NextTransaction,
        "452 4.5.3 Too many recipients",
    );
    let conclusion = run(entry(2), Split::Never, 0, &report(vec![delivered(), too_many]));
    let left = &conclusion.entry.recipients[1];
    assert_eq!((left.attempts, left.due()), (0, Some(at(10))));
    assert!(!conclusion.entry.is_settled());
}

#[test]
fn a_doubt_is_kept_with_its_attempt() {
    let conclusion = run(
        entry(1),
        Split::Never,
        0,
        &report(vec![verdict(Stage::EndOfData, Concern::Message, Outcome::Doubt, "")]),
    );
    assert_eq!(conclusion.entry.recipients[0].doubts[0].attempt, at(0));
}

#[test]
fn when_time_is_up_a_retry_becomes_a_failure_but_trouble_of_the_account_never_does() {
    let retry =
        report(vec![verdict(Stage::RcptTo, Concern::Recipient, Outcome::Retry, "451 4.3.2 Later")]);
    let conclusion = run(entry(1), Split::Never, 5 * 86_400, &retry);
    assert_eq!(conclusion.lines[0].line.outcome, RecipientOutcome::Failed);
    assert_eq!(
        conclusion.failed,
        [Failure { index: 0, place: Place::RECIPIENT, advice: "Do this." }]
    );
    let stop = report(vec![verdict(
        Stage::EndOfData,
        Concern::Account,
        Outcome::Stop,
        "550 5.1.8 Access denied",
    )]);
    let conclusion = run(entry(1), Split::Never, 50 * 86_400, &stop);
    assert_eq!(conclusion.lines[0].line.outcome, RecipientOutcome::Delayed);
}

#[test]
fn a_group_refused_after_end_of_data_is_halved_when_a_recipient_may_be_to_blame() {
    let check = |split, outcome, reply, groups: &[u32], settled| {
        let refusal = verdict(Stage::EndOfData, Concern::Message, outcome, reply);
        let conclusion = run(entry(3), split, 0, &report(vec![refusal; 3]));
        let seen: Vec<u32> = conclusion.entry.recipients.iter().map(|state| state.group).collect();
        assert_eq!(
            (seen.as_slice(), conclusion.entry.is_settled()),
            (groups, settled),
            "{split:?} {reply}"
        );
    };
    check(Split::OnFailure, Outcome::Retry, "451 4.3.0 Later", &[1, 1, 2], false);
    check(Split::OnFailure, Outcome::Fail, "550 5.1.1 One of you is unknown", &[1, 1, 2], false);
    check(Split::OnFailure, Outcome::Fail, "554 Transaction failed", &[1, 1, 2], false);
    check(Split::OnFailure, Outcome::Fail, "552 5.3.4 Message size exceeds", &[0, 0, 0], true);
    check(
        Split::OnFailure,
        Outcome::Fail,
        "554 5.2.252 SendAsDenied; x not allowed to send as y",
        &[0, 0, 0],
        true,
    );
    check(Split::OnFailure, Outcome::Fail, "554 5.6.0 Invalid message content", &[0, 0, 0], true);
    check(Split::OnFailure, Outcome::Doubt, "", &[0, 0, 0], false);
    check(Split::Never, Outcome::Fail, "550 5.1.1 One of you is unknown", &[0, 0, 0], true);
}

#[test]
fn a_refusal_at_rcpt_to_concerns_that_recipient_alone() {
    let unknown =
        verdict(Stage::RcptTo, Concern::Recipient, Outcome::Fail, "550 5.4.1 Access denied");
    let conclusion =
        run(entry(3), Split::OnFailure, 0, &report(vec![delivered(), unknown, delivered()]));
    let words: Vec<RecipientOutcome> =
        conclusion.lines.iter().map(|line| line.line.outcome).collect();
    assert_eq!(
        words,
        [RecipientOutcome::Delivered, RecipientOutcome::Failed, RecipientOutcome::Delivered]
    );
    assert!(conclusion.entry.is_settled());
}
