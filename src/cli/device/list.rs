//! `postroom device list`: all devices, what was seen of them, and unknown clients.

use std::path::Path;

use serde::Serialize;

use super::{seen::seen, settings::Settings};
use crate::{
    admin::Sightings,
    cli::{
        arguments::JsonArguments,
        output::{print, print_json, relative, table},
    },
    clock::Clock,
    config::Config,
    device::{DeviceSighting, LoginOutcome, Sighting, advice},
    model::{DeviceName, Timestamp},
};

/// The number of unknown clients shown with the lines that would admit them. More lines would hide
/// the devices.
const SHOWN_WITH_LINES: usize = 8;
/// The width of the last column in characters. `show` prints the whole text.
const TROUBLE_WIDTH: usize = 60;

#[derive(Serialize)]
struct Listing {
    devices: Vec<Row>,
    strangers: Vec<Stranger>,
}

#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    settings: Settings,
    seen: Option<DeviceSighting>,
}

/// A client that no device in the configuration matches.
#[derive(Serialize)]
pub(super) struct Stranger {
    #[serde(flatten)]
    pub(super) seen: Sighting,
    /// The configuration lines that would admit it as a device.
    pub(super) admitting: String,
}

impl Stranger {
    /// Proposes a different name for each client, because printers of one model announce the same
    /// name.
    pub(super) fn all(seen: Vec<Sighting>, config: &Config) -> Vec<Self> {
        let mut taken: Vec<DeviceName> =
            config.devices.iter().map(|device| device.name.clone()).collect();
        let mut admit = |seen: Sighting| {
            let name = advice::proposed_name(&seen, &taken);
            let admitting = advice::admitting(&seen, &name);
            taken.push(name.as_str().into());
            Self { seen, admitting }
        };
        seen.into_iter().map(&mut admit).collect()
    }
}

pub(super) async fn list(
    path: &Path,
    arguments: &JsonArguments,
    clock: &Clock,
) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    let Sightings { devices, strangers } = seen(path, "/api/v1/devices").await?;
    let row = |device: &crate::device::DeviceSettings| Row {
        settings: Settings::new(device, &config),
        seen: devices.iter().find(|sighting| sighting.device == device.name).cloned(),
    };
    let listing = Listing {
        devices: config.devices.iter().map(row).collect(),
        strangers: Stranger::all(strangers, &config),
    };
    if arguments.json {
        return print_json(&listing);
    }
    Ok(print(&render(&listing, clock.now()))?)
}

fn render(listing: &Listing, now: Timestamp) -> String {
    let cells = |row: &Row| {
        let networks = row
            .settings
            .networks
            .iter()
            .chain(&row.settings.users)
            .chain(&row.settings.certificates)
            .cloned()
            .collect::<Vec<_>>();
        let mut cells = vec![row.settings.name.clone(), networks.join(" ")];
        match row.seen.as_ref().and_then(|seen| Some((seen, seen.clients.first()?))) {
            Some((seen, latest)) => cells.extend(seen_cells(seen, latest, now)),
            None => cells.push("never".to_owned()),
        }
        cells
    };
    let header =
        ["DEVICE", "KNOWN BY", "LAST SEEN", "FROM", "TLS", "LOGIN", "MESSAGES", "LAST TROUBLE"];
    let mut text = table(&header, &listing.devices.iter().map(cells).collect::<Vec<_>>());
    text.push_str(&strangers(&listing.strangers, now));
    text
}

fn seen_cells(seen: &DeviceSighting, latest: &Sighting, now: Timestamp) -> Vec<String> {
    let trouble = seen.clients.iter().filter_map(Sighting::trouble).max_by_key(|(at, _)| *at);
    vec![
        relative(seen.last_seen, now),
        latest.peer.to_string(),
        encryption(latest),
        login(latest),
        seen.counts.messages.to_string(),
        trouble.map_or_else(String::new, |(at, what)| {
            format!("{}: {}", relative(at, now), cut(&what))
        }),
    ]
}

/// The TLS version of a client, such as `tls1.2`, or `none`.
pub(super) fn encryption(client: &Sighting) -> String {
    client.tls.as_ref().map_or_else(|| "none".to_owned(), |tls| tls.version.as_str().to_owned())
}

/// The login of a client, such as `mfp1 (CRAM-MD5)`, `refused` or `none`.
pub(super) fn login(client: &Sighting) -> String {
    let how =
        client.mechanism.as_deref().map_or_else(String::new, |mechanism| format!(" ({mechanism})"));
    match &client.login {
        Some(login) => match login.outcome {
            LoginOutcome::Right => format!("{}{how}", login.user.as_deref().unwrap_or("?")),
            LoginOutcome::Wrong | LoginOutcome::TooMany => format!("refused{how}"),
        },
        None if client.mechanism.is_some() => format!("tried{how}"),
        None => "none".to_owned(),
    }
}

fn strangers(strangers: &[Stranger], now: Timestamp) -> String {
    let (refused, others): (Vec<_>, Vec<_>) =
        strangers.iter().partition(|stranger| stranger.seen.trouble().is_some());
    let mut text = String::new();
    if !refused.is_empty() {
        text.push_str(
            "\nUnknown clients that were refused. To admit one, run postroom device admit ADDRESS, \
            or paste its lines into the configuration and reload:\n",
        );
    }
    for stranger in refused.iter().take(SHOWN_WITH_LINES) {
        text.push_str(&format!("\n{}\n", headline(&stranger.seen, now)));
        text.push_str(
            &stranger.admitting.lines().map(|line| format!("    {line}\n")).collect::<String>(),
        );
    }
    let rest: Vec<_> = refused.iter().skip(SHOWN_WITH_LINES).chain(&others).collect();
    if !rest.is_empty() {
        let row = |stranger: &&&Stranger| {
            vec![
                stranger.seen.peer.to_string(),
                relative(stranger.seen.last_seen, now),
                said(&stranger.seen),
            ]
        };
        text.push_str("\nOther unknown clients (for details: postroom device show ADDRESS):\n");
        text.push_str(&table(
            &["ADDRESS", "LAST SEEN", "LAST TROUBLE"],
            &rest.iter().map(row).collect::<Vec<_>>(),
        ));
    }
    text
}

fn said(client: &Sighting) -> String {
    client.trouble().map_or_else(|| "none: it requested nothing".to_owned(), |(_, what)| cut(&what))
}

/// A client in one line: `172.16.0.1, "mfp7", 5m ago: 550 …`.
pub(super) fn headline(client: &Sighting, now: Timestamp) -> String {
    let helo = client.helo.as_deref().map_or_else(String::new, |helo| format!(", \"{helo}\""));
    match client.trouble() {
        Some((at, what)) => format!("{}{helo}, {}: {what}", client.peer, relative(at, now)),
        None => format!("{}{helo}, {}", client.peer, relative(client.last_seen, now)),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TROUBLE_WIDTH) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
