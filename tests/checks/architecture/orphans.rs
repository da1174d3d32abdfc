//! Every file is compiled: some module names it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{
    hold,
    source::{files, shown},
};

/// Where the files of the workspace are.
const FOLDERS: [&str; 4] = ["src", "crates", "tests", "benches"];

/// Whether the compiler begins here: a library, a program, or a test program.
fn is_root(path: &Path) -> bool {
    let path = shown(path);
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["src", file] | ["crates", _, "src", file] => matches!(*file, "lib.rs" | "main.rs"),
        ["crates", _, "tests" | "benches", _] | ["benches", _] => true,
        ["crates", _, "build.rs"] => true,
        ["tests", _, file] | ["crates", _, "tests" | "benches", _, file] => *file == "main.rs",
        _ => false,
    }
}

/// The files that the `mod` lines of a file name.
fn named(path: &Path, text: &str) -> Vec<PathBuf> {
    let folder = path.parent().unwrap();
    let name = path.file_stem().unwrap().to_str().unwrap();
    let inside =
        if matches!(name, "mod" | "lib" | "main") { folder.to_owned() } else { folder.join(name) };
    let mut found = Vec::new();
    let mut elsewhere = None;
    for line in text.lines().map(str::trim) {
        if let Some(quoted) = line.strip_prefix("#[path = \"") {
            elsewhere = quoted.split('"').next().map(|file| folder.join(file));
        } else if let Some(module) = module_of(line) {
            match elsewhere.take() {
                Some(file) => found.push(file),
                None => {
                    let module = inside.join(module);
                    found.extend([module.with_extension("rs"), module.join("mod.rs")]);
                }
            }
        }
    }
    found
}

/// The module that a line such as `pub(crate) mod name;` names.
fn module_of(line: &str) -> Option<&str> {
    let (before, name) = line.strip_suffix(';')?.split_once("mod ")?;
    let is_declaration = before.is_empty() || before.starts_with("pub");
    let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    (is_declaration && is_name).then_some(name)
}

#[test]
fn every_file_is_named_by_a_module() {
    let all: Vec<PathBuf> = FOLDERS.iter().flat_map(|folder| files(folder, "rs")).collect();
    let mut open: Vec<PathBuf> = all.iter().filter(|path| is_root(path)).cloned().collect();
    let mut reached = BTreeSet::new();
    while let Some(path) = open.pop() {
        // Of `name.rs` and `name/mod.rs`, only one exists.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let path = path.canonicalize().unwrap();
        if reached.insert(path.clone()) {
            open.extend(named(&path, &text));
        }
    }
    let orphans = all.iter().filter(|path| !reached.contains(&path.canonicalize().unwrap()));
    hold(
        &orphans
            .map(|path| format!("{}: no module names it, so nothing compiles it", shown(path)))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn the_lines_that_name_modules_are_recognised() {
    for (line, module) in [
        ("mod name;", Some("name")),
        ("pub(crate) mod name;", Some("name")),
        ("mod tests {", None),
        ("// the mod name;", None),
        ("use crate::mod_name;", None),
    ] {
        assert_eq!(module_of(line), module, "{line}");
    }
}
