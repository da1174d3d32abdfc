//! Makes lines over 998 octets legal (RFC 5321 4.5.3.1.6) without changing what a reader sees.
//!
//! Scanners send base64 in one line; old applications send paragraphs in one line. A server may cut
//! or refuse such mail. Base64 is folded, quoted-printable gets soft breaks, anything else becomes
//! quoted-printable. What is signed or encrypted is left alone: a changed octet would break it.
//!
//! Two passes over the file, none of which holds more than a line's beginning: [`LongLinePlanner`] finds
//! which parts have such lines, [`LineFolder`] changes those parts while the message is sent.

mod line_folder;
mod plan;
mod planner;

pub use crate::message::header::LINE_LIMIT;
pub use line_folder::LineFolder;
pub use plan::LongLinePlan;
pub use planner::LongLinePlanner;
