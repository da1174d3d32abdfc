//! `postroom reload`: lets the running daemon read the configuration again.

use std::path::Path;

use super::{
    arguments::JsonArguments,
    client::Client,
    output::{print, print_json, say},
    person::person,
};
use crate::admin::{ReloadRequest, Reloaded};

/// Prints what has changed. If the configuration is wrong, it changes nothing, and the error lists
/// every mistake.
pub(super) async fn reload(config: &Path, arguments: &JsonArguments) -> anyhow::Result<()> {
    let request = ReloadRequest { by: person() };
    let reloaded: Reloaded = Client::of_config(config)?.post("/api/v1/reload", &request).await?;
    if arguments.json {
        return print_json(&reloaded);
    }
    for warning in &reloaded.warnings {
        say(warning)?;
    }
    Ok(print(&render(&reloaded))?)
}

fn render(Reloaded { changed, needs_restart, .. }: &Reloaded) -> String {
    let mut text = String::from("The configuration is reloaded.");
    if changed.is_empty() && needs_restart.is_empty() {
        text.push_str(" Nothing in it has changed; the certificates were read again.");
    }
    text.push('\n');
    for line in changed {
        text.push_str(&format!("  {line}\n"));
    }
    if !needs_restart.is_empty() {
        text.push_str(&format!("These need a restart to apply: {}\n", needs_restart.join(", ")));
    }
    text
}
