//! OAuth 2.0 access tokens for the login at an upstream server (RFC 6749, RFC 8628, RFC 7523).
//!
//! - [`OAuthSettings`]: the authorization server, the application and the grant
//! - [`Tokens`]: the current access token; it is cached, renewed early, and requested once, however
//!   many connections wait for it
//! - [`DeviceLogin`]: sign-in with a device code (`postroom account login`)
//! - [`Expiry`]: when the secret, certificate or sign-in expires
//! - [`Claims`]: the claims in a token
//! - [`TokenTrouble`](crate::classify::TokenTrouble): why there is no token, and what to do about
//!   it
//!
//! # Failure
//! A missing token is a problem of the account, never of a message. Nothing here logs, and nothing
//! shows a secret.

mod assertion;
mod claims;
mod device_code;
mod exchange;
mod expiry;
mod settings;
mod store;
mod tokens;

pub use claims::Claims;
pub use device_code::{DeviceLogin, SignIn};
pub use exchange::{ExchangeError, TokenClient};
pub use expiry::{CredentialKind, Expiry, read as expiry_of};
pub use settings::{Cloud, Grant, OAuthSettings};
pub use store::RefreshTokenStore;
pub use tokens::{Refused, Tokens};
