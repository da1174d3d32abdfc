//! The words that every module shares: ids, addresses, sizes, times, secrets, envelopes, replies.
//! No effects.
//!
//! - [`MessageId`], [`DeviceName`], [`AccountName`]: who and what
//! - [`Address`], [`ReversePath`], [`Envelope`], [`Recipient`]: what RFC 5321 calls the envelope
//! - [`Pattern`], [`FromIdentity`]: which addresses match, and whose name mail carries
//! - [`Timestamp`], [`ByteSize`]: quantities with their unit in the type
//! - [`Quirk`]: deviations from the standards that Postroom tolerates
//! - [`Reply`], [`EnhancedCode`]: what an SMTP server said
//! - [`Dialogue`], [`Recorder`]: what was said on one connection, without secrets
//! - [`RecipientOutcome`]: what has become of a recipient
//! - [`Fingerprint`]: which certificate it is
//! - [`Secret`]: what must never be printed

mod address;
mod dialogue;
mod envelope;
mod fingerprint;
mod from_identity;
mod id;
mod invisible;
mod outcome;
mod pattern;
mod quantity;
mod quirk;
mod reply;
mod secret;

pub use address::{Address, AddressError, ReversePath};
pub use dialogue::{Dialogue, Recorder};
pub use envelope::{
    BodyKind, Envelope, MailParameters, Notify, Recipient, ReturnContent, TlsVersion, Via,
};
pub use fingerprint::Fingerprint;
pub use from_identity::FromIdentity;
pub use id::{AccountName, DeviceName, InvalidId, MessageId};
pub use invisible::{is_direction_mark, is_invisible};
pub use outcome::RecipientOutcome;
pub use pattern::Pattern;
pub use quantity::{ByteSize, InvalidSize, Timestamp};
pub use quirk::Quirk;
pub use reply::{EnhancedCode, Reply};
pub use secret::Secret;
