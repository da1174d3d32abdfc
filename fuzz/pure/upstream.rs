//! Of the way out, what looks at octets alone.

#[path = "../../src/upstream/stuffing.rs"]
pub(crate) mod stuffing;
