//! What a reply or a fault of the server means: one pure table.
//!
//! Code *and* text decide: Exchange Online uses 5.2.0 for a used-up quota, a blocked account and a
//! wrong sender alike. The first row that matches decides, in this order:
//! - before `MAIL FROM` everything concerns the account: `before_mail`, then the rows of `exchange`
//!   that concern the account anyway, then the bare classes of RFC 5321 4.2.1
//! - from `MAIL FROM` on: `exchange`, what Exchange Online says of mail; then `account_refused`,
//!   how any server refuses this account in replies about mail; then `generic`, what else any
//!   server says, down to the bare classes
//! - `mx`, before all others: the replies of a domain's mail server differ in meaning, because that
//!   server does not know us
//! - `graph`: what Microsoft Graph answers over HTTPS
//! - `local`: what goes wrong without a reply ([`Fault`]); `token`: why there is no access token
//!
//! A row's code is a pattern (`row`); its concern follows from its outcome and the stage (`table`).
//! A row also says everything else that the queue needs to know ([`Verdict`]): no other module
//! looks at codes or texts.

mod account_refused;
mod before_mail;
mod exchange;
mod fault;
mod generic;
mod graph;
mod local;
mod login_fault;
mod mx;
mod place;
mod row;
mod stage;
mod table;
mod token;
mod verdict;

#[cfg(test)]
mod tests;

pub use fault::{
    DnsFault, Fault, LocalFault, LookupFault, ServerFault, ServerReason, SmtpFault, TcpFault,
    TlsFault, Unresolved,
};
pub use graph::{GraphAnswer, SEND_MAIL};
pub use login_fault::{LoginFault, SecretFault};
pub use place::Place;
pub use stage::Stage;
pub use table::{classify, classify_of};
pub use token::{Remedy, TokenTrouble};
pub use verdict::{
    Alarm, Certainty, Concern, Concurrency, Counted, Outcome, Peer, Probe, Scope, Splitting,
    Verdict,
};
