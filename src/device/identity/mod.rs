//! Who a client is: known by its network, by the certificate it shows, or by the user it logs in
//! as.
//!
//! - `directory`: the devices and users of the configuration, and how a client is recognised
//! - `standing`: what one connection's client is taken for
//! - `certificate`: what a client's certificate proves
//! - `login`: whether a login is right, without revealing who exists
//! - `failures`: failed logins, counted within bounds
//! - `password`: one password against one stored secret
//! - `pop_windows`: POP before SMTP

pub(super) mod certificate;
pub(super) mod directory;
mod failures;
pub(super) mod login;
pub(super) mod password;
pub(super) mod pop_windows;
pub(super) mod standing;
