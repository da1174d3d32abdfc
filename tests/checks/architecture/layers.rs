//! The layer table of `ARCHITECTURE.md`: which module may use which.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    hold,
    source::{sources, text, without_tests},
};

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
    let text = text("ARCHITECTURE.md");
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

#[test]
fn modules_use_only_those_that_the_table_allows() {
    let layers = layers();
    let mut violations = Vec::new();
    for source in sources() {
        if matches!(source.layer.as_str(), "lib" | "main") {
            continue;
        }
        let Some(may_use) = layers.get(&source.layer) else {
            violations.push(format!(
                "{}: module `{}` is not in the layer table",
                source.path, source.layer
            ));
            continue;
        };
        let Some(may_use) = may_use else { continue };
        for name in used(&source.code) {
            // Only modules are looked at: the crate's root has nothing else.
            if layers.contains_key(&name) && name != source.layer && !may_use.contains(&name) {
                violations.push(format!(
                    "{}: uses `{name}`, which the layer table does not allow `{}`",
                    source.path, source.layer
                ));
            }
        }
    }
    hold(&violations);
}

#[test]
fn the_engine_of_the_queue_uses_the_core_and_the_settings_of_the_queue_alone() {
    let sources = sources();
    let core: BTreeSet<&String> = sources
        .iter()
        .filter(|source| source.path.starts_with("crates/core/"))
        .map(|source| &source.layer)
        .collect();
    let modules: BTreeSet<&String> = sources.iter().map(|source| &source.layer).collect();
    let effects = ["driver::", "api::", "forecast::", "outgoing::"];
    let mut violations = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("src/queue/engine/")) {
        for name in used(&source.code) {
            if modules.contains(&name) && !core.contains(&name) && name != "queue" {
                violations.push(format!("{}: uses `{name}`, which has effects", source.path));
            }
        }
        for part in effects.iter().filter(|part| source.code.contains(**part)) {
            violations.push(format!("{}: uses `queue::{part}`", source.path));
        }
    }
    assert!(core.len() > 5, "the modules of the core were found");
    hold(&violations);
}

#[test]
fn the_table_names_modules_that_exist_and_has_no_circle() {
    let layers = layers();
    let exist: BTreeSet<String> = sources().into_iter().map(|source| source.layer).collect();
    let mut violations: Vec<String> = layers
        .keys()
        .filter(|name| !exist.contains(*name))
        .map(|name| format!("there is no `{name}`"))
        .collect();
    // The rows stand in the order in which they build on each other.
    let text = text("ARCHITECTURE.md");
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
