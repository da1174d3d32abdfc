//! Decides which fault strikes now: a fault that is switched on for everybody comes first, then the
//! one that an address chooses.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::{
    dialect::Role,
    fault::{
        named::{Fault, Repeat, split_repeat},
        stage::Stage,
    },
};
use postroom_core::model::Address;

/// The maximum number of faults switched on at once. No rehearsal needs more.
pub(crate) const SWITCHED_LIMIT: usize = 100;
/// The maximum number of `once-` occasions remembered. The oldest are forgotten, and their faults
/// strike again.
const REMEMBERED_LIMIT: usize = 100_000;

/// A fault that is switched on for everybody, as the control API represents it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switched {
    /// The name of the fault.
    pub(crate) fault: String,
    /// The number of times that the fault strikes. Without a number it stays on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u32>,
    /// The fault strikes at every n-th occasion. Without a number it strikes at each one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) every: Option<u32>,
    /// The only listener at which the fault strikes. Without one it strikes at both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listener: Option<Role>,
}

struct Active {
    switched: Switched,
    fault: Fault,
    occasions: u32,
}

/// A moment at which a fault may strike.
pub(crate) struct Occasion<'a> {
    pub(crate) role: Role,
    pub(crate) stage: Stage,
    /// The addresses whose local parts may choose a fault.
    pub(crate) addresses: &'a [&'a Address],
    /// The identity of the message as far as it is known: `Message-ID`, otherwise `ENVID`.
    pub(crate) message: &'a str,
}

/// The faults in force.
#[derive(Default)]
pub(crate) struct FaultPlan {
    active: Vec<Active>,
    counts: HashMap<String, u32>,
    order: VecDeque<String>,
}

impl FaultPlan {
    /// Replaces the faults that are switched on for everybody. The error names an unknown fault.
    pub(crate) fn switch(&mut self, wanted: Vec<Switched>) -> Result<(), String> {
        if wanted.len() > SWITCHED_LIMIT {
            return Err(format!("more than {SWITCHED_LIMIT} faults"));
        }
        let resolve = |mut switched: Switched| {
            let (repeat, name) = split_repeat(&switched.fault);
            let fault = Fault::named(name)
                .ok_or_else(|| format!("no fault is called \"{}\"", switched.fault))?;
            match repeat {
                Repeat::Always => {}
                Repeat::First(times) => switched.times = Some(times),
            }
            switched.fault.clone_from(&fault.name);
            Ok::<Active, String>(Active { switched, fault, occasions: 0 })
        };
        self.active = wanted.into_iter().map(resolve).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// The faults that are switched on for everybody.
    pub(crate) fn switched(&self) -> Vec<Switched> {
        self.active.iter().map(|active| active.switched.clone()).collect()
    }

    /// The fault that strikes now, if any.
    pub(crate) fn strike(&mut self, occasion: &Occasion<'_>) -> Option<Fault> {
        self.strike_everybody(occasion).or_else(|| {
            occasion.addresses.iter().find_map(|address| self.strike_asked(occasion, address))
        })
    }

    fn strike_everybody(&mut self, occasion: &Occasion<'_>) -> Option<Fault> {
        let fitting = |active: &Active| {
            active.fault.stage == occasion.stage
                && active.switched.listener.is_none_or(|listener| listener == occasion.role)
        };
        let mut struck = None;
        for active in self.active.iter_mut().filter(|active| fitting(active)) {
            active.occasions = active.occasions.wrapping_add(1);
            let due = active.occasions.is_multiple_of(active.switched.every.unwrap_or(1).max(1))
                && active.switched.times != Some(0);
            if due && struck.is_none() {
                active.switched.times = active.switched.times.map(|times| times - 1);
                struck = Some(active.fault.clone());
            }
        }
        self.active.retain(|active| active.switched.times != Some(0));
        struck
    }

    fn strike_asked(&mut self, occasion: &Occasion<'_>, address: &Address) -> Option<Fault> {
        let (fault, repeat) = Fault::asked_for(address.local_part())
            .filter(|(fault, _)| fault.stage == occasion.stage)?;
        let limit = match repeat {
            Repeat::Always => return Some(fault),
            Repeat::First(limit) => limit,
        };
        let key =
            format!("{}\n{}\n{}", fault.name, address.as_str().to_lowercase(), occasion.message);
        if !self.counts.contains_key(&key) {
            if self.order.len() >= REMEMBERED_LIMIT
                && let Some(oldest) = self.order.pop_front()
            {
                self.counts.remove(&oldest);
            }
            self.order.push_back(key.clone());
        }
        let count = self.counts.entry(key).or_insert(0);
        *count = count.saturating_add(1);
        (*count <= limit).then_some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(plan: &mut FaultPlan, stage: Stage, address: &str, message: &str) -> Option<String> {
        let address: Address = address.parse().unwrap();
        let occasion = Occasion { role: Role::Submission, stage, addresses: &[&address], message };
        plan.strike(&occasion).map(|fault| fault.name)
    }

    #[test]
    fn once_means_once_for_each_message_and_recipient() {
        let mut plan = FaultPlan::default();
        let seen: Vec<bool> = [
            ("x+once-eod-432@c.de", "<1>"),
            ("x+once-eod-432@c.de", "<1>"),
            ("x+once-eod-432@c.de", "<2>"),
            ("y+once-eod-432@c.de", "<1>"),
        ]
        .iter()
        .map(|(address, message)| strikes(&mut plan, Stage::Eod, address, message).is_some())
        .collect();
        assert_eq!(seen, [true, false, true, true]);
    }

    #[test]
    fn an_address_strikes_at_its_stage_only() {
        let mut plan = FaultPlan::default();
        assert_eq!(strikes(&mut plan, Stage::Mail, "x+rcpt-550@c.de", ""), None);
        assert_eq!(
            strikes(&mut plan, Stage::Rcpt, "x+rcpt-550@c.de", "").as_deref(),
            Some("rcpt-550")
        );
    }

    #[test]
    fn a_switched_fault_ends_after_its_times_and_can_skip_occasions() {
        let mut plan = FaultPlan::default();
        let switched = Switched {
            fault: "auth-535".to_owned(),
            times: Some(2),
            every: Some(2),
            listener: None,
        };
        plan.switch(vec![switched]).unwrap();
        let seen: Vec<bool> =
            (0..6).map(|_| strikes(&mut plan, Stage::Auth, "a@c.de", "").is_some()).collect();
        assert_eq!(seen, [false, true, false, true, false, false]);
        assert!(plan.switched().is_empty());
    }

    #[test]
    fn a_switched_fault_can_say_how_often_by_its_name() {
        let mut plan = FaultPlan::default();
        let switched = Switched {
            fault: "once-auth-535".to_owned(),
            times: None,
            every: None,
            listener: None,
        };
        plan.switch(vec![switched]).unwrap();
        let seen: Vec<bool> =
            (0..2).map(|_| strikes(&mut plan, Stage::Auth, "a@c.de", "").is_some()).collect();
        assert_eq!(seen, [true, false]);
    }

    #[test]
    fn a_switched_fault_can_be_for_one_listener() {
        let mut plan = FaultPlan::default();
        let switched = Switched {
            fault: "rcpt-550".to_owned(),
            times: None,
            every: None,
            listener: Some(Role::Mx),
        };
        plan.switch(vec![switched]).unwrap();
        assert_eq!(strikes(&mut plan, Stage::Rcpt, "a@c.de", ""), None);
    }

    #[test]
    fn an_unknown_fault_is_refused_by_name() {
        let switched =
            Switched { fault: "rcpt-250".to_owned(), times: None, every: None, listener: None };
        assert_eq!(
            FaultPlan::default().switch(vec![switched]),
            Err("no fault is called \"rcpt-250\"".to_owned())
        );
    }
}
