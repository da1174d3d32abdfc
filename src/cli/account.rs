//! `postroom account list | enable | disable | login`.

use std::path::Path;

use anyhow::{Context, bail};

use super::{
    arguments::AccountCommand,
    client::{Client, encoded},
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

pub(super) async fn account(config: &Path, command: AccountCommand, clock: &Clock) -> anyhow::Result<()> {
    if let AccountCommand::Login { name } = &command {
        return sign_in(config, name, clock).await;
    }
    let client = Client::of_config(config)?;
    match command {
        AccountCommand::List(arguments) => {
            let accounts: Vec<AccountStatus> = client.get("/api/v1/accounts").await?;
            if arguments.json {
                return print_json(&accounts);
            }
            Ok(print(&render(&accounts, clock.now()))?)
        }
        AccountCommand::Enable { name } => {
            let () = client.post(&format!("/api/v1/accounts/{}/enable", encoded(&name)), &()).await?;
            Ok(say(&format!("account \"{name}\" is on"))?)
        }
        AccountCommand::Disable { name } => {
            let () = client.post(&format!("/api/v1/accounts/{}/disable", encoded(&name)), &()).await?;
            Ok(say(&format!("account \"{name}\" is off; its mail waits until it is on again"))?)
        }
        AccountCommand::Login { .. } => Ok(()),
    }
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
