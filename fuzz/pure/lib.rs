//! The modules of Postroom that have no effects, without the rest: what is fuzzed, built in a
//! minute instead of ten.

#[path = "../../src/model/mod.rs"]
pub mod model;

#[path = "../../src/smtp/mod.rs"]
pub mod smtp;

#[path = "../../src/pop/mod.rs"]
pub mod pop;

#[path = "../../src/message/mod.rs"]
pub mod message;

#[path = "../../src/fuzzing.rs"]
pub mod fuzzing;

mod listener;

mod upstream;
