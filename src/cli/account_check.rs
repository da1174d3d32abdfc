//! `postroom account check NAME`: tests an account step by step up to its login and explains the
//! step that fails.

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;

use super::{
    client::Client,
    output::{relative, say},
};
use crate::{
    clock::Clock,
    config::Config,
    metrics::Metrics,
    model::{AccountName, Timestamp},
    queue::{AccountSettings, AccountState, AccountStatus},
    upstream::{Finding, Upstream},
};

/// Performs the steps itself, without the daemon. The result therefore applies to every program on
/// this machine.
pub(super) async fn check(path: &Path, name: &str, clock: &Clock) -> anyhow::Result<ExitCode> {
    let config = Config::load(path)?;
    let account = config.accounts.iter().find(|account| account.name.as_str() == name);
    let account =
        account.with_context(|| format!("there is no account \"{name}\" in the configuration"))?;
    let upstream = Upstream::new(&account.route, clock.clone(), Metrics::new())?;
    let mut findings = Vec::new();
    let mut tell = |finding| {
        // Printed immediately: a step may take a minute, and the user wants to see which one.
        let told = say(&render(&finding, &account.name));
        findings.push((finding, told));
    };
    upstream.check(&mut tell).await;
    let mut code = ExitCode::SUCCESS;
    for (finding, told) in findings {
        told?;
        if matches!(finding, Finding::Bad(..)) {
            code = ExitCode::FAILURE;
        }
    }
    if let Some(line) = ending(account, clock) {
        say(&line)?;
    }
    if code == ExitCode::SUCCESS {
        let can = if account.route.auth().is_some() { "log in" } else { "reach its servers" };
        say(&format!(
            "Account \"{name}\" can {can}. No mail was sent. To send a test message: postroom send \
            --account {name} --to ADDRESS"
        ))?;
        if let Some(line) = still(&daemons_word(path, &account.name).await, name, clock.now()) {
            say(&line)?;
        }
    }
    Ok(code)
}

/// The state of the account in the running daemon, or `None` if no daemon runs.
async fn daemons_word(config: &Path, name: &AccountName) -> Option<AccountState> {
    let accounts: Vec<AccountStatus> =
        Client::of_config(config).ok()?.get("/api/v1/accounts").await.ok()?;
    accounts.into_iter().find(|account| account.name == *name).map(|account| account.state)
}

/// Says that the daemon has not yet noticed that the account works again.
fn still(state: &Option<AccountState>, name: &str, now: Timestamp) -> Option<String> {
    let state = match state {
        Some(AccountState::Stopped { probe_at, .. }) => {
            format!("is still stopped, and tries again {}", relative(*probe_at, now))
        }
        Some(AccountState::Paused { until, .. }) => {
            format!("is still paused, and resumes {}", relative(*until, now))
        }
        Some(AccountState::Disabled) => "was disabled by a person".to_owned(),
        Some(AccountState::Ready) | None => return None,
    };
    Some(format!(
        "In the running daemon, the account {state}. To let it send now: postroom account enable \
        {name}"
    ))
}

fn render(finding: &Finding, account: &AccountName) -> String {
    match finding {
        Finding::Good(step, fact) => format!("good    {}: {fact}", step.name()),
        Finding::Suspect(step, hint) => format!("suspect {}: {hint}", step.name()),
        Finding::Bad(step, trouble) => {
            let advice = account.in_advice(trouble.verdict.advice);
            format!("FAILED  {}: {}\n        {advice}", step.name(), trouble.fault)
        }
    }
}

/// Says when the account's credential expires.
pub(super) fn ending(account: &AccountSettings, clock: &Clock) -> Option<String> {
    // A file that cannot be read was already reported by a step.
    let expiry = account.route.secret()?.expiry().ok().flatten()?;
    Some(format!("note    {}", expiry.sentence(clock.now())))
}
