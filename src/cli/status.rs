//! `postroom status`: the state of the daemon, its queue and its accounts. The exit code is that of
//! a Nagios plugin: 0 good, 1 warning, 2 trouble.

use std::{fmt::Write as _, path::Path, process::ExitCode};

use super::{
    account,
    arguments::JsonArguments,
    client::Client,
    output::{complain, plural, print, print_json, relative, size, span},
};
use crate::{
    admin::{Condition, Status},
    clock::Clock,
    model::Timestamp,
};

pub(super) async fn status(
    config: &Path,
    arguments: &JsonArguments,
    clock: &Clock,
) -> anyhow::Result<ExitCode> {
    let client = Client::of_config(config)?;
    let status: Status = match client.get("/api/v1/status").await {
        Ok(status) => status,
        Err(error) => {
            if !arguments.json {
                // Nagios shows the first line of standard output.
                print("trouble: the daemon does not answer\n")?;
            }
            complain(&format!("{error:#}"));
            return Ok(exit_code(Condition::Trouble));
        }
    };
    if arguments.json {
        print_json(&status)?;
    } else {
        print(&render(&status, clock.now())?)?;
    }
    Ok(exit_code(status.condition))
}

fn exit_code(condition: Condition) -> ExitCode {
    ExitCode::from(match condition {
        Condition::Good => 0,
        Condition::Warning => 1,
        Condition::Trouble => 2,
    })
}

fn render(status: &Status, now: Timestamp) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let ready = if status.ready {
        "ready".to_owned()
    } else {
        format!("not ready: {}", status.missing.join("; "))
    };
    let uptime = span(std::time::Duration::from_secs(status.uptime_seconds));
    let condition = status.condition.as_str();
    writeln!(
        text,
        "{condition}: postroom {} on {}: {ready}; up {uptime}",
        status.version, status.hostname
    )?;
    for concern in &status.concerns {
        writeln!(text, "{:<9}  {}", concern.condition.as_str(), concern.text)?;
    }
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
    text.push_str(&lately(status, now)?);
    if let Some(learning) = &status.learning {
        let (network, until) = (learning.network, relative(learning.until, now));
        writeln!(text, "learning   unknown devices in {network} may send; ends {until}")?;
    }
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

/// What was sent today, the free space, and refused strangers.
fn lately(status: &Status, now: Timestamp) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    if let Some(today) = &status.today {
        let (sent, failed) = (today.sent, today.failed);
        writeln!(text, "today      sent to {}, {failed} failed", plural(sent, "recipient"))?;
    }
    if let Some(disk) = &status.disk {
        let (free, min_free) = (size(disk.free), size(disk.min_free));
        writeln!(text, "disk       {free} free; devices are refused below {min_free}")?;
    }
    if let Some(strangers) = &status.strangers {
        writeln!(
            text,
            "strangers  {} refused in 24 hours, the last {} {}; see: postroom device list",
            plural(strangers.clients, "unknown client"),
            strangers.last,
            relative(strangers.at, now)
        )?;
    }
    Ok(text)
}
