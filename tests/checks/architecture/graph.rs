//! Which file uses which, and the circles among them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    paths::{How, Named, named},
    source::{PACKAGES, Source},
};

/// Which files each file uses, by their paths from the root.
pub(crate) type Uses = BTreeMap<String, BTreeSet<String>>;

/// A module: one file, and the names that it passes on from others.
struct Module<'a> {
    source: &'a Source,
    named: Vec<Named>,
}

/// All modules by their path.
struct Modules<'a>(BTreeMap<Vec<String>, Module<'a>>);

/// Which file uses which. A file that imports from a `mod.rs` uses the file that declares the item.
/// What a `mod.rs` or `lib.rs` passes on with `pub use` it does not use itself.
pub(crate) fn uses(sources: &[Source]) -> Uses {
    let modules = Modules(
        sources
            .iter()
            .filter(|source| source.path != "src/main.rs")
            .map(|source| (source.module.clone(), Module { source, named: named(&source.code) }))
            .collect(),
    );
    let of = |module: &Module<'_>| (module.source.path.clone(), modules.used_by(module));
    modules.0.values().map(of).collect()
}

impl Modules<'_> {
    fn used_by(&self, module: &Module<'_>) -> BTreeSet<String> {
        let here = &module.source.module;
        let introduces = ["mod.rs", "lib.rs"].iter().any(|name| module.source.path.ends_with(name));
        let mut used = BTreeSet::new();
        let mut imported_modules = Vec::new();
        for named in &module.named {
            let Some(path) = self.absolute(here, &named.path) else { continue };
            match named.how {
                How::ReExport if introduces => {}
                How::Import if self.module_of(&path).is_some() => {
                    imported_modules.push((named.name.clone(), path));
                }
                How::Import | How::ReExport | How::InCode => used.extend(self.file_of(&path, 0)),
            }
        }
        // `use crate::a::b;` and then `b::C`: what counts is C.
        for (name, path) in imported_modules {
            let inside: Vec<String> = module
                .named
                .iter()
                .filter(|named| named.how == How::InCode && named.path.first() == Some(&name))
                .flat_map(|named| {
                    let rest = named.path.iter().skip(1).cloned();
                    self.file_of(&path.iter().cloned().chain(rest).collect::<Vec<_>>(), 0)
                })
                .collect();
            used.extend(inside);
        }
        used.remove(&module.source.path);
        used
    }

    /// A path from the root of its package; none of what is not ours.
    fn absolute(&self, here: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut base = here.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                base.truncate(1);
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            package if PACKAGES.iter().any(|(name, _)| *name == package) => {
                return Some(path.to_vec());
            }
            // A module below this one.
            first => {
                base.push(first.to_owned());
                self.0.get(&base)?;
                rest = &path[1..];
            }
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The module that a path names, through what others pass on.
    fn module_of(&self, path: &[String]) -> Option<Vec<String>> {
        if self.0.contains_key(path) {
            return Some(path.to_vec());
        }
        let (last, above) = path.split_last()?;
        let above = self.module_of(above)?;
        let direct = [above.as_slice(), std::slice::from_ref(last)].concat();
        if self.0.contains_key(&direct) {
            return Some(direct);
        }
        let passed = self.0.get(&above)?.named.iter();
        passed
            .filter(|named| named.how == How::ReExport && named.name == *last)
            .find_map(|named| self.module_of(&self.absolute(&above, &named.path)?))
    }

    /// The file that declares what a path names.
    fn file_of(&self, path: &[String], depth: usize) -> Option<String> {
        // The longest beginning that is a module; the next part is a name in it.
        let (length, module) =
            (1..=path.len()).rev().find_map(|n| Some((n, self.module_of(path.get(..n)?)?)))?;
        let file = self.0.get(&module)?;
        let Some(name) = path.get(length).filter(|_| depth < 8) else {
            return Some(file.source.path.clone());
        };
        let passed_on = file.named.iter().filter(|named| named.how != How::InCode);
        let (globs, names): (Vec<_>, Vec<_>) =
            passed_on.partition(|named| named.name == "*" && named.how == How::ReExport);
        for named in names.into_iter().filter(|named| named.name == *name) {
            let Some(path) = self.absolute(&module, &named.path) else { continue };
            if let Some(file) = self.file_of(&path, depth + 1) {
                return Some(file);
            }
        }
        for glob in globs {
            let Some(mut path) = self.absolute(&module, &glob.path) else { continue };
            path.pop();
            path.push(name.clone());
            if let Some(found) = self.file_of(&path, depth + 1)
                && declares(&self.source_code(&found), name)
            {
                return Some(found);
            }
        }
        Some(file.source.path.clone())
    }

    fn source_code(&self, path: &str) -> String {
        let module = self.0.values().find(|module| module.source.path == path);
        module.map(|module| module.source.code.clone()).unwrap_or_default()
    }
}

fn declares(code: &str, name: &str) -> bool {
    ["struct", "enum", "trait", "fn", "const", "type", "static"]
        .iter()
        .any(|kind| code.contains(&format!("{kind} {name}")))
}

/// The sets of files that use each other, directly or through others.
pub(crate) fn circles(uses: &Uses) -> Vec<BTreeSet<String>> {
    let reach: BTreeMap<&String, BTreeSet<&String>> =
        uses.keys().map(|file| (file, reached(uses, file))).collect();
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for (file, seen) in &reach {
        if !seen.contains(file) || circles.iter().any(|circle| circle.contains(*file)) {
            continue;
        }
        let back = |other: &&&String| reach.get(**other).is_some_and(|all| all.contains(file));
        circles.push(seen.iter().filter(back).map(|other| (*other).clone()).collect());
    }
    circles
}

/// Every file that this one uses, directly or through others.
fn reached<'a>(uses: &'a Uses, file: &String) -> BTreeSet<&'a String> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&String> = uses.get(file).into_iter().flatten().collect();
    while let Some(next) = open.pop() {
        if seen.insert(next) {
            open.extend(uses.get(next).into_iter().flatten());
        }
    }
    seen
}

#[test]
fn the_graph_follows_what_is_passed_on_and_finds_circles() {
    let source = |path: &str, module: &[&str], code: &str| Source {
        path: path.to_owned(),
        layer: String::new(),
        module: module.iter().map(|part| (*part).to_owned()).collect(),
        code: code.to_owned(),
        lines: 1,
        opens_with_purpose: true,
    };
    let uses = uses(&[
        source("src/lib.rs", &["postroom"], "pub mod a; pub use postroom_core::model;"),
        source("src/a/mod.rs", &["postroom", "a"], "mod b; mod c; pub use b::B; use c::C;"),
        source("src/a/b.rs", &["postroom", "a", "b"], "use super::c; pub struct B; c::C::new()"),
        source("src/a/c.rs", &["postroom", "a", "c"], "use crate::{a::B, model::Size};"),
        source("crates/core/src/lib.rs", &["postroom_core"], "pub mod model;"),
        source("crates/core/src/model.rs", &["postroom_core", "model"], "pub struct Size;"),
    ]);
    let of = |file: &str| uses.get(file).unwrap().iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(of("src/a/mod.rs"), ["src/a/c.rs"]);
    assert_eq!(of("src/a/b.rs"), ["src/a/c.rs"]);
    assert_eq!(of("src/a/c.rs"), ["crates/core/src/model.rs", "src/a/b.rs"]);
    let circle = circles(&uses).remove(0);
    assert_eq!(circle.iter().collect::<Vec<_>>(), ["src/a/b.rs", "src/a/c.rs"]);
}
