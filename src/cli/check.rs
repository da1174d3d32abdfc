//! `postroom check`: what is wrong with the config, and what is unwise.

use std::path::Path;

use super::output::{print, say};
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
        "{} listeners, {} devices, {} users, {} accounts",
        config.listeners.len(),
        config.devices.len(),
        config.users.len(),
        config.accounts.len()
    );
    Ok(print(&format!("{}: good: {counts}{warnings}\n", path.display()))?)
}
