//! Holds the code to `ARCHITECTURE.md`: who may use whom, which file alone names a library, and how
//! long a file may be.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Lines of a file before its tests.
const LONGEST_FILE: usize = 450;

/// Files that are longer and about to be split. This list only shrinks.
const LONG_FILES: [&str; 5] = [
    "crates/sandbox/src/fault/replies.rs",
    "crates/sandbox/src/token/mod.rs",
    "src/config/route.rs",
    "src/queue/driver/core.rs",
    "src/upstream/session.rs",
];

/// Where the code is: the daemon, what it decides by, and the stand-in for Exchange Online.
const SOURCES: [&str; 3] = ["src", "crates/core/src", "crates/sandbox/src"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One source file, without what is compiled for tests only.
struct Source {
    path: PathBuf,
    /// `config` for `src/config/table.rs`.
    module: String,
    /// Without comments.
    code: String,
    lines: usize,
    opens_with_purpose: bool,
}

fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in SOURCES {
        walk(&root().join(folder), &mut paths);
    }
    let texts: Vec<(PathBuf, String)> =
        paths.into_iter().map(|path| (path.clone(), fs::read_to_string(&path).unwrap())).collect();
    let for_tests: Vec<PathBuf> =
        texts.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    let is_for_tests = |path: &Path| {
        for_tests
            .iter()
            .any(|module| path == module.with_extension("rs") || path.starts_with(module))
    };
    texts
        .into_iter()
        .filter(|(path, _)| !is_for_tests(path))
        .map(|(path, text)| Source::new(path, &text))
        .collect()
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

impl Source {
    fn new(path: PathBuf, text: &str) -> Self {
        let module = module(&path);
        let kept = without_tests(text);
        let code = kept
            .iter()
            .filter(|line| !line.trim_start().starts_with("//"))
            .copied()
            .collect::<Vec<_>>()
            .join("\n");
        Self { module, code, lines: kept.len(), opens_with_purpose: text.starts_with("//! "), path }
    }
}

/// The row of the layer table that a file belongs to. The sandbox is one row.
fn module(path: &Path) -> String {
    let inside = path.strip_prefix(root()).unwrap();
    if inside.starts_with("crates/sandbox") {
        return "sandbox".to_owned();
    }
    let inside = inside.strip_prefix("crates/core/src").or(inside.strip_prefix("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
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
fn without_tests(text: &str) -> Vec<&str> {
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

/// The modules that a text names after `crate::` or `postroom_core::`.
fn used(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let paths = ["crate::", "postroom_core::"];
    for (place, found) in paths.iter().flat_map(|path| code.match_indices(path)) {
        let before = code.get(..place).unwrap().chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = code.get(place + found.len()..).unwrap();
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group_names(group)),
            None => names.extend(identifier(rest)),
        }
    }
    names
}

/// The first names of `a::b, c::{d, e}}`, up to the brace that ends it.
fn group_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut begins = true;
    for (place, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if begins && depth == 0 && !c.is_whitespace() => {
                names.extend(identifier(group.get(place..).unwrap()));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

fn identifier(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// What each module may use, as the layer table has it; `all` is none.
fn layers() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let Some((_, table)) = text.split_once("| module | what lives there | may use | effects |")
    else {
        panic!("ARCHITECTURE.md has no layer table");
    };
    let mut layers = BTreeMap::new();
    for row in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [module, _, may_use, _] = cells.as_slice() else {
            panic!("a row without four cells: {row}")
        };
        let may_use = match *may_use {
            "all" => None,
            list => Some(
                list.split(',')
                    .map(str::trim)
                    .filter(|name| !name.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
        };
        layers.insert(module.trim_matches('`').to_owned(), may_use);
    }
    layers
}

fn hold(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

fn shown(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
}

#[test]
fn modules_use_only_those_that_the_table_allows() {
    let layers = layers();
    let mut violations = Vec::new();
    for source in sources() {
        if matches!(source.module.as_str(), "lib" | "main") {
            continue;
        }
        let Some(may_use) = layers.get(&source.module) else {
            violations.push(format!(
                "{}: module `{}` is not in the layer table",
                shown(&source.path),
                source.module
            ));
            continue;
        };
        let Some(may_use) = may_use else { continue };
        for name in used(&source.code) {
            // Only modules are looked at: the crate's root has nothing else.
            if layers.contains_key(&name) && name != source.module && !may_use.contains(&name) {
                violations.push(format!(
                    "{}: uses `{name}`, which the layer table does not allow `{}`",
                    shown(&source.path),
                    source.module
                ));
            }
        }
    }
    hold(&violations);
}

#[test]
fn the_table_names_modules_that_exist_and_has_no_circle() {
    let layers = layers();
    let exist: BTreeSet<String> = sources().into_iter().map(|source| source.module).collect();
    let mut violations: Vec<String> = layers
        .keys()
        .filter(|name| !exist.contains(*name))
        .map(|name| format!("there is no `{name}`"))
        .collect();
    // The rows stand in the order in which they build on each other.
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let place = |name: &str| text.find(&format!("\n| `{name}` |")).unwrap_or(usize::MAX);
    for (module, may_use) in &layers {
        for used in may_use.iter().flatten() {
            if place(used) >= place(module) {
                violations.push(format!("`{module}` may use `{used}`, which stands below it"));
            }
        }
    }
    hold(&violations);
}

#[test]
fn a_library_with_an_owner_is_named_by_its_owner_alone() {
    let owned = [
        ("sled", "src/spool/store"),
        ("mail_send", "src/upstream/session"),
        ("openssl", "src/listener/"),
        ("reqwest", "src/oauth/"),
    ];
    let mut violations = Vec::new();
    for source in sources() {
        let path = shown(&source.path);
        for (library, owner) in owned {
            let names = source.code.contains(&format!("{library}::"))
                || source.code.contains(&format!("use {library};"));
            if names && !path.starts_with(owner) {
                violations.push(format!("{path}: names {library}, which only {owner} may"));
            }
        }
    }
    hold(&violations);
}

#[test]
fn no_file_is_longer_than_a_newcomer_can_keep_in_mind() {
    let long = sources().into_iter().filter(|source| {
        source.lines > LONGEST_FILE && !LONG_FILES.contains(&shown(&source.path).as_str())
    });
    hold(
        &long
            .map(|source| {
                format!(
                    "{}: {} lines before its tests; split it",
                    shown(&source.path),
                    source.lines
                )
            })
            .collect::<Vec<_>>(),
    );
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let mute = sources().into_iter().filter(|source| !source.opens_with_purpose);
    hold(
        &mute
            .map(|source| format!("{}: does not open with //!", shown(&source.path)))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn imports_do_not_climb() {
    let climbing = sources().into_iter().filter(|source| source.code.contains("super::super"));
    hold(
        &climbing
            .map(|source| format!("{}: write crate:: instead of super::super", shown(&source.path)))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn the_reader_of_imports_finds_what_is_used() {
    let check = |code: &str, names: &[&str]| {
        assert_eq!(used(code), names.iter().map(|name| (*name).to_owned()).collect(), "{code}");
    };
    check(
        "use crate::{clock::Clock, model::{Address, self}, spool};",
        &["clock", "model", "spool"],
    );
    check("use crate::{\n    a::{b::{c, d}, e},\n    f,\n};\nuse crate::g::h;", &["a", "f", "g"]);
    check("let x = crate::spool::Spool::open(); mycrate::other::x()", &["spool"]);
    let text = "use crate::a;\n#[cfg(test)]\nmod tests {\n    use crate::b;\n}\nuse \
        crate::c;\n#[cfg(test)]\nuse crate::d;\nfn x() {}\n";
    check(&without_tests(text).join("\n"), &["a", "c"]);
}
