//! Learning mode: for a bounded time, the unknown devices of one network count as one more device.
//! It is not kept: it ends with the process, too.

use std::{collections::BTreeSet, time::Duration};

use ipnet::IpNet;
use tokio::time::{Instant, sleep_until};

use crate::{
    admin::{LEARNING_DEVICE, LONGEST_LEARNING, LearnRequest, Learning, OrderError},
    config::Config,
    device::DeviceSettings,
    model::Timestamp,
};

/// The widest networks: an organization's, not the internet.
const WIDEST: (u8, u8) = (16, 48);

/// Learning mode that has begun.
pub(super) struct Begun {
    pub(super) learning: Learning,
    /// What the unknown devices may do.
    pub(super) device: DeviceSettings,
    end: Instant,
}

/// Decides whether learning mode may begin, and what unknown devices may do then.
pub(super) fn begin(
    config: &Config,
    request: &LearnRequest,
    by: String,
    now: Timestamp,
) -> Result<Begun, OrderError> {
    let LearnRequest { network, seconds, oldest_tls } = request;
    let (network, span) = (network.trunc(), Duration::from_secs(*seconds));
    check(config, network, span)?;
    let recipients = recipients(config);
    if recipients.is_empty() {
        return Err(refused(
            "nobody may receive the mail of unknown devices: write `recipients` for a [[device]], \
            or the `address` of an [[account]], whose domain then counts",
        ));
    }
    let list: Vec<String> = recipients.iter().map(|pattern| format!("{pattern:?}")).collect();
    let mut text = format!(
        "[[device]]\nname = {LEARNING_DEVICE:?}\nnetworks = [\"{network}\"]\nauth = \"none\"\n\
        recipients = [{}]\n",
        list.join(", ")
    );
    if let Some(oldest) = oldest_tls {
        text.push_str(&format!("oldest_tls = \"{}\"\n", oldest.as_str()));
    }
    let with = config.with("learning mode", &text).map_err(|error| refused(&error.to_string()))?;
    let device = with.devices.into_iter().find(|device| device.name.as_str() == LEARNING_DEVICE);
    let device = device.ok_or_else(|| refused("the config cannot be read"))?;
    let learning = Learning {
        network,
        until: now.plus(span),
        recipients: recipients.into_iter().collect(),
        by,
    };
    Ok(Begun { learning, device, end: Instant::now() + span })
}

fn check(config: &Config, network: IpNet, span: Duration) -> Result<(), OrderError> {
    let widest = match network {
        IpNet::V4(_) => WIDEST.0,
        IpNet::V6(_) => WIDEST.1,
    };
    if network.prefix_len() < widest {
        return Err(refused(&format!(
            "{network} is too wide: write the network of the devices, /{widest} at most"
        )));
    }
    if span.is_zero() || span > LONGEST_LEARNING {
        return Err(refused("learning mode lasts from 1s to 24h; write for example --for 2h"));
    }
    let knows = |device: &&DeviceSettings| device.networks.iter().any(|its| its.contains(&network));
    if let Some(known) = config.devices.iter().find(knows) {
        return Err(refused(&format!(
            "every address in {network} is device \"{}\" already",
            known.name
        )));
    }
    if config.devices.iter().any(|device| device.name.as_str() == LEARNING_DEVICE) {
        return Err(refused(&format!(
            "a [[device]] is named \"{LEARNING_DEVICE}\"; give it another name"
        )));
    }
    Ok(())
}

/// The recipients that the config names: those of its devices, and the domains of its accounts.
/// "*" names nobody.
fn recipients(config: &Config) -> BTreeSet<String> {
    let of_devices = config.devices.iter().flat_map(|device| &device.recipients);
    let named = of_devices.map(|pattern| pattern.as_str().to_owned()).filter(|text| text != "*");
    let of_accounts = config.accounts.iter().filter_map(|account| account.address.as_ref());
    let domains = of_accounts.map(|address| format!("*@{}", address.domain()));
    named.chain(domains).collect()
}

/// Waits for the end of learning mode; for ever when there is none.
pub(super) async fn over(begun: Option<&Begun>) {
    match begun {
        Some(begun) => sleep_until(begun.end).await,
        None => std::future::pending().await,
    }
}

fn refused(text: &str) -> OrderError {
    OrderError::Invalid(text.to_owned())
}
