//! `[[account]]`: one way out. Where it leads is in `destination.rs`.

use std::sync::Arc;

use super::{
    Here,
    destination::{self, Known},
    device::patterns,
    footer, name,
    preset::{CUSTOM, MISSPELT, MX, PRESETS, Preset, Service},
    reference::{Key, Shown},
    route::{self, Route},
    table::{Table, none_of},
};
use crate::{
    model::{AccountName, Address, ByteSize, Pattern},
    queue::{AccountSettings, BatchSettings, LimitSettings, SenderRewrite, SenderSettings, Split},
};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "name",
        shown: Shown::As("\"scanner\""),
        about: "Its name in logs, metrics and commands.",
    },
    Key {
        name: "route",
        shown: Shown::As("\"submission\""),
        about: "\"submission\": a mailbox logs in, over TLS (Office 365, Gmail, \
            …).\n\"connector\": the tenant's MX host, with an inbound connector that knows our \
            address or certificate.\n\"direct\": the mail servers of the own domains, found by \
            DNS, for recipients there alone.\n\"smarthost\": any other server, with or without a \
            login.\nDefault: \"submission\" with a preset that knows its host.",
    },
    Key {
        name: "preset",
        shown: Shown::As("\"office365\""),
        about: "Fills in host, port, encryption and limits: \"office365\", \"office365-gcc-high\", \
            \"office365-dod\", \"office365-china\", \"hve\", \"azure-communication-services\", \
            \"gmail\" or \"custom\" (the default: nothing is filled in).",
    },
    Key {
        name: "address",
        shown: Shown::As("\"scanner@contoso.com\""),
        about: "The mailbox: what it logs in as and sends as.",
    },
    Key {
        name: "host",
        shown: Shown::Off("\"smtp.office365.com\""),
        about: "The server. Its certificate must name it.",
    },
    Key {
        name: "port",
        shown: Shown::Off("587"),
        about: "Its port. \"custom\": 587 for submission, 25 for a smarthost.",
    },
    Key {
        name: "tls",
        shown: Shown::Off("\"starttls\""),
        about: "\"none\", \"starttls\" (without it nothing is sent) or \"implicit\" (usual on \
            465).\nWith route = \"direct\": \"opportunistic\" (where offered, with any \
            certificate; the default) or \"required\" (with a good one, else nothing is \
            sent).\nWhat the domain asks for in MTA-STS or DANE is obeyed in any case.",
    },
    Key {
        name: "verify",
        shown: Shown::As("true"),
        about: "Check the server's certificate. false lets anyone between us and the server read \
            the mail and the password.",
    },
    Key {
        name: "ca_file",
        shown: Shown::Off("\"/etc/postroom/ca.pem\""),
        about: "Trust the certificates in this file (PEM) instead of the machine's.",
    },
    Key {
        name: "domains",
        shown: Shown::Off("[\"contoso.com\"]"),
        about: "The accepted domains of the organization. route = \"connector\": without a \
            certificate, what leaves them has to be from them. route = \"direct\": what may be \
            written to. preset = \"hve\": the same; by default the domain of address.",
    },
    Key {
        name: "certificate",
        shown: Shown::Off("\"/etc/postroom/connector.pem\""),
        about: "Shown to the server when it asks who we are: ours first, behind it its issuers \
            (PEM). Read again for each connection.",
    },
    Key {
        name: "key",
        shown: Shown::Off("\"/run/credentials/postroom.service/connector-key\""),
        about: "Its private key (PEM).",
    },
    Key {
        name: "spill_to",
        shown: Shown::As("[]"),
        about: "Accounts that take over, in this order, when this one cannot send.",
    },
    Key {
        name: "for_senders",
        shown: Shown::As("[]"),
        about: "Mail of these senders goes by this account: \"*@sales.contoso.com\". A device's \
            account goes before.",
    },
    Key {
        name: "for_recipients",
        shown: Shown::As("[]"),
        about: "Mail to these recipients goes by this account: \"*@contoso.com\". Recipients of \
            one message may go by different accounts. A device's account and for_senders go \
            before.",
    },
    Key { name: "auth", shown: Shown::Below, about: "" },
    Key { name: "limits", shown: Shown::Below, about: "" },
    Key { name: "batch", shown: Shown::Below, about: "" },
    Key { name: "sender", shown: Shown::Below, about: "" },
    Key { name: "footer", shown: Shown::Below, about: "" },
];

pub(super) const AUTH_KEYS: &[Key] = &[
    Key {
        name: "method",
        shown: Shown::As("\"login\""),
        about: "\"login\" or \"plain\" (password), \"cram-md5\" (password), \"xoauth2\" (token).",
    },
    Key {
        name: "user",
        shown: Shown::Off("\"scanner@contoso.com\""),
        about: "When absent, the account's address.",
    },
    Key {
        name: "password_file",
        shown: Shown::As("\"/run/credentials/postroom.service/scanner\""),
        about: "A file with the password on one line. Read again at each login. The path is that \
            of a systemd credential (LoadCredential=).",
    },
    Key {
        name: "token_file",
        shown: Shown::Off("\"/run/postroom/scanner.token\""),
        about: "Instead of a password: a file with an OAuth access token, kept fresh by something \
            else.",
    },
    Key {
        name: "tenant",
        shown: Shown::Off("\"contoso.com\""),
        about: "OAuth at Microsoft: the tenant's ID or one of its domains. Tokens are then asked \
            for and renewed by Postroom.",
    },
    Key {
        name: "client_id",
        shown: Shown::Off("\"11111111-2222-3333-4444-555555555555\""),
        about: "OAuth: the application's ID.",
    },
    Key {
        name: "client_secret_file",
        shown: Shown::Off("\"/run/credentials/postroom.service/client-secret\""),
        about: "OAuth as an application: a file with the secret's Value. Without secret and \
            certificate a person signs in once: postroom account login NAME.",
    },
    Key {
        name: "client_secret_expires",
        shown: Shown::Off("\"2027-05-01\""),
        about: "When the secret ends, as Entra showed where it was made. The administrator is then \
            warned 30, 14, 7 and 1 days before.",
    },
    Key {
        name: "client_certificate",
        shown: Shown::Off("\"/etc/postroom/app.pem\""),
        about: "OAuth as an application, with a certificate instead of a secret (PEM).",
    },
    Key {
        name: "client_key",
        shown: Shown::Off("\"/run/credentials/postroom.service/app-key\""),
        about: "Its RSA key (PEM).",
    },
    Key {
        name: "token_url",
        shown: Shown::Off("\"https://login.example.com/oauth2/token\""),
        about: "OAuth: another server than Microsoft's, or the sandbox's.",
    },
    Key {
        name: "device_url",
        shown: Shown::Off("\"https://login.example.com/oauth2/devicecode\""),
        about: "Where device codes come from, beside token_url.",
    },
    Key {
        name: "scope",
        shown: Shown::Off("\"https://outlook.office365.com/.default\""),
        about: "OAuth: what the token is for. The preset knows it.",
    },
];

pub(super) const LIMIT_KEYS: &[Key] = &[
    Key {
        name: "messages_per_minute",
        shown: Shown::As("30"),
        about: "Transactions begun in any 60 seconds.",
    },
    Key {
        name: "recipients_per_day",
        shown: Shown::As("10000"),
        about: "Recipients in any 24 hours.",
    },
    Key {
        name: "recipients_per_message",
        shown: Shown::As("500"),
        about: "Recipients of one transaction; more are sent in parts.",
    },
    Key { name: "connections", shown: Shown::As("3"), about: "Connections at once." },
    Key {
        name: "message_size",
        shown: Shown::As("\"35MB\""),
        about: "The largest message. A larger one fails before any attempt, and the notice says \
            why.",
    },
];

pub(super) const BATCH_KEYS: &[Key] = &[
    Key { name: "messages", shown: Shown::As("30"), about: "Most messages in one go." },
    Key { name: "interval", shown: Shown::As("\"0s\""), about: "Rest before the next batch." },
    Key {
        name: "split",
        shown: Shown::As("\"on_failure\""),
        about: "How recipients of one message share transactions. \"never\": all at once. \
            \"always\": each alone.\n\"on_failure\": all at once; when that is refused, in ever \
            smaller groups, so that one bad recipient cannot hold back the rest.",
    },
];

pub(super) const SENDER_KEYS: &[Key] = &[
    Key {
        name: "rewrite",
        shown: Shown::As("\"when_not_allowed\""),
        about: "\"never\", \"when_not_allowed\" or \"always\": replace the sender by the account's \
            address. Reply-To keeps the old one.\nDefault: \"when_not_allowed\" with an address, \
            \"never\" without.",
    },
    Key {
        name: "allowed",
        shown: Shown::As("[\"scanner@contoso.com\"]"),
        about: "What the account may send as. Default: its address; everything without one; with a \
            connector whatever is in its domains.",
    },
];

/// Messages in one go, unless configured: a minute's worth for Exchange Online.
const BATCH: u32 = 30;
/// More recipients than this in one transaction no server takes.
const MOST_RECIPIENTS: usize = 100_000;
const MOST_CONNECTIONS: usize = 1000;

pub(super) fn read(table: &Table<'_>, here: &Here<'_>) -> Option<AccountSettings> {
    let name = name(table, "name").map(AccountName::from);
    let preset = route::infer(table, preset(table));
    let route = route::read(table, preset);
    let preset = if matches!(route, Some(Route::Connector | Route::Direct)) { &MX } else { preset };
    let address = table.parse::<Address>("address", "\"scanner@contoso.com\"");
    let domains = route::domains(table, route, preset, address.as_ref());
    let identity = route::certificate(table, route, &domains, here.now);
    let known = Known {
        route,
        preset,
        address: address.as_ref(),
        name: name.as_ref(),
        identity,
        domains: &domains,
    };
    let destination = destination::read(table, &known, here);
    let limits = limits(&table.table_or_empty("limits", LIMIT_KEYS), preset);
    let batch = batch(&table.table_or_empty("batch", BATCH_KEYS));
    let own = route::own_senders(route, &domains);
    let sender = sender(&table.table_or_empty("sender", SENDER_KEYS), address.as_ref(), &own);
    route::check_sender(table, preset, address.as_ref(), &sender);
    let footer = footer::read(&table.table_or_empty("footer", footer::KEYS));
    let spill_to =
        table.texts("spill_to").unwrap_or_default().into_iter().map(AccountName::from).collect();
    let (for_senders, for_recipients) = (pool(table, "for_senders"), pool(table, "for_recipients"));
    let reach = route::reach(route, preset, domains.clone(), known.identity.as_ref());
    let (name, destination) = (name?, destination?);
    Some(AccountSettings {
        name,
        destination,
        address,
        reach,
        limits,
        batch,
        sender,
        footer,
        for_senders,
        for_recipients,
        spill_to,
    })
}

/// Whose mail it takes; absent patterns are none.
fn pool(table: &Table<'_>, name: &'static str) -> Vec<Pattern> {
    table.list(name, str::parse).unwrap_or_default()
}

fn preset(table: &Table<'_>) -> &'static Preset {
    let Some(text) = table.text("preset") else {
        return &CUSTOM;
    };
    PRESETS.iter().find(|preset| preset.name == text).unwrap_or_else(|| {
        table.error("preset", none_of(&text, PRESETS.iter().map(|preset| preset.name)));
        &MISSPELT
    })
}

fn limits(table: &Table<'_>, preset: &Preset) -> LimitSettings {
    let known = preset.limits;
    let limits = LimitSettings {
        messages_per_minute: rate(table, "messages_per_minute", known.messages_per_minute),
        recipients_per_day: rate(table, "recipients_per_day", known.recipients_per_day),
        recipients_per_message: table
            .number("recipients_per_message", 1, MOST_RECIPIENTS)
            .unwrap_or(known.recipients_per_message),
        connections: table.number("connections", 1, MOST_CONNECTIONS).unwrap_or(known.connections),
        message_size: message_size(table, known.message_size),
    };
    let above = |name: &'static str, ours: Option<u32>, theirs: Option<u32>| {
        if let Some(theirs) = theirs
            && ours.is_none_or(|ours| ours > theirs)
        {
            let (service, source) = (preset.name, preset.source);
            table.warning(
                name,
                format!(
                    "is above what {service} allows by default ({theirs}; {source}): what is more \
                    will be refused, and may block the mailbox"
                ),
            );
        }
    };
    above("messages_per_minute", limits.messages_per_minute, known.messages_per_minute);
    above("recipients_per_day", limits.recipients_per_day, known.recipients_per_day);
    above_the_mailbox(table, preset, &limits);
    limits
}

/// What the service refuses unless its administrator has raised it, and of some not even then.
fn above_the_mailbox(table: &Table<'_>, preset: &Preset, ours: &LimitSettings) {
    let Preset { name, source, limits: known, .. } = preset;
    if ours.recipients_per_message > known.recipients_per_message
        && (preset.is_strict || preset.service == Service::ExchangeOnline)
    {
        let most = known.recipients_per_message;
        let unless = if preset.is_strict {
            ""
        } else {
            ", unless the mailbox's RecipientLimits was raised, to 1000 at most"
        };
        table.warning(
            "recipients_per_message",
            format!("is above what {name} takes in one transaction ({most}; {source}){unless}"),
        );
    }
    if preset.host.is_some() && ours.connections > known.connections {
        table.warning(
            "connections",
            format!("is above what {name} serves at once ({}; {source})", known.connections),
        );
    }
    if let Some(most) =
        known.message_size.filter(|most| ours.message_size.is_none_or(|ours| ours > *most))
    {
        let unless = match preset.service {
            Service::ExchangeOnline => {
                ", unless the mailbox's MaxSendSize was raised, to 150MB at most"
            }
            Service::Microsoft | Service::Azure | Service::Other => "",
        };
        table.warning(
            "message_size",
            format!(
                "is above what {name} takes ({most}; \
            {source}){unless}: what is larger is tried and fails"
            ),
        );
    }
}

fn rate(table: &Table<'_>, name: &'static str, known: Option<u32>) -> Option<u32> {
    match table.text(name).as_deref() {
        None => known,
        Some("none") => None,
        Some(_) => table.number(name, 1, u32::MAX).or(known),
    }
}

fn message_size(table: &Table<'_>, known: Option<ByteSize>) -> Option<ByteSize> {
    match table.text("message_size").as_deref() {
        None => known,
        Some("none") => None,
        Some(_) => table.size("message_size").or(known),
    }
}

fn batch(table: &Table<'_>) -> BatchSettings {
    let words =
        [("never", Split::Never), ("always", Split::Always), ("on_failure", Split::OnFailure)];
    let interval = table.duration("interval").unwrap_or_default();
    if interval > BatchSettings::LONGEST_REST {
        table.error("interval", "is longer than a day; write for example \"60s\"");
    }
    BatchSettings {
        messages: table.number("messages", 1, BatchSettings::MOST_MESSAGES).unwrap_or(BATCH),
        interval,
        split: table.choice("split", &words).unwrap_or(Split::OnFailure),
    }
}

/// `own` is what the server lets it send as besides.
fn sender(table: &Table<'_>, address: Option<&Address>, own: &[Pattern]) -> SenderSettings {
    let words = [
        ("never", SenderRewrite::Never),
        ("when_not_allowed", SenderRewrite::WhenNotAllowed),
        ("always", SenderRewrite::Always),
    ];
    let default =
        if address.is_some() { SenderRewrite::WhenNotAllowed } else { SenderRewrite::Never };
    let rewrite = table.choice("rewrite", &words).unwrap_or(default);
    let allowed = match address {
        _ if !table.has("allowed") && !own.is_empty() => own.to_vec(),
        Some(address) if !table.has("allowed") => {
            address.as_str().parse::<Pattern>().into_iter().collect()
        }
        Some(_) | None => patterns(table, "allowed"),
    };
    match address {
        Some(address) if !allowed.iter().any(|pattern| pattern.fits(address)) => {
            table.warning(
                "allowed",
                format!(
                    "does not allow the account's own address, {address}; add it, or rewritten \
                    senders are not allowed themselves"
                ),
            );
        }
        None if rewrite != SenderRewrite::Never => {
            table.error(
                "rewrite",
                "needs the account's `address` to put in the sender's place; \
                write `address`, or rewrite = \"never\"",
            );
        }
        Some(_) | None => {}
    }
    SenderSettings { rewrite, allowed, identities: Arc::default() }
}
