//! `postroom account list | check | enable | disable | settings | set | restore-defaults |
//! forget-budget | login`: the accounts that mail is sent through.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, bail};

use super::{
    account_check,
    arguments::AccountCommand,
    client::{Client, encoded},
    output::{Answer, confirm, print, print_json, relative, say, table},
    person::person,
};
use crate::{
    admin::{RestoreRequest, SetRequest, SettingStatus},
    classify::TokenTrouble,
    clock::Clock,
    config::Config,
    model::Timestamp,
    oauth::{DeviceLogin, Grant, RefreshTokenStore, SignIn, TokenClient},
    queue::{AccountState, AccountStatus},
    upstream::SecretSource,
};

/// A credential that expires within this time is shown with advice.
const SOON: Duration = Duration::from_secs(31 * 24 * 3600);

pub(super) async fn account(
    config: &Path,
    command: AccountCommand,
    clock: &Clock,
) -> anyhow::Result<ExitCode> {
    match command {
        AccountCommand::List(arguments) => {
            let accounts: Vec<AccountStatus> =
                Client::of_config(config)?.get("/api/v1/accounts").await?;
            if arguments.json {
                print_json(&accounts)?;
            } else {
                print(&render(&accounts, clock.now()))?;
            }
        }
        AccountCommand::Check { name } => return account_check::check(config, &name, clock).await,
        AccountCommand::Enable { name } => {
            let () = Client::of_config(config)?
                .post(&format!("/api/v1/accounts/{}/enable", encoded(&name)), &())
                .await?;
            say(&format!("account \"{name}\" is enabled"))?;
        }
        AccountCommand::Disable { name } => {
            let () = Client::of_config(config)?
                .post(&format!("/api/v1/accounts/{}/disable", encoded(&name)), &())
                .await?;
            say(&format!(
                "account \"{name}\" is disabled; its mail waits until you enable it again"
            ))?;
        }
        AccountCommand::Settings { name, json } => {
            let rows: Vec<SettingStatus> = Client::of_config(config)?
                .get(&format!("/api/v1/accounts/{}/settings", encoded(&name)))
                .await?;
            if json.json {
                print_json(&rows)?;
            } else {
                print(&render_settings(&rows, clock.now()))?;
            }
        }
        AccountCommand::Set { name, settings } => {
            let request = SetRequest { set: settings.into_iter().collect(), by: person() };
            let path = format!("/api/v1/accounts/{}/settings", encoded(&name));
            let rows: Vec<SettingStatus> = Client::of_config(config)?.post(&path, &request).await?;
            print(&render_settings(&rows, clock.now()))?;
        }
        AccountCommand::RestoreDefaults { name, yes } => {
            let answered = yes.then_some(Answer::Yes);
            restore_defaults(&Client::of_config(config)?, &name, answered, clock).await?;
        }
        AccountCommand::ForgetBudget { name, yes } => {
            if yes || confirm(FORGET_QUESTION)? == Answer::Yes {
                forget_budget(&Client::of_config(config)?, &name).await?;
            }
        }
        AccountCommand::Login { name } => sign_in(config, &name, clock).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Resets the settings that were changed at run time to the values in the configuration file.
async fn restore_defaults(
    client: &Client,
    name: &str,
    answered: Option<Answer>,
    clock: &Clock,
) -> anyhow::Result<()> {
    let rows: Vec<SettingStatus> =
        client.get(&format!("/api/v1/accounts/{}/settings", encoded(name))).await?;
    if rows.iter().all(|row| row.changed.is_none()) {
        say(&format!(
            "account \"{name}\" has no changed settings; the values in the configuration file are \
            in force"
        ))?;
        return Ok(());
    }
    let question = format!(
        "Reset the settings of account \"{name}\" to the values in the configuration file?"
    );
    let answer = match answered {
        Some(answer) => answer,
        None => confirm(&question)?,
    };
    if answer == Answer::No {
        return Ok(());
    }
    let request = RestoreRequest { by: person() };
    let path = format!("/api/v1/accounts/{}/restore-defaults", encoded(name));
    let rows: Vec<SettingStatus> = client.post(&path, &request).await?;
    print(&render_settings(&rows, clock.now()))?;
    Ok(())
}

/// Resets the recorded usage of an account.
async fn forget_budget(client: &Client, name: &str) -> anyhow::Result<()> {
    let request = RestoreRequest { by: person() };
    let () =
        client.post(&format!("/api/v1/accounts/{}/forget-budget", encoded(name)), &request).await?;
    say(&format!(
        "the recorded usage of account \"{name}\" in the last 24 hours is reset; messages of the \
        last minutes still count for six minutes at most"
    ))?;
    Ok(())
}

const FORGET_QUESTION: &str = "\
The server still counts what was sent. If the total exceeds its limit, it refuses mail and may block
the mailbox. Do you know that little was sent in the last 24 hours, and should Postroom reset its
recorded usage?";

fn render_settings(rows: &[SettingStatus], now: Timestamp) -> String {
    let row = |row: &SettingStatus| {
        let changed = row.changed.as_ref();
        let changed = changed.map_or_else(
            || "-".to_owned(),
            |change| format!("{} by {}", relative(change.at, now), change.by),
        );
        vec![row.key.clone(), row.file.clone(), row.value.clone(), changed]
    };
    let mut text = table(
        &["SETTING", "CONFIG FILE", "IN FORCE", "CHANGED"],
        &rows.iter().map(row).collect::<Vec<_>>(),
    );
    if rows.iter().any(|row| row.changed.is_some()) {
        text.push_str(HOLDS);
    }
    text
}

const HOLDS: &str =
    "\nChanged values stay in force across restarts, until \"postroom account restore-defaults\" or
until the value in the configuration file is edited: the most recent change counts.\n";

/// Signs in without the daemon, which finds the stored sign-in when it next needs a token. The
/// command must run as the daemon's user, because it writes into the data directory.
async fn sign_in(config: &Path, name: &str, clock: &Clock) -> anyhow::Result<()> {
    let config = Config::load(config)?;
    let account = config.accounts.iter().find(|account| account.name.as_str() == name);
    let account =
        account.with_context(|| format!("there is no account \"{name}\" in the configuration"))?;
    let (settings, secrets) = match account.route.secret() {
        Some(SecretSource::OAuth { settings, secrets, .. })
            if settings.grant == Grant::RefreshToken =>
        {
            (settings.clone(), secrets.clone())
        }
        Some(_) | None => bail!(
            "account \"{name}\" needs no sign-in: it logs in with the secret that its \
            configuration names"
        ),
    };
    let http = TokenClient::new(clock.clone())?;
    let explained = |trouble: TokenTrouble| {
        let advice = account.name.in_advice(trouble.advice);
        anyhow::Error::new(trouble).context(advice)
    };
    let login = DeviceLogin::begin(settings, http).await.map_err(explained)?;
    let SignIn { address, code, minutes } = login.sign_in();
    say(&format!(
        "Open {address} in a browser, type the code {code}, and sign in with the mailbox of \
        account \"{name}\". The code is valid for {minutes} minutes."
    ))?;
    login.finish(&account.name, &RefreshTokenStore::new(secrets)).await.map_err(explained)?;
    Ok(say(&format!("Signed in. If the account was stopped, run: postroom account enable {name}"))?)
}

pub(super) fn render(accounts: &[AccountStatus], now: Timestamp) -> String {
    let row = |account: &AccountStatus| {
        vec![
            account.name.to_string(),
            state(&account.state, now),
            account.waiting.to_string(),
            format!("{} of {}", account.connections, account.connections_allowed),
            used(Some(account.messages_last_minute), account.messages_per_minute),
            used(account.recipients_last_day, account.recipients_per_day),
            account.last_delivery.map_or_else(|| "never".to_owned(), |at| relative(at, now)),
        ]
    };
    let header = [
        "ACCOUNT",
        "STATE",
        "WAITING",
        "CONNECTIONS",
        "SENT/MINUTE",
        "RECIPIENTS/DAY",
        "LAST DELIVERY",
    ];
    let mut text = table(&header, &accounts.iter().map(row).collect::<Vec<_>>());
    for account in accounts {
        push_troubles(&mut text, account, now);
        push_limits(&mut text, account, now);
    }
    text
}

/// Appends the reasons why an account, or its mail for one domain, waits.
fn push_troubles(text: &mut String, account: &AccountStatus, now: Timestamp) {
    if let AccountState::Paused { reason, advice, .. }
    | AccountState::Stopped { reason, advice, .. } = &account.state
    {
        text.push_str(&format!("\n{}: {reason}\n  {advice}\n", account.name));
    }
    for domain in &account.domains {
        if let AccountState::Paused { reason, advice, .. }
        | AccountState::Stopped { reason, advice, .. } = &domain.state
        {
            let (name, how) = (&domain.domain, state(&domain.state, now));
            text.push_str(&format!(
                "\n{}: mail for {name} waits ({how}), other mail is sent: {reason}\n  {advice}\n",
                account.name
            ));
        }
    }
}

/// Appends the limits that an account has reached, and the expiry of its credential.
fn push_limits(text: &mut String, account: &AccountStatus, now: Timestamp) {
    if account.connections_allowed < account.connections_limit {
        let (now, all) = (account.connections_allowed, account.connections_limit);
        text.push_str(&format!(
            "\n{}: temporarily uses {now} of its {all} connections: {FEWER}\n",
            account.name
        ));
    }
    if let Some(free) = account.day_free_at {
        text.push_str(&format!(
            "\n{}: the recipients of the day are used up; the next message can be sent {} \
            ({free})\n",
            account.name,
            relative(free, now)
        ));
    } else if let Some(free) = account.budget_free_at {
        text.push_str(&format!(
            "\n{}: the messages of this minute are used up; the next message can be sent {}\n",
            account.name,
            relative(free, now)
        ));
    }
    if let Some(expiry) = account.credential.filter(|expiry| expiry.ends.since(now) < SOON) {
        text.push_str(&format!(
            "\n{}: {}\n  {}\n",
            account.name,
            expiry.sentence(now),
            account.name.in_advice(expiry.kind.advice())
        ));
    }
}

const FEWER: &str =
    "the server reported too many connections. Does another program send with this mailbox?";

/// Formats the use of a limit: `12 of 30`, or `12, no limit`.
fn used(used: Option<u32>, limit: Option<u32>) -> String {
    match (used, limit) {
        (Some(used), Some(limit)) => format!("{used} of {limit}"),
        (Some(used), None) => format!("{used}, no limit"),
        (None, _) => "no limit".to_owned(),
    }
}

fn state(state: &AccountState, now: Timestamp) -> String {
    match state {
        AccountState::Ready => "ready".to_owned(),
        AccountState::Paused { until, .. } => format!("paused, resumes {}", relative(*until, now)),
        // A domain, or an account without a login, is probed with mail, which may not be due yet.
        AccountState::Stopped { probe_at, .. } if *probe_at < now => {
            "stopped, next try with the next message".to_owned()
        }
        AccountState::Stopped { probe_at, .. } => {
            format!("stopped, next try {}", relative(*probe_at, now))
        }
        AccountState::Disabled => "disabled".to_owned(),
    }
}
