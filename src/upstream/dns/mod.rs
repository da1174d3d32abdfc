//! What DNS and HTTPS publish about the mail servers of a domain.
//!
//! - `resolver`: queries and DNSSEC
//! - `mx`: the servers of a domain, in the order in which they are tried
//! - `dane`: TLSA records, and the check of a certificate against them
//! - `mta_sts`: the policy of a domain

pub(in crate::upstream) mod dane;
pub(in crate::upstream) mod mta_sts;
pub(in crate::upstream) mod mx;
pub(in crate::upstream) mod resolver;
