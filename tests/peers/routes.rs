//! The ways out that need no login: a tenant's connector, by address and by certificate, against
//! the sandbox's MX host.

use std::fs;

use postroom::{
    attempt::NextHop,
    classify::{Outcome, Verdict},
    clock,
    metrics::Metrics,
    sandbox::{Connector, RunningSandbox, Sandbox, SandboxSettings},
    upstream::{ClientCertificate, Route, Server, Smarthost, Upstream},
};
use rcgen::KeyPair;
use tempfile::TempDir;

use crate::support::{authority::Authority, letter::handover};

/// The sandbox's MX host with a connector.
struct Tenant {
    sandbox: RunningSandbox,
    folder: TempDir,
}

impl Tenant {
    async fn start(connector: Connector) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = SandboxSettings::new(folder.path().join("sandbox"), clock::system());
        settings.tenant.switches.connector = connector;
        let sandbox = Sandbox::start(settings).await.unwrap();
        Self { sandbox, folder }
    }

    /// The settings of the route, by address or with a certificate.
    fn route(&self, identity: Option<ClientCertificate>) -> Route {
        let mut server = Server::new("localhost", self.sandbox.mx().port(), "postroom.contoso.com");
        server.smtp.ca_file = Some(self.sandbox.dir().join("ca.pem"));
        server.smtp.identity = identity;
        Route::Smarthost(Smarthost { server })
    }

    /// Files with this chain and key.
    fn identity(&self, chain: &[&str], key: &KeyPair) -> ClientCertificate {
        let files = ClientCertificate {
            certificate: self.folder.path().join("connector.pem"),
            key: self.folder.path().join("connector.key"),
        };
        fs::write(&files.certificate, chain.concat()).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    /// What becomes of a message.
    async fn send(
        &self,
        identity: Option<ClientCertificate>,
        sender: &str,
        recipient: &str,
    ) -> Verdict {
        let upstream =
            Upstream::new(&self.route(identity), clock::system(), Metrics::new()).unwrap();
        let mut connection = upstream
            .connect(&NextHop::Server)
            .await
            .unwrap_or_else(|trouble| panic!("{trouble:?}"));
        let report = connection.send(handover(sender, &[recipient])).await;
        report.recipients.into_iter().next().unwrap()
    }
}

#[tokio::test]
async fn a_connector_by_address_relays_for_the_organization_alone() {
    let tenant = Tenant::start(Connector::ByAddress).await;
    for (sender, recipient, outcome) in [
        ("copier@contoso.com", "bob@example.org", Outcome::Deliver),
        ("copier@fabrikam.com", "ann@contoso.com", Outcome::Deliver),
        ("copier@fabrikam.com", "bob@example.org", Outcome::Stop),
        ("", "bob@example.org", Outcome::Stop),
    ] {
        let verdict = tenant.send(None, sender, recipient).await;
        assert_eq!(verdict.outcome, outcome, "<{sender}> to {recipient}: {verdict:?}");
    }
}

#[tokio::test]
async fn a_connector_by_certificate_knows_us_by_the_whole_chain() {
    let tenant = Tenant::start(Connector::ByCertificate).await;
    let root = Authority::new("Root", None);
    let middle = Authority::new("Intermediate", Some(&root));
    let (leaf, key) = middle.issue(&["relay.contoso.com"]);
    let (stranger, other_key) = middle.issue(&["relay.fabrikam.com"]);
    for (chain, key, outcome) in [
        (&[leaf.as_str(), &middle.pem][..], &key, Outcome::Deliver),
        (&[leaf.as_str(), &middle.pem, &root.pem], &key, Outcome::Deliver),
        // Exchange Online: 550 5.7.64 TenantAttribution.
        (&[leaf.as_str()], &key, Outcome::Stop),
        (&[stranger.as_str(), &middle.pem], &other_key, Outcome::Stop),
    ] {
        let identity = tenant.identity(chain, key);
        for sender in ["copier@fabrikam.com", ""] {
            let verdict = tenant.send(Some(identity.clone()), sender, "bob@example.org").await;
            assert_eq!(
                verdict.outcome,
                outcome,
                "<{sender}> with {} certificates: {verdict:?}",
                chain.len()
            );
        }
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_picked_up_without_a_restart() {
    let tenant = Tenant::start(Connector::ByCertificate).await;
    let root = Authority::new("Root", None);
    let (old, old_key) = root.issue(&["relay.fabrikam.com"]);
    let identity = tenant.identity(&[&old, &root.pem], &old_key);
    let upstream =
        Upstream::new(&tenant.route(Some(identity)), clock::system(), Metrics::new()).unwrap();
    let mut connection =
        upstream.connect(&NextHop::Server).await.unwrap_or_else(|trouble| panic!("{trouble:?}"));
    let refused = connection.send(handover("", &["bob@example.org"])).await;
    assert_eq!(refused.recipients.first().unwrap().outcome, Outcome::Stop);
    let (new, new_key) = root.issue(&["relay.contoso.com"]);
    tenant.identity(&[&new, &root.pem], &new_key);
    let mut connection =
        upstream.connect(&NextHop::Server).await.unwrap_or_else(|trouble| panic!("{trouble:?}"));
    let taken = connection.send(handover("", &["bob@example.org"])).await;
    assert_eq!(taken.recipients.first().unwrap().outcome, Outcome::Deliver, "{taken:?}");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_the_accounts_trouble() {
    let tenant = Tenant::start(Connector::ByCertificate).await;
    let root = Authority::new("Root", None);
    let ((leaf, _), (_, other_key)) =
        (root.issue(&["relay.contoso.com"]), root.issue(&["relay.contoso.com"]));
    let mismatched = tenant.identity(&[&leaf, &root.pem], &other_key);
    let absent = ClientCertificate {
        certificate: "/nonexistent/connector.pem".into(),
        key: "/nonexistent/connector.key".into(),
    };
    for identity in [mismatched, absent] {
        let upstream =
            Upstream::new(&tenant.route(Some(identity)), clock::system(), Metrics::new()).unwrap();
        let trouble = upstream.connect(&NextHop::Server).await.err().unwrap();
        assert_eq!(trouble.verdict.outcome, Outcome::Stop, "{trouble:?}");
        assert!(
            trouble.verdict.advice.starts_with("The account's client certificate cannot be used"),
            "{trouble:?}"
        );
    }
}
