//! The condition of the relay in one word, with the reasons: for `postroom status`, for Nagios and
//! for systemd.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    model::Timestamp,
    queue::{AccountState, AccountStatus},
    spool::Room,
};

/// Mail that has waited for this long, or will wait for it, deserves a look.
const LONG: Duration = Duration::from_secs(3600);
/// A credential that expires within this time deserves a look.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// The condition of the relay, or of a part of it. The order is that of their weight.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Nothing is wrong.
    #[default]
    Good,
    /// Postroom copes, but a person should look soon.
    Warning,
    /// Mail does not come in or go out. A person must act.
    Trouble,
}

/// A reason why the condition is not good.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Concern {
    /// Its weight.
    pub condition: Condition,
    /// A sentence without a full stop.
    pub text: String,
}

impl Condition {
    /// The fixed word of the command, the API and the service manager.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Trouble => "trouble",
        }
    }
}

/// What the condition depends on.
pub(super) struct Facts<'a> {
    /// The reasons why the daemon is not ready.
    pub(super) missing: &'a [String],
    /// The number of listeners.
    pub(super) listeners: usize,
    /// The free space of the disk.
    pub(super) disk: Option<Room>,
    /// When the oldest message was accepted that waits.
    pub(super) oldest: Option<Timestamp>,
    /// The accounts.
    pub(super) accounts: &'a [AccountStatus],
}

/// The reasons why the condition is not good, the heaviest first.
pub(super) fn concerns(facts: &Facts<'_>, now: Timestamp) -> Vec<Concern> {
    let mut concerns: Vec<Concern> = of_the_daemon(facts, now).into_iter().flatten().collect();
    for account in facts.accounts {
        concerns.extend(of_account(account, now).into_iter().flatten());
    }
    // The sort is stable: within one weight, the order is that of the parts.
    concerns.sort_by_key(|concern| std::cmp::Reverse(concern.condition));
    concerns
}

fn warning(text: String) -> Concern {
    Concern { condition: Condition::Warning, text }
}

fn trouble(text: String) -> Concern {
    Concern { condition: Condition::Trouble, text }
}

fn of_the_daemon(facts: &Facts<'_>, now: Timestamp) -> [Option<Concern>; 3] {
    let missing = facts.missing.join("; ");
    let ready = match (facts.missing, facts.listeners) {
        ([], _) => None,
        ([..], 0) => Some(trouble(missing)),
        ([..], _) => Some(warning(missing)),
    };
    let disk = facts.disk.and_then(|room| {
        let text = |what: &str| {
            format!(
                "{what}: {} octets are free, spool.min_free is {}",
                room.free.octets(),
                room.min_free.octets()
            )
        };
        let enough = room.min_free.octets().saturating_mul(2);
        if room.free < room.min_free {
            Some(trouble(text("the disk is full and devices are refused")))
        } else if room.free.octets() < enough {
            Some(warning(text("the disk is nearly full")))
        } else {
            None
        }
    });
    let oldest = facts.oldest.map(|oldest| now.since(oldest)).filter(|age| *age > LONG);
    let oldest = oldest.map(|age| {
        let minutes = Duration::from_secs(age.as_secs() / 60 * 60);
        warning(format!(
            "a message has waited for {}; see: postroom queue list",
            humantime::format_duration(minutes)
        ))
    });
    [ready, disk, oldest]
}

fn of_account(account: &AccountStatus, now: Timestamp) -> [Option<Concern>; 4] {
    let name = &account.name;
    let state = match &account.state {
        AccountState::Ready => None,
        AccountState::Paused { until, reason, .. } => (until.since(now) > LONG)
            .then(|| warning(format!("account \"{name}\" is paused until {until}: {reason}"))),
        AccountState::Stopped { reason, .. } => {
            Some(trouble(format!("account \"{name}\" is stopped: {reason}")))
        }
        AccountState::Disabled => (account.waiting > 0)
            .then(|| warning(format!("account \"{name}\" is disabled, and mail waits for it"))),
    };
    let budget = account.day_free_at.map(|at| {
        warning(format!(
            "account \"{name}\" has used up its recipients for 24 hours; the next may go at {at}"
        ))
    });
    let credential = account.credential.and_then(|credential| {
        let what = credential.kind.name();
        if credential.ends <= now {
            Some(trouble(format!("account \"{name}\": {what} has expired")))
        } else if credential.ends.since(now) < SOON {
            let ends = credential.ends.to_date();
            Some(warning(format!("account \"{name}\": {what} expires on {ends}")))
        } else {
            None
        }
    });
    let domains = account.domains.first().map(|first| {
        let others = account.domains.len().saturating_sub(1);
        let others =
            if others == 0 { String::new() } else { format!(" and {others} other domains") };
        warning(format!("account \"{name}\" cannot send to {}{others}", first.domain))
    });
    [state, budget, credential, domains]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::{CredentialKind, Expiry};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    /// Facts that can be changed.
    struct Seen {
        missing: Vec<String>,
        listeners: usize,
        disk: Option<Room>,
        oldest: Option<Timestamp>,
        account: AccountStatus,
    }

    fn good() -> Seen {
        let account = serde_json::json!({
            "name": "scanner", "state": { "state": "ready" }, "waiting": 3, "connections": 0,
            "messages_last_minute": 0, "recipients_last_day": null, "budget_free_at": null,
            "last_delivery": null
        });
        let account = serde_json::from_value(account).unwrap();
        Seen { missing: Vec::new(), listeners: 1, disk: None, oldest: None, account }
    }

    /// Changes what is good, and compares how each concern begins.
    #[track_caller]
    fn check(change: impl FnOnce(&mut Seen), expected: &[&str]) {
        let mut seen = good();
        change(&mut seen);
        let facts = Facts {
            missing: &seen.missing,
            listeners: seen.listeners,
            disk: seen.disk,
            oldest: seen.oldest,
            accounts: &[seen.account],
        };
        let concerns = concerns(&facts, NOW);
        let concerns: Vec<String> = concerns
            .iter()
            .map(|concern| format!("{}: {}", concern.condition.as_str(), concern.text))
            .collect();
        assert_eq!(concerns.len(), expected.len(), "{concerns:?}");
        for (concern, expected) in concerns.iter().zip(expected) {
            assert!(concern.starts_with(expected), "{concern}");
        }
    }

    fn account(change: impl FnOnce(&mut AccountStatus), expected: &[&str]) {
        check(|seen| change(&mut seen.account), expected);
    }

    fn room(free: u64) -> impl FnOnce(&mut Seen) {
        let octets = crate::model::ByteSize::from_octets;
        move |seen| seen.disk = Some(Room { free: octets(free), min_free: octets(500) })
    }

    #[test]
    fn a_relay_at_work_is_good() {
        check(|_seen| {}, &[]);
        check(|seen| seen.oldest = Some(NOW.minus(LONG)), &[]);
        check(room(1000), &[]);
    }

    #[test]
    fn each_part_is_named_with_its_weight() {
        let old = NOW.minus(Duration::from_secs(5430));
        check(
            |seen| seen.oldest = Some(old),
            &["warning: a message has waited for 1h 30m; see: postroom queue list"],
        );
        check(room(999), &["warning: the disk is nearly full: 999 octets"]);
        check(room(499), &["trouble: the disk is full and devices are refused: 499 octets"]);
        let unready = |seen: &mut Seen| seen.missing = vec!["recovery is running".into()];
        check(unready, &["warning: recovery is running"]);
        check(
            |seen| {
                unready(seen);
                seen.listeners = 0;
            },
            &["trouble: recovery is running"],
        );
    }

    #[test]
    fn an_account_is_a_concern_when_its_mail_waits_for_long() {
        let paused = |span| AccountState::Paused {
            until: NOW.plus(span),
            reason: "432 4.3.2".into(),
            advice: String::new(),
        };
        account(|account| account.state = paused(LONG), &[]);
        account(
            |account| account.state = paused(LONG * 2),
            &["warning: account \"scanner\" is paused until 2027-"],
        );
        account(
            |account| account.state = AccountState::Disabled,
            &["warning: account \"scanner\" is disabled"],
        );
        account(|account| (account.state, account.waiting) = (AccountState::Disabled, 0), &[]);
        account(
            |account| account.day_free_at = Some(NOW.plus(LONG)),
            &["warning: account \"scanner\" has used up its recipients"],
        );
    }

    #[test]
    fn trouble_comes_first() {
        let credential = |ends| Some(Expiry { kind: CredentialKind::ClientSecret, ends });
        account(|account| account.credential = credential(NOW.plus(DAY * 15)), &[]);
        account(
            |account| account.credential = credential(NOW.plus(DAY * 13)),
            &["warning: account \"scanner\": The client secret expires on 2027-01-28"],
        );
        account(
            |account| {
                account.day_free_at = Some(NOW.plus(LONG));
                account.credential = credential(NOW);
                account.state = AccountState::Stopped {
                    since: NOW,
                    probe_at: NOW,
                    reason: "535 5.7.3".into(),
                    advice: String::new(),
                };
            },
            &[
                "trouble: account \"scanner\" is stopped: 535 5.7.3",
                "trouble: account \"scanner\": The client secret has expired",
                "warning: account \"scanner\" has used up",
            ],
        );
    }
}
