//! Which route an account uses, and how the route interprets its keys.

use std::path::Path;

use super::preset::Preset;
use crate::{
    config::{
        placed::Here,
        schema::account::{DOMAINS, PRESET, ROUTE, RouteName},
        table::Table,
    },
    model::{AccountName, Address, Pattern},
    upstream::Route,
};

/// The part of an account that is read before its route.
pub(super) struct Known<'a> {
    pub(super) name: Option<&'a AccountName>,
    pub(super) preset: &'static Preset,
    pub(super) address: Option<&'a Address>,
    pub(super) here: &'a Here<'a>,
}

impl Known<'_> {
    /// The folder of the refresh tokens.
    pub(super) fn secrets(&self) -> std::path::PathBuf {
        Path::join(self.here.data_dir, "secrets")
    }
}

/// The result of a route's reading of an account.
pub(super) struct Way {
    /// `None` if something is wrong. The problem has been noted.
    pub(super) route: Option<Route>,
    /// The known limits of the server.
    pub(super) preset: &'static Preset,
    /// The senders that the server accepts by default; empty means only the account's address.
    pub(super) own_senders: Vec<Pattern>,
}

/// The route that is written, or otherwise that of the preset: a known service requires a login.
///
/// # Errors
/// When there is none, which has been noted. The keys are then checked like those of the route
/// that the error names.
pub(super) fn named(table: &Table<'_>, preset: &Preset) -> Result<RouteName, RouteName> {
    if preset.host.is_some() && !table.has(&ROUTE) {
        return Ok(RouteName::Submission);
    }
    if !table.has(&ROUTE) {
        table.missing(
            &ROUTE,
            "write \"submission\" (a mailbox logs in), \"connector\" (the tenant's MX host, with \
            an inbound connector), \"direct\" (the mail servers of your own domains, for \
            recipients in them), \"graph\" (Microsoft Graph) or \"smarthost\" (any other \
            server)",
        );
    }
    let Some(route) = table.get(&ROUTE) else {
        return Err(RouteName::Smarthost);
    };
    if let (RouteName::Connector | RouteName::Direct, Some(_host)) = (route, preset.host) {
        let name = preset.name;
        table.error(
            &PRESET,
            format!(
                "\"{name}\" is a service that requires a login, but this route has none: remove \
                the key"
            ),
        );
        return Err(RouteName::Smarthost);
    }
    Ok(route)
}

/// `domains`, which the route needs.
pub(super) fn required_domains(table: &Table<'_>) -> Vec<String> {
    if !table.has(&DOMAINS) {
        table.missing(
            &DOMAINS,
            "write the accepted domains of the organization, for example [\"contoso.com\"]",
        );
    }
    domains(table).unwrap_or_default()
}

/// `domains`, in lower case.
pub(super) fn domains(table: &Table<'_>) -> Option<Vec<String>> {
    Some(table.get(&DOMAINS)?.into_iter().map(|domain| domain.0).collect())
}

/// Warns about `domains` where the route does not use them.
pub(super) fn ignore_domains(table: &Table<'_>) {
    if domains(table).is_some() {
        table.warning(
            &DOMAINS,
            "has no effect here: it belongs to route = \"connector\" or \"direct\" and to preset = \
            \"hve\"",
        );
    }
}

/// Any address of the organization, mailbox or not.
pub(super) fn senders_in(domains: &[String]) -> Vec<Pattern> {
    domains.iter().filter_map(|domain| format!("*@{domain}").parse().ok()).collect()
}
