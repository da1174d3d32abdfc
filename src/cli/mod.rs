//! The commands (`postroom run`, `check`, `queue …`): thin, talking to the daemon over its admin socket.

pub mod sandbox;
