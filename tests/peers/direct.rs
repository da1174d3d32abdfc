//! Direct send against a real authoritative DNS server: MX, null MX, MTA-STS and DANE, and servers
//! with right and wrong certificates.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use postroom::{
    attempt::{NextHop, Trouble},
    classify::Outcome,
    clock::{self, Clock},
    metrics::Metrics,
    upstream::{
        Connection, Direct, DnsSettings, Dnssec, Route, Security, SmtpSettings, Timeouts, Upstream,
    },
};
use rcgen::PublicKeyData;
use ring::digest;
use tempfile::TempDir;

use crate::support::{
    authority::Authority,
    device::Device,
    letter::handover,
    peer::{Heard, acceptor, mail_server, web_server},
    relay::{LISTENERS, Relay, SCANNERS},
    wait,
    zones::Zones,
};

/// Where nobody listens.
const DEAD: &str = "127.0.0.9";
/// A server whose certificate is for another name, from nobody known.
const ODD: &str = "127.0.0.2";
/// A server whose certificate is right.
const GOOD: &str = "127.0.0.3";
/// A server without TLS.
const BARE: &str = "127.0.0.4";

/// Some domains, their DNS and their servers.
struct World {
    zones: Zones,
    port: u16,
    policy_port: u16,
    policy: Arc<Mutex<String>>,
    odd: Heard,
    good: Heard,
    bare: Heard,
    folder: TempDir,
    patience: Duration,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Authority::new("Root", None);
        fs::write(folder.path().join("ca.pem"), &root.pem).unwrap();
        let (odd_pem, odd_key) = Authority::new("Nobody", None).issue(&["other.example"]);
        let (good_pem, good_key) = root.issue(&["mx.good.plain", "mx.strict.plain"]);
        let port = free_everywhere();
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), port);
        let odd = mail_server(at(ODD), Some(acceptor(&[&odd_pem], &odd_key))).await;
        let good = mail_server(at(GOOD), Some(acceptor(&[&good_pem], &good_key))).await;
        let bare = mail_server(at(BARE), None).await;
        let policy = Arc::new(Mutex::new(String::new()));
        let (web_pem, web_key) =
            root.issue(&["mta-sts.odd.plain", "mta-sts.good.plain", "mta-sts.bare.plain"]);
        let web = web_server(acceptor(&[&web_pem], &web_key), Arc::clone(&policy)).await;
        let spki =
            hex(digest::digest(&digest::SHA256, &odd_key.subject_public_key_info()).as_ref());
        let zones = Zones::start(&signed(port, &spki), &plain());
        Self {
            zones,
            port,
            policy_port: web.port(),
            policy,
            odd,
            good,
            bare,
            folder,
            patience: DnsSettings::default().patience,
        }
    }

    fn upstream(&self, security: Security) -> Upstream {
        self.upstream_at(security, clock::system())
    }

    fn upstream_at(&self, security: Security, clock: Clock) -> Upstream {
        let dns = DnsSettings {
            servers: vec![self.zones.address],
            dnssec: Dnssec::Auto,
            trust_anchor: Some(self.zones.trust_anchor.clone()),
            patience: self.patience,
        };
        let mut smtp = SmtpSettings::new(self.port, "postroom.contoso.test");
        smtp.security = security;
        smtp.ca_file = Some(self.folder.path().join("ca.pem"));
        smtp.timeouts = Timeouts { connect: Duration::from_secs(20), ..Timeouts::default() };
        let domains = vec!["contoso.test".to_owned()];
        let route = Route::Direct(Direct { domains, dns, policy_port: self.policy_port, smtp });
        Upstream::new(&route, clock, Metrics::new()).unwrap()
    }

    /// The daemon, with an account that sends to these domains directly.
    fn relay(&self, domains: &str) -> Relay {
        let dns = format!(
            "[dns]\nservers = [\"{}\"]\ntrust_anchor = \"{}\"\n",
            self.zones.address,
            self.zones.trust_anchor.display()
        );
        let account = format!(
            "[[account]]\nname = \"out\"\nroute = \"direct\"\ndomains = [{domains}]\nport = {}\n",
            self.port
        );
        Relay::start(self.folder.path(), "", &[LISTENERS, SCANNERS, &account, &dns])
    }

    async fn connect(&self, security: Security, domain: &str) -> Result<Connection, Trouble> {
        self.upstream(security).connect(&NextHop::Domain(domain.to_owned())).await
    }
}

fn plain() -> String {
    let domain = |name: &str, ip: &str| {
        format!(
            "{name}.plain. 60 IN MX 10 mx.{name}.plain.\nmx.{name}.plain. 60 IN A \
            {ip}\n_mta-sts.{name}.plain. 60 IN TXT \"v=STSv1; id=1;\"\nmta-sts.{name}.plain. 60 IN \
            A 127.0.0.1\n"
        )
    };
    format!(
        "two.plain. 60 IN MX 10 mx1.two.plain.\ntwo.plain. 60 IN MX 20 \
        mx2.two.plain.\nmx1.two.plain. 60 IN A {DEAD}\nmx2.two.plain. 60 IN A \
        {ODD}\nimplicit.plain. 60 IN A {BARE}\nalias.plain. 60 IN CNAME two.plain.\nnull.plain. 60 \
        IN MX 0 .\nempty.plain. 60 IN TXT \"nothing\"\ndead.plain. 60 IN MX 10 \
        mx1.two.plain.\nloop.plain. 60 IN MX 10 postroom.contoso.test.\nstrict.plain. 60 IN MX 10 \
        mx.strict.plain.\nmx.strict.plain. 60 IN A {GOOD}\n{}{}{}",
        domain("odd", ODD),
        domain("good", GOOD),
        domain("bare", BARE),
    )
}

/// The root zone; `spki` is the hash of the odd server's key.
fn signed(port: u16, spki: &str) -> String {
    let domain = |name: &str, ip: &str, tlsa: &str| {
        format!(
            "{name}.test. 60 IN MX 10 mx.{name}.test.\nmx.{name}.test. 60 IN A \
            {ip}\n_{port}._tcp.mx.{name}.test. 60 IN TLSA {tlsa}\n"
        )
    };
    [
        domain("right", ODD, &format!("3 1 1 {spki}")),
        domain("wrong", ODD, &format!("3 1 1 {}", "00".repeat(32))),
        domain("stripped", BARE, &format!("3 1 1 {spki}")),
        domain("unusable", ODD, &format!("1 1 1 {spki}")),
    ]
    .concat()
}

/// A port that is free on all addresses that the test uses.
fn free_everywhere() -> u16 {
    loop {
        let first = std::net::TcpListener::bind((DEAD.parse::<IpAddr>().unwrap(), 0)).unwrap();
        let port = first.local_addr().unwrap().port();
        if [ODD, GOOD, BARE]
            .iter()
            .all(|ip| std::net::TcpListener::bind((ip.parse::<IpAddr>().unwrap(), port)).is_ok())
        {
            return port;
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[track_caller]
fn refused(result: Result<Connection, Trouble>, outcome: Outcome, code: Option<&str>, says: &str) {
    let Err(trouble) = result else { panic!("a connection, where {says:?} was expected") };
    assert_eq!(trouble.verdict.outcome, outcome, "{trouble:?}");
    let reply = trouble.verdict.reply.as_ref().map(ToString::to_string);
    match code {
        Some(code) => assert!(
            reply.as_ref().is_some_and(|reply| reply.starts_with(code) && reply.contains(says)),
            "{trouble:?}"
        ),
        None => assert!(trouble.fault.to_string().contains(says), "{trouble:?}"),
    }
}

#[track_caller]
fn connected(result: Result<Connection, Trouble>) {
    if let Err(trouble) = result {
        panic!("{trouble:?}");
    }
}

#[tokio::test]
async fn servers_are_found_by_dns_and_tried_by_preference() {
    let world = World::start().await;
    let opportunistic = Security::Opportunistic;
    for domain in ["two.plain", "alias.plain", "implicit.plain"] {
        connected(world.connect(opportunistic, domain).await);
    }
    for (domain, outcome, code, says) in [
        ("absent.plain", Outcome::Fail, Some("550 5.1.2"), "does not exist"),
        ("empty.plain", Outcome::Fail, Some("550 5.1.2"), "neither a mail server nor an address"),
        ("null.plain", Outcome::Fail, Some("556 5.1.10"), "takes no mail"),
        ("loop.plain", Outcome::Fail, Some("554 5.4.6"), "this machine itself"),
        ("x.broken", Outcome::Retry, Some("451 4.4.3"), "cannot be looked up"),
        ("dead.plain", Outcome::Pause(Duration::from_secs(60)), None, "can be reached"),
    ] {
        refused(world.connect(opportunistic, domain).await, outcome, code, says);
    }
}

#[tokio::test]
async fn a_dns_server_that_does_not_answer_is_no_reason_to_return_mail() {
    let mut world = World::start().await;
    world.patience = Duration::from_millis(100);
    // A port where nobody listens any more.
    world.zones.address = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let outcome = Outcome::Pause(Duration::from_secs(60));
    refused(
        world.connect(Security::Opportunistic, "two.plain").await,
        outcome,
        None,
        "DNS server does not answer",
    );
}

#[tokio::test]
async fn opportunistic_takes_any_certificate_and_none_and_required_takes_good_ones() {
    let world = World::start().await;
    for (security, domain, works) in [
        (Security::Opportunistic, "odd.plain", true),
        (Security::Opportunistic, "bare.plain", true),
        (Security::StartTls, "strict.plain", true),
        (Security::StartTls, "odd.plain", false),
        (Security::StartTls, "bare.plain", false),
    ] {
        let result = world.connect(security, domain).await;
        if works {
            connected(result);
        } else {
            refused(result, Outcome::Retry, Some("454 4.7.5"), "as safe as is asked for");
        }
    }
}

#[tokio::test]
async fn an_enforced_policy_wants_its_servers_with_good_certificates() {
    let world = World::start().await;
    let policy = |mode: &str, mx: &str| {
        *world.policy.lock().unwrap() =
            format!("version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 600\r\n");
    };
    let opportunistic = Security::Opportunistic;
    for (mode, mx, domain, refusal) in [
        ("testing", "*.odd.plain", "odd.plain", None),
        ("enforce", "*.odd.plain", "odd.plain", Some("issuer that is not trusted")),
        ("enforce", "*.bare.plain", "bare.plain", Some("does not offer STARTTLS")),
        ("enforce", "mx.good.plain", "good.plain", None),
        ("enforce", "other.good.plain", "good.plain", Some("not in the domain's MTA-STS policy")),
        ("none", "", "odd.plain", None),
    ] {
        policy(mode, mx);
        let result = world.connect(opportunistic, domain).await;
        match refusal {
            None => connected(result),
            Some(says) => refused(result, Outcome::Retry, Some("454 4.7.5"), says),
        }
    }
}

#[tokio::test]
async fn a_policy_holds_although_it_can_no_longer_be_fetched() {
    let world = World::start().await;
    "version: STSv1\r\nmode: enforce\r\nmx: *.odd.plain\r\nmax_age: 600\r\n"
        .clone_into(&mut world.policy.lock().unwrap());
    let upstream = world.upstream(Security::Opportunistic);
    let lane = NextHop::Domain("odd.plain".to_owned());
    refused(
        upstream.connect(&lane).await,
        Outcome::Retry,
        Some("454 4.7.5"),
        "as safe as is asked for",
    );
    "<html>gone</html>".clone_into(&mut world.policy.lock().unwrap());
    refused(
        upstream.connect(&lane).await,
        Outcome::Retry,
        Some("454 4.7.5"),
        "as safe as is asked for",
    );
    connected(world.connect(Security::Opportunistic, "odd.plain").await);
}

#[tokio::test]
async fn a_policy_that_could_not_be_fetched_is_not_asked_for_at_each_message() {
    let world = World::start().await;
    "<html>come back later</html>".clone_into(&mut world.policy.lock().unwrap());
    let clock = Clock::fixed(clock::system().now());
    let upstream = world.upstream_at(Security::Opportunistic, clock.clone());
    let lane = NextHop::Domain("odd.plain".to_owned());
    connected(upstream.connect(&lane).await);
    "version: STSv1\r\nmode: enforce\r\nmx: *.odd.plain\r\nmax_age: 600\r\n"
        .clone_into(&mut world.policy.lock().unwrap());
    connected(upstream.connect(&lane).await);
    clock.set(clock.now().plus(Duration::from_secs(5 * 60)));
    refused(
        upstream.connect(&lane).await,
        Outcome::Retry,
        Some("454 4.7.5"),
        "as safe as is asked for",
    );
}

#[tokio::test]
async fn signed_records_say_which_certificate_it_has_to_be() {
    let world = World::start().await;
    let opportunistic = Security::Opportunistic;
    connected(world.connect(opportunistic, "right.test").await);
    connected(world.connect(Security::StartTls, "right.test").await);
    connected(world.connect(opportunistic, "unusable.test").await);
    refused(
        world.connect(opportunistic, "wrong.test").await,
        Outcome::Retry,
        Some("454 4.7.5"),
        "has recorded (DANE)",
    );
    refused(
        world.connect(opportunistic, "stripped.test").await,
        Outcome::Retry,
        Some("454 4.7.5"),
        "does not offer STARTTLS",
    );
}

#[tokio::test]
async fn mail_is_encrypted_wherever_it_can_be() {
    let world = World::start().await;
    for (domain, heard, how) in [
        ("two.plain", &world.odd, "tls"),
        ("good.plain", &world.good, "tls"),
        ("implicit.plain", &world.bare, "clear"),
    ] {
        let mut connection = world
            .connect(Security::Opportunistic, domain)
            .await
            .unwrap_or_else(|trouble| panic!("{trouble:?}"));
        let report =
            connection.send(handover("scanner@contoso.com", &[&format!("ann@{domain}")])).await;
        assert_eq!(report.recipients.first().unwrap().outcome, Outcome::Deliver, "{report:?}");
        assert_eq!(*heard.lock().unwrap(), [format!("{how} RCPT TO:<ann@{domain}>")]);
    }
}

/// Hands a message in as a device does, in one transaction.
fn hand_in(relay: &Relay, recipients: &[&str]) {
    let mut device = Device::greeted(relay.listener("none")).unwrap();
    assert_eq!(device.command("MAIL FROM:<mfp1@two.plain>").unwrap().code, 250);
    for recipient in recipients {
        let answer = device.command(&format!("RCPT TO:<{recipient}>")).unwrap();
        assert_eq!(answer.code, 250, "{answer:?}");
    }
    assert_eq!(device.command("DATA").unwrap().code, 354);
    device.send(b"From: mfp1@two.plain\r\nSubject: Scan\r\n\r\nThe scan.\r\n.\r\n").unwrap();
    let answer = device.answer().unwrap();
    assert_eq!(answer.code, 250, "{answer:?}");
}

fn wait_until_heard(heard: &Heard, words: &[&str]) {
    wait::until(&format!("{words:?} to arrive"), wait::PATIENCE, || {
        let said = heard.lock().unwrap().clone();
        if said == words { Ok(()) } else { Err(format!("{said:?}")) }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_handed_in_by_smtp_arrives_at_the_servers_of_each_of_its_domains() {
    let world = World::start().await;
    let relay = world.relay("\"two.plain\", \"implicit.plain\"");
    hand_in(&relay, &["ann@two.plain", "bob@implicit.plain"]);
    wait_until_heard(&world.odd, &["tls RCPT TO:<ann@two.plain>"]);
    wait_until_heard(&world.bare, &["clear RCPT TO:<bob@implicit.plain>"]);
    relay.wait_until_empty(wait::PATIENCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_whose_servers_are_down_does_not_hold_up_another() {
    let world = World::start().await;
    let relay = world.relay("\"two.plain\", \"dead.plain\"");
    hand_in(&relay, &["cem@dead.plain"]);
    wait::until("the dead domain to be tried", wait::PATIENCE, || {
        let log = relay.log();
        if log.contains("can be reached") { Ok(()) } else { Err(log) }
    });
    hand_in(&relay, &["ann@two.plain"]);
    wait::until("the other domain's message to arrive at once", Duration::from_secs(20), || {
        let said = world.odd.lock().unwrap().clone();
        if said == ["tls RCPT TO:<ann@two.plain>"] {
            Ok(())
        } else {
            Err(relay.json(&["status"]).to_string())
        }
    });
    let queue = relay.queue();
    let waiting: Vec<&str> = queue
        .iter()
        .filter_map(|entry| entry["recipients"][0]["recipient"]["address"].as_str())
        .collect();
    assert_eq!(waiting, ["cem@dead.plain"], "it waits, and is not returned: {queue:?}");
}
