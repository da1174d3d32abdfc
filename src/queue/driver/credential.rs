//! The expiry of the accounts' credentials: read every hour, displayed, and reported in time.
//!
//! # Failure
//! A file that cannot be read is logged at the next login, when it matters. What was reported is
//! stored; if that fails, it is reported again after a restart.

use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use crate::{
    model::Timestamp,
    oauth::Expiry,
    queue::driver::{account::Account, core::Core, transport::Transport},
    spool::{Change, Memo, MemoKind},
};

/// How near the expiry is. The administrator is told once at each step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Nearness {
    Over,
    Day,
    Week,
    Fortnight,
    Month,
}

impl Nearness {
    fn of(expiry: &Expiry, now: Timestamp) -> Option<Self> {
        match expiry.days_left(now) {
            _ if expiry.is_over(now) => Some(Self::Over),
            0..=1 => Some(Self::Day),
            2..=7 => Some(Self::Week),
            8..=14 => Some(Self::Fortnight),
            15..=30 => Some(Self::Month),
            _ => None,
        }
    }
}

/// Whether the administrator has to be told, and what to remember after that.
fn next(told: Option<Nearness>, now: Option<Nearness>) -> (Tell, Option<Nearness>) {
    match (told, now) {
        (_, None) => (Tell::Nobody, None),
        (Some(told), Some(now)) if told <= now => (Tell::Nobody, Some(now)),
        (_, Some(now)) => (Tell::Administrator, Some(now)),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tell {
    Nobody,
    Administrator,
}

/// Whether the daemon has just started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::queue) enum Look {
    /// Everything that expires soon is logged.
    First,
    /// Only what has come nearer is logged.
    Again,
}

impl<T: Transport> Core<T> {
    /// Checks the credentials of all accounts.
    pub(in crate::queue) async fn watch_credentials(&self, look: Look) {
        for account in &self.roster().accounts {
            // When the file is faulty, the login reports the fault better than a guess here.
            if let Ok(expiry) = account.transport.expiry().await {
                account.shared().expiry = expiry;
                if let Some(expiry) = expiry {
                    self.tell_of_end(account, &expiry, look).await;
                }
            }
        }
    }

    async fn tell_of_end(&self, account: &Account<T>, expiry: &Expiry, look: Look) {
        let (name, now) = (&account.settings.name, self.clock.now());
        // A record that cannot be read has an older form.
        let told = self
            .spool
            .recall::<Nearness>(MemoKind::CredentialWarning, name.as_str())
            .ok()
            .flatten();
        let near = Nearness::of(expiry, now);
        let (tell, remembered) = next(told, near);
        if near.is_some() && (tell == Tell::Administrator || look == Look::First) {
            warn!(account = %name, reason = expiry.sentence(now), advice = name.in_advice(expiry.kind.advice()), "credential ends");
        }
        if tell == Tell::Administrator {
            self.on_disk(self.reporter.credential_ends(
                name,
                &expiry.sentence(now),
                expiry.kind.advice(),
            ))
            .await;
        }
        if remembered != told {
            let value = remembered.and_then(|near| serde_json::to_value(near).ok());
            let remember = vec![Memo::of(MemoKind::CredentialWarning, name.as_str(), value)];
            if let Err(problem) = self.spool.apply(Change { remember, ..Change::default() }) {
                error!(account = %name, %problem, "account state not stored");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{oauth::CredentialKind, queue::fixture::at};

    const DAY: u64 = 24 * 3600;

    #[test]
    fn a_person_is_told_once_at_each_of_30_14_7_and_1_days_and_when_it_is_over() {
        let expiry = Expiry { kind: CredentialKind::ClientSecret, ends: at(100 * DAY) };
        let mut told = None;
        let mut days = Vec::new();
        for hour in 0..24 * 103 {
            let now = at(hour * 3600);
            let (tell, remembered) = next(told, Nearness::of(&expiry, now));
            told = remembered;
            if tell == Tell::Administrator {
                days.push(expiry.days_left(now));
            }
        }
        assert_eq!(days, [30, 14, 7, 1, 0]);
    }

    #[test]
    fn a_new_secret_is_told_of_again() {
        let ends = |days: u64| Expiry {
            kind: CredentialKind::ClientSecret,
            ends: at(0).plus(Duration::from_secs(days * DAY)),
        };
        let (_, told) = next(None, Nearness::of(&ends(5), at(0)));
        let (tell, told) = next(told, Nearness::of(&ends(300), at(0)));
        assert_eq!((tell, told), (Tell::Nobody, None));
        assert_eq!(next(told, Nearness::of(&ends(6), at(0))).0, Tell::Administrator);
        let (_, told) = next(None, Nearness::of(&ends(1), at(0)));
        let (tell, told) = next(told, Nearness::of(&ends(20), at(0)));
        assert_eq!(tell, Tell::Nobody, "it is further off than what was told");
        assert_eq!(next(told, Nearness::of(&ends(3), at(0))).0, Tell::Administrator);
    }
}
