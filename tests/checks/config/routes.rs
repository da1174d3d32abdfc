//! Routes: connectors, direct send, smart hosts, High Volume Email.

use std::net::SocketAddr;

use postroom::{
    model::Address,
    queue::SenderRewrite,
    reach::Reach,
    upstream::{Direct, Route, SecretSource, Security, Verification},
};

use super::{SMARTHOST, good, refused, warned, with};

#[test]
fn another_server_needs_no_login_and_no_limits() {
    let config = good(&with("[report]", &format!("{SMARTHOST}[report]")));
    let account = config.accounts.last().unwrap();
    assert_eq!(
        (account.route.smtp().port, account.route.smtp().security),
        (25, Security::StartTls)
    );
    assert!(account.route.auth().is_none());
    assert_eq!(
        (
            account.limits.messages_per_minute,
            account.limits.recipients_per_day,
            account.limits.connections
        ),
        (None, None, 10)
    );
    assert_eq!(account.sender.rewrite, SenderRewrite::Never);
}

/// A pinned certificate, and further keys.
fn pinned(keys: &str) -> String {
    format!("fingerprint = \"sha256:{}\"{keys}", "07".repeat(32))
}

#[test]
fn unsafe_ways_out_are_pointed_out() {
    let lan = |keys: &str| with("[report]", &format!("{SMARTHOST}{keys}\n[report]"));
    warned(&lan("verify = false"), "account[1].verify", "anyone between Postroom and the server");
    let both = pinned("\nverify = false");
    refused(&lan(&both), "account[1].fingerprint", "checks nothing");
    refused(&lan("fingerprint = \"sha256:07\""), "account[1].fingerprint", "openssl x509");
    let pinned_to = good(&lan(&pinned(""))).accounts.last().unwrap().route.smtp().verify;
    assert!(matches!(pinned_to, Verification::Pinned(_)));
    let clear =
        "tls = \"none\"\nauth = { method = \"plain\", user = \"x\", password_file = \"/p\" }";
    warned(&lan(clear), "account[1].auth", "in clear");
    refused(
        &lan("sender = { rewrite = \"always\" }"),
        "account[1].sender.rewrite",
        "needs the account's `address`",
    );
    refused(
        &lan("").replace("mx.contoso.lan", "Relay.contoso.lan"),
        "account[1].host",
        "mail would loop",
    );
    refused(
        &lan("").replace("mx.contoso.lan", "smtp://mx"),
        "account[1].host",
        "without \"smtp://\"",
    );
    let none = with("preset = \"office365\"", "host = \"mx.contoso.lan\"\ntls = \"none\"");
    refused(&none, "account[0].tls", "would send the password in clear");
    let implicit = good(&lan("port = 465")).accounts.last().unwrap().route.smtp().security;
    assert_eq!(implicit, Security::Implicit);
}

#[test]
fn a_route_that_does_not_exist_is_refused_with_those_that_do() {
    refused(
        &with("\"submission\"", "\"pigeon\""),
        "account[0].route",
        "none of \"submission\", \"connector\", \"direct\", \"smarthost\"",
    );
}

const DIRECT: &str = "[[account]]\nname = \"inside\"\nroute = \"direct\"\ndomains = \
    [\"contoso.com\", \"contoso.de\"]\n";

#[test]
fn direct_send_reaches_the_own_domains_and_finds_their_servers() {
    let direct = |keys: &str| with("[report]", &format!("{DIRECT}{keys}\n[report]"));
    let config = good(
        &direct("")
            .replace("[report]", "[dns]\nservers = [\"127.0.0.1\", \"[::1]:5353\"]\n[report]"),
    );
    let account = config.accounts.last().unwrap();
    assert_eq!(
        account.route.reach(),
        Reach::Within(&["contoso.com".to_owned(), "contoso.de".to_owned()])
    );
    assert_eq!(
        (account.route.smtp().port, account.route.smtp().security),
        (25, Security::Opportunistic)
    );
    assert_eq!(account.limits.recipients_per_message, 200);
    let Route::Direct(Direct { dns, .. }) = &account.route else { panic!("{account:?}") };
    assert_eq!(
        dns.servers,
        ["127.0.0.1:53".parse::<SocketAddr>().unwrap(), "[::1]:5353".parse().unwrap()]
    );
    let required =
        good(&direct("tls = \"required\"")).accounts.last().unwrap().route.smtp().security;
    assert_eq!(required, Security::StartTls);
    refused(
        &direct("auth = { method = \"login\", user = \"x\", password_file = \"/p\" }"),
        "account[1].auth",
        "an MX host accepts no login",
    );
    refused(
        &direct("host = \"mx.contoso.com\""),
        "account[1].host",
        "finds the servers of \
    `domains` in DNS",
    );
    refused(&direct("verify = false"), "account[1].verify", "accepts any certificate");
    refused(&direct(&pinned("")), "account[1].fingerprint", "servers of their own");
    refused(
        &direct("tls = \"implicit\""),
        "account[1].tls",
        "none of \"opportunistic\", \"required\"",
    );
    refused(&direct("preset = \"office365\""), "account[1].preset", "remove the key");
    refused(
        &direct("").replace("domains = [\"contoso.com\", \"contoso.de\"]\n", ""),
        "account[1].domains",
        "is missing",
    );
    let dns = direct("").replace("[report]", "[dns]\nservers = [\"dns.contoso.com\"]\n[report]");
    refused(&dns, "dns.servers", "is not an address");
}

const CONNECTOR: &str = "[[account]]\nname = \"tenant\"\nroute = \"connector\"\nhost = \
    \"contoso-com.mail.protection.outlook.com\"\ndomains = [\"contoso.com\"]\n";

fn connector(keys: &str) -> String {
    with("[report]", &format!("{CONNECTOR}{keys}\n[report]"))
}

#[test]
fn a_connector_is_the_tenants_mx_host_and_sends_as_the_organization() {
    let config = good(&connector(""));
    let account = config.accounts.last().unwrap();
    let smtp = account.route.smtp();
    assert_eq!((smtp.port, smtp.security, &smtp.identity), (25, Security::StartTls, &None));
    assert_eq!(
        (account.limits.recipients_per_message, account.limits.messages_per_minute),
        (200, None)
    );
    assert_eq!(account.route.reach(), Reach::From(&["contoso.com".to_owned()]));
    assert!(
        account
            .sender
            .allowed
            .iter()
            .any(|pattern| pattern.fits(&"copier@contoso.com".parse::<Address>().unwrap()))
    );
    assert_eq!(config.warnings, []);
}

#[test]
fn what_does_not_go_with_a_connector_is_refused_with_the_reason() {
    refused(
        &connector("auth = { method = \"login\", user = \"x\", password_file = \"/p\" }"),
        "account[1].auth",
        "an MX host accepts no login",
    );
    refused(
        &connector("tls = \"implicit\""),
        "account[1].tls",
        "an MX host does not support \
    \"implicit\"",
    );
    refused(&connector("preset = \"office365\""), "account[1].preset", "remove the key");
    refused(&connector("key = \"/k\""), "account[1].certificate", "is missing");
    refused(
        &connector("").replace("domains = [\"contoso.com\"]\n", ""),
        "account[1].domains",
        "accepted domains",
    );
    refused(
        &connector("").replace("[\"contoso.com\"]", "[\"*\"]"),
        "account[1].domains",
        "is not a domain",
    );
    refused(
        &connector("").replace("contoso-com.mail.protection.outlook.com", "smtp.office365.com"),
        "account[1].host",
        "requires a login",
    );
    refused(
        &connector("").replace("contoso-com.mail.protection.outlook.com", "52.101.73.1"),
        "account[1].host",
        "is an IP address",
    );
    warned(&connector("port = 587"), "account[1].port", "not the port of MX hosts");
    warned(&connector("tls = \"none\""), "account[1].tls", "over the internet in clear");
    warned(
        &connector("limits = { recipients_per_message = 500 }"),
        "account[1].limits.recipients_per_message",
        "in one transaction (200; Microsoft, non-delivery report 4.5.3)",
    );
}

#[test]
fn a_notice_that_no_connector_would_relay_is_noticed_before() {
    let carrier = |keys: &str, administrator: &str| {
        connector(keys).replace(
            "administrator = \"it@contoso.com\"",
            &format!("account = \"tenant\"\nadministrator = \"{administrator}\""),
        )
    };
    assert_eq!(good(&carrier("", "it@contoso.com")).warnings, []);
    refused(
        &carrier("", "it@fabrikam.com"),
        "report.account",
        "not relay mail with an empty \
    sender",
    );
    assert_eq!(good(&carrier("address = \"scanner@contoso.com\"", "it@fabrikam.com")).warnings, []);
}

#[test]
fn hosts_that_do_not_fit_their_route_are_refused() {
    let host = |host: &str| with("preset = \"office365\"", &format!("host = \"{host}\""));
    refused(
        &host("contoso-com.mail.protection.outlook.com"),
        "account[0].host",
        "accepts no login",
    );
    refused(&host("contoso-com.a-v1.mx.microsoft"), "account[0].host", "accepts no login");
    refused(&host("smtp-emea.outlook.com"), "account[0].host", "no longer exists");
    let office = |host: &str| {
        with("preset = \"office365\"", &format!("preset = \"office365\"\nhost = \"{host}\""))
    };
    warned(
        &office("pod51024.outlook.com"),
        "account[0].host",
        "write preset = \"office365\" (smtp.office365.com)",
    );
    assert_eq!(
        good(&host("smtp-mail.outlook.com")).warnings,
        [],
        "private mailboxes are served there"
    );
    warned(&host("SMTP.office365.com"), "account[0].host", "is treated as preset = \"office365\"");
    assert_eq!(
        good(&host("smtp.office365.com")).accounts.first().unwrap().limits.messages_per_minute,
        Some(30)
    );
    warned(
        &with(
            "preset = \"office365\"",
            "preset = \"office365\"\nhost = \"smtp-legacy.office365.com\"",
        ),
        "account[0].host",
        "without TLS 1.2",
    );
    refused(
        &with("preset = \"office365\"", "preset = \"office365\"\nhost = \"40.99.1.1\""),
        "account[0].host",
        "write the host's name",
    );
    warned(
        &with("preset = \"office365\"", "preset = \"custom\"\nhost = \"smtp.office365.com\""),
        "account[0].preset",
        "write preset = \"office365\"",
    );
}

#[test]
fn high_volume_email_stays_inside_and_sends_as_itself() {
    let hve = |keys: &str| with("preset = \"office365\"", &format!("preset = \"hve\"\n{keys}"));
    let config = good(&hve(""));
    assert_eq!(
        config.accounts.first().unwrap().route.reach(),
        Reach::Within(&["contoso.com".to_owned()])
    );
    refused(
        &hve("sender = { rewrite = \"never\" }"),
        "account[0].sender.rewrite",
        "accepts only scanner@contoso.com",
    );
    refused(
        &hve("sender = { allowed = [\"*@contoso.com\"] }"),
        "account[0].sender.allowed",
        "accepts no other sender",
    );
    warned(
        &hve("limits = { recipients_per_message = 100 }"),
        "account[0].limits.recipients_per_message",
        "in one transaction (50; Microsoft, ",
    );
    let outside = hve("").replace("it@contoso.com", "it@fabrikam.com");
    refused(&outside, "report.account", "outside its `domains`");
}

const GRAPH: &str = "[[account]]\nname = \"graph\"\nroute = \"graph\"\naddress = \
    \"scans@contoso.com\"\nauth = { tenant = \"contoso.com\", client_id = \"app\", \
    client_secret_file = \"/p\" }\n";

fn graph(keys: &str) -> String {
    with("[report]", &format!("{GRAPH}{keys}\n[report]"))
}

#[test]
fn graph_sends_for_a_mailbox_with_an_application() {
    let config = good(&graph(""));
    let account = config.accounts.last().unwrap();
    let Route::Graph(route) = &account.route else { panic!("{account:?}") };
    assert_eq!((route.host.as_str(), route.smtp.port), ("graph.microsoft.com", 443));
    assert_eq!(route.mailbox.as_str(), "scans@contoso.com");
    let SecretSource::OAuth { settings, .. } = &route.secret else { panic!("{route:?}") };
    assert_eq!(settings.scope, "https://graph.microsoft.com/.default");
    assert_eq!(account.limits.messages_per_minute, Some(30));
    assert_eq!(account.limits.message_size.unwrap().octets(), 2_200_000);
    refused(&graph("tls = \"starttls\""), "account[1].tls", "always uses HTTPS");
    refused(
        &graph("certificate = \"/p\"\nkey = \"/p\""),
        "account[1].certificate",
        "client_certificate in auth",
    );
    let password = graph("").replace(
        "tenant = \"contoso.com\", client_id = \"app\", client_secret_file = \"/p\"",
        "method = \"login\", password_file = \"/p\"",
    );
    refused(&password, "account[1].auth.method", "takes no passwords");
}

#[test]
fn graph_and_smtp_share_the_limits_of_a_mailbox() {
    let same = graph("").replace("scans@contoso.com", "scanner@contoso.com");
    refused(&same, "account[1].auth", "messages a minute");
}
