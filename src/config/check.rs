//! Checks that need the whole config: names that must exist or be unique, networks that overlap,
//! loops.

use std::{collections::HashMap, net::SocketAddr};

use ipnet::IpNet;

use super::{
    placed::Placed,
    problem::Severity,
    reader::Reader,
    schema::{device::OfferedMechanism, quoted},
    sharing,
};
use crate::{
    admin::AdminSettings,
    device::{DeviceAuth, DeviceSettings, UserSettings},
    listener::{ListenerSettings, Protocol},
    model::{AccountName, Address},
    queue::{AccountSettings, SenderRewrite},
    reach::Reach,
    smtp::Mechanism,
};

/// The parts that refer to each other.
pub(super) struct Parts<'a> {
    pub(super) listeners: &'a [Placed<ListenerSettings>],
    pub(super) devices: &'a [Placed<DeviceSettings>],
    pub(super) users: &'a [Placed<UserSettings>],
    pub(super) accounts: &'a [Placed<AccountSettings>],
    pub(super) report_account: Option<&'a AccountName>,
    pub(super) administrator: Option<&'a Address>,
    pub(super) admin: &'a AdminSettings,
}

pub(super) fn check(reader: &Reader<'_>, parts: &Parts<'_>) {
    names(reader);
    addresses(reader, parts);
    networks(reader, parts.devices);
    certificates(reader, parts.devices);
    references(reader, parts);
    sharing::check(reader, parts.accounts);
    // Conclusions from a wrong value would only report the same problem again.
    let users_are_good = reader.is_good("user");
    for device in parts.devices {
        let are_good = |names: &[&str]| {
            names.iter().all(|name| reader.is_good(&format!("{}.{name}", device.key)))
        };
        if users_are_good && are_good(&["networks", "certificates", "auth", "mechanisms"]) {
            reachable(reader, device, parts.users);
            mechanisms(reader, device, parts.users);
        }
        let Some(account) = account_of(device, parts.accounts) else { continue };
        if are_good(&["from"]) {
            identity(reader, device, account);
        }
        if are_good(&["max_message"]) {
            size(reader, device, account);
        }
    }
    for listener in parts.listeners.iter().filter(|_| users_are_good) {
        pop(reader, listener, parts.users);
    }
    carrier(reader, parts);
}

/// Notices have no sender, and not every account delivers such mail to everybody.
fn carrier(reader: &Reader<'_>, parts: &Parts<'_>) {
    let named =
        |account: &&Placed<AccountSettings>| Some(&account.value.name) == parts.report_account;
    let account = if parts.report_account.is_some() {
        parts.accounts.iter().find(named)
    } else {
        default(parts.accounts)
    };
    let (Some(account), Some(administrator)) = (account, parts.administrator) else { return };
    let outside =
        |domains: &[String]| !domains.iter().any(|domain| domain == administrator.domain());
    let name = &account.value.name;
    let text = match account.value.route.reach() {
        Reach::Within(domains) if outside(domains) => {
            format!(
                "\"{name}\" would carry the notices, but {administrator} is outside its `domains`; \
                name another account, or an administrator inside these domains"
            )
        }
        Reach::From(domains) if outside(domains) && account.value.address.is_none() => format!(
            "\"{name}\" would carry the notices, but a connector without a certificate does not \
            relay mail with an empty sender to {administrator}; set `address` of the account, \
            which then replaces the empty sender, or name another account"
        ),
        Reach::Anywhere | Reach::Within(_) | Reach::From(_) => return,
    };
    error(reader, "report", "account", text);
}

/// These checks apply to every part, whatever else is wrong with it.
fn names(reader: &Reader<'_>) {
    for kind in ["device", "account"] {
        let written = reader.names(kind);
        unique(reader, "name", written.iter().map(|(key, name)| (key.as_str(), name.clone())));
    }
    let users = reader.names("user");
    unique(reader, "name", users.iter().map(|(key, name)| (key.as_str(), name.to_lowercase())));
}

fn unique<'a>(reader: &Reader<'_>, under: &str, values: impl Iterator<Item = (&'a str, String)>) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for (key, value) in values {
        match seen.get(&value) {
            Some(first) => error(
                reader,
                key,
                under,
                format!("{first} already uses \"{value}\"; write another"),
            ),
            None => {
                seen.insert(value, key);
            }
        }
    }
}

fn addresses(reader: &Reader<'_>, parts: &Parts<'_>) {
    // Port 0 selects a free port each time.
    let fixed = |address: &SocketAddr| address.port() != 0;
    let listeners = parts.listeners.iter().map(|l| (l.key.as_str(), l.value.address));
    let http = [("admin", Some(parts.admin.address)), ("metrics", parts.admin.metrics)];
    let http = http.into_iter().filter_map(|(key, address)| address.map(|address| (key, address)));
    let all = listeners
        .chain(http)
        .filter(|(_, address)| fixed(address))
        .map(|(key, address)| (key, address.to_string()));
    unique(reader, "address", all);
}

fn networks(reader: &Reader<'_>, devices: &[Placed<DeviceSettings>]) {
    let mut seen: HashMap<IpNet, &str> = HashMap::new();
    for device in devices {
        for network in &device.value.networks {
            if network.prefix_len() == 0 {
                let text = format!(
                    "{network} is the whole internet: anyone who reaches the listener can send \
                    mail (an open relay); name the networks of the devices"
                );
                reader.note(Severity::Warning, &format!("{}.networks", device.key), text);
            }
            match seen.get(network) {
                Some(first) if *first == device.key => {
                    reader.note(
                        Severity::Warning,
                        &format!("{}.networks", device.key),
                        format!("{network} is listed twice"),
                    );
                }
                Some(first) => {
                    error(
                        reader,
                        &device.key,
                        "networks",
                        format!(
                            "{network} already belongs to {first}; a client can be only one \
                        device"
                        ),
                    );
                }
                None => {
                    seen.insert(*network, &device.key);
                }
            }
        }
    }
}

fn certificates(reader: &Reader<'_>, devices: &[Placed<DeviceSettings>]) {
    let all = devices.iter().flat_map(|device| {
        device.value.certificates.iter().map(|c| (device.key.as_str(), c.to_string()))
    });
    unique(reader, "certificates", all);
}

fn references(reader: &Reader<'_>, parts: &Parts<'_>) {
    let (accounts, devices) = (reader.names("account"), reader.names("device"));
    let accounts: Vec<&str> = accounts.iter().map(|(_, name)| name.as_str()).collect();
    let devices: Vec<&str> = devices.iter().map(|(_, name)| name.as_str()).collect();
    for device in parts.devices {
        if let Some(account) = &device.value.account {
            exists(reader, &device.key, "account", account.as_str(), &accounts);
        }
    }
    for user in parts.users {
        exists(reader, &user.key, "device", user.value.device.as_str(), &devices);
    }
    for account in parts.accounts {
        for other in &account.value.spill_to {
            if *other == account.value.name {
                error(
                    reader,
                    &account.key,
                    "spill_to",
                    "names the account itself; name others".to_owned(),
                );
            } else {
                exists(reader, &account.key, "spill_to", other.as_str(), &accounts);
            }
        }
    }
    if let Some(account) = parts.report_account {
        exists(reader, "report", "account", account.as_str(), &accounts);
    }
}

fn exists(reader: &Reader<'_>, key: &str, under: &str, name: &str, known: &[&str]) {
    if !known.contains(&name) {
        let known = quoted(known.iter().copied());
        let known = if known.is_empty() {
            "there is none".to_owned()
        } else {
            format!("the config has {known}")
        };
        error(reader, key, under, format!("there is no \"{name}\"; {known}"));
    }
}

/// Notes a device that no client can be, which is a mistake.
fn reachable(reader: &Reader<'_>, device: &Placed<DeviceSettings>, users: &[Placed<UserSettings>]) {
    let has_user = users.iter().any(|user| user.value.device == device.value.name);
    let name = &device.value.name;
    let has_certificate = !device.value.certificates.is_empty();
    if device.value.networks.is_empty() && !has_user && !has_certificate {
        let text = format!(
            "no client can be \"{name}\": it has no networks and no certificates, and no [[user]] \
            names it"
        );
        reader.note(Severity::Warning, &device.key, text);
    } else if device.value.auth == DeviceAuth::None
        && device.value.networks.is_empty()
        && !has_certificate
    {
        let text = format!(
            "is \"none\", but \"{name}\" is identified only by its users, who could not log in; \
            write \"required\", or give it networks"
        );
        error(reader, &device.key, "auth", text);
    } else if device.value.auth == DeviceAuth::Required && !has_user && !has_certificate {
        reader.note(
            Severity::Warning,
            &format!("{}.auth", device.key),
            format!(
                "is \"required\", but no [[user]] names \"{name}\": Postroom will refuse all its \
                mail"
            ),
        );
    }
}

/// Challenge and response need the password itself. A device that should use one of these
/// mechanisms and is not offered it cannot log in.
fn mechanisms(
    reader: &Reader<'_>,
    device: &Placed<DeviceSettings>,
    users: &[Placed<UserSettings>],
) {
    let key = format!("{}.mechanisms", device.key);
    if device.value.auth == DeviceAuth::None || !reader.source.has(&key) {
        return;
    }
    let is_own = |user: &&Placed<UserSettings>| user.value.device == device.value.name;
    // As in `device`: a device without users admits the users of other devices in its network.
    let has_own = users.iter().any(|user| is_own(&user));
    let loggers = users.iter().filter(|user| !has_own || is_own(user));
    let verifies = |mechanism: &Mechanism| {
        loggers.clone().all(|user| user.value.password.verifies(*mechanism))
    };
    if loggers.clone().next().is_some() && !device.value.mechanisms.iter().any(verifies) {
        let text = "has no mechanism that works for all users of the device, because some have \
        only a hash; add \"plain\" and \"login\"";
        reader.note(Severity::Error, &key, text);
        return;
    }
    for (word, mechanism) in OfferedMechanism::WORDS
        .iter()
        .filter(|(_, mechanism)| device.value.mechanisms.contains(mechanism))
    {
        if let Some(user) = loggers.clone().find(|user| !user.value.password.verifies(*mechanism)) {
            let text = format!(
                "\"{word}\" is not offered: it needs the password itself, but user \"{}\" has only \
                a hash",
                user.value.name
            );
            reader.note(Severity::Warning, &key, text);
        }
    }
}

/// A POP listener only accepts logins.
fn pop(reader: &Reader<'_>, listener: &Placed<ListenerSettings>, users: &[Placed<UserSettings>]) {
    if listener.value.protocol == Protocol::Pop3 && users.is_empty() {
        let text = "is \"pop3\", but there is no [[user]] who could log in";
        reader.note(Severity::Warning, &format!("{}.protocol", listener.key), text);
    }
}

/// Notes a sender that the account may not use: the server would refuse it with "SendAsDenied", or
/// Postroom would rewrite it.
fn identity(
    reader: &Reader<'_>,
    device: &Placed<DeviceSettings>,
    account: &Placed<AccountSettings>,
) {
    let Some(address) = device.value.from.as_ref().and_then(|from| from.address.as_ref()) else {
        return;
    };
    let sender = &account.value.sender;
    if sender.rewrite != SenderRewrite::Always
        && !sender.allowed.iter().any(|pattern| pattern.fits(address))
    {
        let follows = match sender.rewrite {
            SenderRewrite::Never => "the server will probably refuse it",
            SenderRewrite::WhenNotAllowed | SenderRewrite::Always => {
                "Postroom will replace it with the account's address"
            }
        };
        let text = format!(
            "{address} is not among sender.allowed of account \"{}\": {follows}",
            account.value.name
        );
        reader.note(Severity::Warning, &format!("{}.from.address", device.key), text);
    }
}

/// Notes a device that would submit what its account does not accept: it should learn so at once.
fn size(reader: &Reader<'_>, device: &Placed<DeviceSettings>, account: &Placed<AccountSettings>) {
    if let Some(limit) =
        account.value.limits.message_size.filter(|limit| device.value.max_message > *limit)
    {
        let (name, ours) = (&account.value.name, device.value.max_message);
        let text = format!(
            "is {ours}, but account \"{name}\" accepts only {limit} (limits.message_size): a \
            larger message is accepted from the device and then fails"
        );
        reader.note(Severity::Warning, &format!("{}.max_message", device.key), text);
    }
}

/// The account that carries a device's mail, unless its senders or recipients select another.
pub(super) fn account_of<'a>(
    device: &Placed<DeviceSettings>,
    accounts: &'a [Placed<AccountSettings>],
) -> Option<&'a Placed<AccountSettings>> {
    let named = |account: &&Placed<AccountSettings>| {
        Some(&account.value.name) == device.value.account.as_ref()
    };
    if device.value.account.is_some() { accounts.iter().find(named) } else { default(accounts) }
}

/// The first account in the file, even if it could not be read.
fn default(accounts: &[Placed<AccountSettings>]) -> Option<&Placed<AccountSettings>> {
    accounts.iter().find(|account| account.key == "account[0]")
}

fn error(reader: &Reader<'_>, key: &str, under: &str, text: String) {
    reader.note(Severity::Error, &format!("{key}.{under}"), text);
}
