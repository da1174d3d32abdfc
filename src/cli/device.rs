//! `postroom device list`: who may hand in mail, and what was seen of them.

use std::path::Path;

use serde::Serialize;

use super::{
    arguments::DeviceCommand,
    client::Client,
    output::{complain, print, print_json, relative, table},
};
use crate::{
    admin::Sightings,
    clock::Clock,
    config::Config,
    device::{DeviceAuth, DeviceSettings, Sighting, UserSettings},
    model::Timestamp,
};

pub(super) async fn device(config: &Path, command: &DeviceCommand, clock: &Clock) -> anyhow::Result<()> {
    let DeviceCommand::List(arguments) = command;
    let settings = Config::load(config)?;
    let seen = Client::of_config(config)?.get::<Sightings>("/api/v1/devices").await;
    let seen = seen.unwrap_or_else(|error| {
        complain(&format!("{error:#}\nWhat follows is from the config alone."));
        Sightings { devices: Vec::new(), strangers: Vec::new() }
    });
    let rows = settings.devices.iter().map(|device| Row::new(device, &settings.users, &seen));
    if arguments.json {
        return print_json(&rows.collect::<Vec<_>>());
    }
    Ok(print(&render(&rows.collect::<Vec<_>>(), &seen, clock.now()))?)
}

/// One device, as the command shows it.
#[derive(Serialize)]
struct Row {
    name: String,
    networks: Vec<String>,
    users: Vec<String>,
    auth: &'static str,
    oldest_tls: &'static str,
    account: Option<String>,
    seen: Option<Sighting>,
}

impl Row {
    fn new(device: &DeviceSettings, users: &[UserSettings], seen: &Sightings) -> Self {
        Self {
            name: device.name.to_string(),
            networks: device.networks.iter().map(ToString::to_string).collect(),
            users: users.iter().filter(|user| user.device == device.name).map(|user| user.name.clone()).collect(),
            auth: match device.auth {
                DeviceAuth::None => "none",
                DeviceAuth::Optional => "optional",
                DeviceAuth::Required => "required",
            },
            oldest_tls: device.oldest_tls.as_str(),
            account: device.account.as_ref().map(ToString::to_string),
            seen: seen.devices.iter().find(|sighting| sighting.device == device.name).cloned(),
        }
    }
}

fn render(rows: &[Row], seen: &Sightings, now: Timestamp) -> String {
    let never = || "never".to_owned();
    let cells = |row: &Row| {
        vec![
            row.name.clone(),
            row.networks.join(" "),
            row.users.join(" "),
            row.auth.to_owned(),
            row.oldest_tls.to_owned(),
            row.account.clone().unwrap_or_else(|| "(first)".to_owned()),
            row.seen.as_ref().map_or_else(never, |seen| relative(seen.last_seen, now)),
            row.seen.as_ref().map_or_else(String::new, |seen| seen.messages.to_string()),
        ]
    };
    let header = ["DEVICE", "NETWORKS", "USERS", "AUTH", "OLDEST TLS", "ACCOUNT", "LAST SEEN", "MESSAGES"];
    let mut text = table(&header, &rows.iter().map(cells).collect::<Vec<_>>());
    for seen in rows.iter().filter_map(|row| row.seen.as_ref()) {
        if let Some((at, reply)) = &seen.last_refusal {
            text.push_str(&format!("\n{}: refused {}: {reply}\n", seen.device, relative(*at, now)));
        }
        if !seen.quirks.is_empty() {
            let quirks: Vec<String> = seen.quirks.iter().map(|quirk| format!("{quirk:?}")).collect();
            text.push_str(&format!("\n{}: against the standards, and put up with: {}\n", seen.device, quirks.join(", ")));
        }
    }
    if !seen.strangers.is_empty() {
        let cells = |stranger: &crate::device::StrangerSighting| {
            let refusal = stranger.last_refusal.as_ref().map_or_else(String::new, ToString::to_string);
            vec![stranger.peer.to_string(), relative(stranger.last_seen, now), refusal]
        };
        text.push_str("\nIn no device's networks (add the address to one, if it is yours):\n");
        text.push_str(&table(&["ADDRESS", "LAST SEEN", "REFUSED"], &seen.strangers.iter().map(cells).collect::<Vec<_>>()));
    }
    text
}
