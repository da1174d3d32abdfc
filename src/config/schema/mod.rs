//! Every key of the config, declared once: its name, type, default, and what the reference says
//! about it.
//!
//! - `text`: durations, words that are nearly right
//! - `setting`: the types that a key can have
//! - `key`: what a declaration is made of; `keys!` declares a table
//! - `general` holds the [`ROOT`]; the other files declare the tables below it
//!
//! From these declarations come the typed reading
//! ([`Table::get`](crate::config::table::Table::get)), the refusal of unknown keys with the nearest
//! known one, the defaults, and `postroom reference`.

pub(super) mod account;
pub(super) mod auth;
pub(super) mod device;
pub(super) mod general;
mod key;
pub(super) mod listener;
mod setting;
mod text;

pub(super) use general::ROOT;
pub(super) use key::{Key, Named, Section, Shown};
pub(super) use setting::{Limit, Word, scalar};
pub(super) use text::{nearest, none_of, quoted};
