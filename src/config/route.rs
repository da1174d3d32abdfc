//! `route`: by which kind of way an account sends, and what fits it and what does not.

use super::{
    destination::host_as_written,
    identity,
    preset::{PRESETS, Preset, Service},
    table::Table,
};
use crate::{
    model::{Address, Pattern, Timestamp},
    queue::{Reach, SenderRewrite, SenderSettings},
    upstream::{ClientCertificate, Security},
};

/// `route`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Route {
    /// A mailbox logs in.
    Submission,
    /// The tenant's MX host, with an inbound connector that knows us.
    Connector,
    /// The mail servers of the own domains, as DNS names them, without being known there.
    Direct,
    /// Any other server.
    Smarthost,
}

const ROUTES: [(&str, Route); 4] = [
    ("submission", Route::Submission),
    ("connector", Route::Connector),
    ("direct", Route::Direct),
    ("smarthost", Route::Smarthost),
];

/// A service that is known is one that logs in.
pub(super) fn read(table: &Table<'_>, preset: &Preset) -> Option<Route> {
    if preset.host.is_some() && !table.has("route") {
        return Some(Route::Submission);
    }
    let advice = "write \"submission\" (a mailbox logs in), \"connector\" (the tenant's MX host, \
        with an inbound connector), \"direct\" (the own domains' mail servers, for the own people) \
        or \"smarthost\" (any other server)";
    table.required("route", table.text("route"), advice)?;
    let route = table.choice("route", &ROUTES)?;
    if let (Route::Connector | Route::Direct, Some(_host)) = (route, preset.host) {
        let name = preset.name;
        table.error(
            "preset",
            format!(
                "\"{name}\" is a service that logs in, and this route does not: leave the key out"
            ),
        );
        return None;
    }
    Some(route)
}

/// Hosts that end so take mail from other servers, and no login.
const MX_HOSTS: [&str; 4] = [
    ".mail.protection.outlook.com",
    ".mail.protection.office365.us",
    ".mail.protection.partner.outlook.cn",
    ".mx.microsoft",
];

fn is_mx_host(host: &str) -> bool {
    // smtp.hve.mx.microsoft takes logins.
    MX_HOSTS.iter().any(|end| host.ends_with(end)) && !host.starts_with("smtp.")
}

/// A host that is written and does not fit the route, or is no longer there.
pub(super) fn check_host(table: &Table<'_>, route: Option<Route>, preset: &Preset, host: &str) {
    let host = host.to_lowercase();
    if retired(table, &host) {
        return;
    }
    let submission = PRESETS.iter().find(|preset| preset.host == Some(host.as_str()));
    match route {
        Some(Route::Submission) if is_mx_host(&host) => {
            table.error(
                "host",
                format!(
                    "{host} is an MX host, which takes no login; write route = \"connector\", \
                    or the preset of the service"
                ),
            );
        }
        Some(Route::Connector) if submission.is_some() => {
            table.error(
                "host",
                format!(
                    "{host} wants a login, and knows no connectors; write the tenant's MX \
                    host, for example \"contoso-com.mail.protection.outlook.com\", or route = \
                    \"submission\""
                ),
            );
        }
        Some(Route::Smarthost) if is_mx_host(&host) => {
            table.warning(
                "host",
                format!("{host} is a tenant's MX host; route = \"connector\" knows its rules"),
            );
        }
        Some(Route::Submission | Route::Connector | Route::Direct | Route::Smarthost) | None => {}
    }
    let by_name = route == Some(Route::Connector) || preset.service != Service::Other;
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().ok();
    if by_name && address.is_some_and(|address| !address.is_loopback()) {
        table.error(
            "host",
            format!(
                "{host} is an address; Microsoft's change, and the certificate \
            names none: write the host's name"
            ),
        );
    }
}

/// Exchange Online's earlier names. True when it is one that no longer answers.
fn retired(table: &Table<'_>, host: &str) -> bool {
    // smtp-mail.outlook.com is alive: it serves private mailboxes.
    let regional = host.starts_with("smtp-")
        && host.ends_with(".outlook.com")
        && host != "smtp-mail.outlook.com";
    if regional {
        table.error(
            "host",
            format!(
                "{host} is gone: Exchange Online has no regional names any more; write preset \
                = \"office365\" and leave host out"
            ),
        );
    } else if matches!(host, "smtp-legacy.office365.com" | "smtp-legacy.partner.outlook.cn") {
        table.warning(
            "host",
            format!(
                "{host} is for senders without TLS 1.2, which this one has; write preset = \
                \"office365\" and leave host out"
            ),
        );
    } else if is_pod(host) {
        table.warning(
            "host",
            format!(
                "{host} is one of Exchange Online's own machines, which come and go; write \
                preset = \"office365\" (smtp.office365.com) and leave host out"
            ),
        );
    } else if host == "smtp-hve.office365.com" {
        table.warning(
            "host",
            format!("Microsoft gives up {host}; write preset = \"hve\" and leave host out"),
        );
    }
    regional
}

/// pod51024.outlook.com: mail programs used to be told the machine that held the mailbox.
fn is_pod(host: &str) -> bool {
    let number = host.strip_prefix("pod").and_then(|rest| rest.strip_suffix(".outlook.com"));
    number.is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
}

/// The preset that a submission host belongs to, when none is written: a mailbox without limits
/// would soon be blocked.
pub(super) fn infer(table: &Table<'_>, preset: &'static Preset) -> &'static Preset {
    let host = host_as_written(table).map(|host| host.to_lowercase());
    let known = PRESETS.iter().find(|known| known.host.is_some() && known.host == host.as_deref());
    match known {
        Some(known)
            if preset.host.is_none() && table.text("route").as_deref() == Some("submission") =>
        {
            if table.has("preset") {
                let (name, what) = (known.name, "knows no limits");
                table.warning(
                    "preset",
                    format!(
                        "\"{}\" {what}, and the server has some: write preset = \"{name}\"",
                        preset.name
                    ),
                );
                return preset;
            }
            table.warning(
                "host",
                format!("is taken for preset = \"{}\", with its limits; write that", known.name),
            );
            known
        }
        Some(_) | None => preset,
    }
}

/// `tls` as it fits the route.
pub(super) fn check_security(table: &Table<'_>, route: Option<Route>, security: Security) {
    match (route, security) {
        (Some(Route::Submission), Security::None) => {
            table.error(
                "tls",
                "\"none\" would send the password in clear; write \"starttls\" or \
                \"implicit\", or route = \"smarthost\"",
            );
        }
        (Some(Route::Connector), Security::Implicit) => {
            table.error(
                "tls",
                "\"implicit\" is not served at an MX host; write \"starttls\", or \
                leave the key out",
            );
        }
        (Some(Route::Connector), Security::None) if table.has("certificate") => {
            table.error(
                "tls",
                "\"none\" shows no certificate, and so the connector would not know us; write \
                \"starttls\", or leave the key out",
            );
        }
        (Some(Route::Connector), Security::None) => {
            table.warning(
                "tls",
                "\"none\" sends mail over the internet in clear; leave the key out",
            );
        }
        (
            Some(Route::Submission | Route::Connector | Route::Direct | Route::Smarthost) | None,
            _,
        ) => {}
    }
}

/// Direct send finds its servers by itself.
pub(super) fn check_direct(table: &Table<'_>) {
    if table.has("host") {
        table.error(
            "host",
            "does not go with route = \"direct\", which asks DNS for the servers \
            of `domains`; leave the key out, or write route = \"connector\"",
        );
    }
    if table.has("verify") {
        table.error(
            "verify",
            "does not go with route = \"direct\": tls = \"opportunistic\" takes any certificate, \
            \"required\" only good ones",
        );
    }
}

/// What goes with a login and what does not.
pub(super) fn check_auth(table: &Table<'_>, route: Option<Route>) {
    match route {
        Some(Route::Submission) if !table.has("auth") => {
            table.error(
                "auth",
                "is missing; write for example auth = { method = \"login\", password_file = \
                \"/etc/postroom/scanner.pass\" }",
            );
        }
        Some(Route::Direct) if table.has("auth") => {
            table.error(
                "auth",
                "does not go with route = \"direct\": MX hosts take no login; leave the key out, \
                or write route = \"submission\"",
            );
        }
        Some(Route::Connector) if table.has("auth") => {
            table.error(
                "auth",
                "does not go with route = \"connector\": an MX host takes no login; leave the key \
                out, or write route = \"submission\"",
            );
        }
        Some(Route::Submission | Route::Connector | Route::Direct | Route::Smarthost) | None => {}
    }
}

/// Azure Communication Services log in as resource, application and tenant, or by the name of an
/// SMTP username made in the portal.
pub(super) fn check_user(auth: &Table<'_>, preset: &Preset) {
    if preset.service != Service::Azure {
        return;
    }
    let form = "<resource>|<application ID>|<tenant ID>, with two \"|\", or the name of an SMTP \
        username of the resource";
    match auth.text("user") {
        None => auth.warning(
            "user",
            "is missing, and the account's address is no login there as a \
            rule; write resource|application ID|tenant ID, or the name of an SMTP username of the \
            resource",
        ),
        Some(user) if !user.contains(['|', '@', '.']) => {
            auth.warning(
                "user",
                format!(
                    "\"{user}\" has not the three parts of a login there, and \
                is good only as the name of an SMTP username of the resource; else write \
                resource|application ID|tenant ID"
                ),
            );
        }
        Some(user)
            if user.contains('|')
                && (user.matches('|').count() != 2 || user.split('|').any(str::is_empty)) =>
        {
            auth.error("user", format!("\"{user}\" is no login there; write {form}"));
        }
        Some(_) => {}
    }
}

/// `certificate` and `key`: shown to the server when it asks.
pub(super) fn certificate(
    table: &Table<'_>,
    route: Option<Route>,
    domains: &[String],
    now: Timestamp,
) -> Option<ClientCertificate> {
    let (certificate, key) = (table.path("certificate"), table.path("key"));
    match (table.has("certificate"), table.has("key")) {
        (false, false) => return None,
        (true, false) => table.error(
            "key",
            "is missing: the certificate is of no use without it; \
            write the path of its private key (PEM)",
        ),
        (false, true) => {
            table.error(
                "certificate",
                "is missing: the key is of no use without it; write the path \
                    of the certificate and its chain (PEM)",
            );
        }
        (true, true) => {}
    }
    if route == Some(Route::Direct) {
        table.error(
            "certificate",
            "does not go with route = \"direct\", which no connector knows; write route = \
            \"connector\" with the tenant's MX host",
        );
    }
    let files = ClientCertificate { certificate: certificate?, key: key? };
    identity::check(table, &files, domains, now);
    Some(files)
}

/// `domains`: the organization's own.
pub(super) fn domains(
    table: &Table<'_>,
    route: Option<Route>,
    preset: &Preset,
    address: Option<&Address>,
) -> Vec<String> {
    let own = |text: &str| {
        let domain = text.trim_start_matches("*.").to_lowercase();
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || !c.is_ascii();
        if domain.contains('.')
            && domain.chars().all(good)
            && !domain.starts_with('.')
            && !text.contains('*')
        {
            Ok(domain)
        } else {
            Err(format!("\"{text}\" is no domain; write for example \"contoso.com\""))
        }
    };
    let listed = table.list("domains", own);
    match route {
        Some(Route::Connector | Route::Direct) => table
            .required(
                "domains",
                listed,
                "write the accepted domains of the organization, for example [\"contoso.com\"]",
            )
            .unwrap_or_default(),
        Some(Route::Submission) if preset.is_internal => {
            listed.unwrap_or_else(|| address.map(|a| a.domain().to_owned()).into_iter().collect())
        }
        Some(Route::Submission | Route::Smarthost) | None => {
            if listed.is_some() {
                table.warning(
                    "domains",
                    "has no effect here: it belongs to route = \"connector\" \
                    or \"direct\" and to preset = \"hve\"",
                );
            }
            Vec::new()
        }
    }
}

/// What a connector lets us send as, unless the config says otherwise: any address of the
/// organization, mailbox or not.
pub(super) fn own_senders(route: Option<Route>, domains: &[String]) -> Vec<Pattern> {
    match route {
        Some(Route::Connector | Route::Direct) => {
            domains.iter().filter_map(|domain| format!("*@{domain}").parse().ok()).collect()
        }
        Some(Route::Submission | Route::Smarthost) | None => Vec::new(),
    }
}

/// High Volume Email: the account's own address in envelope and header, and nothing else (5.7.62,
/// 5.6.241).
pub(super) fn check_sender(
    table: &Table<'_>,
    preset: &Preset,
    address: Option<&Address>,
    sender: &SenderSettings,
) {
    if !preset.is_internal {
        return;
    }
    let Some(address) = address else {
        if !table.has("address") {
            table.error(
                "address",
                format!("is missing: \"{}\" sends as its own address alone; write it", preset.name),
            );
        }
        return;
    };
    if sender.rewrite == SenderRewrite::Never {
        table.error(
            "sender.rewrite",
            format!(
                "\"never\" lets other senders through, and \"{}\" takes {address} alone; leave \
                it out",
                preset.name
            ),
        );
    }
    if sender.allowed.iter().any(|pattern| !pattern.as_str().eq_ignore_ascii_case(address.as_str()))
    {
        table.error(
            "sender.allowed",
            format!(
                "has more than {address}, and \"{}\" takes no other sender; leave it out",
                preset.name
            ),
        );
    }
}

/// What the server takes by this way.
pub(super) fn reach(
    route: Option<Route>,
    preset: &Preset,
    domains: Vec<String>,
    identity: Option<&ClientCertificate>,
) -> Reach {
    match route {
        // With a certificate any sender may be relayed for: Microsoft, "Office 365 message
        // attribution" (2017).
        Some(Route::Connector) if identity.is_none() => Reach::From(domains),
        Some(Route::Direct) => Reach::Within(domains),
        Some(Route::Submission) if preset.is_internal => Reach::Within(domains),
        Some(Route::Submission | Route::Connector | Route::Smarthost) | None => Reach::Anywhere,
    }
}
