//! The source files of the workspace, without what is compiled for tests only.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the code is: the package's name in paths, and its folder. The daemon's is `crate`.
pub(crate) const PACKAGES: [(&str, &str); 4] = [
    ("postroom", "src"),
    ("postroom_core", "crates/core/src"),
    ("postroom_sandbox", "crates/sandbox/src"),
    ("postroom_journal", "crates/journal/src"),
];

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file, by its path from the root.
pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// One source file.
pub(crate) struct Source {
    /// From the root: `src/config/table.rs`.
    pub(crate) path: String,
    /// Its row in the layer table: `config`. The sandbox and the journal are one row each.
    pub(crate) layer: String,
    /// Its path as a module: `["postroom", "config", "table"]`.
    pub(crate) module: Vec<String>,
    /// Without tests and comments.
    pub(crate) code: String,
    /// Lines before and between its tests.
    pub(crate) lines: usize,
    /// Whether it begins with `//!`.
    pub(crate) opens_with_purpose: bool,
}

impl Source {
    fn read(package: &str, folder: &str, path: &Path, text: &str) -> Self {
        let kept = without_tests(text);
        let shown = shown(path);
        let mut module = vec![package.to_owned()];
        let inside = shown.strip_prefix(folder).unwrap().trim_end_matches(".rs");
        module.extend(inside.split('/').filter(|part| !part.is_empty()).map(str::to_owned));
        if module.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib")) {
            module.pop();
        }
        let layer = match package {
            "postroom_sandbox" | "postroom_journal" => package.trim_start_matches("postroom_"),
            _ => module.get(1).map_or("lib", String::as_str),
        };
        Self {
            layer: layer.to_owned(),
            code: without_comments(&kept.join("\n")),
            lines: kept.len(),
            opens_with_purpose: text.starts_with("//! "),
            path: shown,
            module,
        }
    }
}

/// Every source file that is compiled into a library or program.
pub(crate) fn sources() -> Vec<Source> {
    PACKAGES.iter().flat_map(|(package, folder)| package_sources(package, folder)).collect()
}

fn package_sources(package: &str, folder: &str) -> Vec<Source> {
    let texts: Vec<(PathBuf, String)> = files(folder, "rs")
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect();
    let for_tests: Vec<PathBuf> =
        texts.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    let is_for_tests = |path: &Path| {
        for_tests
            .iter()
            .any(|module| path == module.with_extension("rs") || path.starts_with(module))
    };
    texts
        .iter()
        .filter(|(path, _)| !is_for_tests(path))
        .map(|(path, text)| Source::read(package, folder, path, text))
        .collect()
}

/// The files with this extension below a folder, in order.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(&root().join(folder), extension, &mut found);
    found.sort();
    found
}

fn walk(folder: &Path, extension: &str, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}")) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, extension, into);
        } else if path.extension().is_some_and(|found| found == extension) {
            into.push(path);
        }
    }
}

/// A path from the root.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().display().to_string()
}

/// The files that `#[cfg(test)] mod tests;` brings in: their path without extension.
fn test_modules(path: &Path, text: &str) -> Vec<PathBuf> {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let folder = if matches!(name, "mod" | "lib" | "main") {
        path.parent().unwrap().to_owned()
    } else {
        path.with_extension("")
    };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter(|pair| pair.first() == Some(&"#[cfg(test)]"));
    let declared = pairs.filter_map(|pair| pair.last()?.strip_suffix(';')?.split_once("mod "));
    declared.map(|(_, name)| folder.join(name)).collect()
}

/// Leaves out each item under `#[cfg(test)]`. rustfmt ends an item at the indentation at which it
/// began.
pub(crate) fn without_tests(text: &str) -> Vec<&str> {
    let mut kept = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.push(line);
            continue;
        }
        let indentation = line.len() - line.trim_start().len();
        let is_last = |line: &str| {
            let here = line.len() - line.trim_start().len() == indentation;
            here && (line.trim_start().starts_with(['}', ')'])
                || line.ends_with(';')
                || line.ends_with('}'))
        };
        for line in lines.by_ref() {
            if is_last(line) {
                break;
            }
        }
    }
    kept
}

/// Leaves out the lines that are comments.
fn without_comments(text: &str) -> String {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}
