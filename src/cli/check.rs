//! `postroom check`: what is wrong with the config, and what is unwise.

use std::path::Path;

use super::output::{print, say};
use crate::{config::Config, upstream::Chain};

/// Errors end it with exit code 78; warnings do not.
pub(super) fn check(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    for warning in &config.warnings {
        say(&warning.to_string())?;
    }
    for account in &config.accounts {
        // What cannot be read has been warned about.
        if let Some(files) = &account.destination.identity
            && let Ok(chain) = std::fs::read_to_string(&files.certificate).map_err(drop).and_then(|pem| Chain::read(&pem).map_err(drop))
        {
            let (names, issuer, end) = (chain.names.join(", "), &chain.issuer, chain.not_after.to_rfc3339());
            say(&format!("account \"{}\": shows a certificate for {names}, issued by {issuer}, good until {end}", account.name))?;
        }
    }
    let warnings = match config.warnings.len() {
        0 => String::new(),
        1 => "; 1 warning".to_owned(),
        more => format!("; {more} warnings"),
    };
    let counts = format!(
        "{} listeners, {} devices, {} users, {} accounts",
        config.listeners.len(),
        config.devices.len(),
        config.users.len(),
        config.accounts.len()
    );
    Ok(print(&format!("{}: good: {counts}{warnings}\n", path.display()))?)
}
