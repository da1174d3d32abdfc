//! `postroom device learn`: lets the unknown devices of a network send for a while, and shows what
//! they do.

use std::path::Path;

use crate::{
    admin::{LearnRequest, Learned, Learning},
    cli::{
        arguments::LearnArguments,
        client::Client,
        output::{print, print_json, relative, say, table},
    },
    clock::Clock,
    device::Sighting,
    model::Timestamp,
};

const PATH: &str = "/api/v1/learning";

/// Begins learning mode, ends it, or shows it.
pub(super) async fn learn(
    config: &Path,
    arguments: &LearnArguments,
    clock: &Clock,
) -> anyhow::Result<()> {
    let client = Client::of_config(config)?;
    if arguments.end {
        client.delete(PATH).await?;
        say("Learning mode is over. Devices that are not admitted are refused again.")?;
    } else if let Some(network) = arguments.network {
        let request = LearnRequest {
            network,
            seconds: arguments.duration.as_secs(),
            oldest_tls: arguments.oldest_tls,
        };
        let learning: Learning = client.post(PATH, &request).await?;
        if arguments.json.json {
            return print_json(&learning);
        }
        print(&begun(&learning, clock.now()))?;
    } else {
        let learned: Learned = client.get(PATH).await?;
        if arguments.json.json {
            return print_json(&learned);
        }
        print(&render(&learned, clock.now()))?;
    }
    Ok(())
}

fn begun(learning: &Learning, now: Timestamp) -> String {
    let Learning { network, until, recipients, .. } = learning;
    format!(
        "Unknown devices in {network} may now send to {}. This ends by itself {} ({until}).\n\
        Let each device send once, then run: postroom device learn\n",
        recipients.join(", "),
        relative(*until, now)
    )
}

fn render(Learned { learning, clients }: &Learned, now: Timestamp) -> String {
    let mut text = match learning {
        Some(Learning { network, until, by, .. }) => format!(
            "Learning mode: unknown devices in {network} may send; ends {} ({until}); begun by \
            {by}.\n\n",
            relative(*until, now)
        ),
        None => "Learning mode is off.\n\n".to_owned(),
    };
    if clients.is_empty() {
        text.push_str("No unknown device has connected in learning mode.\n");
        return text;
    }
    let row = |client: &Sighting| {
        vec![
            client.peer.to_string(),
            client.helo.clone().unwrap_or_default(),
            client.tls.as_ref().map_or("none", |tls| tls.version.as_str()).to_owned(),
            client.counts.messages.to_string(),
            client.counts.refusals.to_string(),
            relative(client.last_seen, now),
        ]
    };
    let header = ["ADDRESS", "NAME", "TLS", "MESSAGES", "REFUSED", "LAST SEEN"];
    text.push_str(&table(&header, &clients.iter().map(row).collect::<Vec<_>>()));
    text.push_str(KEEP);
    text
}

const KEEP: &str = "\nTo keep a device: postroom device admit ADDRESS --name NAME\n";
