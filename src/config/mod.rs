//! Turns the config file into checked settings.
//!
//! From the bottom up; no file uses one above it:
//!
//! - `problem`: what is wrong, where, and what to write instead
//! - `files`: the files that a config names; `source`: file and environment, merged by the `config`
//!   crate, with the line of each value
//! - `schema`: every key, declared once: name, type, default, documentation
//! - `reader` collects problems; `table` reads the keys of one table
//! - `placed`, `name`, `secret_file`: what several sections share
//! - `general`, `listener`, `tls`, `device`, `user`, `account`, `dns`, `retry`, `report`, `spool`,
//!   `admin`: one section each; they do not use each other
//! - `sharing`, `check`: checks that need the whole config
//! - `assemble`: assembles a [`Config`]; [`reference()`]: the complete commented config
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
mod listener;
mod name;
mod placed;
mod problem;
mod reader;
mod reference;
mod report;
mod retry;
mod schema;
mod secret_file;
mod sharing;
mod source;
mod spool;
mod table;
mod tls;
mod user;

pub use assemble::{Config, DEFAULT_PATH, data_dir};
pub use files::{Disk, Files, SecretFile};
pub use problem::{ConfigError, Place, Problem, Severity};
pub use reference::reference;
