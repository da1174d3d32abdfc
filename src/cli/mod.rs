//! The commands. They are thin: most send one request to the daemon over its admin socket.
//!
//! - `arguments`: the command line and its help
//! - `client`: the connection to the daemon; `output`: tables, durations and standard output
//! - `run`, `check`, `status`, `queue`, `account` (with `account_check`), `device`, `send`, `init`,
//!   `demo`: one command each
//! - `history`: what has become of messages; `when`: times as people write them
//! - `forecast`: describes when a message will be sent
//! - `smtp`: a minimal client that submits a test message as a device would; `pdf`: a scan to send
//!
//! # Failure
//! Errors are printed on standard error, with advice. Exit codes: 0 success, 1 failure, 2 wrong
//! usage, 78 wrong configuration (sysexits.h). Those of `status` differ.

mod account;
mod account_check;
mod arguments;
mod check;
mod client;
mod demo;
mod device;
mod forecast;
mod history;
mod init;
mod output;
mod pdf;
mod queue;
mod run;
pub mod sandbox;
mod send;
mod smtp;
mod status;
mod when;

use std::{io, process::ExitCode};

use clap::Parser as _;
use tokio::runtime::{Builder, Runtime};

use self::arguments::{Arguments, Command};
use crate::{
    clock,
    config::{ConfigError, reference},
    daemon::{Signal, Signals, log_to},
};

/// `EX_CONFIG` of sysexits.h. The systemd unit does not restart the daemon after it.
const CONFIG: u8 = 78;

/// Parses the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => complain(&error),
    }
}

/// Prints an error and chooses the exit code. A reader that closes the pipe early
/// (`postroom queue list | head`) is not an error.
fn complain(error: &anyhow::Error) -> ExitCode {
    let broken_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(broken_pipe) {
        return ExitCode::SUCCESS;
    }
    let is_config = error.chain().any(<dyn std::error::Error>::is::<ConfigError>);
    output::complain(&format!("{error:#}"));
    if is_config { ExitCode::from(CONFIG) } else { ExitCode::FAILURE }
}

fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { config, log, command } = arguments;
    let clock = clock::system();
    match command {
        Command::Run => {
            log_to(log, "info");
            daemons()?.block_on(run::run(&config, clock))?;
        }
        Command::Check => check::check(&config, &clock)?,
        Command::Reference => output::print(&reference())?,
        Command::Init(init) => init::init(&init, &config)?,
        Command::Status(status) => {
            return commands()?.block_on(status::status(&config, &status, &clock));
        }
        Command::Queue(queue) => {
            return commands()?.block_on(queue::queue(&config, queue, &clock));
        }
        Command::History(history) => {
            commands()?.block_on(history::history(&config, &history, &clock))?;
        }
        Command::Account(account) => {
            return commands()?.block_on(account::account(&config, account, &clock));
        }
        Command::Device(device) => commands()?.block_on(device::device(&config, device, &clock))?,
        Command::Sandbox(sandbox) => {
            log_to(log, "info");
            daemons()?.block_on(async {
                let mut signals = Signals::of_process()?;
                sandbox::run(*sandbox, async move { while signals.next().await != Signal::Stop {} })
                    .await
            })?;
        }
        Command::Demo(demo) => {
            // The demo prints its own steps, so the log shows problems only.
            log_to(log, "warn");
            daemons()?.block_on(demo::demo(demo, clock))?;
        }
        Command::Send(send) => return commands()?.block_on(send::send(&config, send, &clock)),
    }
    Ok(ExitCode::SUCCESS)
}

fn daemons() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build()
}

/// A command makes one request at a time, so it needs no worker threads.
fn commands() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
