//! `postroom device list | show | admit | learn | password`: the devices that may submit mail, what
//! was seen of them, and their passwords.
//!
//! - `list`: all devices, and unknown clients
//! - `show`: one device or one address, with its last dialogues
//! - `admit`: writes a device into the configuration
//! - `learn`: lets unknown devices send for a while
//! - `settings`: the settings of a device, as `list` and `show` print them
//! - `seen`: what the daemon has seen, if it answers
//! - `quirks`: explains a quirk, with the text of its page in the documentation
//! - `password`: generates a password that old firmware can store

mod admit;
mod learn;
mod list;
mod password;
mod quirks;
mod seen;
mod settings;
mod show;

use std::path::Path;

use crate::{cli::arguments::DeviceCommand, clock::Clock};

pub(super) async fn device(
    config: &Path,
    command: DeviceCommand,
    clock: &Clock,
) -> anyhow::Result<()> {
    match command {
        DeviceCommand::List(arguments) => list::list(config, &arguments, clock).await,
        DeviceCommand::Show { which, json } => show::show(config, &which, &json, clock).await,
        DeviceCommand::Admit(arguments) => admit::admit(config, &arguments).await,
        DeviceCommand::Learn(arguments) => learn::learn(config, &arguments, clock).await,
        DeviceCommand::Password(arguments) => password::password(&arguments),
    }
}
