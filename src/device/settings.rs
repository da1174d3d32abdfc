//! The checked settings of devices and users.

use std::path::PathBuf;

use ipnet::IpNet;

use crate::{
    device::certificate_pattern::CertificatePattern,
    model::{
        AccountName, Address, ByteSize, DeviceName, FromIdentity, Pattern, Secret, TlsVersion,
    },
    smtp::{EndOfData, Mechanism},
};

/// All devices and users, with the name that we greet clients by.
#[derive(Clone)]
pub struct DirectorySettings {
    /// Every `[[device]]`, in the order of the file.
    pub devices: Vec<DeviceSettings>,
    /// Every `[[user]]`.
    pub users: Vec<UserSettings>,
    /// `hostname`.
    pub hostname: String,
}

/// One `[[device]]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceSettings {
    /// `name`.
    pub name: DeviceName,
    /// `networks`. If empty, the device is known by its users and certificates only.
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
    /// `messages_per_minute`. None means no limit.
    pub messages_per_minute: Option<u32>,
    /// `max_message`.
    pub max_message: ByteSize,
    /// `max_recipients`.
    pub max_recipients: usize,
    /// `connections`: the maximum number of connections at once.
    pub connections: usize,
    /// `mechanisms`. Those that the secrets of its users can verify are offered.
    pub mechanisms: Vec<Mechanism>,
    /// `hide_extensions`, in upper case.
    pub hide_extensions: Vec<String>,
    /// `end_of_data`.
    pub end_of_data: EndOfData,
    /// `account`. None means the first account.
    pub account: Option<AccountName>,
    /// `from`.
    pub from: Option<FromIdentity>,
}

impl DeviceSettings {
    /// Whether `recipients` has this address.
    #[must_use]
    pub fn may_write_to(&self, address: &Address) -> bool {
        self.recipients.iter().any(|pattern| pattern.fits(address))
    }
}

/// `auth = "none" | "optional" | "required"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceAuth {
    /// AUTH is not offered.
    None,
    /// AUTH is offered and not required.
    Optional,
    /// No mail is accepted before a login.
    Required,
}

/// `encryption = "optional" | "required"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceEncryption {
    /// Mail is accepted over plaintext.
    Optional,
    /// No mail is accepted without TLS 1.2 or newer. Older versions count as plaintext.
    Required,
}

/// One `[[user]]`.
#[derive(Clone)]
pub struct UserSettings {
    /// `name`, without realm or domain.
    pub name: String,
    /// The password.
    pub password: PasswordSource,
    /// `device`.
    pub device: DeviceName,
}

/// Where a user's password comes from.
#[derive(Clone)]
pub enum PasswordSource {
    /// The clear password, read from this file. It serves every mechanism.
    Clear {
        /// `password_file`.
        file: PathBuf,
        /// The file's content, without the final line ending.
        secret: Secret,
    },
    /// An argon2 hash in PHC form, from `password_file`. It serves PLAIN and LOGIN only.
    Argon2(String),
}

impl PasswordSource {
    /// Whether a login by this mechanism can be verified with this secret.
    #[must_use]
    pub const fn verifies(&self, mechanism: Mechanism) -> bool {
        match (self, mechanism) {
            (Self::Clear { .. }, _) | (Self::Argon2(_), Mechanism::Plain | Mechanism::Login) => {
                true
            }
            // Challenge and response need the clear password on both sides (RFC 2195 2, RFC 2831
            // 2.1.2.1).
            (Self::Argon2(_), Mechanism::CramMd5 | Mechanism::DigestMd5) => false,
        }
    }

    /// Whether this is the same password from the same source.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Clear { file, secret }, Self::Clear { file: its, secret: theirs }) => {
                file == its && secret.expose() == theirs.expose()
            }
            (Self::Argon2(hash), Self::Argon2(other)) => hash == other,
            (Self::Clear { .. }, Self::Argon2(_)) | (Self::Argon2(_), Self::Clear { .. }) => false,
        }
    }

    /// Whether a login by `APOP` can be verified, which needs the clear password too (RFC 1939 7).
    #[must_use]
    pub const fn verifies_apop(&self) -> bool {
        match self {
            Self::Clear { .. } => true,
            Self::Argon2(_) => false,
        }
    }
}
