//! Reads the config again, and says what is different in it.

use std::sync::Arc;

use tracing::{error, warn};

use crate::{
    admin::OrderError,
    config::{Config, Layers, Outdated, Problem},
    listener::Tls,
    queue::AccountSettings,
};

/// Another config, read and checked, with its certificates.
pub(super) struct Loaded {
    pub(super) layers: Layers,
    pub(super) outdated: Vec<Outdated>,
    pub(super) tls: Tls,
}

/// Reads the config again, outside the async threads.
pub(super) async fn load(former: &Layers) -> Result<Loaded, OrderError> {
    let former = former.clone();
    let loading = tokio::task::spawn_blocking(move || read(&former).map_err(OrderError::Invalid));
    loading.await.unwrap_or_else(|panic| {
        error!(%panic, "the config was not read");
        Err(OrderError::Invalid("reading the config has failed; the log says why".to_owned()))
    })
}

fn read(former: &Layers) -> Result<Loaded, String> {
    let file = former.file().read_again().map_err(|error| error.to_string())?;
    let (layers, outdated) =
        Layers::new(file, former.run_time().clone()).map_err(|error| error.to_string())?;
    let tls = Tls::load(&layers.config().tls).map_err(|error| error.to_string())?;
    Ok(Loaded { layers, outdated, tls })
}

/// Logs what is legal but unwise.
pub(super) fn log_warnings(warnings: &[Problem]) {
    for warning in warnings {
        warn!(place = %warning.place, key = warning.key, text = warning.text, "config warning");
    }
}

/// The parts that are set otherwise.
pub(super) fn changed(old: &Config, new: &Config) -> Vec<String> {
    let mut changed = Vec::new();
    let mut whole = |what: &str, same: bool| {
        if !same {
            changed.push(what.to_owned());
        }
    };
    whole("hostname", old.hostname == new.hostname);
    whole("receiving", old.receiving == new.receiving);
    whole("tls", old.tls == new.tls);
    whole("retry", old.retry == new.retry);
    whole("report", old.report == new.report);
    let name = |address: &std::net::SocketAddr| address.to_string();
    changed.extend(differences(
        "listener",
        (&old.listeners, &new.listeners),
        |listener| name(&listener.address),
        PartialEq::eq,
    ));
    changed.extend(differences(
        "device",
        (&old.devices, &new.devices),
        |device| device.name.to_string(),
        PartialEq::eq,
    ));
    changed.extend(differences(
        "user",
        (&old.users, &new.users),
        |user| user.name.clone(),
        |old, new| old.device == new.device && old.password.is(&new.password),
    ));
    changed.extend(differences(
        "account",
        (&old.accounts, &new.accounts),
        |account| account.name.to_string(),
        same_account,
    ));
    changed
}

/// Whether an account is set as before. What it knows of the devices is a change of the devices.
fn same_account(old: &AccountSettings, new: &AccountSettings) -> bool {
    let mut new = new.clone();
    new.sender.identities = Arc::clone(&old.sender.identities);
    new.sender.senders = Arc::clone(&old.sender.senders);
    *old == new
}

/// Says which entries of a list are new, gone or different.
fn differences<T>(
    what: &str,
    (old, new): (&[T], &[T]),
    name: impl Fn(&T) -> String,
    same: impl Fn(&T, &T) -> bool,
) -> Vec<String> {
    let mut said = Vec::new();
    for item in new {
        let its = name(item);
        // Several listeners can have one address if its port is 0.
        let mut former = old.iter().filter(|former| name(former) == its).peekable();
        if former.peek().is_none() {
            said.push(format!("{what} \"{its}\" added"));
        } else if !former.any(|former| same(former, item)) {
            said.push(format!("{what} \"{its}\" changed"));
        }
    }
    for item in old {
        let its = name(item);
        if !new.iter().any(|item| name(item) == its) {
            said.push(format!("{what} \"{its}\" removed"));
        }
    }
    said
}

/// The keys that have changed and that only a restart applies.
pub(super) fn needs_restart(old: &Config, new: &Config) -> Vec<String> {
    let keys = [
        ("stop_timeout", old.stop_timeout == new.stop_timeout),
        ("spool", old.spool == new.spool),
        ("admin.address", old.admin.address == new.admin.address),
        ("metrics.address", old.admin.metrics == new.admin.metrics),
    ];
    keys.into_iter().filter(|(_, same)| !same).map(|(key, _)| key.to_owned()).collect()
}
