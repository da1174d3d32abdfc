//! Assembles the sections into a checked config.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    account, admin, check, device, dns,
    files::{self, Disk, Files},
    general, listener,
    placed::{Here, Placed},
    problem::{ConfigError, Problem},
    reader::Reader,
    report, retry,
    run_time::RunTime,
    schema::{
        ROOT, Section,
        account::ACCOUNT,
        device::{DEVICE, USER},
        general::{ADMIN, DATA_DIR, DNS, METRICS, REPORT, RETRY, SPOOL},
        listener::{LISTENER, RECEIVING, TLS},
    },
    source::Source,
    spool,
    table::Table,
    tls, user,
};
use crate::{
    admin::AdminSettings,
    clock,
    device::{DeviceSettings, UserSettings},
    listener::{ListenerSettings, ReceivingLimits, TlsSettings},
    queue::{AccountSettings, RetrySettings},
    report::ReportSettings,
    spool::SpoolSettings,
};

/// The path of the config, unless `--config` names another.
pub const DEFAULT_PATH: &str = "/etc/postroom/postroom.toml";

/// A complete, checked config.
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
    /// Things that are legal but unwise, shown at every start.
    pub warnings: Vec<Problem>,
    /// What it was read from.
    pub(super) written: Arc<Written>,
}

/// The file and the environment that a config was read from.
pub(super) struct Written {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) environment: Vec<(String, String)>,
}

impl Written {
    /// Merges file, environment and what was set at run time.
    pub(super) fn merge(&self, run_time: &RunTime) -> Result<Source, ConfigError> {
        Source::merge(&self.path, &self.text, &self.environment, run_time)
    }
}

impl Config {
    /// Reads a file. Variables of the environment override it.
    ///
    /// # Errors
    /// When the file cannot be read, or with everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(path, &files::text(path)?, &files::environment(), &Disk)
    }

    /// Reads a text. `path` only appears in messages; `environment` are names and values.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub fn parse(
        path: &Path,
        text: &str,
        environment: &[(String, String)],
        files: &dyn Files,
    ) -> Result<Self, ConfigError> {
        let written = Arc::new(Written {
            path: path.to_owned(),
            text: text.to_owned(),
            environment: environment.to_owned(),
        });
        let source = written.merge(&RunTime::default())?;
        let reader = Reader::new(&source, files);
        let config = read(&reader, &source, &written);
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
/// When the file cannot be read or is not TOML.
pub fn data_dir(path: &Path) -> Result<PathBuf, ConfigError> {
    let (text, environment) = (files::text(path)?, files::environment());
    let source = Source::merge(path, &text, &environment, &RunTime::default())?;
    let reader = Reader::new(&source, &Disk);
    Ok(Table::root(&reader, &source, &ROOT).get(&DATA_DIR))
}

fn read<'a>(reader: &'a Reader<'a>, source: &'a Source, written: &Arc<Written>) -> Option<Config> {
    let root = Table::root(reader, source, &ROOT);
    let general = general::read(&root);
    let hostname = general.hostname.clone().unwrap_or_default();
    let dns = dns::read(&root.table_or_empty(&DNS));
    let here = Here {
        hostname: &hostname,
        data_dir: &general.data_dir,
        dns: &dns,
        now: clock::system().now(),
    };
    let listeners = several(&root, &LISTENER, listener::read);
    let devices = several(&root, &DEVICE, device::read);
    let users = several(&root, &USER, user::read);
    let accounts = several(&root, &ACCOUNT, |table| account::read(table, &here));
    let devices = within_accounts(reader, devices, &accounts);
    let receiving = listener::receiving(&root.table_or_empty(&RECEIVING));
    let tls = tls::read(&root.table_or_empty(&TLS), &here, &devices);
    let retry = retry::read(&root.table_or_empty(&RETRY));
    let report = report::read(&root.table_or_empty(&REPORT));
    let spool = spool::read(&root.table_or_empty(&SPOOL), &general.data_dir);
    let admin = admin::read(&root.table_or_empty(&ADMIN), root.table(&METRICS).as_ref());
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
    // By default, Exchange Online lets the account send only as itself.
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
        report: ReportSettings {
            administrator: report.administrator,
            from,
            hostname,
            account,
            subjects: report.subjects,
        },
        spool,
        admin,
        warnings: Vec::new(),
        written: Arc::clone(written),
    })
}

/// Lowers `max_message` of each device to what its account accepts, unless the file sets it: a
/// device should learn at once that its message is too large.
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

/// Gives each account the senders of the devices' mail, because the account decides whether they
/// are allowed.
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

/// Notes missing tables without which nothing works.
fn missing(root: &Table<'_>) {
    if !root.has(&LISTENER) {
        root.error(
            &LISTENER,
            "is missing: devices cannot connect; write [[listener]] with address = \"[::]:25\"",
        );
    }
    if !root.has(&ACCOUNT) {
        root.error(
            &ACCOUNT,
            "is missing: Postroom cannot send mail; write [[account]] with name, route, preset, \
            address and auth",
        );
    }
    if !root.has(&DEVICE) {
        root.warning(
            &DEVICE,
            "is missing: no device may send; write [[device]] with name and networks",
        );
    }
}

fn several<T>(
    root: &Table<'_>,
    section: &'static Section,
    read: impl Fn(&Table<'_>) -> Option<T>,
) -> Vec<Placed<T>> {
    let tables = root.tables(section);
    tables
        .iter()
        .filter_map(|table| read(table).map(|value| Placed { key: table.path().to_owned(), value }))
        .collect()
}

fn values<T>(placed: Vec<Placed<T>>) -> Vec<T> {
    placed.into_iter().map(|placed| placed.value).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, io, sync::OnceLock};

    use super::*;
    use crate::{
        config::{files::SecretFile, reference::reference, schema::Shown},
        model::Secret,
    };

    /// A disk on which every file exists and contains what its name says: a certificate, its key,
    /// or a password.
    struct EveryFile;

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

    /// Every key and table below a section, each with the path of its table.
    fn keys(section: &'static Section) -> Vec<(String, &'static str)> {
        let table = section.header.trim_matches(['[', ']']).to_owned();
        let mut keys = Vec::new();
        for key in section.keys {
            keys.push((table.clone(), key.name()));
            if let Shown::Table(inner) = key.shown() {
                keys.extend(self::keys(inner));
            }
        }
        keys
    }

    fn written(text: String) -> Arc<Written> {
        Arc::new(Written { path: "reference.toml".into(), text, environment: Vec::new() })
    }

    #[test]
    fn the_reader_asks_for_every_documented_key_and_for_no_other() {
        let written = written(reference());
        let source = written.merge(&RunTime::default()).unwrap();
        let reader = Reader::new(&source, &EveryFile);
        read(&reader, &source, &written);
        let documented: BTreeSet<_> = keys(&ROOT).into_iter().collect();
        assert_eq!(reader.asked(), documented);
    }

    #[test]
    fn every_key_that_is_switched_off_in_the_reference_can_be_switched_on() {
        let text = reference();
        // A login has one secret of one kind; a certificate and its key belong together.
        let exclusive = [
            "certificate",
            "key",
            "token_file",
            "tenant",
            "client_id",
            "text",
            "text_file",
            "html_file",
            "image",
            "client_secret_file",
            "client_secret_expires",
            "client_certificate",
            "client_key",
            "token_url",
            "device_url",
            "scope",
        ];
        for line in text.lines().filter(|line| line.starts_with("# ") && line.contains(" = ")) {
            let known =
                keys(&ROOT).iter().any(|(_, name)| line.starts_with(&format!("# {name} = ")));
            if !known || exclusive.iter().any(|name| line.starts_with(&format!("# {name} = "))) {
                continue;
            }
            let on = text.replace(line, line.trim_start_matches("# "));
            let written = written(on);
            let source = written.merge(&RunTime::default()).unwrap();
            let reader = Reader::new(&source, &EveryFile);
            read(&reader, &source, &written);
            assert!(!reader.has_errors(), "{line}: {:#?}", reader.into_problems());
        }
    }
}
