//! `postroom status`: the state of the daemon, its queue and its accounts.

use std::{fmt::Write as _, path::Path};

use super::{
    account,
    arguments::JsonArguments,
    client::Client,
    output::{plural, print, print_json, span},
};
use crate::{admin::Status, clock::Clock, model::Timestamp};

pub(super) async fn status(
    config: &Path,
    arguments: &JsonArguments,
    clock: &Clock,
) -> anyhow::Result<()> {
    let status: Status = Client::of_config(config)?.get("/api/v1/status").await?;
    if arguments.json {
        return print_json(&status);
    }
    Ok(print(&render(&status, clock.now())?)?)
}

fn render(status: &Status, now: Timestamp) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let ready = if status.ready {
        "ready".to_owned()
    } else {
        format!("not ready: {}", status.missing.join("; "))
    };
    let uptime = span(std::time::Duration::from_secs(status.uptime_seconds));
    writeln!(text, "postroom {} on {}: {ready}; up {uptime}", status.version, status.hostname)?;
    for listener in &status.listeners {
        writeln!(
            text,
            "listening  {} ({}, tls = \"{}\")",
            listener.address,
            listener.protocol.as_str(),
            listener.tls.as_str()
        )?;
    }
    if let Some(admin) = status.admin {
        writeln!(text, "health     http://{admin}/readyz")?;
    }
    if let Some(metrics) = status.metrics.or(status.admin) {
        writeln!(text, "metrics    http://{metrics}/metrics")?;
    }
    writeln!(text, "data       {}", status.data_dir.display())?;
    writeln!(text, "queue      {}", plural(status.queue_messages, "message"))?;
    if let Some(recovery) = &status.recovery {
        let put_right = recovery.readmitted + recovery.rebuilt + recovery.doubtful;
        if put_right > 0 || !recovery.quarantined.is_empty() || !recovery.without_file.is_empty() {
            let (quarantined, without_file) =
                (recovery.quarantined.len(), recovery.without_file.len());
            writeln!(
                text,
                "recovery   at the last start: {} re-admitted, {} rebuilt, {} in doubt, \
                {quarantined} quarantined, {without_file} without file",
                recovery.readmitted, recovery.rebuilt, recovery.doubtful
            )?;
        }
    }
    text.push('\n');
    text.push_str(&account::render(&status.accounts, now));
    Ok(text)
}
