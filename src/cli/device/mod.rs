//! `postroom device list | show | password`: the devices that may submit mail, what was seen of
//! them, and their passwords.
//!
//! - `list`: all devices, and unknown clients
//! - `show`: one device or one address, with its last dialogues
//! - `settings`: the settings of a device, as `list` and `show` print them
//! - `quirks`: explains a quirk, with the text of its page in the documentation
//! - `password`: generates a password that old firmware can store

mod list;
mod password;
mod quirks;
mod settings;
mod show;

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::{
    cli::{arguments::DeviceCommand, client::Client, output::complain},
    clock::Clock,
};

pub(super) async fn device(
    config: &Path,
    command: DeviceCommand,
    clock: &Clock,
) -> anyhow::Result<()> {
    match command {
        DeviceCommand::List(arguments) => list::list(config, &arguments, clock).await,
        DeviceCommand::Show { which, json } => show::show(config, &which, &json, clock).await,
        DeviceCommand::Password(arguments) => password::password(&arguments),
    }
}

/// Asks the daemon what it has seen. If the daemon does not answer, the output shows the
/// configuration only.
async fn seen<T: DeserializeOwned + Default>(config: &Path, path: &str) -> anyhow::Result<T> {
    let seen = Client::of_config(config)?.get::<T>(path).await;
    Ok(seen.unwrap_or_else(|error| {
        complain(&format!("{error:#}\nThe following shows the configuration only."));
        T::default()
    }))
}
