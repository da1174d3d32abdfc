//! The program as a person and a service manager use it: commands, exit codes, signals, sockets.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::{fs::PermissionsExt as _, net::UnixDatagram},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// Long enough for a busy machine; what works takes a fraction.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until there is something to see.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        sleep(Duration::from_millis(20));
    }
}

/// A folder with a config whose account nobody answers for: mail stays in the queue.
struct Office {
    dir: TempDir,
}

impl Office {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let [data, certificate, key] =
            ["data", "tls.pem", "tls.key"].map(|name| dir.path().join(name));
        // Given, so that no start has to make RSA keys, which takes long on a busy machine.
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=relay.contoso.lan",
            "-days",
            "2",
            "-keyout",
        ]);
        assert!(
            openssl
                .arg(&key)
                .arg("-out")
                .arg(&certificate)
                .stderr(Stdio::null())
                .status()
                .unwrap()
                .success()
        );
        let text = format!(
            r#"hostname = "relay.contoso.lan"
data_dir = {data:?}
[[listener]]
address = "127.0.0.1:0"
[tls]
certificate = {certificate:?}
key = {key:?}
legacy_certificate = {certificate:?}
legacy_key = {key:?}
[[device]]
name = "printers"
networks = ["127.0.0.0/8"]
[[account]]
name = "out/1"
route = "smarthost"
host = "127.0.0.1"
port = 1
address = "scanner@contoso.com"
[admin]
address = "127.0.0.1:0"
[metrics]
address = "127.0.0.1:0"
"#
        );
        fs::write(dir.path().join("postroom.toml"), text).unwrap();
        Self { dir }
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("postroom.toml")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command
            .args(words)
            .arg("--config")
            .arg(self.config())
            .stdin(Stdio::null())
            .env_remove("RUST_LOG");
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Its standard output; it must succeed.
    fn good(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Its standard error; it must end with this exit code.
    fn bad(&self, words: &[&str], code: i32) -> String {
        let output = self.run(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.good(&[words, &["--json"]].concat())).unwrap()
    }

    fn start(&self) -> Daemon {
        self.start_with(&mut self.command(&["run"]))
    }

    fn start_with(&self, command: &mut Command) -> Daemon {
        let log = fs::File::create(self.dir.path().join("log")).unwrap();
        let mut daemon = Daemon(command.stderr(log).spawn().unwrap());
        until("the daemon to be ready", || {
            assert!(daemon.0.try_wait().unwrap().is_none(), "{}", self.log());
            let status = self.run(&["status", "--json"]);
            let status: Value = serde_json::from_slice(&status.stdout).ok()?;
            (status["ready"] == true).then_some(())
        });
        daemon
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }
}

/// Killed when dropped.
struct Daemon(Child);

impl Daemon {
    fn signal(&self, name: &str) {
        assert!(
            Command::new("kill")
                .arg(format!("-{name}"))
                .arg(self.0.id().to_string())
                .status()
                .unwrap()
                .success()
        );
    }

    fn ended(&mut self) -> Option<i32> {
        until("the daemon to end", || self.0.try_wait().unwrap()).code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Status line, header and body of a page.
fn page(address: &str, path: &str) -> (String, String) {
    let address: SocketAddr = address.parse().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Puts a message into the queue and yields its id.
fn queued(office: &Office) -> String {
    let output = office.run(&["send", "--to", "megan@contoso.com", "--wait", "0s"]);
    assert_eq!(output.status.code(), Some(1), "it cannot have been delivered: {output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("still in the queue"), "{said}");
    let list = office.json(&["queue", "list"]);
    let entry = list.as_array().unwrap().last().unwrap();
    entry["id"].as_str().unwrap().to_owned()
}

#[test]
fn exit_codes_tell_usage_config_and_failure_apart() {
    let office = Office::new();
    assert!(
        office.bad(&["queue", "show", "nonsense"], 2).contains("a message id has 20 characters")
    );
    assert!(office.bad(&["status"], 1).contains("the daemon is not running"));
    fs::write(office.config(), "hostname = \"x.y\"\nlistner = 1\n").unwrap();
    for command in ["check", "run"] {
        let said = office.bad(&[command], 78);
        assert!(
            said.contains(
                "postroom.toml:2: error: listner: there is no such key; do you mean `listener`?"
            ),
            "{said}"
        );
    }
    fs::remove_file(office.config()).unwrap();
    assert!(office.bad(&["check"], 78).contains("postroom init"));
}

#[test]
fn commands_without_a_daemon_say_how_to_start_it() {
    let office = Office::new();
    for words in [
        ["queue", "list"].as_slice(),
        &["account", "list"],
        &["status"],
        &["send", "--to", "a@contoso.com"],
    ] {
        let said = office.bad(words, 1);
        assert!(
            said.contains("the daemon is not running") && said.contains("systemctl start postroom"),
            "{words:?}: {said}"
        );
    }
    // The devices are in the config, so they can be listed all the same.
    assert!(office.good(&["device", "list"]).contains("printers"));
}

#[test]
fn a_password_for_a_device_is_made_kept_and_hashed_but_never_overwritten() {
    let office = Office::new();
    let file = office.dir.path().join("mfp1.pass");
    let path = file.to_str().unwrap();
    let words = ["device", "password", "--user", "mfp1", "--output", path];
    let made = office.good(&words);
    assert_eq!(fs::read_to_string(&file).unwrap(), made);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(office.bad(&words, 1).contains("never overwritten"));
    assert_eq!(fs::read_to_string(&file).unwrap(), made);

    // An existing one, hashed: the config takes it for what it is.
    let hashed = office.dir.path().join("mfp1.hash");
    let mut command = office.command(&[
        "device",
        "password",
        "--stdin",
        "--hash",
        "--output",
        hashed.to_str().unwrap(),
    ]);
    let output = command.stdin(fs::File::open(&file).unwrap()).output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("CRAM-MD5, DIGEST-MD5 and APOP need the password itself"),
        "{output:?}"
    );
    let hash = fs::read_to_string(&hashed).unwrap();
    assert!(hash.starts_with("$argon2id$v=19$") && !hash.contains(made.trim()), "{hash}");
    let mut config = fs::OpenOptions::new().append(true).open(office.config()).unwrap();
    writeln!(
        config,
        "[[user]]\nname = \"mfp1\"\npassword_file = {hashed:?}\ndevice = \"printers\""
    )
    .unwrap();
    office.good(&["check"]);

    // A hash that is made for no file is shown below its password.
    let said = office.good(&["device", "password", "--hash"]);
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].len() == 16 && lines[1].starts_with("$argon2id$"),
        "{said}"
    );
    assert!(
        office
            .bad(&["device", "password", "--stdin", "--hash"], 1)
            .contains("standard input contains no password")
    );
}

#[test]
fn the_daemon_serves_health_and_metrics_and_nothing_else_over_tcp() {
    let office = Office::new();
    let _daemon = office.start();
    let status = office.json(&["status"]);
    let (admin, metrics) = (status["admin"].as_str().unwrap(), status["metrics"].as_str().unwrap());
    assert!(page(admin, "/healthz").0.starts_with("HTTP/1.0 200"));
    assert!(page(admin, "/readyz").0.starts_with("HTTP/1.0 200"));
    for address in [admin, metrics] {
        let (head, body) = page(address, "/metrics");
        assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
        assert!(body.contains("\npostroom_queue_messages 0\n"), "{body}");
        assert!(page(address, "/api/v1/status").0.starts_with("HTTP/1.0 404"));
    }
    assert!(page(metrics, "/healthz").0.starts_with("HTTP/1.0 404"));
    let socket = office.dir.path().join("data/admin.sock");
    assert_eq!(fs::metadata(socket).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_stop_is_in_good_order_and_a_reload_is_no_stop() {
    let office = Office::new();
    let mut daemon = office.start();
    daemon.signal("HUP");
    until("the reload", || office.log().contains("certificate reloaded").then_some(()));
    assert!(office.json(&["status"])["ready"].as_bool().unwrap());
    daemon.signal("TERM");
    assert_eq!(daemon.ended(), Some(0), "{}", office.log());
    assert!(office.log().trim_end().ends_with("stopped"), "{}", office.log());
    assert!(!office.dir.path().join("data/admin.sock").exists());
}

#[test]
fn a_second_daemon_on_the_same_data_ends_and_leaves_the_first_alone() {
    let office = Office::new();
    let _daemon = office.start();
    let said = office.bad(&["run"], 1);
    assert!(said.contains("is in use by another process"), "{said}");
    assert!(office.json(&["status"])["ready"].as_bool().unwrap());
}

#[test]
fn a_start_waits_a_little_for_the_process_before_it_to_be_gone() {
    let office = Office::new();
    fs::create_dir(office.dir.path().join("data")).unwrap();
    let lock = fs::File::create(office.dir.path().join("data/lock")).unwrap();
    lock.lock().unwrap();
    let mut command = office.command(&["run"]);
    let log = fs::File::create(office.dir.path().join("log")).unwrap();
    let mut daemon = Daemon(command.stderr(log).spawn().unwrap());
    until("the daemon to wait", || {
        office.log().contains("waiting for the process before").then_some(())
    });
    lock.unlock().unwrap();
    until("the daemon to be ready", || {
        assert!(daemon.0.try_wait().unwrap().is_none(), "{}", office.log());
        office.run(&["status"]).status.success().then_some(())
    });
}

#[test]
fn an_address_that_is_taken_ends_the_start() {
    let office = Office::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = office
        .command(&["run"])
        .env("POSTROOM_LISTENER__0__ADDRESS", address.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("listener {address}")), "{said}");
}

#[test]
fn a_person_may_hold_release_export_and_delete_mail() {
    let office = Office::new();
    let _daemon = office.start();
    let id = queued(&office);
    office.good(&["queue", "hold", &id, "--reason", "wait for Alex"]);
    assert!(office.good(&["queue", "list"]).contains("held: wait for Alex"));
    let entry = office.json(&["queue", "show", &id]);
    assert_eq!(entry["recipients"][0]["recipient"]["address"], "megan@contoso.com");
    office.good(&["queue", "release", &id]);
    assert!(!office.good(&["queue", "show", &id]).contains("held"));

    let file = office.dir.path().join("export.eml");
    office.good(&["queue", "export", &id, "--output", file.to_str().unwrap()]);
    let exported = fs::read_to_string(&file).unwrap();
    assert!(exported.contains("Subject: Test message from Postroom\r\n"), "{exported}");
    assert_eq!(exported, office.good(&["queue", "export", &id]));
    // An export never overwrites.
    office.bad(&["queue", "export", &id, "--output", file.to_str().unwrap()], 1);

    assert!(office.bad(&["queue", "delete", &id], 1).contains("add --yes"));
    office.good(&["queue", "delete", &id, "--yes"]);
    assert_eq!(office.good(&["queue", "list"]), "The queue is empty.\n");
    assert!(office.bad(&["queue", "show", &id], 1).contains("there is no message"));
}

#[test]
fn a_retry_asks_before_it_shortens_the_half_hour() {
    let office = Office::new();
    let _daemon = office.start();
    let id = queued(&office);
    let said = office.bad(&["queue", "retry", &id], 1);
    assert!(said.contains("30 minutes apart") && said.contains("--yes"), "{said}");
    assert!(office.good(&["queue", "retry", &id, "--yes"]).contains("is due now"));
    office.good(&["queue", "hold", &id, "--reason", "wait for Alex"]);
    let said = office.good(&["queue", "retry", &id, "--yes"]);
    assert!(
        said.contains("held (wait for Alex)")
            && said.contains(&format!("postroom queue release {id}")),
        "{said}"
    );
    assert!(office.json(&["queue", "show", &id])["size"].as_u64().unwrap() > 100);
}

#[test]
fn an_account_is_switched_off_and_on() {
    let office = Office::new();
    let _daemon = office.start();
    let state =
        || office.json(&["account", "list"])[0]["state"]["state"].as_str().unwrap().to_owned();
    office.good(&["account", "disable", "out/1"]);
    assert_eq!(state(), "disabled");
    office.good(&["account", "enable", "out/1"]);
    until("the account to be on", || (state() != "disabled").then_some(()));
    assert!(
        office.bad(&["account", "enable", "other"], 1).contains("there is no account \"other\"")
    );
}

#[test]
fn batches_are_changed_while_the_daemon_runs_and_brought_back() {
    let office = Office::new();
    let mut daemon = office.start();
    let said = office.good(&[
        "account",
        "set",
        "out/1",
        "batch.messages=10",
        "batch.interval=60s",
        "split=always",
    ]);
    assert!(
        said.contains("batch.messages  30           10")
            && said.contains("the most recent change counts"),
        "{said}"
    );
    assert!(
        office
            .bad(&["account", "set", "out/1", "batch.interval=soon"], 1)
            .contains("write for example 60s")
    );
    assert!(
        office.bad(&["account", "set", "out/1", "limits.connections=9"], 1).contains("restart")
    );
    assert!(office.bad(&["account", "set", "out/1", "nonsense"], 2).contains("KEY=VALUE"));
    daemon.signal("TERM");
    assert_eq!(daemon.ended(), Some(0));
    let _daemon = office.start();
    assert!(office.log().contains("account setting differs from the file"), "{}", office.log());
    let settings = office.json(&["account", "settings", "out/1"]);
    assert_eq!((&settings[1]["file"], &settings[1]["value"]), (&"0s".into(), &"1m".into()));
    assert!(settings[1]["changed"]["by"].is_string(), "{settings}");
    assert!(office.bad(&["account", "restore-defaults", "out/1"], 1).contains("--yes"));
    let said = office.good(&["account", "restore-defaults", "out/1", "--yes"]);
    assert!(!said.contains("most recent change"), "{said}");
    assert!(
        office.good(&["account", "restore-defaults", "out/1"]).contains("no changed settings"),
        "nobody has to be asked"
    );
}

#[test]
fn the_queue_says_when_a_message_goes_and_why_not_now() {
    let office = Office::new();
    let _daemon = office.start();
    let id = queued(&office);
    office.good(&["account", "disable", "out/1"]);
    assert!(office.good(&["queue", "list"]).contains("account disabled"));
    assert!(office.good(&["queue", "show", &id]).contains("next try  when the account is enabled"));
    office.good(&["account", "enable", "out/1"]);
    // Nobody listens on its port, so it pauses at the first try.
    until("the account to be paused", || {
        let shown = office.json(&["queue", "show", &id]);
        (shown["forecast"]["why"]["reason"] == "paused" && shown["forecast"]["at"].is_u64())
            .then_some(())
    });
    assert!(office.good(&["status"]).contains("no limit"));
}

#[test]
fn the_service_manager_hears_ready_the_watchdog_and_stopping() {
    let office = Office::new();
    let path = office.dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = |word: &str| {
        let mut buffer = [0; 1024];
        until(word, || {
            let length = socket.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..length]).contains(word).then_some(())
        });
    };
    let mut daemon = office.start_with(
        office.command(&["run"]).env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000"),
    );
    hear("READY=1");
    hear("WATCHDOG=1");
    daemon.signal("TERM");
    hear("STOPPING=1");
    assert_eq!(daemon.ended(), Some(0));
}

#[test]
fn the_demonstration_proves_that_a_scan_arrives_unchanged_and_cleans_up() {
    let temporary = TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_postroom"))
        .args(["demo", "--once"])
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Its attachment is identical to the scan"), "{said}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn questions_are_answered_into_a_config_that_is_good() {
    let office = Office::new();
    let path = office.dir.path().join("new/postroom.toml");
    let mut command = office.command(&["init", "--output", path.to_str().unwrap()]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let answers =
        "relay.contoso.lan\n10.1.0.0/16\noffice365\nscan@contoso.com\ntoken\nit@contoso.com\n";
    child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let checked = Command::new(env!("CARGO_BIN_EXE_postroom"))
        .args(["check", "--config"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    office.bad(&["init", "--output", path.to_str().unwrap()], 1);
}
