//! The commands: thin, talking to the daemon over its admin socket.
//!
//! - `arguments`: what can be typed
//! - `client`: the way to the daemon; `output`: tables, spans, and standard output
//! - `run`, `check`, `status`, `queue`, `account` (with `account_check`), `device`, `send`, `init`,
//!   `demo`: one command each
//! - `forecast`: when a message will go, in words
//! - `smtp`: just enough of a device to hand in a test message; `pdf`: a scan to send
//!
//! # Failure
//! What goes wrong is said on standard error, with what to do. Exit codes: 0 good, 1 failed, 2
//! usage, 78 config (sysexits.h).

mod account;
mod account_check;
mod arguments;
mod check;
mod client;
mod demo;
mod device;
mod forecast;
mod init;
mod output;
mod pdf;
mod queue;
mod run;
pub mod sandbox;
mod send;
mod smtp;
mod status;

use std::{io, process::ExitCode};

use clap::Parser as _;
use tokio::runtime::{Builder, Runtime};

use self::arguments::{Arguments, Command};
use crate::{
    clock,
    config::{ConfigError, reference},
    daemon::{Signal, Signals, log_to},
};

/// `EX_CONFIG` of sysexits.h; systemd knows it too.
const CONFIG: u8 = 78;

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => complain(&error),
    }
}

/// Says what went wrong. A reader that has gone away (`postroom queue list | head`) is no failure.
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
            commands()?.block_on(status::status(&config, &status, &clock))?;
        }
        Command::Queue(queue) => commands()?.block_on(queue::queue(&config, queue, &clock))?,
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
            // The steps are the story; of the log, only what went wrong.
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

/// A command is one conversation: it needs no threads.
fn commands() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
