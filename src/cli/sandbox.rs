//! `postroom sandbox`: runs the stand-in for Exchange Online, for rehearsals before going live.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::json;

use crate::{
    cli::output,
    clock,
    model::{Address, ByteSize, Secret},
    sandbox::{
        Keep, MailboxSettings, OverRate, RunningSandbox, Sandbox, SandboxSettings, Unlisted,
        markdown_table, plain_table,
    },
};

/// Run a stand-in for Exchange Online. It accepts mail like smtp.office365.com and like a tenant's
/// MX host, stores it as files, and fails on request.
///
/// Addresses select faults: mail to anything+eod-432@contoso.com is refused at end of data, as if
/// too many connections were open; with once-eod-432, only the first time. `--list-faults` lists
/// all faults.
#[derive(clap::Args, Debug)]
pub struct SandboxArgs {
    /// Directory for ca.pem and the messages. It is created if it does not exist.
    #[arg(long, value_name = "DIR", default_value = "postroom-sandbox")]
    dir: PathBuf,
    /// Address and port for client submission. [default: 127.0.0.1:1587. With --json, the default
    /// of this and the other addresses is a free port]
    #[arg(long, value_name = "ADDRESS")]
    submission: Option<SocketAddr>,
    /// Address and port of the tenant's MX host. [default: 127.0.0.1:1525]
    #[arg(long, value_name = "ADDRESS")]
    mx: Option<SocketAddr>,
    /// Loopback address and port of the control API. [default: 127.0.0.1:1580]
    #[arg(long, value_name = "ADDRESS")]
    control: Option<SocketAddr>,
    /// Address and port of the token server (plain HTTP):
    /// http://ADDRESS/<directory>/oauth2/v2.0/token.
    /// [default: 127.0.0.1:1588]
    #[arg(long, value_name = "ADDRESS")]
    token: Option<SocketAddr>,
    /// Address and port of Microsoft Graph (HTTPS). [default: 127.0.0.1:1543]
    #[arg(long, value_name = "ADDRESS")]
    graph: Option<SocketAddr>,
    /// The directory (tenant) id. The accepted domains identify it as well. [default: a made-up
    /// one]
    #[arg(long, value_name = "ID")]
    directory: Option<String>,
    /// The application (client) id. [default: a made-up one]
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A file that contains the application's secret. [default: the secret is "sandbox"]
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// The application's certificate (PEM). Its key stays with the client.
    #[arg(long, value_name = "FILE")]
    client_certificate: Option<PathBuf>,
    /// Lifetime of access tokens.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "3599s",
        value_parser = humantime::parse_duration
    )]
    token_lifetime: Duration,
    /// A mailbox and its password. Use passwords for rehearsals only, because other users can see
    /// the command line. Can be given several times. [default: scanner@contoso.com:sandbox]
    #[arg(long = "mailbox", value_name = "ADDRESS[:PASSWORD]")]
    mailboxes: Vec<String>,
    /// An address that the first mailbox may send as. "*@domain" allows a whole domain. Can be
    /// given several times.
    #[arg(long = "sender", value_name = "ADDRESS")]
    senders: Vec<String>,
    /// An accepted domain of the tenant. Can be given several times. [default: the domains of the
    /// mailboxes]
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
    /// Accept every login, with any password or token.
    #[arg(long)]
    open: bool,
    /// An additional name in the certificate. Can be given several times.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// Limit of messages per minute for each mailbox.
    #[arg(long, value_name = "N", default_value_t = 30)]
    messages_per_minute: usize,
    /// Limit of recipients in any 24 hours for each mailbox.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    recipients_per_day: u64,
    /// Limit of simultaneous submissions for each mailbox.
    #[arg(long, value_name = "N", default_value_t = 3)]
    connections: usize,
    /// Refuse messages over the limit per minute (421) instead of delaying the reply.
    #[arg(long)]
    reject_over_rate: bool,
    /// Largest message that a mailbox can send.
    #[arg(long, value_name = "SIZE", default_value = "35MB")]
    max_send_size: ByteSize,
    /// Space for Sent Items. A full mailbox refuses to send.
    #[arg(long, value_name = "SIZE")]
    quota: Option<ByteSize>,
    /// Set a switch, for example `basic=retired`. Switches: smtp_auth, basic, token_refusal,
    /// over_rate, reject_direct_send, connector, blocked, no_full_access. The control API can
    /// change them as well.
    #[arg(long = "switch", value_name = "NAME=VALUE")]
    switches: Vec<String>,
    /// A fault that affects every client, for example `once-auth-535`.
    #[arg(long = "fault", value_name = "NAME")]
    faults: Vec<String>,
    /// Number of newest messages to keep.
    #[arg(long, value_name = "N", default_value_t = 10_000, conflicts_with = "discard")]
    keep: usize,
    /// Keep counters but no messages.
    #[arg(long)]
    discard: bool,
    /// Delay before the reply to a failed login.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "5s",
        value_parser = humantime::parse_duration
    )]
    tarpit: Duration,
    /// Silence after which the sandbox closes a connection.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "5m",
        value_parser = humantime::parse_duration
    )]
    idle: Duration,
    /// Duration after which the sandbox closes a session, between commands.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "10m",
        value_parser = humantime::parse_duration
    )]
    session: Duration,
    /// Delay of the fault `slow-dot`.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "65s",
        value_parser = humantime::parse_duration
    )]
    slow_dot: Duration,
    /// Print all addresses and paths as one line of JSON, for scripts.
    #[arg(long)]
    json: bool,
    /// Print all faults that addresses and the control API can select, and exit.
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, default_missing_value = "text")]
    list_faults: Option<FaultList>,
}

/// The format in which the faults are printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum FaultList {
    /// For a terminal.
    Text,
    /// As in docs/sandbox.md.
    Markdown,
}

/// Runs a sandbox until `stop` is ready.
///
/// # Errors
/// If the arguments contradict each other, an address cannot be bound, or the directory cannot be
/// written.
pub async fn run(args: SandboxArgs, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    match args.list_faults {
        Some(FaultList::Text) => return Ok(output::print(&plain_table())?),
        Some(FaultList::Markdown) => return Ok(output::print(&markdown_table())?),
        None => {}
    }
    let form = if args.json { Form::Json } else { Form::Lines };
    let faults = args.faults.clone();
    let settings = settings(args)?;
    let tenant = Announced {
        mailboxes: settings
            .tenant
            .mailboxes
            .iter()
            .map(|mailbox| mailbox.address.to_string())
            .collect(),
        directory: settings.tenant.application.directory.clone(),
        client_id: settings.tenant.application.client_id.clone(),
    };
    let running = Sandbox::start(settings).await.context("the sandbox cannot start")?;
    running
        .switch_faults(&faults)
        .map_err(|reason| anyhow!("--fault: {reason}; --list-faults lists all faults"))?;
    output::print(&announcement(&running, &tenant, form))?;
    stop.await;
    running.stop().await;
    Ok(())
}

/// What a client needs to know about the tenant.
struct Announced {
    mailboxes: Vec<String>,
    directory: String,
    client_id: String,
}

/// The format in which the start is announced.
#[derive(Clone, Copy)]
enum Form {
    Lines,
    Json,
}

fn settings(args: SandboxArgs) -> anyhow::Result<SandboxSettings> {
    let mut settings = SandboxSettings::new(args.dir, clock::system());
    // A script reads the addresses from the JSON and needs no fixed ports. It may run several
    // sandboxes at once.
    let default =
        |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, if args.json { 0 } else { port }));
    settings.submission = args.submission.unwrap_or_else(|| default(1587));
    settings.mx = args.mx.unwrap_or_else(|| default(1525));
    settings.control = args.control.unwrap_or_else(|| default(1580));
    settings.token = args.token.unwrap_or_else(|| default(1588));
    settings.graph = args.graph.unwrap_or_else(|| default(1543));
    settings.names = args.names;
    settings.keep = if args.discard { Keep::Discard } else { Keep::Newest(args.keep) };
    settings.timing.tarpit = args.tarpit;
    settings.timing.slow_dot = args.slow_dot;
    settings.timing.idle = args.idle;
    settings.timing.session = args.session;
    let tenant = &mut settings.tenant;
    let application = &mut tenant.application;
    application.directory = args.directory.unwrap_or_else(|| application.directory.clone());
    application.client_id = args.client_id.unwrap_or_else(|| application.client_id.clone());
    application.token_lifetime = args.token_lifetime;
    if let Some(file) = args.client_secret_file {
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        application.secret = Secret::new(text.trim_end().to_owned());
    }
    if let Some(file) = args.client_certificate {
        let certificate = CertificateDer::from_pem_file(&file)
            .with_context(|| format!("{} contains no certificate", file.display()))?;
        application.certificate = Some(certificate.to_vec());
    }
    if !args.mailboxes.is_empty() {
        tenant.mailboxes =
            args.mailboxes.iter().map(|text| mailbox(text)).collect::<anyhow::Result<_>>()?;
        tenant.domains =
            tenant.mailboxes.iter().map(|mailbox| mailbox.address.domain().to_owned()).collect();
    }
    if !args.domains.is_empty() {
        tenant.domains = args.domains;
    }
    if let Some(first) = tenant.mailboxes.first_mut() {
        first.senders = args.senders;
    }
    tenant.unlisted = if args.open { Unlisted::Admitted } else { Unlisted::Refused };
    tenant.limits.messages_per_minute = args.messages_per_minute;
    tenant.limits.recipients_per_day = args.recipients_per_day;
    tenant.limits.connections = args.connections;
    tenant.limits.max_send_size = args.max_send_size;
    tenant.limits.quota = args.quota;
    tenant.switches.over_rate =
        if args.reject_over_rate { OverRate::Reject } else { OverRate::Delay };
    for switch in &args.switches {
        let (name, value) = switch
            .split_once('=')
            .with_context(|| format!("--switch {switch}: the form is NAME=VALUE"))?;
        tenant.switches = tenant
            .switches
            .with(name, value)
            .map_err(|reason| anyhow!("--switch {switch}: {reason}"))?;
    }
    Ok(settings)
}

fn mailbox(text: &str) -> anyhow::Result<MailboxSettings> {
    let (address, password) = text.split_once(':').unwrap_or((text, "sandbox"));
    match address.parse::<Address>() {
        Ok(address) => Ok(MailboxSettings::new(address, password)),
        Err(error) => bail!("--mailbox {address}: {error}"),
    }
}

fn announcement(running: &RunningSandbox, tenant: &Announced, form: Form) -> String {
    let (dir, ca) = (running.dir().to_owned(), running.dir().join("ca.pem"));
    match form {
        Form::Json => {
            let line = json!({
                "submission": running.submission(),
                "mx": running.mx(),
                "control": format!("http://{}", running.control()),
                "token": format!("http://{}", running.token()),
                "graph": format!("https://{}", running.graph()),
                "directory": tenant.directory,
                "client_id": tenant.client_id,
                "dir": dir,
                "messages": dir.join("messages"),
                "ca": ca,
                "mailboxes": tenant.mailboxes,
            });
            format!("{line}\n")
        }
        Form::Lines => format!(
            "The stand-in for Exchange Online is ready.\n\
             client submission  {}  (STARTTLS, AUTH LOGIN and XOAUTH2)\n\
             MX host            {}\n\
             control            http://{}  (GET /state, /messages, /faults; POST /faults, /reset)\n\
             tokens             http://{}/{}/oauth2/v2.0/token  (client {})\n\
             Graph              https://{}/v1.0/users/<mailbox>/sendMail\n\
             mailboxes          {}\n\
             messages           {}\n\
             trust              {}\n",
            running.submission(),
            running.mx(),
            running.control(),
            running.token(),
            tenant.directory,
            tenant.client_id,
            running.graph(),
            tenant.mailboxes.join(", "),
            dir.join("messages").display(),
            ca.display(),
        ),
    }
}
