//! `postroom account list | check | enable | disable | login`.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, bail};

use super::{
    account_check,
    arguments::AccountCommand,
    client::Client,
    output::{print, print_json, relative, say, table},
};
use crate::{
    clock::Clock,
    config::Config,
    model::Timestamp,
    oauth::{DeviceLogin, Grant, RefreshTokenStore, SignIn, TokenTrouble},
    queue::{AccountState, AccountStatus},
    upstream::{self, SecretSource},
};

/// What ends sooner is shown with the next step.
const SOON: Duration = Duration::from_secs(31 * 24 * 3600);

pub(super) async fn account(config: &Path, command: AccountCommand, clock: &Clock) -> anyhow::Result<ExitCode> {
    match command {
        AccountCommand::List(arguments) => {
            let accounts: Vec<AccountStatus> = Client::of_config(config)?.get("/api/v1/accounts").await?;
            if arguments.json {
                print_json(&accounts)?;
            } else {
                print(&render(&accounts, clock.now()))?;
            }
        }
        AccountCommand::Check { name } => return account_check::check(config, &name, clock).await,
        AccountCommand::Enable { name } => {
            let () = Client::of_config(config)?.post(&format!("/api/v1/accounts/{}/enable", encoded(&name)), &()).await?;
            say(&format!("account \"{name}\" is on"))?;
        }
        AccountCommand::Disable { name } => {
            let () = Client::of_config(config)?.post(&format!("/api/v1/accounts/{}/disable", encoded(&name)), &()).await?;
            say(&format!("account \"{name}\" is off; its mail waits until it is on again"))?;
        }
        AccountCommand::Login { name } => sign_in(config, &name, clock).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Works without the daemon, which finds the sign-in when it next needs a token. Run it as the daemon's user: it writes into its folder.
async fn sign_in(config: &Path, name: &str, clock: &Clock) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let account = config.accounts.iter().find(|account| account.name.as_str() == name);
    let account = account.with_context(|| format!("there is no account \"{name}\" in the config"))?;
    let (settings, secrets) = match account.destination.auth.as_ref().map(|auth| &auth.secret) {
        Some(SecretSource::OAuth { settings, secrets, .. }) if settings.grant == Grant::RefreshToken => (settings.clone(), secrets.clone()),
        Some(_) | None => bail!("account \"{name}\" needs no sign-in: it logs in by itself, with the secret its config names"),
    };
    let http = upstream::https_client(clock.clone())?;
    let login = DeviceLogin::begin(settings, http).await.map_err(explained)?;
    let SignIn { address, code, minutes } = login.sign_in();
    say(&format!(
        "Open {address} in a browser, type the code {code}, and sign in as the mailbox of \"{name}\". The code is good for {minutes} minutes."
    ))?;
    login.finish(&account.name, &RefreshTokenStore::new(secrets)).await.map_err(explained)?;
    Ok(say(&format!("Signed in. If the account was stopped: postroom account enable {name}"))?)
}

fn explained(trouble: TokenTrouble) -> anyhow::Error {
    let advice = trouble.advice;
    anyhow::Error::new(trouble).context(advice)
}

/// RFC 3986 2.1: a name may hold a slash or a blank.
fn encoded(name: &str) -> String {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~');
    name.bytes().map(|octet| if plain(octet) { char::from(octet).to_string() } else { format!("%{octet:02X}") }).collect()
}

pub(super) fn render(accounts: &[AccountStatus], now: Timestamp) -> String {
    let row = |account: &AccountStatus| {
        vec![
            account.name.to_string(),
            state(&account.state, now),
            account.waiting.to_string(),
            account.connections.to_string(),
            account.messages_last_minute.to_string(),
            account.recipients_last_day.to_string(),
            account.last_delivery.map_or_else(|| "never".to_owned(), |at| relative(at, now)),
        ]
    };
    let header = ["ACCOUNT", "STATE", "WAITING", "CONNECTIONS", "SENT/MINUTE", "RECIPIENTS/DAY", "LAST DELIVERY"];
    let mut text = table(&header, &accounts.iter().map(row).collect::<Vec<_>>());
    for account in accounts {
        if let AccountState::Paused { reason, advice, .. } | AccountState::Stopped { reason, advice, .. } = &account.state {
            text.push_str(&format!("\n{}: {reason}\n  {advice}\n", account.name));
        }
        if let Some(expiry) = account.credential.filter(|expiry| expiry.ends.since(now) < SOON) {
            text.push_str(&format!("\n{}: {}\n  {}\n", account.name, expiry.sentence(now), expiry.kind.advice()));
        }
        if let Some(free) = account.budget_free_at {
            text.push_str(&format!("\n{}: the budget is used up; next message {}\n", account.name, relative(free, now)));
        }
    }
    text
}

fn state(state: &AccountState, now: Timestamp) -> String {
    match state {
        AccountState::Ready => "ready".to_owned(),
        AccountState::Paused { until, .. } => format!("paused, goes on {}", relative(*until, now)),
        AccountState::Stopped { probe_at, .. } => format!("stopped, next login {}", relative(*probe_at, now)),
        AccountState::Disabled => "off".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_fit_for_a_path() {
        assert_eq!(encoded("scan/1 é"), "scan%2F1%20%C3%A9");
    }
}
