//! `[[account]]` and the tables inside it, except its login: see `auth`.

use std::{path::PathBuf, time::Duration};

use super::{
    auth::ACCOUNT_AUTH,
    key::{Key, keys},
    setting::{Hints, Limit, Scalar, Word},
};
use crate::{
    model::{AccountName, Address, ByteSize, Fingerprint, Pattern},
    queue::{BatchSettings, SenderRewrite, Split},
};

keys! {
    /// A route by which mail leaves. May occur several times; the first account carries all mail
    /// that is not assigned to another.
    ACCOUNT = "[[account]]", tables [
        ACCOUNT_AUTH, ACCOUNT_LIMITS, ACCOUNT_BATCH, ACCOUNT_SENDER, ACCOUNT_FOOTER,
    ];

    /// Its name in logs, metrics and commands.
    ACCOUNT_NAME: Key<Option<String>> = Key::new("name")
        .required("write a short name")
        .example("scanner");
    /// "submission": a mailbox logs in, over TLS (Office 365, Gmail, …).
    ///
    /// "connector": the tenant's MX host, with an inbound connector that recognizes our address or
    /// certificate.
    ///
    /// "direct": the mail servers of your own domains, found by DNS, for recipients in these
    /// domains only.
    ///
    /// "smarthost": any other server, with or without a login.
    ///
    /// "graph": a mailbox sends over HTTPS by Microsoft Graph, with an application (address, auth
    /// with tenant, client_id and client_secret_file). For messages of up to 2.2 MB.
    ///
    /// Default: "submission" with a preset that knows its host.
    ROUTE: Key<Option<RouteName>> = Key::new("route").example("submission");
    /// Fills in host, port, encryption and limits: "office365", "office365-gcc-high",
    /// "office365-dod", "office365-china", "hve", "azure-communication-services", "gmail" or
    /// "custom" (the default: nothing is filled in).
    PRESET: Key<Option<String>> = Key::new("preset").example("office365");
    /// The address of the mailbox: its login and its sender.
    ACCOUNT_ADDRESS: Key<Option<Address>> = Key::new("address").example("scanner@contoso.com");
    /// The server. Its certificate must name it.
    HOST: Key<Option<String>> = Key::new("host").off("smtp.office365.com");
    /// Its port. With preset = "custom": 587 for submission, 25 for a smarthost.
    PORT: Key<Option<u16>> = Key::new("port").within(1, u64::MAX).off("587");
    /// "none", "starttls" (nothing is sent without it) or "implicit" (usual on 465).
    ///
    /// With route = "direct": "opportunistic" (encrypted where the server offers it, with any
    /// certificate; the default) or "required" (nothing is sent without a valid certificate).
    ///
    /// Postroom obeys the domain's MTA-STS policy and DANE records in any case.
    ACCOUNT_TLS: Key<Option<String>> = Key::new("tls").off("starttls");
    /// Check the server's certificate. false lets anyone between this machine and the server read
    /// the mail and the password.
    VERIFY: Key<bool> = Key::new("verify").default(|| true);
    /// Trust the certificates in this file (PEM) instead of those of the machine: issuers, or the
    /// server's own certificate.
    CA_FILE: Key<Option<PathBuf>> = Key::new("ca_file").off("/etc/postroom/ca.pem");
    /// Accept exactly this certificate of the server, whatever its names, dates and issuer are.
    /// To print it: openssl x509 -noout -fingerprint -sha256 -in FILE
    FINGERPRINT: Key<Option<Fingerprint>> = Key::new("fingerprint")
        .off("sha256:3f9a000000000000000000000000000000000000000000000000000000000000");
    /// The accepted domains of the organization. With route = "connector" and no certificate, mail
    /// to other domains must come from these. With route = "direct" and with preset = "hve",
    /// recipients must be in these domains. The default for "hve" is the domain of address.
    DOMAINS: Key<Option<Vec<Domain>>> = Key::new("domains").off_list(&["contoso.com"]);
    /// The certificate that is shown to the server when it asks for one, followed by its issuers
    /// (PEM). Read again for each connection.
    CLIENT_CERTIFICATE: Key<Option<PathBuf>> = Key::new("certificate")
        .off("/etc/postroom/connector.pem");
    /// Its private key (PEM).
    CLIENT_KEY: Key<Option<PathBuf>> = Key::new("key")
        .off("/run/credentials/postroom.service/connector-key");
    /// The accounts that take over, in this order, when this one cannot send.
    SPILL_TO: Key<Vec<AccountName>> = Key::new("spill_to").default(Vec::new);
    /// Mail of these senders goes by this account: "*@sales.contoso.com". The account of a device
    /// takes precedence.
    FOR_SENDERS: Key<Vec<Pattern>> = Key::new("for_senders").default(Vec::new);
    /// Mail to these recipients goes by this account: "*@contoso.com". Recipients of one message
    /// may go by different accounts. The account of a device and for_senders take precedence.
    FOR_RECIPIENTS: Key<Vec<Pattern>> = Key::new("for_recipients").default(Vec::new);
}

/// The maximum: no server accepts more recipients in one transaction.
const MOST_RECIPIENTS: u64 = 100_000;
const MOST_CONNECTIONS: u64 = 1000;
#[expect(clippy::as_conversions, reason = "`From` is not const, and a u32 fits")]
const MOST_MESSAGES: u64 = BatchSettings::MOST_MESSAGES as u64;

keys! {
    /// How much the account may send. The defaults are those of the preset (here: office365);
    /// "none" lifts a limit.
    ACCOUNT_LIMITS = "[account.limits]", tables [];

    /// Transactions begun within any 60 seconds.
    MESSAGES_PER_MINUTE: Key<Option<Limit<u32>>> = Key::new("messages_per_minute")
        .within(1, u64::MAX)
        .example("30");
    /// Recipients within any 24 hours.
    RECIPIENTS_PER_DAY: Key<Option<Limit<u32>>> = Key::new("recipients_per_day")
        .within(1, u64::MAX)
        .example("10000");
    /// Recipients in one transaction. A message to more recipients is sent in several transactions.
    RECIPIENTS_PER_MESSAGE: Key<Option<usize>> = Key::new("recipients_per_message")
        .within(1, MOST_RECIPIENTS)
        .example("500");
    /// Simultaneous connections.
    ACCOUNT_CONNECTIONS: Key<Option<usize>> = Key::new("connections")
        .within(1, MOST_CONNECTIONS)
        .example("3");
    /// The largest message. A larger one fails before any attempt, and the notice says why.
    MESSAGE_SIZE: Key<Option<Limit<ByteSize>>> = Key::new("message_size").example("35MB");
}

keys! {
    /// How messages share connections. Optional.
    ACCOUNT_BATCH = "[account.batch]", tables [];

    /// The maximum number of messages in one batch.
    // A minute's worth for Exchange Online.
    BATCH_MESSAGES: Key<u32> = Key::new("messages")
        .within(1, MOST_MESSAGES)
        .default(|| 30);
    /// The pause before the next batch.
    INTERVAL: Key<Duration> = Key::new("interval").default(|| Duration::ZERO);
    /// How recipients of one message share transactions. "never": one transaction for all.
    /// "always": one transaction for each.
    ///
    /// "on_failure": one transaction for all; when it is refused, smaller and smaller groups, so
    /// that one bad recipient does not delay the others.
    SPLIT: Key<Split> = Key::new("split").default(|| Split::OnFailure);
}

keys! {
    /// The senders that the account may use. Optional.
    ACCOUNT_SENDER = "[account.sender]", tables [];

    /// "never", "when_not_allowed" or "always": replace the sender with the account's address.
    /// Reply-To keeps the original.
    ///
    /// Default: "when_not_allowed" with an address, "never" without.
    REWRITE: Key<Option<SenderRewrite>> = Key::new("rewrite").example("when_not_allowed");
    /// The senders that the server accepts from this account. Default: its address; without an
    /// address, every sender; with a connector, every sender in its domains.
    ALLOWED: Key<Option<Vec<Pattern>>> = Key::new("allowed").examples(&["scanner@contoso.com"]);
}

keys! {
    /// A text at the end of each message; signed and encrypted messages are left as they are.
    /// Optional. See docs/sender.md.
    ACCOUNT_FOOTER = "[account.footer]", tables [];

    /// For the plain text. Placeholders: {device}, {sender}, {account}, {date}, {time}, {hostname},
    /// {id}. Printers usually allow 1,024 characters.
    FOOTER_TEXT: Key<Option<String>> = Key::new("text").off("Scanned by {device} on {date}");
    /// A file (UTF-8) with this text, which Postroom reads when it starts.
    FOOTER_TEXT_FILE: Key<Option<PathBuf>> = Key::new("text_file").off("/etc/postroom/footer.txt");
    /// For the HTML text: a piece of HTML without <html> and <body>. When absent, it is made from
    /// the plain text. {image} is the address of the image.
    FOOTER_HTML_FILE: Key<Option<PathBuf>> = Key::new("html_file").off("/etc/postroom/footer.html");
    /// An image below the HTML text: PNG, JPEG or GIF, up to 256 KB.
    FOOTER_IMAGE: Key<Option<PathBuf>> = Key::new("image").off("/etc/postroom/logo.png");
}

/// The route by which an account sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) enum RouteName {
    /// A mailbox logs in.
    Submission,
    /// The tenant's MX host, with an inbound connector that recognizes us.
    Connector,
    /// The mail servers of the organization's own domains, as DNS names them.
    Direct,
    /// Any other server.
    Smarthost,
    /// Microsoft Graph, with an application.
    Graph,
}

impl Word for RouteName {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("submission", Self::Submission),
        ("connector", Self::Connector),
        ("direct", Self::Direct),
        ("smarthost", Self::Smarthost),
        ("graph", Self::Graph),
    ];
}

/// `tls` of every route but `direct`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum ServerTls {
    /// No encryption.
    None,
    /// STARTTLS, or nothing is sent.
    Starttls,
    /// TLS from the first octet.
    Implicit,
}

impl Word for ServerTls {
    const WORDS: &'static [(&'static str, Self)] =
        &[("none", Self::None), ("starttls", Self::Starttls), ("implicit", Self::Implicit)];
}

/// `tls` of route `direct`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum DirectTls {
    /// STARTTLS where it is offered, with any certificate.
    Opportunistic,
    /// STARTTLS with a valid certificate, or nothing is sent.
    Required,
}

impl Word for DirectTls {
    const WORDS: &'static [(&'static str, Self)] =
        &[("opportunistic", Self::Opportunistic), ("required", Self::Required)];
}

impl Word for Split {
    const WORDS: &'static [(&'static str, Self)] =
        &[("never", Self::Never), ("always", Self::Always), ("on_failure", Self::OnFailure)];
}

impl Word for SenderRewrite {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("never", Self::Never),
        ("when_not_allowed", Self::WhenNotAllowed),
        ("always", Self::Always),
    ];
}

/// An entry of `domains`, in lower case.
#[derive(Clone)]
pub(in crate::config) struct Domain(pub(in crate::config) String);

impl Scalar for Domain {
    fn parse(text: &str, _hints: &Hints<'_>) -> Result<Self, String> {
        let domain = text.to_lowercase();
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.' || !c.is_ascii();
        if domain.contains('.') && domain.chars().all(good) && !domain.starts_with('.') {
            Ok(Self(domain))
        } else {
            Err(format!("\"{text}\" is not a domain; write for example \"contoso.com\""))
        }
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}
