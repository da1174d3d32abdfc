//! `postroom device admit`: writes a device into `conf.d` and lets the daemon read it.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    net::IpAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

use crate::{
    admin::{ReloadRequest, Reloaded},
    cli::{arguments::AdmitArguments, client::Client, output::say, person::person},
    config::{Config, conf_d},
    model::TlsVersion,
};

/// The oldest version of TLS that needs no line in the configuration.
const USUAL: TlsVersion = TlsVersion::Tls12;

/// Writes the lines, then reloads. If the daemon refuses them, they are removed again.
pub(super) async fn admit(path: &Path, arguments: &AdmitArguments) -> anyhow::Result<()> {
    let AdmitArguments { address, name, oldest_tls } = arguments;
    let address = address.to_canonical();
    let config = Config::load(path)?;
    let name = name.clone().unwrap_or_else(|| format!("device-{}", plain(&address.to_string())));
    if config.devices.iter().any(|device| device.name.as_str() == name) {
        bail!("there is a device \"{name}\" already; choose another name with --name");
    }
    let its = |network: &ipnet::IpNet| {
        network.addr() == address && network.prefix_len() == network.max_prefix_len()
    };
    if let Some(known) = config.devices.iter().find(|device| device.networks.iter().any(its)) {
        bail!("{address} is device \"{}\" already", known.name);
    }
    let oldest = oldest_tls.unwrap_or(USUAL);
    let file = conf_d(path).join(format!("device-{}.toml", plain(&name)));
    let client = Client::of_config(path)?;
    write(&file, &lines(&name, address, oldest))?;
    let request = ReloadRequest { by: person() };
    let reloaded: Result<Reloaded, _> = client.post("/api/v1/reload", &request).await;
    if let Err(error) = reloaded {
        fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
        return Err(error.context(format!("{address} is not admitted; nothing has changed")));
    }
    say(&format!(
        "{address} is admitted as device \"{name}\". Its lines are in {}; delete the file and run \
        \"postroom reload\" to undo this.",
        file.display()
    ))?;
    Ok(())
}

/// The lines that admit a device.
fn lines(name: &str, address: IpAddr, oldest: TlsVersion) -> String {
    let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
    let mut text = format!("[[device]]\nname = \"{quoted}\"\nnetworks = [\"{address}\"]\n");
    if oldest < USUAL {
        text.push_str(&format!("oldest_tls = \"{}\"\n", oldest.as_str()));
    }
    text
}

/// A name that is fit for a file.
fn plain(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' };
    name.chars().map(fit).collect()
}

/// Writes a new file, which must not exist yet.
fn write(file: &PathBuf, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let cannot = || format!("cannot write {}; does the command need sudo?", file.display());
    let mut created =
        OpenOptions::new().write(true).create_new(true).open(file).with_context(cannot)?;
    created.write_all(text.as_bytes()).and_then(|()| created.sync_all()).with_context(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_device_are_as_short_as_they_can_be() {
        let address = "192.168.10.7".parse().unwrap();
        assert_eq!(
            lines("mfp 7", address, TlsVersion::Tls12),
            "[[device]]\nname = \"mfp 7\"\nnetworks = [\"192.168.10.7\"]\n"
        );
        assert!(lines("a\"b", address, TlsVersion::Ssl3).contains("\"a\\\"b\""));
        assert!(lines("a", address, TlsVersion::Ssl3).ends_with("oldest_tls = \"ssl3\"\n"));
        assert_eq!(plain("../mfp 7/ä"), "..-mfp-7--");
    }
}
