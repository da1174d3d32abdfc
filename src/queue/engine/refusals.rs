//! Whom a refusal concerns when its words leave that open. What the server does with other
//! recipients decides. Pure.

use crate::{
    attempt::{Report, Trouble},
    classify::{Certainty, Concern, Fault, Outcome, Verdict},
    entry::{Entry, RecipientState},
    model::{Address, Reply, Timestamp},
    queue::engine::settle::{Attempt, Before},
};

/// A reply that refuses this many different recipients in a row refuses the account.
const SEVERAL: usize = 3;
/// How much of a reply is compared, in octets.
const COMPARED: usize = 300;

/// The refusals since the account last delivered something. They are kept only in memory: after a
/// restart, the next ones are counted anew.
#[derive(Clone, Debug, Default)]
pub(in crate::queue) struct Refusals {
    same: Option<(u16, String)>,
    /// At most [`SEVERAL`].
    recipients: Vec<Address>,
}

impl Refusals {
    /// Corrects the verdicts of an attempt.
    ///
    /// - A reply that seems to refuse the account refuses one recipient alone, if the account
    ///   delivered something since the recipient was last refused in the same way.
    /// - A reply that seems to refuse a recipient refuses the account, if it refuses several
    ///   different recipients and nothing was delivered meanwhile.
    pub(in crate::queue) fn judge(
        &mut self,
        mut report: Report,
        entry: &Entry,
        attempt: &Attempt,
        last_delivery: Option<Timestamp>,
    ) -> Report {
        if report.recipients.iter().any(|verdict| verdict.outcome == Outcome::Deliver) {
            *self = Self::default();
        }
        // Before `RCPT TO` and after it, one reply stands for all recipients.
        let mut heard = false;
        for (before, verdict) in attempt.recipients.iter().zip(&mut report.recipients) {
            let Some(recipient) = entry.recipients.get(before.index) else { continue };
            match verdict.certainty {
                Certainty::Stated => {}
                Certainty::UnlessOthersPass => {
                    if passed_since(verdict, recipient, before, last_delivery) {
                        *verdict = verdict.clone().of_recipient_alone();
                    }
                }
                Certainty::UnlessRepeated => {
                    let counts = verdict.concern == Concern::Recipient || !heard;
                    heard = true;
                    if self.is_of_account(verdict, &recipient.recipient.address, counts) {
                        *verdict = verdict.clone().of_account();
                    }
                }
            }
        }
        let is_left =
            |certainty| report.recipients.iter().any(|one| of_account(one) == Some(certainty));
        report.account = match report.account.take() {
            Some(trouble)
                if trouble.verdict.certainty == Certainty::UnlessOthersPass
                    && !is_left(Certainty::UnlessOthersPass) =>
            {
                None
            }
            Some(trouble) => Some(trouble),
            None => report.recipients.iter().find_map(trouble),
        };
        report
    }

    /// Counts a refusal. Returns whether the account is refused.
    fn is_of_account(&mut self, verdict: &Verdict, recipient: &Address, counts: bool) -> bool {
        let Some(reply) = verdict.reply.as_ref() else { return false };
        let same = Some((reply.code, essence(reply)));
        if self.same != same {
            *self = Self { same, recipients: Vec::new() };
        }
        if counts && self.recipients.len() < SEVERAL && !self.recipients.contains(recipient) {
            self.recipients.push(recipient.clone());
        }
        self.recipients.len() >= SEVERAL
    }
}

/// Whether the server accepted mail since it last refused the recipient in this way.
fn passed_since(
    verdict: &Verdict,
    recipient: &RecipientState,
    before: &Before,
    last_delivery: Option<Timestamp>,
) -> bool {
    let code = |reply: &Option<Reply>| reply.as_ref().map(|reply| reply.code);
    code(&recipient.last_reply) == code(&verdict.reply)
        && before.last_attempt.is_some_and(|refused| last_delivery > Some(refused))
}

fn of_account(verdict: &Verdict) -> Option<Certainty> {
    (verdict.concern == Concern::Account).then_some(verdict.certainty)
}

fn trouble(verdict: &Verdict) -> Option<Trouble> {
    of_account(verdict)?;
    let fault = Fault::Reply(verdict.reply.clone()?);
    Some(Trouble { fault, verdict: verdict.clone() })
}

/// The words of a reply without what differs from one recipient to the next: addresses, numbers and
/// identifiers.
fn essence(reply: &Reply) -> String {
    let differs = |word: &&str| word.contains(['@', '<']) || word.contains(char::is_numeric);
    let mut essence = String::new();
    for word in reply.text.split_whitespace().filter(|word| !differs(word)) {
        if essence.len().saturating_add(word.len()) > COMPARED {
            break;
        }
        essence.push_str(&word.to_lowercase());
        essence.push(' ');
    }
    essence
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        attempt::Dsn,
        classify::{Counted, Stage, classify},
        queue::{RetrySettings, fixture::at},
    };

    fn verdict(stage: Stage, reply: &str) -> Verdict {
        let (code, text) = reply.split_once(' ').unwrap();
        classify(stage, &Fault::Reply(Reply::new(code.parse().unwrap(), text)))
    }

    struct Account {
        refusals: Refusals,
        last_delivery: Option<Timestamp>,
    }

    impl Account {
        fn new() -> Self {
            Self { refusals: Refusals::default(), last_delivery: None }
        }

        /// Attempts a message and returns what follows for its recipients and the account.
        fn attempt(&mut self, entry: &mut Entry, secs: u64, verdicts: Vec<Verdict>) -> String {
            let plan = RetrySettings {
                spacing: [Duration::from_secs(1800)].into(),
                give_up_after: Duration::from_secs(5 * 86_400),
                delay_notice_after: Duration::from_secs(4 * 3600),
            };
            let indexes: Vec<usize> = (0..entry.recipients.len()).collect();
            let attempt = Attempt::begin(
                entry,
                &indexes,
                &"scanner".into(),
                &plan,
                crate::queue::engine::now::Now::both(at(secs)),
            );
            let account = verdicts.iter().find_map(trouble);
            let report = Report {
                recipients: verdicts,
                account,
                counted: Counted::Perhaps,
                dsn: Dsn::PassedOn,
            };
            let report = self.refusals.judge(report, entry, &attempt, self.last_delivery);
            let mut said = Vec::new();
            for (state, verdict) in entry.recipients.iter_mut().zip(&report.recipients) {
                state.last_reply.clone_from(&verdict.reply);
                if verdict.outcome == Outcome::Deliver {
                    self.last_delivery = Some(at(secs));
                }
                said.push(format!("{:?} {:?}", verdict.concern, verdict.outcome));
            }
            let account = report.account.map(|trouble| trouble.verdict.outcome);
            format!("{}; {account:?}", said.join(", "))
        }
    }

    /// A message to one recipient of this name.
    fn to(name: &str) -> Entry {
        let mut entry = crate::queue::fixture::entry(1);
        entry.recipients[0].recipient.address = format!("{name}@example.com").parse().unwrap();
        entry
    }

    const TAKEN: &str = "250 2.0.0 OK";

    #[test]
    fn the_same_refusal_for_several_recipients_in_a_row_is_a_refusal_of_the_account() {
        let mut account = Account::new();
        let refused = |name: &str| {
            vec![verdict(Stage::RcptTo, &format!("550 <{name}@example.com>: no. id 7{name}"))]
        };
        let fails = "Recipient Fail; None";
        assert_eq!(account.attempt(&mut to("ann"), 0, refused("ann")), fails);
        assert_eq!(account.attempt(&mut to("ann"), 10, refused("ann")), fails, "no other one");
        assert_eq!(account.attempt(&mut to("bob"), 20, refused("bob")), fails);
        for name in ["cid", "dan", "ann"] {
            let said = account.attempt(&mut to(name), 30, refused(name));
            assert_eq!(said, "Account Stop; Some(Stop)", "{name}");
        }
        let taken = vec![verdict(Stage::EndOfData, TAKEN)];
        assert_eq!(account.attempt(&mut to("eve"), 40, taken), "Message Deliver; None");
        assert_eq!(account.attempt(&mut to("cid"), 50, refused("cid")), fails);
    }

    #[test]
    fn refusals_in_other_words_or_of_known_meaning_do_not_add_up() {
        let mut account = Account::new();
        for (secs, name) in (0..).zip(["ann", "bob", "cid", "dan", "eve", "fay"]) {
            let unknown = vec![verdict(Stage::RcptTo, "550 5.1.1 user unknown")];
            assert_eq!(account.attempt(&mut to(name), secs, unknown), "Recipient Fail; None");
            let other = if secs % 2 == 0 { "554 no" } else { "554 never" };
            let said = account.attempt(&mut to(name), secs, vec![verdict(Stage::RcptTo, other)]);
            assert_eq!(said, "Recipient Fail; None", "{name}");
        }
    }

    #[test]
    fn one_refused_message_counts_once_however_many_recipients_it_has() {
        let mut account = Account::new();
        let mut entry = crate::queue::fixture::entry(4);
        let verdicts = vec![verdict(Stage::MailFrom, "550 no"); 4];
        let said = account.attempt(&mut entry, 0, verdicts);
        assert!(said.ends_with("Message Fail; None"), "{said}");
    }

    #[test]
    fn a_server_that_accepts_others_meanwhile_refuses_the_recipient_alone() {
        let mut account = Account::new();
        let relay = || vec![verdict(Stage::RcptTo, "550 relay not permitted")];
        let pauses = "Account Pause(60s); Some(Pause(60s))";
        let mut abroad = to("abroad");
        assert_eq!(account.attempt(&mut abroad, 0, relay()), pauses);
        assert_eq!(account.attempt(&mut abroad, 1800, relay()), pauses, "nothing passed");
        account.attempt(&mut to("ann"), 2000, vec![verdict(Stage::EndOfData, TAKEN)]);
        assert_eq!(account.attempt(&mut abroad, 3600, relay()), "Recipient Retry; None");
        assert_eq!(account.attempt(&mut abroad, 5400, relay()), pauses, "nothing passed since");
        assert_eq!(account.attempt(&mut to("other"), 5500, relay()), pauses, "refused once");
    }
}
