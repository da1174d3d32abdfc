//! Who a client is: known by its network, by the certificate it shows, or by the user it logs in as.
//!
//! - `certificate`: devices known by the certificate that they show
//! - `users`: whether a login is right, without telling who exists
//! - `password`: one password against one stored secret
//! - `pop_windows`: POP before SMTP

pub(super) mod certificate;
pub(super) mod password;
pub(super) mod pop_windows;
pub(super) mod users;
