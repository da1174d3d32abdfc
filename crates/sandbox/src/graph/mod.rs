//! Microsoft Graph: the little of it that sends mail, over HTTPS.
//!
//! - `listener`: TLS
//! - `http`: the endpoints
//! - `answer`: an answer in Microsoft's form
//! - `send`: a message in MIME form, its recipients, and what becomes of it
//!
//! Microsoft, "user: sendMail" and "Use Microsoft Graph to send Outlook messages in MIME format".

mod answer;
mod http;
mod listener;
mod send;

pub(crate) use http::router;
pub(crate) use listener::TlsListener;
