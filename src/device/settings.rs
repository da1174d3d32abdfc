//! What the config says of devices and users, checked.

use std::path::PathBuf;

use ipnet::IpNet;

use crate::{
    device::CertificatePattern,
    model::{AccountName, ByteSize, DeviceName, FromIdentity, Pattern, Secret, TlsVersion},
    smtp::{EndOfData, Mechanism},
};

/// One `[[device]]`.
#[derive(Clone, Debug)]
pub struct DeviceSettings {
    /// `name`.
    pub name: DeviceName,
    /// `networks`. Empty: known by its users and certificates only.
    pub networks: Vec<IpNet>,
    /// `certificates`.
    pub certificates: Vec<CertificatePattern>,
    /// `auth`.
    pub auth: DeviceAuth,
    /// `oldest_tls`.
    pub oldest_tls: TlsVersion,
    /// `encryption`.
    pub encryption: DeviceEncryption,
    /// `senders`.
    pub senders: Vec<Pattern>,
    /// `recipients`.
    pub recipients: Vec<Pattern>,
    /// `messages_per_minute`; none is no limit.
    pub messages_per_minute: Option<u32>,
    /// `max_message`.
    pub max_message: ByteSize,
    /// `max_recipients`.
    pub max_recipients: usize,
    /// `connections` at once.
    pub connections: usize,
    /// `mechanisms`; which of them are offered depends on what its users' secrets can verify.
    pub mechanisms: Vec<Mechanism>,
    /// `hide_extensions`, in upper case.
    pub hide_extensions: Vec<String>,
    /// `end_of_data`.
    pub end_of_data: EndOfData,
    /// `account`; none is the first.
    pub account: Option<AccountName>,
    /// `from`.
    pub from: Option<FromIdentity>,
}

/// `auth = "none" | "optional" | "required"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceAuth {
    /// AUTH is not offered.
    None,
    /// Offered, not asked for.
    Optional,
    /// Nothing is taken before a login.
    Required,
}

/// `encryption = "optional" | "required"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceEncryption {
    /// Plaintext will do.
    Optional,
    /// Nothing is taken without TLS 1.2 or newer. What is older counts as plaintext.
    Required,
}

/// One `[[user]]`.
#[derive(Clone)]
pub struct UserSettings {
    /// `name`, without realm or domain.
    pub name: String,
    /// How its password is known.
    pub password: PasswordSource,
    /// `device`.
    pub device: DeviceName,
}

/// How a user's password is known.
#[derive(Clone)]
pub enum PasswordSource {
    /// The clear password, read from this file: serves every mechanism.
    Clear {
        /// `password_file`.
        file: PathBuf,
        /// Its content, without the final line end.
        secret: Secret,
    },
    /// An argon2 hash in PHC form, from `password_file`: serves PLAIN and LOGIN only.
    Argon2(String),
}
