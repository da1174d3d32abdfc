//! A running `postroom run`: its config, its commands, its addresses.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use serde_json::Value;

use crate::support::{
    process::{self, Process},
    wait,
};

/// One listener of each kind, on free ports.
pub(crate) const LISTENERS: &str = r#"
[[listener]]
address = "127.0.0.1:0"
tls = "none"

[[listener]]
address = "127.0.0.1:0"
tls = "starttls"

[[listener]]
address = "127.0.0.1:0"
tls = "implicit"
"#;

/// Everyone on the loopback network is a scanner, and may log in or not.
pub(crate) const SCANNERS: &str = r#"
[[device]]
name = "scanners"
networks = ["127.0.0.0/8"]
auth = "optional"
connections = 200
"#;

/// A way out where nobody listens: what comes in stays in the queue.
pub(crate) const NOWHERE: &str = r#"
[[account]]
name = "out"
route = "smarthost"
host = "127.0.0.1"
port = 1
address = "scanner@contoso.com"
"#;

/// The daemon. Killed when dropped.
pub(crate) struct Relay {
    process: Process,
    config: PathBuf,
    log: PathBuf,
}

impl Relay {
    /// Writes the config into `dir`, with the data folder beside it, and starts. `tables` are the
    /// config's tables; `keys` come before them.
    pub(crate) fn start(dir: &Path, keys: &str, tables: &[&str]) -> Self {
        let config = dir.join("postroom.toml");
        write_config(&config, keys, tables);
        let log = dir.join("postroom.log");
        Self { process: spawn(&config, &log), config, log }.awaited()
    }

    /// Writes another config in the place of the one it runs with.
    pub(crate) fn configure(&self, keys: &str, tables: &[&str]) {
        write_config(&self.config, keys, tables);
    }

    /// Runs a command that goes well.
    pub(crate) fn done(&self, words: &[&str]) {
        process::run(&mut self.command(words));
    }

    /// Runs a command that fails, and returns what it complains of.
    pub(crate) fn refused(&self, words: &[&str]) -> String {
        let (status, text, errors) = process::run_anyhow(&mut self.command(words));
        assert!(!status.success(), "{words:?} went well: {text}");
        errors
    }

    /// Starts again after it was killed or has ended.
    pub(crate) fn restart(&mut self) {
        self.process = spawn(&self.config, &self.log);
        self.await_ready();
    }

    fn awaited(mut self) -> Self {
        self.await_ready();
        self
    }

    fn await_ready(&mut self) {
        wait::until("the relay to be ready", wait::PATIENCE, || {
            if let Some(end) = self.process.ended_with() {
                panic!("{end}");
            }
            let status = self.status()?;
            if status["ready"] == true { Ok(()) } else { Err(status["missing"].to_string()) }
        });
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// `kill -TERM`.
    pub(crate) fn terminate(&self) {
        self.process.terminate();
    }

    /// Waits for it to end by itself.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        self.process.ended(wait::PATIENCE)
    }

    /// The end of what it has logged.
    pub(crate) fn log(&self) -> String {
        self.process.log_tail()
    }

    /// The largest resident memory so far, in KiB.
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        self.process.memory_kib("VmHWM")
    }

    /// The resident pages of the program file and its libraries, in KiB.
    pub(crate) fn program_memory_kib(&self) -> u64 {
        self.process.memory_kib("RssFile")
    }

    /// Runs a command and reads its JSON, whatever its exit code: `status` ends with 1 or 2 when
    /// something is wrong with the relay.
    pub(crate) fn json(&self, words: &[&str]) -> Value {
        let (_, text, errors) = process::run_anyhow(self.command(words).arg("--json"));
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{words:?} wrote no JSON ({error}): {text}{errors}"))
    }

    /// A command of the daemon's.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command.args(words).arg("--config").arg(&self.config);
        command
    }

    /// `postroom status --json`, or why there is none.
    fn status(&self) -> Result<Value, String> {
        let (_, text, errors) = process::run_anyhow(self.command(&["status"]).arg("--json"));
        serde_json::from_str(&text).map_err(|_no_json| errors)
    }

    /// Where the listener of this kind listens.
    pub(crate) fn listener(&self, tls: &str) -> SocketAddr {
        self.listener_for("smtp", tls)
    }

    /// Where the listener for logins by POP listens.
    pub(crate) fn pop_listener(&self, tls: &str) -> SocketAddr {
        self.listener_for("pop3", tls)
    }

    fn listener_for(&self, protocol: &str, tls: &str) -> SocketAddr {
        let status = self.status().unwrap();
        let mut listeners = status["listeners"].as_array().unwrap().iter();
        let found =
            listeners.find(|listener| listener["tls"] == tls && listener["protocol"] == protocol);
        let address = found.map(|listener| listener["address"].as_str().unwrap());
        address
            .unwrap_or_else(|| panic!("no listener {protocol} {tls} in {status}"))
            .parse()
            .unwrap()
    }

    /// Messages in the queue, as `postroom queue list` has them.
    pub(crate) fn queue(&self) -> Vec<Value> {
        let list = self.json(&["queue", "list", "--limit", "1000"]);
        list.as_array().unwrap_or_else(|| panic!("no list: {list}")).clone()
    }

    /// Waits until the queue is empty.
    pub(crate) fn wait_until_empty(&self, patience: Duration) {
        wait::until("an empty queue", patience, || {
            match self.status()?["queue_messages"].as_u64() {
                Some(0) => Ok(()),
                other => {
                    Err(format!("{other:?} messages in the queue: {:?}", self.queue().first()))
                }
            }
        });
    }

    /// A page of the HTTP side: status code and body.
    pub(crate) fn page(&self, path: &str) -> (u16, String) {
        let address: SocketAddr =
            self.status().unwrap()["admin"].as_str().unwrap().parse().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(wait::PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// A metric's value now, 0 when it is not there.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.page("/metrics");
        text.lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
            .next()
            .unwrap_or(0.0)
    }
}

fn write_config(config: &Path, keys: &str, tables: &[&str]) {
    let data_dir = if keys.contains("data_dir") {
        String::new()
    } else {
        format!("data_dir = \"{}\"\n", config.with_file_name("data").display())
    };
    let text = format!(
        "hostname = \"postroom.contoso.lan\"\n{data_dir}{keys}\n{}\n[admin]\naddress = \
        \"127.0.0.1:0\"\n",
        tables.join("\n")
    );
    fs::write(config, text).unwrap();
}

fn spawn(config: &Path, log: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
    command.arg("run").arg("--config").arg(config).env("RUST_LOG", "info");
    Process::start("postroom run", &mut command, log)
}

/// The recipients of an entry of the queue that are in doubt.
pub(crate) fn doubts(entry: &Value) -> usize {
    let recipients = entry["recipients"].as_array().unwrap();
    recipients.iter().map(|recipient| recipient["doubts"].as_array().map_or(0, Vec::len)).sum()
}
