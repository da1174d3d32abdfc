//! `route = "graph"`: a mailbox sends over HTTPS by Microsoft Graph, with an application.

use super::{
    auth, oauth,
    preset::{self, PRESETS, Preset},
    route::{self, Known, Way},
    server,
};
use crate::{
    config::{
        schema::account::{
            ACCOUNT_ADDRESS, ACCOUNT_TLS, CLIENT_CERTIFICATE, CLIENT_KEY, HOST, PORT, VERIFY,
        },
        table::Table,
    },
    model::ByteSize,
    oauth::Cloud,
    queue::LimitSettings,
    upstream::{Graph, Route, SecretSource, Security},
};

const HTTPS: u16 = 443;

/// The limits of the mailbox are those of SMTP. Graph takes 4 MB in one request, and counts the
/// message after two encodings: 2.2 MB.
static GRAPH: Preset = Preset {
    name: "graph",
    limits: LimitSettings {
        message_size: Some(ByteSize::from_octets(2_200_000)),
        ..preset::MAILBOX
    },
    source: "Microsoft, \"Exchange Online limits\"",
    is_strict: false,
    ..preset::MX
};

pub(super) fn read(table: &Table<'_>, known: &Known<'_>) -> Way {
    route::ignore_domains(table);
    check_keys(table);
    let route = graph(table, known).map(Route::Graph);
    Way { route, preset: &GRAPH, own_senders: Vec::new() }
}

fn graph(table: &Table<'_>, known: &Known<'_>) -> Option<Graph> {
    // Without a preset, the worldwide cloud is meant.
    let cloud = oauth::cloud(known.preset);
    let preset = if cloud.is_some() { known.preset } else { PRESETS.first()? };
    let cloud = cloud.unwrap_or(Cloud::Global);
    let host = table.get(&HOST).unwrap_or_else(|| cloud.graph_host().to_owned());
    let port = table.get(&PORT).unwrap_or(HTTPS);
    let smtp = server::smtp(table, known, port, Security::Implicit);
    if !table.has(&ACCOUNT_ADDRESS) {
        table.missing(&ACCOUNT_ADDRESS, "write the address of the mailbox that sends");
    }
    let mut secret = auth::token(table, &Known { preset, ..*known }).ok()?;
    if let SecretSource::OAuth { settings, .. } = &mut secret
        && !settings.scope.contains("graph")
    {
        settings.scope = format!("https://{}/.default", cloud.graph_host());
    }
    Some(Graph { host, mailbox: known.address?.clone(), secret, smtp })
}

/// Notes keys that belong to other routes.
fn check_keys(table: &Table<'_>) {
    let fixed = "does not go with route = \"graph\", which always uses HTTPS with a valid \
        certificate; remove the key";
    if table.has(&ACCOUNT_TLS) {
        table.error(&ACCOUNT_TLS, fixed);
    }
    if table.has(&VERIFY) {
        table.error(&VERIFY, fixed);
    }
    if table.has(&CLIENT_CERTIFICATE) || table.has(&CLIENT_KEY) {
        table.error(
            &CLIENT_CERTIFICATE,
            "does not go with route = \"graph\"; the certificate of the application is \
            client_certificate in auth",
        );
    }
}
