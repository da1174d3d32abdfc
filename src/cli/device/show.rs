//! `postroom device show NAME|ADDRESS`: everything that is known about a device or an address.

use std::{net::IpAddr, path::Path};

use anyhow::bail;
use serde::Serialize;

use super::{
    list::{Stranger, encryption, headline, login},
    quirks,
    seen::seen,
    settings::Settings,
};
use crate::{
    admin::Sightings,
    cli::{
        arguments::JsonArguments,
        client::encoded,
        output::{plural, print, print_json, relative, size, table},
    },
    clock::Clock,
    config::Config,
    device::{DeviceSettings, DeviceSighting, Sighting, advice},
    model::{ByteSize, Dialogue, Timestamp},
};

/// The number of a device's clients that are shown in full. If there are more, the latest one and
/// those with the latest trouble are chosen.
const SHOWN_IN_FULL: usize = 4;

pub(super) async fn show(
    path: &Path,
    which: &str,
    json: &JsonArguments,
    clock: &Clock,
) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    if let Some(device) = config.devices.iter().find(|device| device.name.as_str() == which) {
        let seen: Option<DeviceSighting> =
            seen(path, &format!("/api/v1/devices/{}", encoded(which))).await?;
        let shown = Shown { settings: Settings::new(device, &config), seen };
        return if json.json {
            print_json(&shown)
        } else {
            Ok(print(&render_device(&shown, device, clock.now()))?)
        };
    }
    let Ok(address) = which.parse::<IpAddr>() else {
        let names: Vec<&str> = config.devices.iter().map(|device| device.name.as_str()).collect();
        bail!(
            "\"{which}\" is neither a device in the configuration nor an IP address; the devices \
            are: {}",
            names.join(", ")
        );
    };
    let address = address.to_canonical();
    let seen: Sightings =
        seen(path, &format!("/api/v1/clients/{}", encoded(&address.to_string()))).await?;
    let is = owner(&config, address);
    let Sightings { devices, strangers } = seen;
    let shown = Address {
        address,
        device: is.map(|device| device.name.to_string()),
        seen: devices,
        stranger: Stranger::all(strangers, &config).into_iter().next(),
    };
    if json.json {
        print_json(&shown)
    } else {
        Ok(print(&render_address(&shown, &config, clock.now()))?)
    }
}

#[derive(Serialize)]
struct Shown {
    settings: Settings,
    seen: Option<DeviceSighting>,
}

#[derive(Serialize)]
struct Address {
    address: IpAddr,
    /// The device whose network contains the address.
    device: Option<String>,
    seen: Vec<DeviceSighting>,
    stranger: Option<Stranger>,
}

/// The device with the most specific network that contains an address, as in the daemon.
fn owner(config: &Config, address: IpAddr) -> Option<&DeviceSettings> {
    let closest = |device: &DeviceSettings| {
        device
            .networks
            .iter()
            .filter(|network| network.contains(&address))
            .map(ipnet::IpNet::prefix_len)
            .max()
    };
    // Among equals, the first in the file wins; `max_by_key` returns the last.
    config
        .devices
        .iter()
        .rev()
        .filter(|device| closest(device).is_some())
        .max_by_key(|device| closest(device))
}

fn render_device(shown: &Shown, device: &DeviceSettings, now: Timestamp) -> String {
    let mut text = format!("{}\n{}\n", device.name, shown.settings.render());
    let Some(seen) = &shown.seen else {
        text.push_str("Never seen.\n");
        return text;
    };
    text.push_str(&format!(
        "First seen {}, last seen {}: {}, {} ({}), {}.\n\n",
        relative(seen.first_seen, now),
        relative(seen.last_seen, now),
        plural(seen.counts.connections, "connection"),
        plural(seen.counts.messages, "message"),
        size(ByteSize::from_octets(seen.counts.octets)),
        plural(seen.counts.refusals, "refusal"),
    ));
    let rows: Vec<Vec<String>> = seen.clients.iter().map(|client| row(client, now)).collect();
    text.push_str(&table(
        &[
            "ADDRESS",
            "GREETS AS",
            "LAST SEEN",
            "TLS",
            "LOGIN",
            "CONNECTIONS",
            "MESSAGES",
            "REFUSALS",
        ],
        &rows,
    ));
    let in_full = in_full(&seen.clients);
    for client in &in_full {
        text.push_str(&render_client(client, Some(device), now));
    }
    if in_full.len() < seen.clients.len() {
        text.push_str("\nTo see another address in full: postroom device show ADDRESS\n");
    }
    text
}

/// Chooses the clients to show in full.
fn in_full(clients: &[Sighting]) -> Vec<&Sighting> {
    let mut chosen: Vec<&Sighting> = clients.iter().collect();
    if chosen.len() > SHOWN_IN_FULL {
        chosen.sort_by_key(|client| std::cmp::Reverse(client.trouble().map(|(at, _)| at)));
        chosen.truncate(SHOWN_IN_FULL);
        if let Some(latest) = clients.first()
            && !chosen.contains(&latest)
        {
            chosen.insert(0, latest);
        }
    }
    chosen
}

fn row(client: &Sighting, now: Timestamp) -> Vec<String> {
    vec![
        client.peer.to_string(),
        client.helo.clone().unwrap_or_default(),
        relative(client.last_seen, now),
        encryption(client),
        login(client),
        client.counts.connections.to_string(),
        client.counts.messages.to_string(),
        client.counts.refusals.to_string(),
    ]
}

fn render_address(shown: &Address, config: &Config, now: Timestamp) -> String {
    let mut text = match &shown.device {
        Some(device) => format!("{} is in a network of device \"{device}\".\n", shown.address),
        None => format!("{} is not in the networks of any device.\n", shown.address),
    };
    for seen in &shown.seen {
        let device = config.devices.iter().find(|device| device.name == seen.device);
        text.push_str(&format!("\nSeen as device \"{}\":\n", seen.device));
        seen.clients.iter().for_each(|client| text.push_str(&render_client(client, device, now)));
    }
    if let Some(stranger) = &shown.stranger {
        text.push_str("\nSeen as an unknown client:\n");
        text.push_str(&render_client(&stranger.seen, None, now));
        text.push_str("\nTo admit it, paste these lines into the configuration and reload:\n\n");
        text.push_str(&stranger.admitting);
    }
    if shown.seen.is_empty() && shown.stranger.is_none() {
        text.push_str("Not seen recently.\n");
    }
    text
}

fn render_client(client: &Sighting, device: Option<&DeviceSettings>, now: Timestamp) -> String {
    let mut text = format!("\n{}\n", headline(client, now));
    push_identity(&mut text, client, now);
    push_behaviour(&mut text, client, now);
    push_refusals(&mut text, client, device, now);
    if let Some(trouble) = &client.last_trouble {
        text.push_str(&render_dialogue("last connection with trouble", trouble, device, now));
    }
    if let Some(dialogue) = &client.last_dialogue {
        text.push_str(&render_dialogue("last connection without trouble", dialogue, device, now));
    }
    text
}

fn push_fact(text: &mut String, key: &str, value: &str) {
    text.push_str(&format!("  {key:15} {value}\n"));
}

/// Appends when a client was seen, its encryption, its certificate and its login.
fn push_identity(text: &mut String, client: &Sighting, now: Timestamp) {
    let mut fact = |key: &str, value: String| push_fact(text, key, &value);
    fact(
        "seen",
        format!(
            "first {}, last {}",
            relative(client.first_seen, now),
            relative(client.last_seen, now)
        ),
    );
    if let Some(tls) = &client.tls {
        let weak = if tls.version.is_secure() { "" } else { " (counts as plaintext)" };
        fact("TLS", format!("{}, {}{weak}", tls.version.as_str(), tls.cipher));
    } else {
        fact("TLS", "none".to_owned());
    }
    if let Some(certificate) = &client.certificate {
        fact("certificate", certificate.clone());
    }
    if let Some(unknown) = &client.unknown_certificate {
        let names =
            if unknown.names.is_empty() { "no name".to_owned() } else { unknown.names.join(", ") };
        let entry = unknown.entry.as_ref().map(|entry| format!(", {entry}")).unwrap_or_default();
        fact(
            "certificate",
            format!("unknown, {}: {names}{entry}: {}", relative(unknown.at, now), unknown.reason),
        );
    }
    fact("login", login(client));
}

/// Appends the last message of a client and its quirks.
fn push_behaviour(text: &mut String, client: &Sighting, now: Timestamp) {
    let mut fact = |key: &str, value: String| push_fact(text, key, &value);
    if let Some(message) = &client.last_message {
        fact(
            "last message",
            format!(
                "{}, {}, {}",
                relative(message.at, now),
                message.id,
                size(ByteSize::from_octets(message.octets))
            ),
        );
    }
    for (quirk, seen) in &client.quirks {
        let times = plural(seen.connections, "connection");
        fact(
            "quirk",
            format!(
                "{} ({times}, last {}): {}",
                quirk.name(),
                relative(seen.last_seen, now),
                quirks::explain(*quirk)
            ),
        );
    }
}

/// Appends the last refusal and the last failed handshake of a client, with advice.
fn push_refusals(
    text: &mut String,
    client: &Sighting,
    device: Option<&DeviceSettings>,
    now: Timestamp,
) {
    let mut fact = |key: &str, value: String| push_fact(text, key, &value);
    if let Some(refusal) = &client.last_refusal {
        fact("refused", format!("{}: {}", relative(refusal.at, now), refusal.reply));
        advice::on_refusal(refusal, device).into_iter().for_each(|what| fact("  what to do", what));
    }
    if let Some(failed) = &client.failed_handshake {
        fact("TLS failed", format!("{}: {}", relative(failed.at, now), failed.reason));
        advice::on_handshake(failed.needs, &failed.reason, device)
            .into_iter()
            .for_each(|what| fact("  what to do", what));
    }
}

fn render_dialogue(
    title: &str,
    dialogue: &Dialogue,
    device: Option<&DeviceSettings>,
    now: Timestamp,
) -> String {
    let mut text = format!("\n  {title}, {}:\n", relative(dialogue.begun, now));
    for line in &dialogue.lines {
        text.push_str(&format!("    {line}\n"));
    }
    if let Some(trouble) = &dialogue.trouble
        && let Some(what) = advice::on_trouble(trouble, device)
    {
        text.push_str(&format!("  what to do      {what}\n"));
    }
    text
}
