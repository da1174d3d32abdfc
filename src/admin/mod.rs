//! HTTP for people's tools: health, metrics, and the commands' socket.

use std::net::SocketAddr;

/// `[admin]` and `[metrics]`, checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdminSettings {
    /// `admin.address`; port 0 takes a free one.
    pub address: SocketAddr,
    /// `metrics.address`, a second place for `/metrics`.
    pub metrics: Option<SocketAddr>,
}
