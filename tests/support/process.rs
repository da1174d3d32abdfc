//! Child processes that end with their test.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::support::wait;

/// A child process with its log, killed when dropped.
pub(crate) struct Process {
    child: Child,
    name: &'static str,
    log: PathBuf,
}

impl Process {
    /// Starts a program; what it writes to standard error goes to `log`, and so does its standard
    /// output.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: &Path) -> Self {
        let file = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let child =
            command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("{name} cannot be started: {error}; `make test` installs what is missing")
        });
        Self { child, name, log: log.to_owned() }
    }

    /// Starts a program and waits for its first line on standard output, which says where it
    /// listens.
    pub(crate) fn start_and_read_line(
        name: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> (Self, String) {
        let file = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let process = Self { child, name, log: log.to_owned() };
        let (send, line) = mpsc::sync_channel(1);
        thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut first = String::new();
            if output.read_line(&mut first).is_ok() {
                drop(send.send(first));
            }
            // A full pipe would stop the child.
            drop(std::io::copy(&mut output, &mut std::io::sink()));
        });
        let line = line.recv_timeout(wait::PATIENCE).unwrap_or_default();
        assert!(!line.is_empty(), "{name} said nothing; its log:\n{}", process.log_tail());
        (process, line)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`, and waits for the end.
    pub(crate) fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// `kill -TERM`.
    pub(crate) fn terminate(&self) {
        let done = Command::new("kill").args(["-TERM", &self.id().to_string()]).status().unwrap();
        assert!(done.success(), "{} is gone already; its log:\n{}", self.name, self.log_tail());
    }

    /// Waits for the process to end by itself.
    pub(crate) fn ended(&mut self, patience: Duration) -> ExitStatus {
        let name = self.name;
        let child = &mut self.child;
        wait::until(&format!("the end of {name}"), patience, || {
            child.try_wait().unwrap().ok_or_else(|| "still running".to_owned())
        })
    }

    /// None while it runs; its log once it has ended, for the test's message.
    pub(crate) fn ended_with(&mut self) -> Option<String> {
        let status = self.child.try_wait().unwrap()?;
        Some(format!("{} ended with {status}; its log:\n{}", self.name, self.log_tail()))
    }

    /// A line of `/proc/PID/status` in KiB, such as `VmHWM`, the largest resident memory so far.
    pub(crate) fn memory_kib(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let value = status.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(':')).unwrap();
        value.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// The end of the log.
    pub(crate) fn log_tail(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            // The test's own output is captured with it, so that a failure carries its cause.
            eprintln!("--- log of {}:\n{}\n---", self.name, self.log_tail());
        }
    }
}

/// Runs a program to its end and gives what it wrote.
///
/// # Panics
/// When it fails, with all it said.
pub(crate) fn run(command: &mut Command) -> String {
    let (status, output, errors) = run_anyhow(command);
    assert!(status.success(), "{command:?} ended with {status}:\n{output}{errors}");
    output
}

/// Runs a program to its end, whatever the end: status, standard output, standard error.
pub(crate) fn run_anyhow(command: &mut Command) -> (ExitStatus, String, String) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{command:?} cannot be started: {error}; `make test` installs what is missing")
    });
    (
        output.status,
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}
