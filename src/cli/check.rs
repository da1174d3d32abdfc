//! `postroom check`: reports mistakes and unwise settings in the configuration.

use std::{path::Path, process::ExitCode};

use super::{
    output::{complain, plural, print, say},
    service_user::{NAME, ServiceUser},
};
use crate::{
    clock::Clock,
    config::{Config, DEFAULT_PATH},
    oauth::Expiry,
    upstream::Chain,
};

/// Prints all problems. An error causes exit code 78; a warning does not.
///
/// Root could read every file. The service cannot, so root's check of the service's configuration
/// runs as the service's user.
pub(super) fn check(path: &Path, clock: &Clock) -> anyhow::Result<ExitCode> {
    if path == Path::new(DEFAULT_PATH)
        && let Some(user) = ServiceUser::to_act_for()
    {
        complain(&format!("Checking as the user {NAME}, as which the service runs."));
        let code = user.run(&["check"], path)?.code().and_then(|code| u8::try_from(code).ok());
        return Ok(code.map_or(ExitCode::FAILURE, ExitCode::from));
    }
    report(path, clock)?;
    Ok(ExitCode::SUCCESS)
}

fn report(path: &Path, clock: &Clock) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    for warning in &config.warnings {
        say(&warning.to_string())?;
    }
    let ends = ends(&config, clock);
    for warning in &ends {
        say(warning)?;
    }
    for account in &config.accounts {
        // A file that cannot be read has already caused a warning.
        if let Some(files) = account.route.identity()
            && let Ok(chain) = std::fs::read_to_string(&files.certificate)
                .map_err(drop)
                .and_then(|pem| Chain::read(&pem).map_err(drop))
        {
            let (names, issuer, end) =
                (chain.names.join(", "), &chain.issuer, chain.not_after.to_rfc3339());
            say(&format!(
                "account \"{}\": uses a client certificate for {names}, issued by {issuer}, valid \
                until {end}",
                account.name
            ))?;
        }
    }
    let warnings = match config.warnings.len() + ends.len() {
        0 => String::new(),
        1 => "; 1 warning".to_owned(),
        more => format!("; {more} warnings"),
    };
    let counts = format!(
        "{}, {}, {}, {}",
        count(config.listeners.len(), "listener"),
        count(config.devices.len(), "device"),
        count(config.users.len(), "user"),
        count(config.accounts.len(), "account")
    );
    Ok(print(&format!("{}: valid: {counts}{warnings}\n", path.display()))?)
}

fn count(number: usize, what: &str) -> String {
    plural(u64::try_from(number).unwrap_or(u64::MAX), what)
}

/// A warning for each credential of an account that expires soon.
fn ends(config: &Config, clock: &Clock) -> Vec<String> {
    let now = clock.now();
    let warning = |account: &crate::queue::AccountSettings| {
        // A file that cannot be read stops the account, not the daemon, and `account check` reports
        // it.
        let expiry = account.route.secret()?.expiry().ok().flatten();
        let account = &account.name;
        let expiry = expiry.filter(|expiry: &Expiry| expiry.days_left(now) <= 30)?;
        Some(format!(
            "warning: account \"{account}\": {} {}",
            expiry.sentence(now),
            account.in_advice(expiry.kind.advice())
        ))
    };
    config.accounts.iter().filter_map(warning).collect()
}
