//! The decision at end of data, where Exchange Online makes nearly all of its decisions.

use std::time::Duration;

use crate::{
    OverRate,
    fault::cited,
    tenant::{Limit, Tenant, count, mailbox::ContinuousError},
    text::TextFacts,
};
use postroom_core::model::{Address, Timestamp};

/// Whether a submission began when the maximum number was already in progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Submission {
    Within,
    Extra,
}

/// The decision on a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// The message is accepted. Its answer is delayed by `hold`.
    Accept { hold: Duration },
    /// The message is refused with this text, which mentions this sender.
    Refuse { text: &'static str, from: String },
}

impl Verdict {
    const fn refuse(text: &'static str) -> Self {
        Self::Refuse { text, from: String::new() }
    }
}

impl Tenant {
    /// Records that `DATA` of a logged-in session was answered with 354.
    pub(crate) fn open_submission(&mut self, user: &Address, now: Timestamp) -> Submission {
        let limit = self.settings.limits.connections;
        let Some(mailbox) = self.mailbox(user) else { return Submission::Within };
        let open = mailbox.report.submissions.rise();
        if open <= limit {
            return Submission::Within;
        }
        self.violate(now, Some(user), Limit::Submissions, count(open), count(limit));
        Submission::Extra
    }

    /// Records that the last answer was given, or never will be.
    pub(crate) fn close_submission(&mut self, user: &Address) {
        if let Some(mailbox) = self.mailbox(user) {
            mailbox.report.submissions.fall();
        }
    }

    /// Counts a message that a fault refused at end of data.
    pub(crate) fn refused_by_fault(&mut self, user: &Address) {
        if let Some(mailbox) = self.mailbox(user) {
            mailbox.report.refused += 1;
        }
    }

    /// Decides on a submitted message and counts it.
    pub(crate) fn submit(
        &mut self,
        user: &Address,
        envelope_sender: &str,
        recipients: usize,
        facts: &TextFacts,
        place: Submission,
        now: Timestamp,
    ) -> Verdict {
        let verdict = match self.refusal(user, envelope_sender, recipients, facts, place, now) {
            Some(refusal) => refusal,
            None => {
                Verdict::Accept { hold: self.accept(user, count(recipients), facts.octets, now) }
            }
        };
        if matches!(verdict, Verdict::Refuse { .. }) {
            self.refused_by_fault(user);
        }
        verdict
    }

    /// Decides on a message at the MX and counts it.
    pub(crate) fn take_in(&mut self, facts: &TextFacts, now: Timestamp) -> Verdict {
        let refusal = self.refusal_of_text(None, facts, now);
        if refusal.is_none() {
            self.state.accepted += 1;
        }
        refusal.unwrap_or(Verdict::Accept { hold: Duration::ZERO })
    }

    fn accept(&mut self, user: &Address, recipients: u64, octets: u64, now: Timestamp) -> Duration {
        self.state.accepted += 1;
        let per_minute = self.settings.limits.messages_per_minute;
        let over_rate = self.settings.switches.over_rate;
        let hold = self
            .mailbox(user)
            .map(|mailbox| mailbox.accept(recipients, octets, per_minute, now))
            .unwrap_or_default();
        match over_rate {
            OverRate::Delay => hold,
            OverRate::Reject => Duration::ZERO,
        }
    }

    fn refusal(
        &mut self,
        user: &Address,
        envelope_sender: &str,
        recipients: usize,
        facts: &TextFacts,
        place: Submission,
        now: Timestamp,
    ) -> Option<Verdict> {
        let (limits, switches) = (self.settings.limits, self.settings.switches);
        let mailbox = self.mailbox(user)?;
        if let Some(throttled) = mailbox.throttled(now) {
            return Some(Verdict::refuse(throttled));
        }
        if switches.blocked {
            return Some(Verdict::refuse(cited::OUTBOUND_SPAM));
        }
        if switches.no_full_access {
            return Some(Verdict::refuse(cited::NO_FULL_ACCESS));
        }
        match place {
            Submission::Within => {}
            Submission::Extra => return Some(Verdict::refuse(cited::CONCURRENT)),
        }
        let claimed = std::iter::once(envelope_sender)
            .filter(|sender| !sender.is_empty())
            .chain(facts.from.iter().map(String::as_str));
        if let Some(denied) =
            claimed.into_iter().find(|sender| !mailbox.may_send_as(sender)).map(str::to_owned)
        {
            mailbox.repeat(ContinuousError::SendAsDenied, &limits, now);
            return Some(Verdict::Refuse { text: cited::SEND_AS_DENIED, from: denied });
        }
        if limits.quota.is_some_and(|quota| {
            mailbox.report.stored.saturating_add(facts.octets) > quota.octets()
        }) {
            mailbox.repeat(ContinuousError::MailboxFull, &limits, now);
            return Some(Verdict::refuse(cited::MAILBOX_FULL));
        }
        let day = mailbox.recipients.sum(now).saturating_add(count(recipients));
        if day > limits.recipients_per_day {
            self.violate(now, Some(user), Limit::RecipientsPerDay, day, limits.recipients_per_day);
            return Some(Verdict::refuse(cited::RECIPIENT_QUOTA));
        }
        self.refusal_of_text(Some(user), facts, now)
    }

    fn refusal_of_text(
        &mut self,
        user: Option<&Address>,
        facts: &TextFacts,
        now: Timestamp,
    ) -> Option<Verdict> {
        let limits = self.settings.limits;
        let mailbox_limit =
            if user.is_some() { limits.max_send_size } else { limits.announced_size };
        if facts.octets > mailbox_limit.octets() {
            self.violate(now, user, Limit::MessageSize, facts.octets, mailbox_limit.octets());
            let fixed = facts.octets > limits.announced_size.octets();
            return Some(Verdict::refuse(if fixed {
                cited::TOO_LARGE
            } else {
                cited::TOO_LARGE_FOR_MAILBOX
            }));
        }
        if facts.bare_line_ends {
            self.violate(now, user, Limit::BareLineEnd, 1, 0);
            return Some(Verdict::refuse(cited::BARE_LINE_FEEDS));
        }
        if facts.is_partial {
            return Some(Verdict::refuse(cited::PARTIAL));
        }
        match facts.from.len() {
            0 => Some(Verdict::refuse(cited::NO_FROM)),
            1 => None,
            _more => Some(Verdict::refuse(cited::MULTIPLE_FROM)),
        }
    }
}

impl Tenant {
    /// Records a recipient above the limit of one message.
    pub(crate) fn too_many_recipients(
        &mut self,
        user: Option<&Address>,
        seen: u64,
        allowed: u64,
        now: Timestamp,
    ) {
        self.violate(now, user, Limit::RecipientsPerMessage, seen, allowed);
    }

    /// The number of messages accepted so far.
    pub(crate) const fn accepted(&self) -> u64 {
        self.state.accepted
    }
}
