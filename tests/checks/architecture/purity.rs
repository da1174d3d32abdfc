//! What the parts that decide do without: the core package, and the queue's engine.

use std::collections::BTreeSet;

use super::{
    hold,
    paths::named,
    source::{Source, sources, text},
};

/// Where nothing may have an effect.
const PURE: [&str; 2] = ["crates/core/src/", "src/queue/engine/"];

/// What would be one.
const EFFECTS: [&str; 11] = [
    "tokio",
    "std::fs",
    "std::io::stdin",
    "std::io::stdout",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::os::unix::net",
    "std::process",
    "std::thread",
    "std::env",
];

/// The libraries of the core package. None of them can open a socket or a file for it, or tell the
/// time: what they offer of that is behind features that are off, or named in [`EFFECTS`].
const LIBRARIES: [&str; 14] = [
    "base64",
    "encoding_rs",
    "hmac",
    "idna",
    "jiff",
    "mail-parser",
    "md-5",
    "memchr",
    "serde",
    "sha2",
    "smtp-proto",
    "subtle",
    "thiserror",
    "zeroize",
];

fn effects(source: &Source) -> BTreeSet<String> {
    let is_effect = |path: &String| {
        EFFECTS.iter().any(|effect| path == effect || path.starts_with(&format!("{effect}::")))
    };
    let is_effect = |path: &String| {
        is_effect(path) || ["SystemTime::now", "Instant::now"].iter().any(|end| path.ends_with(end))
    };
    let paths = named(&source.code).into_iter().map(|named| named.path.join("::"));
    paths.filter(is_effect).collect()
}

#[test]
fn what_decides_has_no_effects() {
    let sources = sources();
    let pure =
        sources.iter().filter(|source| PURE.iter().any(|folder| source.path.starts_with(folder)));
    hold(
        &pure
            .flat_map(|source| {
                effects(source).into_iter().map(|effect| format!("{}: uses {effect}", source.path))
            })
            .collect::<Vec<_>>(),
    );
}

#[test]
fn the_core_package_has_no_other_libraries() {
    let manifest = text("crates/core/Cargo.toml");
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").unwrap();
    let names = dependencies
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| Some(line.split(['.', '=', ' ']).next()?.to_owned()))
        .filter(|name| !name.is_empty() && !name.starts_with('#'));
    hold(
        &names
            .filter(|name| !LIBRARIES.contains(&name.as_str()))
            .map(|name| format!("crates/core depends on {name}"))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_secret_cannot_be_printed_or_serialised() {
    let code = text("crates/core/src/model/secret.rs");
    for shown in ["Debug", "Display", "Serialize", "ToString"] {
        let implemented = code.lines().any(|line| {
            let line = line.trim_start();
            (line.starts_with("impl") || line.starts_with("#[derive")) && line.contains(shown)
        });
        assert!(!implemented, "a secret has {shown}");
    }
}
