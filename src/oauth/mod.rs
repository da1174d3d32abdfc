//! OAuth 2.0 access tokens for the login at an upstream server (RFC 6749, RFC 8628, RFC 7523).
//!
//! - [`OAuthSettings`]: which authorization server, which application, which grant
//! - [`Tokens`]: a token when one is needed: kept, renewed early, asked for once however many
//!   connections wait for it
//! - [`DeviceLogin`]: a person signs in with a code (`postroom account login`)
//! - [`Expiry`]: when secret, certificate or sign-in end
//! - [`Claims`]: what a token says of itself
//! - why there is none, and what to do, says [`TokenTrouble`](crate::classify::TokenTrouble)
//!
//! # Failure
//! A token that cannot be had is the account's trouble, never a message's. Nothing here logs;
//! nothing shows a secret.

mod assertion;
mod claims;
mod device_code;
mod expiry;
mod http;
mod settings;
mod store;
mod tokens;

pub use claims::Claims;
pub use device_code::{DeviceLogin, SignIn};
pub use expiry::{CredentialKind, Expiry, read as expiry_of};
pub use http::HttpClient;
pub use settings::{Cloud, Grant, OAuthSettings};
pub use store::RefreshTokenStore;
pub use tokens::{Refused, Tokens};
