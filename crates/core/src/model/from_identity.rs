//! The identity that replaces what a device says about itself.

use crate::model::Address;

/// The identity that a device's mail carries, whatever the device says: `from = { address, name,
/// reply_to }`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FromIdentity {
    /// The address in the envelope and in `From:`.
    pub address: Option<Address>,
    /// The display name in `From:`.
    pub name: Option<String>,
    /// The address in `Reply-To:`.
    pub reply_to: Option<Address>,
}
