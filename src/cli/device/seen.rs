//! Asks the daemon what it has seen of devices.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::cli::{client::Client, output::complain};

/// Asks the daemon what it has seen. If the daemon does not answer, the output shows the
/// configuration only.
pub(super) async fn seen<T: DeserializeOwned + Default>(
    config: &Path,
    path: &str,
) -> anyhow::Result<T> {
    let seen = Client::of_config(config)?.get::<T>(path).await;
    Ok(seen.unwrap_or_else(|error| {
        complain(&format!("{error:#}\nThe following shows the configuration only."));
        T::default()
    }))
}
