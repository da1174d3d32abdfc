//! Every refusal of Exchange Online, played by the sandbox over a real connection: what becomes of
//! recipients, message and account, what the administrator reads, and that nothing is lost on the
//! way.

use std::{
    collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::Path, sync::Arc,
    time::Duration,
};

use mail_parser::MessageParser;
use postroom::{
    clock::{self, Clock},
    config::{Config, Disk},
    metrics::Metrics,
    model::{
        DeviceName, Envelope, MailParameters, MessageId, Recipient, ReversePath, Timestamp, Via,
    },
    queue::{AccountState, Enabled, Queue},
    report::Reporter,
    sandbox::{MailboxSettings, RunningSandbox, Sandbox, SandboxSettings, plain_table},
    spool::{Entry, Progress, RecipientState, RouteMessage, Spool, SpoolError},
};
use tempfile::TempDir;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// A row for each fault with a name of its own: what becomes of the first of two recipients, of the
/// second, of the account; and words of what the administrator reads, in the account's status or in
/// the failure notice.
const ROWS: &[(&str, &str, &str, &str, &str)] = &[
    (
        "no-starttls",
        "untouched",
        "untouched",
        "stopped",
        "The server does not offer STARTTLS, and nothing is sent without it. If",
    ),
    (
        "no-auth",
        "untouched",
        "untouched",
        "stopped",
        "The server does not offer the login that auth.method names",
    ),
    (
        "tls-wrong-name",
        "untouched",
        "untouched",
        "stopped",
        "The server's certificate is for another name than host of the",
    ),
    (
        "tls-untrusted",
        "untouched",
        "untouched",
        "stopped",
        "The server's certificate comes from an issuer that this machine does",
    ),
    (
        "tls-expired",
        "untouched",
        "untouched",
        "stopped",
        "The server's certificate has expired. If the date of this machine is",
    ),
    ("data-354-drop", "doubt, waits 30 min", "doubt, waits 30 min", "ready", ""),
    ("drop-body", "doubt, waits 30 min", "doubt, waits 30 min", "ready", ""),
    ("eod-drop", "doubt, waits 30 min", "doubt, waits 30 min", "ready", ""),
    ("eod-drop-lost", "doubt, waits 30 min", "doubt, waits 30 min", "ready", ""),
    ("eod-silence", "doubt, waits 30 min", "doubt, waits 30 min", "ready", ""),
    ("eod-silence-lost", "doubt, waits 30 min", "doubt, waits 30 min", "ready", ""),
    ("slow-dot", "delivered", "delivered", "ready", ""),
    (
        "long-554",
        "failed",
        "failed",
        "ready",
        "The mailbox may not send with this From address. Set sender.rewrite =",
    ),
    (
        "eod-432",
        "waits 30 min",
        "waits 30 min",
        "paused 20 s",
        "More than three connections submit for this mailbox at once. Mail",
    ),
    (
        "eod-554-quota",
        "waits 30 min",
        "waits 30 min",
        "paused 1800 s",
        "The mailbox has reached its 10,000 recipients of the last",
    ),
    (
        "eod-sendas",
        "failed",
        "failed",
        "ready",
        "The mailbox may not send with this From address. Set sender.rewrite =",
    ),
    ("poison", "waits 30 min", "waits 30 min", "ready", ""),
    (
        "reply-service-unavailable",
        "untouched",
        "untouched",
        "paused 60 s",
        "The server is being restarted or is too busy. Mail",
    ),
    (
        "reply-service-inactive",
        "untouched",
        "untouched",
        "paused 60 s",
        "The server is being restarted or is too busy. Mail goes",
    ),
    (
        "reply-rate",
        "waits 30 min",
        "waits 30 min",
        "paused 60 s",
        "The mailbox has sent its 30 messages of this minute. Mail goes",
    ),
    ("reply-session-timeout", "waits 30 min", "waits 30 min", "ready", ""),
    ("reply-idle-timeout", "waits 30 min", "waits 30 min", "ready", ""),
    ("reply-proxy", "waits 30 min", "waits 30 min", "ready", ""),
    (
        "reply-too-many-errors",
        "untouched",
        "untouched",
        "paused 300 s",
        "The server has ended the connection after too many",
    ),
    (
        "reply-old-tls",
        "untouched",
        "untouched",
        "stopped",
        "The server says that the connection uses TLS 1.0 or 1.1. Postroom",
    ),
    (
        "reply-old-tls-organization",
        "untouched",
        "untouched",
        "stopped",
        "The server says that the connection uses TLS 1.0 or 1.1.",
    ),
    (
        "reply-auth-temporary",
        "untouched",
        "untouched",
        "paused 60 s",
        "The server cannot check logins just now. It is tried again;",
    ),
    (
        "reply-auth-server",
        "untouched",
        "untouched",
        "paused 60 s",
        "The server cannot check logins just now. It is tried again;",
    ),
    (
        "reply-helo-name",
        "untouched",
        "untouched",
        "stopped",
        "The server does not take the name we call ourselves. Set hostname to",
    ),
    (
        "reply-unrecognized",
        "untouched",
        "untouched",
        "stopped",
        "The server does not offer STARTTLS, and nothing is sent without",
    ),
    (
        "reply-mechanism",
        "untouched",
        "untouched",
        "stopped",
        "The server does not know this way to log in. Exchange Online takes",
    ),
    (
        "reply-auth-failed",
        "untouched",
        "untouched",
        "stopped",
        "The login was refused. With a password: it or the user name is",
    ),
    (
        "reply-smtp-auth-tenant",
        "untouched",
        "untouched",
        "stopped",
        "SMTP AUTH is off for the whole organization. Switch it on for",
    ),
    (
        "reply-smtp-auth-mailbox",
        "untouched",
        "untouched",
        "stopped",
        "SMTP AUTH is off for this mailbox. Switch it on:",
    ),
    (
        "reply-basic-disabled",
        "untouched",
        "untouched",
        "stopped",
        "Microsoft no longer takes passwords here. Use OAuth: auth = {",
    ),
    (
        "reply-wrong-password",
        "untouched",
        "untouched",
        "stopped",
        "User name or password is wrong, or the mailbox wants a second",
    ),
    (
        "reply-conditional-access",
        "untouched",
        "untouched",
        "stopped",
        "A Conditional Access policy or multifactor authentication",
    ),
    (
        "reply-security-defaults",
        "untouched",
        "untouched",
        "stopped",
        "Security Defaults of the organization block passwords for",
    ),
    (
        "reply-organization-policy",
        "untouched",
        "untouched",
        "stopped",
        "An authentication policy of the organization blocks the",
    ),
    (
        "reply-sts-unreachable",
        "untouched",
        "untouched",
        "paused 300 s",
        "Your organization's own sign-in server (AD FS) could not",
    ),
    (
        "reply-sts-http",
        "untouched",
        "untouched",
        "paused 300 s",
        "Your organization's own sign-in server (AD FS) could not be",
    ),
    (
        "reply-basic-retired",
        "untouched",
        "untouched",
        "stopped",
        "Microsoft no longer takes passwords here. Use OAuth: auth = {",
    ),
    (
        "reply-basic-retired-535",
        "untouched",
        "untouched",
        "stopped",
        "Microsoft no longer takes passwords here. Use OAuth: auth =",
    ),
    (
        "reply-not-authenticated",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "The server wants a login before mail, or its policy",
    ),
    (
        "reply-not-authenticated-2020",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "The server wants a login before mail, or its",
    ),
    (
        "reply-starttls-first",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "The server wants a login, or TLS, before it takes mail.",
    ),
    (
        "reply-concurrent",
        "waits 30 min",
        "waits 30 min",
        "paused 20 s",
        "More than three connections submit for this mailbox at",
    ),
    (
        "reply-sender-threads",
        "waits 30 min",
        "waits 30 min",
        "paused 20 s",
        "More than three connections submit for this mailbox",
    ),
    (
        "reply-recipient-quota",
        "waits 30 min",
        "waits 30 min",
        "paused 1800 s",
        "The mailbox has reached its 10,000 recipients of",
    ),
    (
        "reply-submission-quota",
        "waits 30 min",
        "waits 30 min",
        "paused 1800 s",
        "The mailbox has reached its 10,000 recipients of",
    ),
    (
        "reply-daily-limit",
        "waits 30 min",
        "waits 30 min",
        "paused 1800 s",
        "The mailbox has reached its 10,000 recipients of the",
    ),
    (
        "reply-throttled-mailbox-full",
        "waits 30 min",
        "waits 30 min",
        "paused 3600 s",
        "Microsoft holds the mailbox back because",
    ),
    (
        "reply-throttled-send-as",
        "waits 30 min",
        "waits 30 min",
        "paused 3600 s",
        "Microsoft holds the mailbox back because the",
    ),
    (
        "reply-throttled-license",
        "waits 30 min",
        "waits 30 min",
        "paused 3600 s",
        "Microsoft holds the mailbox back because the",
    ),
    (
        "reply-throttled-too-many",
        "waits 30 min",
        "waits 30 min",
        "paused 3600 s",
        "Microsoft holds the mailbox back because the",
    ),
    (
        "reply-throttled-invalid",
        "waits 30 min",
        "waits 30 min",
        "paused 3600 s",
        "Microsoft holds the mailbox back because the",
    ),
    (
        "reply-send-as-denied",
        "failed",
        "failed",
        "ready",
        "The mailbox may not send with this From address. Set sender.rewrite =",
    ),
    (
        "reply-send-as-denied-520",
        "failed",
        "failed",
        "ready",
        "The mailbox may not send with this From address. Set sender.rewrite",
    ),
    (
        "reply-send-as-560",
        "failed",
        "failed",
        "ready",
        "The mailbox may not send with this From address. Set sender.rewrite =",
    ),
    (
        "reply-mailbox-full",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "The sending mailbox is full: a copy of everything goes into",
    ),
    (
        "reply-mailbox-quota",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "The sending mailbox is full: a copy of everything goes",
    ),
    (
        "reply-spam-suspend",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "Microsoft has blocked the mailbox for spam. Find out what",
    ),
    (
        "reply-spam-hip-notify",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "Microsoft has blocked the mailbox for spam. Find out",
    ),
    (
        "reply-spam-hip-send",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "Microsoft has blocked the mailbox for spam. Find out what",
    ),
    (
        "reply-spam-refuse-quota",
        "waits 30 min",
        "waits 30 min",
        "paused 3600 s",
        "Microsoft's outbound spam control holds the",
    ),
    (
        "reply-spam-throttle",
        "waits 30 min",
        "waits 30 min",
        "paused 3600 s",
        "Microsoft's outbound spam control holds the mailbox",
    ),
    (
        "reply-bad-outbound-sender",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "Microsoft has blocked the mailbox for spam. Find out",
    ),
    (
        "reply-no-full-access",
        "waits 30 min",
        "waits 30 min",
        "paused 1800 s",
        "The login works, but the application may not open",
    ),
    (
        "reply-size-fixed",
        "failed",
        "failed",
        "ready",
        "The message is larger than the server takes. Lower the resolution on the",
    ),
    (
        "reply-max-send-size",
        "failed",
        "failed",
        "ready",
        "The message is larger than the mailbox may send (35 MB, unless it was",
    ),
    ("reply-too-many-recipients", "delivered", "delivered", "ready", ""),
    ("reply-too-many-recipients-550", "delivered", "delivered", "ready", ""),
    (
        "reply-recipient-syntax",
        "failed",
        "delivered",
        "ready",
        "The recipient's address is not well formed. Correct it on the",
    ),
    (
        "reply-sender-syntax",
        "failed",
        "failed",
        "ready",
        "The sender's address is not well formed. Set from for the device.",
    ),
    (
        "reply-invalid-content",
        "failed",
        "failed",
        "ready",
        "The server does not take the form of the message; its words say more.",
    ),
    (
        "reply-bare-linefeeds",
        "failed",
        "failed",
        "ready",
        "The server found a bare line feed in the message. Tell the makers of",
    ),
    (
        "reply-message-partial",
        "failed",
        "failed",
        "ready",
        "The device splits large mail into parts, which Microsoft does not",
    ),
    (
        "reply-no-from",
        "failed",
        "failed",
        "ready",
        "The message has no valid From field. Set from for the device, which adds one.",
    ),
    (
        "reply-multiple-from",
        "failed",
        "failed",
        "ready",
        "The message has more than one address in From. Set from for the device,",
    ),
    ("reply-replication", "waits 30 min", "waits 30 min", "ready", ""),
    ("reply-server-error", "waits 30 min", "waits 30 min", "ready", ""),
    ("reply-resources", "waits 30 min", "waits 30 min", "ready", ""),
    (
        "reply-relay-denied",
        "waits 30 min",
        "delivered",
        "stopped",
        "No inbound connector of your organization fits this machine.",
    ),
    (
        "reply-attr36",
        "waits 30 min",
        "delivered",
        "stopped",
        "Microsoft does not relay for this sender: its domain is no accepted",
    ),
    (
        "reply-direct-send",
        "waits 30 min",
        "delivered",
        "stopped",
        "Your organization refuses Direct Send. Use an account with a",
    ),
    (
        "reply-attr35",
        "waits 30 min",
        "delivered",
        "stopped",
        "Host names the wrong server: this organization's mail is elsewhere.",
    ),
    (
        "reply-server-busy",
        "waits 30 min",
        "delivered",
        "paused 600 s",
        "Microsoft holds mail from this address back, because it is",
    ),
    (
        "reply-greylisted",
        "waits 30 min",
        "delivered",
        "paused 600 s",
        "Microsoft holds mail from this address back, because it is",
    ),
    (
        "reply-under-evaluation",
        "waits 30 min",
        "delivered",
        "paused 900 s",
        "Microsoft is still judging this address and holds its",
    ),
    (
        "reply-rate-limited",
        "waits 30 min",
        "delivered",
        "paused 600 s",
        "Microsoft holds mail from this address back, because it",
    ),
    (
        "reply-rate-limited-651",
        "waits 30 min",
        "delivered",
        "paused 600 s",
        "Microsoft holds mail from this address back, because",
    ),
    (
        "reply-queue-quota",
        "waits 30 min",
        "delivered",
        "paused 300 s",
        "The queue of your organization at Microsoft is full. Mail",
    ),
    ("reply-attr-432", "waits 30 min", "delivered", "ready", ""),
    ("reply-attr-443", "waits 30 min", "delivered", "ready", ""),
    ("reply-attr-444", "waits 30 min", "delivered", "ready", ""),
    (
        "reply-connector-tls",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "The connector wants TLS with a certificate that we did not",
    ),
    (
        "reply-banned-address",
        "waits 30 min",
        "delivered",
        "stopped",
        "Microsoft has banned this address. Ask for its removal:",
    ),
    (
        "reply-spamhaus",
        "waits 30 min",
        "delivered",
        "stopped",
        "This address is on a block list, which the server's words name.",
    ),
    (
        "reply-banned-511",
        "waits 30 min",
        "delivered",
        "stopped",
        "Microsoft has banned this address. Ask for its removal as the",
    ),
    (
        "reply-bad-helo",
        "waits 30 min",
        "delivered",
        "stopped",
        "The name we call ourselves is one of the server's own. Set",
    ),
    (
        "reply-tenant-threshold",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "Microsoft has blocked your organization for sending too",
    ),
    (
        "reply-address-traffic",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "Microsoft takes no mail from this address for your",
    ),
    (
        "reply-bad-connector",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "The inbound connector has been misused or is set up badly,",
    ),
    (
        "reply-unregistered",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "Your organization sends from domains that are not",
    ),
    (
        "reply-terrl",
        "waits 30 min",
        "waits 30 min",
        "paused 3600 s",
        "Your organization has reached its limit of external",
    ),
    (
        "reply-terrl-trial",
        "waits 30 min",
        "waits 30 min",
        "paused 3600 s",
        "Your organization has reached its limit of external",
    ),
    (
        "reply-moera",
        "waits 30 min",
        "waits 30 min",
        "paused 3600 s",
        "Mail from an onmicrosoft.com address may go to 100 external",
    ),
    (
        "reply-unknown-recipient",
        "failed",
        "delivered",
        "ready",
        "There is no such recipient in that organization. Correct the",
    ),
    (
        "reply-recipient-not-found",
        "failed",
        "delivered",
        "ready",
        "There is no such recipient in that organization. Correct the",
    ),
    (
        "reply-dmarc",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "The sender's domain does not vouch for this machine (DMARC). Add",
    ),
    ("reply-recipient-hour", "waits 60 min", "delivered", "ready", ""),
    ("reply-recipient-hour-sender", "waits 60 min", "delivered", "ready", ""),
    (
        "reply-internal-only",
        "failed",
        "delivered",
        "ready",
        "The recipient takes mail from its own organization only. Send with a",
    ),
    (
        "reply-group-internal",
        "failed",
        "delivered",
        "ready",
        "The recipient takes mail from its own organization only. Send with a",
    ),
    (
        "reply-group-members",
        "failed",
        "delivered",
        "ready",
        "The group takes mail from certain senders only. Add this one:",
    ),
    (
        "reply-hve-user",
        "untouched",
        "untouched",
        "stopped",
        "The token or the user name in the OAuth login is not in the form the",
    ),
    (
        "reply-hve-soon-expired",
        "untouched",
        "untouched",
        "stopped",
        "The OAuth token has expired or is about to. Whatever writes",
    ),
    (
        "reply-hve-expired",
        "untouched",
        "untouched",
        "stopped",
        "The OAuth token has expired or is about to. Whatever writes the",
    ),
    (
        "reply-hve-permissions",
        "untouched",
        "untouched",
        "stopped",
        "The application lacks a permission. Add the application",
    ),
    (
        "reply-hve-application",
        "waits 30 min",
        "waits 30 min",
        "stopped",
        "The application may not use this High Volume Email",
    ),
];

/// For anything that should happen at once, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const STEP: Duration = Duration::from_millis(20);
/// How long the client waits for an answer that will not come.
const SILENCE: Duration = Duration::from_secs(4);
/// Sandboxes at work side by side: most of the time is spent waiting for answers.
const AT_ONCE: usize = 4;

const ADMINISTRATOR: &str = "it@contoso.com";
const RECIPIENTS: [&str; 2] = ["ann@contoso.com", "bob@contoso.com"];

/// The named faults, from the sandbox's own list. Those of the token endpoint need OAuth, and have
/// tests of their own.
fn faults() -> Vec<String> {
    let table = plain_table();
    let names = table.lines().filter(|line| !line.starts_with(' ') && !line.contains('('));
    names.filter(|name| !name.starts_with("token-")).map(str::to_owned).collect()
}

/// A sandbox, and a config whose only account fits it.
struct Tenant {
    sandbox: RunningSandbox,
    folder: TempDir,
    rows: u32,
}

/// A queue at work.
struct Process {
    spool: Spool,
    queue: Queue,
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

impl Tenant {
    async fn start() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_none| tempfile::tempdir()).unwrap();
        let mut settings = SandboxSettings::new(folder.path().join("sandbox"), clock::system());
        settings.timing.tarpit = Duration::ZERO;
        settings.timing.slow_dot = Duration::from_millis(100);
        settings.tenant.limits.messages_per_minute = 1_000_000;
        settings.tenant.mailboxes =
            vec![MailboxSettings::new("scanner@contoso.com".parse().unwrap(), "sandbox")];
        let sandbox = Sandbox::start(settings).await.unwrap();
        let password = folder.path().join("password");
        fs::write(&password, "sandbox\n").unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
        Self { sandbox, folder, rows: 0 }
    }

    fn config(&self, data_dir: &Path) -> Config {
        let text = format!(
            "hostname = \"postroom.contoso.lan\"\ndata_dir = \"{}\"\n[[listener]]\naddress = \
            \"127.0.0.1:0\"\n[[device]]\nname = \"printers\"\nnetworks = \
            [\"127.0.0.0/8\"]\n[[account]]\nname = \"out\"\nroute = \"submission\"\nhost = \
            \"localhost\"\nport = {}\ntls = \"starttls\"\nca_file = \"{}\"\naddress = \
            \"scanner@contoso.com\"\nauth = {{ method = \"login\", password_file = \"{}\" \
            }}\n[report]\nadministrator = \"{ADMINISTRATOR}\"\n[spool]\nmin_free = \"16MB\"\n",
            data_dir.display(),
            self.sandbox.submission().port(),
            self.sandbox.dir().join("ca.pem").display(),
            self.folder.path().join("password").display(),
        );
        let mut config = Config::parse(Path::new("postroom.toml"), &text, &[], &Disk)
            .unwrap_or_else(|error| panic!("{error}"));
        for account in &mut config.accounts {
            account.destination.timeouts.end_of_data = SILENCE;
        }
        config
    }

    /// One message of two recipients under a fault that strikes once.
    async fn play(&mut self, fault: &str) -> Played {
        self.rows += 1;
        let data_dir = self.folder.path().join(format!("data-{}", self.rows));
        let config = self.config(&data_dir);
        let arrived_before = self.sandbox.messages().len();
        self.sandbox.switch_faults(&[format!("{}{fault}", often(fault))]).unwrap();
        let process = Process::start(&config);
        let id = process.hand_in().await;
        process.await_outcome(id).await;
        let (spool, queue) = process.stop().await;
        let (entry, account) = (spool.entry(id).unwrap(), queue.accounts().remove(0).state);
        let settled = outcomes(&spool);
        let becomes = RECIPIENTS.map(|address| becomes(address, entry.as_ref(), &settled));
        let (state, advice) = words(&account);
        drop(queue);
        spool.close().await.unwrap();
        drop(spool);
        // The fault is over: whatever waits goes, once a person says so.
        let process = Process::start(&config);
        process
            .queue
            .set_enabled(&config.accounts.first().unwrap().name, Enabled::On)
            .await
            .unwrap();
        process.drain(id).await;
        let (spool, _queue) = process.stop().await;
        let settled = outcomes(&spool);
        let arrived = self.sandbox.messages().split_off(arrived_before);
        let text = |file: &Path| {
            MessageParser::new()
                .parse(&fs::read(file).unwrap())
                .unwrap()
                .body_text(0)
                .unwrap()
                .into_owned()
        };
        let told = arrived
            .iter()
            .filter(|message| message.recipients().any(|address| address == ADMINISTRATOR));
        let told = told.filter_map(|message| message.file.as_deref()).map(text).collect();
        let copies = RECIPIENTS.map(|address| {
            arrived
                .iter()
                .filter(|message| message.recipients().any(|other| other == address))
                .count()
        });
        Played { becomes, state, advice, settled, copies, told }
    }
}

/// How often a fault strikes to have its effect: AUTH is offered in the second answer to EHLO only.
fn often(fault: &str) -> &'static str {
    if fault == "no-auth" { "twice-" } else { "once-" }
}

/// What came of a row.
struct Played {
    becomes: [String; 2],
    state: String,
    advice: String,
    /// Each recipient's outcome when all was over.
    settled: BTreeMap<String, String>,
    /// How often each recipient got the message.
    copies: [usize; 2],
    /// The notices to the administrator.
    told: Vec<String>,
}

impl Played {
    /// The row as it was; and what is wrong with it whatever the table says.
    fn row(&self, fault: &str) -> (String, Option<String>) {
        let [first, second] = &self.becomes;
        let sentence = if self.advice.is_empty() { self.sentence() } else { self.advice.clone() };
        let row =
            format!("(\"{fault}\", \"{first}\", \"{second}\", \"{}\", {sentence:?}),", self.state);
        let lost = RECIPIENTS.iter().zip(self.copies).zip(&self.becomes).find_map(
            |((address, copies), became)| {
                let told = self.told.iter().any(|notice| {
                    notice.contains("could not be delivered") && notice.contains(address)
                });
                // A doubt may become a double, and never a loss.
                let whole = match self.settled.get(*address).map(String::as_str) {
                    Some("delivered") => {
                        copies == 1 || (copies == 2 && became.starts_with("doubt"))
                    }
                    Some("failed") => copies == 0 && told,
                    _ => false,
                };
                (!whole).then(|| {
                    format!(
                        "{fault}: {address} {:?}, {copies} copies, told: {told}",
                        self.settled.get(*address)
                    )
                })
            },
        );
        (row, lost.or_else(|| self.alerted_wrongly(fault)))
    }

    /// One alert for an account that stops, or pauses for long; none for what is over soon.
    fn alerted_wrongly(&self, fault: &str) -> Option<String> {
        let pause = self
            .state
            .strip_prefix("paused ")
            .and_then(|pause| pause.strip_suffix(" s")?.parse::<u64>().ok());
        let wanted =
            usize::from(self.state == "stopped" || pause.is_some_and(|pause| pause >= 1800));
        let alerts = self.told.iter().filter(|notice| notice.contains("cannot send")).count();
        (alerts != wanted).then(|| format!("{fault}: {alerts} alerts"))
    }

    /// What a failure notice says after the facts.
    fn sentence(&self) -> String {
        let notice = self.told.iter().find(|notice| notice.contains("could not be delivered"));
        let after = notice.and_then(|notice| notice.split_once("Attempts:"));
        let line = after.and_then(|(_, rest)| rest.lines().skip(1).find(|line| !line.is_empty()));
        line.unwrap_or_default().to_owned()
    }
}

/// Opens the spool with the daemon's patience: a child that another test has just forked holds the
/// lock of the data folder until it executes its program.
fn open_spool(config: &Config, route: &RouteMessage, clock: &Clock, metrics: &Metrics) -> Spool {
    let begun = Instant::now();
    loop {
        let settings = config.spool.clone();
        match Spool::open(settings, Arc::clone(route), clock.clone(), metrics.clone()) {
            Err(SpoolError::Locked(_)) if begun.elapsed() < PATIENCE => std::thread::sleep(STEP),
            opened => return opened.unwrap(),
        }
    }
}

impl Process {
    fn start(config: &Config) -> Self {
        let (clock, metrics) = (clock::system(), Metrics::new());
        let account = config.accounts.first().unwrap().name.clone();
        let route: RouteMessage = Arc::new(move |_: &Envelope| account.clone().into());
        let spool = open_spool(config, &route, &clock, &metrics);
        let reporter =
            Reporter::new(config.report.clone(), spool.clone(), clock.clone(), metrics.clone());
        let queue = Queue::new(
            config.accounts.clone(),
            config.retry.clone(),
            spool.clone(),
            reporter,
            clock,
            metrics,
        )
        .unwrap();
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn({
            let queue = queue.clone();
            async move { queue.run(stopped).await }
        });
        Self { spool, queue, stop, running }
    }

    async fn stop(self) -> (Spool, Queue) {
        self.stop.send_replace(true);
        self.running.await.unwrap();
        (self.spool, self.queue)
    }

    async fn hand_in(&self) -> MessageId {
        let envelope = Envelope {
            id: self.spool.new_id(),
            received: clock::system().now(),
            device: DeviceName::from("printers"),
            via: Via { peer: None, helo: "mfp1".into(), esmtp: true, tls: None, user: None },
            sender: ReversePath::Mailbox("scanner@contoso.com".parse().unwrap()),
            recipients: RECIPIENTS.map(|address| Recipient::new(address.parse().unwrap())).into(),
            parameters: MailParameters::default(),
        };
        let account = self.queue.accounts().remove(0).name;
        let mut incoming = self.spool.receive(envelope, account).await.unwrap();
        // Longer than the sandbox reads before it breaks off in the text.
        incoming
            .write(
                format!(
                    "From: scanner@contoso.com\r\nSubject: Scan\r\n\r\n{}",
                    "A line.\r\n".repeat(200)
                )
                .as_bytes(),
            )
            .await
            .unwrap();
        incoming.commit().await.unwrap().id()
    }

    /// Until the fault has had its effect: the account is in trouble, or the message was tried and
    /// is no longer being tried.
    async fn await_outcome(&self, id: MessageId) {
        let begun = Instant::now();
        loop {
            let in_trouble =
                self.queue.accounts().iter().any(|account| account.state != AccountState::Ready);
            let tried = self.spool.entry(id).unwrap().is_none_or(|entry| {
                let under_way = |recipient: &RecipientState| {
                    matches!(recipient.progress, Progress::Attempting(_))
                };
                let untouched = |recipient: &RecipientState| {
                    recipient.due().is_some() && recipient.last_attempt.is_none()
                };
                !entry
                    .recipients
                    .iter()
                    .any(|recipient| under_way(recipient) || untouched(recipient))
            });
            if in_trouble || tried {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "nothing came of it: {:?}", self.spool.entry(id));
            sleep(STEP).await;
        }
    }

    /// Until nothing waits, the notices included.
    async fn drain(&self, id: MessageId) {
        let begun = Instant::now();
        while self.spool.count() > 0 {
            // Of no account while it is being tried, or once it is settled.
            drop(self.queue.retry(id).await);
            for notice in self.spool.list(None, 100).unwrap() {
                drop(self.queue.retry(notice.id).await);
            }
            assert!(begun.elapsed() < PATIENCE, "still there: {:?}", self.spool.list(None, 100));
            sleep(STEP).await;
        }
    }
}

fn outcomes(spool: &Spool) -> BTreeMap<String, String> {
    let lines = spool.journal(None, 1000).unwrap().into_iter();
    lines.map(|line| (line.recipient.address.to_string(), line.outcome.to_string())).collect()
}

/// `delivered`, `failed`, `waits 30 min`, `doubt, waits 30 min`, `untouched`.
fn becomes(address: &str, entry: Option<&Entry>, settled: &BTreeMap<String, String>) -> String {
    if let Some(outcome) = settled.get(address) {
        return outcome.clone();
    }
    let of = |recipient: &&RecipientState| recipient.recipient.address.as_str() == address;
    let Some(recipient) = entry.and_then(|entry| entry.recipients.iter().find(of)) else {
        return "lost".to_owned();
    };
    let (Some(due), Some(last)) = (recipient.due(), recipient.last_attempt) else {
        return "untouched".to_owned();
    };
    let doubt = if recipient.doubts.is_empty() { "" } else { "doubt, " };
    // From the end of the attempt, which is later than its beginning by less than a minute.
    format!("{doubt}waits {} min", due.since(last).as_secs() / 60)
}

/// The state, with the length of a pause, and the advice.
fn words(account: &AccountState) -> (String, String) {
    let now: Timestamp = clock::system().now();
    match account {
        AccountState::Ready => ("ready".to_owned(), String::new()),
        // Read a moment later: rounded up.
        AccountState::Paused { until, advice, .. } => {
            (format!("paused {} s", until.since(now).as_secs().div_ceil(10) * 10), advice.clone())
        }
        AccountState::Stopped { advice, .. } => ("stopped".to_owned(), advice.clone()),
        AccountState::Disabled => ("disabled".to_owned(), String::new()),
    }
}

/// Plays every so-manieth fault: the row as it was, and what was lost.
async fn play_share(faults: Vec<String>) -> Vec<(String, String, Option<String>)> {
    let mut tenant = Tenant::start().await;
    let mut seen = Vec::new();
    for fault in faults {
        let (row, lost) = tenant.play(&fault).await.row(&fault);
        seen.push((fault, row, lost));
    }
    tenant.sandbox.stop().await;
    seen
}

fn expected(fault: &str, row: &str) -> bool {
    ROWS.iter().any(|(name, first, second, account, says)| {
        let opening = format!("(\"{name}\", \"{first}\", \"{second}\", \"{account}\", \"");
        *name == fault
            && row.strip_prefix(&opening).is_some_and(|sentence| {
                sentence.contains(says) && (!says.is_empty() || sentence == "\"),")
            })
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_has_its_outcome_its_pause_and_its_sentence_and_loses_nothing() {
    let faults = faults();
    let share =
        |number: usize| faults.iter().skip(number).step_by(AT_ONCE).cloned().collect::<Vec<_>>();
    let shares: Vec<_> =
        (0..AT_ONCE).map(|number| tokio::spawn(play_share(share(number)))).collect();
    let mut seen = Vec::new();
    for share in shares {
        seen.extend(share.await.unwrap());
    }
    let unexpected: Vec<&str> = seen
        .iter()
        .filter(|(fault, row, _)| !expected(fault, row))
        .map(|(_, row, _)| row.as_str())
        .collect();
    let lost: Vec<&str> = seen.iter().filter_map(|(_, _, lost)| lost.as_deref()).collect();
    let gone: Vec<&str> = ROWS
        .iter()
        .map(|row| row.0)
        .filter(|name| !faults.iter().any(|fault| fault == name))
        .collect();
    unexpected.iter().chain(&lost).for_each(|line| eprintln!("{line}"));
    assert!(
        unexpected.is_empty() && lost.is_empty() && gone.is_empty(),
        "{} rows unlike the table, lost: {lost:?}, gone: {gone:?}",
        unexpected.len()
    );
}
