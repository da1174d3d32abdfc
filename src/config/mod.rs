//! Turns the config file into checked settings.
//!
//! From the bottom up; no file uses one above it:
//!
//! - `problem`: what is wrong, where, and what to write instead
//! - `files`: reads files; `parts`: the files of a config, put together
//! - `source`: files, environment and what was set at run time, merged by the `config` crate, with
//!   the place of each value
//! - `schema`: every key, declared once: name, type, default, documentation
//! - `reader` collects problems; `table` reads the keys of one table
//! - `placed`, `name`, `secret_file`: what several sections share
//! - `general`, `listener`, `tls`, `device`, `user`, `account`, `dns`, `retry`, `report`, `spool`,
//!   `admin`: one section each; they do not use each other
//! - `sharing`, `check`: checks that need the whole config
//! - `assemble`: assembles a [`Config`]; `layers`: lays what was set at run time (`run_time`) over
//!   it; [`reference()`]: the complete commented config
//!
//! One run finds every problem, and each [`Problem`] says where the value is and what to write
//! instead.

mod account;
mod admin;
mod assemble;
mod check;
mod device;
mod dns;
mod files;
mod general;
mod layers;
mod listener;
mod name;
mod parts;
mod placed;
mod problem;
mod reader;
mod reference;
mod report;
mod retry;
mod run_time;
mod schema;
mod secret_file;
mod sharing;
mod source;
mod spool;
mod table;
mod tls;
mod user;

pub use assemble::{Config, DEFAULT_PATH, data_dir};
pub use files::{Disk, Files, SecretFile, conf_d};
pub use layers::{Layers, Outdated};
pub use problem::{ConfigError, Place, Problem, Severity};
pub use reference::reference;
pub use run_time::{AccountChanges, RunTime};
