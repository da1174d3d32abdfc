//! The decision to send a message, or to settle it without an attempt.

use std::time::Duration;

use crate::{
    attempt::NextHop,
    classify::Verdict,
    entry::{Charge, Entry},
    model::Timestamp,
    queue::engine::{
        account_runtime::{AccountRuntime, Permit},
        budget::BudgetChange,
        now::Now,
        round_robin::FlowKey,
        route::RouteDecision,
        select::{Bounds, Candidates, Rules, Selection},
        settle::Attempt,
        view::View,
    },
    reach::Unroutable,
};

/// A message claimed for one account.
pub(in crate::queue) struct Claim {
    /// The message as it is stored, with its recipients marked as being attempted.
    pub(in crate::queue) entry: Entry,
    pub(in crate::queue) attempt: Attempt,
    pub(in crate::queue) work: Work,
}

/// What to do with a claimed message.
pub(in crate::queue) enum Work {
    /// Send it to this next hop. The charge represents it in the budget.
    Send { next_hop: NextHop, charge: Option<Charge> },
    /// Settle it with this verdict, because the account cannot carry it. Nothing is charged, and it
    /// is not an attempt.
    Settle(Verdict),
}

impl Claim {
    /// The charge of the claim.
    pub(in crate::queue) const fn charge(&self) -> Option<&Charge> {
        match &self.work {
            Work::Send { charge, .. } => charge.as_ref(),
            Work::Settle(_) => None,
        }
    }

    /// The places of its recipients in the entry.
    pub(in crate::queue) fn indexes(&self) -> Vec<usize> {
        self.attempt.recipients.iter().map(|before| before.index).collect()
    }
}

/// What a step stores.
#[derive(Default)]
pub(in crate::queue) struct Decision {
    /// The message to work on.
    pub(in crate::queue) claim: Option<Claim>,
    /// Messages that were postponed or given to another account.
    pub(in crate::queue) passed: Vec<Entry>,
    /// The changes to the stored charges, including the charge of the claim.
    pub(in crate::queue) budget: BudgetChange,
}

/// When an account has something to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Outlook {
    /// There is work now.
    Now,
    /// There is work after this time.
    In(Duration),
    /// There is work only once something changes.
    Idle,
}

/// Claims the next message for an account, if there is one and its health, budget and batch permit.
///
/// # Errors
/// When the view cannot show what the decision needs. Nothing is decided then, and the caller may
/// ask again.
pub(in crate::queue) fn claim<V: View>(
    rules: Rules<'_>,
    flows: &[FlowKey],
    runtime: &mut AccountRuntime,
    view: &V,
    now: Now,
) -> Result<Decision, V::Error> {
    let mut decision = Decision::default();
    if let Permit::Recipients(most) = runtime.permit(now) {
        let most = most.min(rules.account.limits.recipients_per_message.max(1));
        let bounds = Bounds { most, split: runtime.split };
        let destinations = &runtime.destinations;
        let candidates = Candidates { rules, view, destinations, now: now.steady };
        let mut taken = None;
        for flow in runtime.turns.order(flows) {
            if let Some(selection) = candidates.take(flow, bounds, &mut decision.passed)? {
                taken = Some((flow, selection));
                break;
            }
        }
        if let Some((flow, selection)) = taken {
            runtime.turns.took(flow.clone());
            decision.claim = Some(begin(rules, flow, selection, runtime, now));
        }
    }
    decision.budget = runtime.take_unsaved();
    decision.budget.charge.extend(decision.claim.as_ref().and_then(Claim::charge).cloned());
    Ok(decision)
}

fn begin(
    rules: Rules<'_>,
    flow: &FlowKey,
    selection: Selection,
    runtime: &mut AccountRuntime,
    now: Now,
) -> Claim {
    let Selection { mut entry, indexes, route } = selection;
    let Rules { account, retry, .. } = rules;
    match route {
        RouteDecision::NextHop(next_hop) => {
            let attempt = Attempt::begin(&mut entry, &indexes, &account.name, retry, now);
            let charge = runtime.begin(indexes.len(), now);
            Claim { entry, attempt, work: Work::Send { next_hop, charge } }
        }
        RouteDecision::Unroutable(obstacle) => {
            let attempt = match obstacle {
                // The verdict applies to all its recipients, whether they are due or not.
                Unroutable::TooLarge(_) => Attempt::without_waiting(&entry, &flow.1, now),
                Unroutable::Outside | Unroutable::ForeignSender | Unroutable::NullSender => {
                    Attempt::without(&entry, &indexes, now)
                }
            };
            let verdict = obstacle.verdict(entry.size, &account.name);
            Claim { entry, attempt, work: Work::Settle(verdict) }
        }
    }
}

/// When an account next has something to do.
///
/// # Errors
/// When the view cannot show what the answer needs.
pub(in crate::queue) fn outlook<V: View>(
    rules: Rules<'_>,
    flows: &[FlowKey],
    runtime: &mut AccountRuntime,
    view: &V,
    now: Now,
) -> Result<Outlook, V::Error> {
    if !runtime.health.may_connect(now.steady) {
        let next = runtime.health.next_at();
        return Ok(next.map_or(Outlook::Idle, |at| Outlook::In(at.since(now.steady))));
    }
    if !runtime.health.may_send() {
        return Ok(Outlook::Now); // A stopped account's probe is due.
    }
    let destinations = &runtime.destinations;
    let candidates = Candidates { rules, view, destinations, now: now.steady };
    let mut first: Option<Timestamp> = None;
    for flow in flows {
        let due = candidates.due(flow)?;
        first = [first, due].into_iter().flatten().min();
    }
    Ok(match first {
        None => Outlook::Idle,
        Some(due) if due > now.steady => Outlook::In(due.since(now.steady)),
        Some(_due) => match runtime.permit(now) {
            Permit::Recipients(_) => Outlook::Now,
            Permit::Wait(wait, _) => wait.map_or(Outlook::Idle, Outlook::In),
        },
    })
}
