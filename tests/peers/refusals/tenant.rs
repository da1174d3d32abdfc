//! A sandbox for many faults in turn, and how one of them is played.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use mail_parser::MessageParser;
use postroom::{
    clock,
    config::{Config, Disk},
    queue::Enabled,
    sandbox::{MailboxSettings, RunningSandbox, Sandbox, SandboxSettings},
};
use tempfile::TempDir;

use super::{
    ADMINISTRATOR, RECIPIENTS,
    played::{Played, account_state, becomes, outcomes},
    process::Process,
};

/// How long the client waits for an answer that will not come.
const SILENCE: Duration = Duration::from_secs(4);

/// A sandbox, and a config whose only account fits it.
pub(super) struct Tenant {
    pub(super) sandbox: RunningSandbox,
    folder: TempDir,
    rows: u32,
}

impl Tenant {
    pub(super) async fn start() -> Self {
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
            account.route.smtp_mut().timeouts.end_of_data = SILENCE;
        }
        config
    }

    /// One message of two recipients under a fault that strikes once.
    pub(super) async fn play(&mut self, fault: &str) -> Played {
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
        let (state, advice) = account_state(&account);
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
