//! The `postroom` command. Everything is in the library; see `cli`.

fn main() {}
