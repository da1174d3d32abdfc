//! One client's SMTP connection: reads, feeds the session machine, does what the machine asks for,
//! and writes its replies.
//!
//! - `serve`: [`Connection`], from the first byte to the last
//! - `answers`: who may log in, send, and write to whom
//! - `tls`: STARTTLS, and a ClientHello that came too late
//! - `message`: the message in progress

mod answers;
mod message;
mod serve;
mod tls;

pub(super) use serve::Connection;
