//! Where log lines go: a person's terminal, the journal, or JSON for a collector. `RUST_LOG`
//! chooses what is logged.

use std::{io::IsTerminal as _, os::unix::fs::MetadataExt as _};

use tracing_subscriber::{
    EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// `--log`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// The systemd journal when run by systemd, otherwise like `human`.
    #[default]
    Auto,
    /// Readable text on standard error.
    Human,
    /// The systemd journal, with fields.
    Journald,
    /// One JSON object per line on standard error.
    Json,
}

/// Sets up logging for the whole process. Later calls change nothing: the first word holds.
///
/// `default` is what is logged when `RUST_LOG` says nothing, for example `info`.
pub fn log_to(format: LogFormat, default: &str) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_absent_or_wrong| EnvFilter::new(default));
    let format = match format {
        LogFormat::Auto if stderr_is_the_journal() => LogFormat::Journald,
        LogFormat::Auto => LogFormat::Human,
        LogFormat::Human | LogFormat::Journald | LogFormat::Json => format,
    };
    let human = || {
        let terminal = std::io::stderr().is_terminal();
        tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(terminal)
            .with_target(false)
            .boxed()
    };
    let layer = match format {
        LogFormat::Auto | LogFormat::Human => human(),
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Journald => match tracing_journald::layer() {
            Ok(journal) => journal.with_syslog_identifier("postroom".to_owned()).boxed(),
            // Standard error ends in the journal as well, only without fields.
            Err(_no_journal) => human(),
        },
    };
    let result = tracing_subscriber::registry().with(filter).with(layer).try_init();
    if result.is_err() {
        tracing::debug!("logging was set up already");
    }
}

/// systemd sets `JOURNAL_STREAM` to the device and inode of the journal's socket (systemd.exec(5)).
/// A child whose standard error was sent elsewhere inherits the variable too, so both are compared.
fn stderr_is_the_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(stderr) = std::fs::metadata("/proc/self/fd/2") else {
        return false;
    };
    stream == format!("{}:{}", stderr.dev(), stderr.ino())
}
