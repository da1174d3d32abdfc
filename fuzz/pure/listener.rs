//! Of the listener, what looks at octets alone.

#[path = "../../src/listener/hello.rs"]
pub(crate) mod hello;
