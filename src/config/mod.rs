//! From the file to checked settings.
//!
//! - `source`: file and environment, merged by the `config` crate, and the line of each value
//! - `table`: reads one table, noting everything that is wrong with it
//! - `general`, `listener`, `tls`, `device`, `user`, `account` (with `route`, `destination`,
//!   `identity`, `oauth`, `footer` and `preset`), `dns`, `retry`, `report`, `spool`, `admin`: one
//!   section each, its keys documented beside the code that reads them
//! - `check`: what only the whole can show; `sharing`: what two accounts must not both have
//! - [`reference()`]: the complete commented config, made of the keys' documentation
//!
//! All that is wrong is found in one look, and each [`Problem`] says where it stands and what to
//! write instead.

mod account;
mod admin;
mod check;
mod destination;
mod device;
mod dns;
mod files;
mod footer;
mod general;
mod identity;
mod listener;
mod oauth;
mod preset;
mod problem;
mod reference;
mod report;
mod retry;
mod route;
mod sharing;
mod source;
mod spool;
mod table;
mod tls;
mod user;

pub use files::{Disk, Files, SecretFile};
pub use problem::{ConfigError, Place, Problem, Severity};
pub use reference::reference;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use self::{
    source::Source,
    table::{Reader, Table},
};
use crate::{
    admin::AdminSettings,
    clock,
    device::{DeviceSettings, UserSettings},
    listener::{ListenerSettings, ReceivingLimits, TlsSettings},
    model::Timestamp,
    queue::{AccountSettings, RetrySettings},
    report::ReportSettings,
    spool::SpoolSettings,
    upstream::DnsSettings,
};

/// Where the config is, unless `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/postroom/postroom.toml";

/// A whole config, checked.
#[derive(Clone)]
pub struct Config {
    /// `hostname`.
    pub hostname: String,
    /// `data_dir`.
    pub data_dir: PathBuf,
    /// `stop_timeout`.
    pub stop_timeout: Duration,
    /// `[[listener]]`, at least one.
    pub listeners: Vec<ListenerSettings>,
    /// `[receiving]`.
    pub receiving: ReceivingLimits,
    /// `[tls]`.
    pub tls: TlsSettings,
    /// `[[device]]`.
    pub devices: Vec<DeviceSettings>,
    /// `[[user]]`.
    pub users: Vec<UserSettings>,
    /// `[[account]]`, at least one; the first is the default.
    pub accounts: Vec<AccountSettings>,
    /// `[retry]`.
    pub retry: RetrySettings,
    /// `[report]`.
    pub report: ReportSettings,
    /// `[spool]`.
    pub spool: SpoolSettings,
    /// `[admin]` and `[metrics]`.
    pub admin: AdminSettings,
    /// What is legal but unwise, to be shown at every start.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// Reads a file, with the variables of the environment over it.
    ///
    /// # Errors
    /// When the file cannot be read, or with all that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(path, &files::text(path)?, &files::environment(), &Disk)
    }

    /// Understands a text; `path` is only named. `environment` are names and values.
    ///
    /// # Errors
    /// With all that is wrong with it.
    pub fn parse(
        path: &Path,
        text: &str,
        environment: &[(String, String)],
        files: &dyn Files,
    ) -> Result<Self, ConfigError> {
        let source = Source::merge(path, text, environment)?;
        let reader = Reader::new(&source, files);
        let config = read(&reader);
        let failed = reader.has_errors();
        let problems = reader.into_problems();
        match config {
            Some(config) if !failed => Ok(Self { warnings: problems, ..config }),
            Some(_) | None => Err(ConfigError::Invalid(problems)),
        }
    }
}

/// `data_dir` alone: what a command needs to find the daemon, even while the rest of the file is
/// being changed.
///
/// # Errors
/// When the file cannot be read or is no TOML.
pub fn data_dir(path: &Path) -> Result<PathBuf, ConfigError> {
    let source = Source::merge(path, &files::text(path)?, &files::environment())?;
    let reader = Reader::new(&source, &Disk);
    Ok(general::data_dir(&reader.root(general::KEYS)))
}

/// A value, and the path of the table it was read from.
struct Placed<T> {
    key: String,
    value: T,
}

/// What a part has to know of the machine it is on.
struct Here<'a> {
    hostname: &'a str,
    data_dir: &'a Path,
    /// `[dns]`.
    dns: &'a DnsSettings,
    /// For what ends at a time.
    now: Timestamp,
}

fn read(reader: &Reader<'_>) -> Option<Config> {
    let root = reader.root(general::KEYS);
    let general = general::read(&root);
    let hostname = general.hostname.clone().unwrap_or_default();
    let dns = dns::read(&root.table_or_empty("dns", dns::KEYS));
    let here = Here {
        hostname: &hostname,
        data_dir: &general.data_dir,
        dns: &dns,
        now: clock::system().now(),
    };
    let listeners = several(&root, "listener", listener::KEYS, listener::read);
    let devices = several(&root, "device", device::KEYS, device::read);
    let users = several(&root, "user", user::KEYS, user::read);
    let accounts = several(&root, "account", account::KEYS, |table| account::read(table, &here));
    let devices = within_accounts(reader, devices, &accounts);
    let receiving =
        listener::receiving(&root.table_or_empty("receiving", listener::RECEIVING_KEYS));
    let tls = tls::read(&root.table_or_empty("tls", tls::KEYS), &here, &devices);
    let retry = retry::read(&root.table_or_empty("retry", retry::KEYS));
    let report = report::read(&root.table_or_empty("report", report::KEYS));
    let spool = spool::read(&root.table_or_empty("spool", spool::KEYS), &general.data_dir);
    let admin = admin::read(
        &root.table_or_empty("admin", admin::KEYS),
        root.table("metrics", admin::METRICS_KEYS).as_ref(),
    );
    let parts = check::Parts {
        listeners: &listeners,
        devices: &devices,
        users: &users,
        accounts: &accounts,
        report_account: report.account.as_ref(),
        administrator: report.administrator.as_ref(),
        admin: &admin,
    };
    check::check(reader, &parts);
    missing(&root);
    let account =
        report.account.or_else(|| accounts.first().map(|account| account.value.name.clone()))?;
    let carrier = accounts.iter().find(|placed| placed.value.name == account);
    // Exchange Online lets the account send as itself, and as nobody else unless told so.
    let from = report.from.or_else(|| carrier.and_then(|placed| placed.value.address.clone()));
    Some(Config {
        hostname: general.hostname?,
        data_dir: general.data_dir,
        stop_timeout: general.stop_timeout,
        listeners: values(listeners),
        receiving,
        tls,
        accounts: with_identities(values(accounts), &devices),
        devices: values(devices),
        users: values(users),
        retry,
        report: ReportSettings { administrator: report.administrator, from, hostname, account },
        spool,
        admin,
        warnings: Vec::new(),
    })
}

/// What its account would not let through, a device hears at once, unless the file says how much it
/// may hand in.
fn within_accounts(
    reader: &Reader<'_>,
    mut devices: Vec<Placed<DeviceSettings>>,
    accounts: &[Placed<AccountSettings>],
) -> Vec<Placed<DeviceSettings>> {
    for device in &mut devices {
        let limit = check::account_of(device, accounts)
            .and_then(|account| account.value.limits.message_size);
        if let Some(limit) = limit.filter(|_| !reader.has(&format!("{}.max_message", device.key))) {
            device.value.max_message = device.value.max_message.min(limit);
        }
    }
    devices
}

/// Each account knows whom the devices' mail is to be from, since it decides whether it may be.
fn with_identities(
    mut accounts: Vec<AccountSettings>,
    devices: &[Placed<DeviceSettings>],
) -> Vec<AccountSettings> {
    let identities = devices
        .iter()
        .filter_map(|device| Some((device.value.name.clone(), device.value.from.clone()?)));
    let identities: Arc<HashMap<_, _>> = Arc::new(identities.collect());
    for account in &mut accounts {
        account.sender.identities = Arc::clone(&identities);
    }
    accounts
}

/// The tables without which nothing works.
fn missing(root: &Table<'_>) {
    if !root.has("listener") {
        root.error(
            "listener",
            "is missing: devices could not connect; write [[listener]] with address = \"[::]:25\"",
        );
    }
    if !root.has("account") {
        root.error(
            "account",
            "is missing: mail could not go out; write [[account]] with name, \
            route, preset, address and auth",
        );
    }
    if !root.has("device") {
        root.warning(
            "device",
            "is missing: nobody may send; write [[device]] with name and networks",
        );
    }
}

fn several<T>(
    root: &Table<'_>,
    name: &'static str,
    keys: &'static [reference::Key],
    read: impl Fn(&Table<'_>) -> Option<T>,
) -> Vec<Placed<T>> {
    let tables = root.tables(name, keys);
    tables
        .iter()
        .filter_map(|table| read(table).map(|value| Placed { key: table.key().to_owned(), value }))
        .collect()
}

fn values<T>(placed: Vec<Placed<T>>) -> Vec<T> {
    placed.into_iter().map(|placed| placed.value).collect()
}

/// The name of a device, user or account: it stands in logs, labels and commands.
fn name(table: &Table<'_>, key: &'static str) -> Option<String> {
    /// Longer ones break tables.
    const LONGEST: usize = 64;
    let text = table.text(key);
    let text = table.required(key, text, "write a short name")?;
    let bad = text.is_empty()
        || text.len() > LONGEST
        || text.trim() != text
        || text.chars().any(char::is_control);
    if bad {
        table.error(
            key,
            format!(
                "{text:?} is no name; write 1 to {LONGEST} characters, without control \
                characters, and without blanks at its ends"
            ),
        );
        return None;
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::{io, sync::OnceLock};

    use super::*;
    use crate::model::Secret;

    /// A disk on which every file exists and holds what its name says: a certificate, its key, or a
    /// password.
    pub(super) struct EveryFile;

    impl Files for EveryFile {
        fn read(&self, path: &Path) -> io::Result<SecretFile> {
            static PAIR: OnceLock<(String, String)> = OnceLock::new();
            let (certificate, key) = PAIR.get_or_init(|| {
                let made = rcgen::generate_simple_self_signed(["contoso.com".to_owned()]).unwrap();
                (made.cert.pem(), made.signing_key.serialize_pem())
            });
            let text = match path.extension().and_then(|extension| extension.to_str()) {
                Some("pem") => certificate.clone(),
                Some("key") => key.clone(),
                Some(_) | None => "geheim\n".to_owned(),
            };
            Ok(SecretFile { text: Secret::new(text), mode: 0o600 })
        }

        fn octets(&self, _path: &Path, _most: u64) -> io::Result<Vec<u8>> {
            Ok(b"GIF89a".to_vec())
        }
    }
}
