//! `postroom check`: what is wrong with the config, and what is unwise.

use std::path::Path;

use super::output::{plural, print, say};
use crate::config::Config;

/// Errors end it with exit code 78; warnings do not.
pub(super) fn check(path: &Path) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    for warning in &config.warnings {
        say(&warning.to_string())?;
    }
    let warnings = match config.warnings.len() {
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
    Ok(print(&format!("{}: good: {counts}{warnings}\n", path.display()))?)
}

fn count(number: usize, what: &str) -> String {
    plural(u64::try_from(number).unwrap_or(u64::MAX), what)
}
