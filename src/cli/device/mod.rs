//! `postroom device list | show | password`: who may hand in mail, what was seen of them, and what
//! they log in with.
//!
//! - `list`: all devices, and those who would like to be one
//! - `show`: one device or one address, with all that was said
//! - `settings`: what the config says of a device, as both show it
//! - `quirks`: what a quirk means, from its page in the documentation
//! - `password`: a password that old firmware can hold

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

/// What the daemon has seen. Without it, what follows is from the config alone.
async fn seen<T: DeserializeOwned + Default>(config: &Path, path: &str) -> anyhow::Result<T> {
    let seen = Client::of_config(config)?.get::<T>(path).await;
    Ok(seen.unwrap_or_else(|error| {
        complain(&format!("{error:#}\nWhat follows is from the config alone."));
        T::default()
    }))
}
