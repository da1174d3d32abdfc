//! The program as a person and a service manager use it: commands, exit codes, signals, sockets.

mod queue;
mod service;
mod setup;
mod watching;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
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

    /// Its JSON, whatever its exit code, which for `status` is the condition of the relay.
    fn json(&self, words: &[&str]) -> Value {
        let output = self.run(&[words, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{words:?}: {output:?}"))
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
