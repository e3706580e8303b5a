//! The rules of docs/explanation/architecture.md that a compiler does not check: imports point down, no files import each other in
//! circles, and no type's name stands for two things.

#![allow(missing_docs, reason = "the names of tests are sentences")]
#![allow(clippy::disallowed_methods, reason = "this is another program")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails in no other way")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::Visit;
use syn::{
    Attribute, Item, ItemEnum, ItemMod, ItemStruct, ItemTrait, ItemType, ItemUse, UseTree, Visibility,
};

/// The floors of the house, lowest first. A room imports from floors below its own, and from itself.
const FLOORS: &[&[&str]] = &[
    &["base"],
    &["catalogue", "settings"],
    &["access"],
    &["guest", "clients"],
    &["machine", "ui"],
    &["export"],
    &["services"],
    &["cli"],
    &["error"],
    &["commands"],
    &["lib"],
    &["main", "fuzzing"],
];

#[test]
fn imports_of_the_program_point_down() {
    let sources = Sources::read(Path::new("src"));
    assert_eq!(sources.upward_imports(FLOORS), Vec::<String>::new());
}

#[test]
fn no_files_import_each_other_in_circles() {
    for root in ["src", "benches/peers"] {
        let sources = Sources::read(Path::new(root));
        assert!(sources.files.len() > 3, "{root} was read");
        assert_eq!(sources.circles(), Vec::<Vec<String>>::new(), "{root}");
    }
}

#[test]
fn a_planted_circle_is_found() {
    let planted = Sources::of(&[
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod x; pub use self::x::X;"),
        ("a/x.rs", "use crate::b::B; pub struct X;"),
        ("b.rs", "pub struct B; fn f(_: crate::a::X) {}"),
    ]);
    assert_eq!(planted.circles(), [["a/x.rs", "b.rs"]]);
}

#[test]
fn a_planted_import_that_points_up_is_found() {
    let floors: &[&[&str]] = &[&["low"], &["high", "other"], &["lib"]];
    let planted = |low: &str, high: &str| {
        Sources::of(&[
            ("lib.rs", "mod low; mod high; mod other;"),
            ("low.rs", low),
            ("high.rs", high),
            ("other.rs", ""),
        ])
        .upward_imports(floors)
    };
    assert_eq!(planted("use crate::high::H;", ""), ["low.rs imports high.rs"]);
    assert_eq!(planted("", "use crate::other::O;"), ["high.rs imports other.rs"]);
    assert_eq!(planted("", "use crate::low::L;"), Vec::<String>::new());
    assert_eq!(planted("#[cfg(test)] mod tests { use crate::high::H; }", ""), Vec::<String>::new());
}

#[test]
fn no_name_of_a_type_stands_for_two_things() {
    assert_eq!(Sources::read(Path::new("src")).shared_names(), Vec::<String>::new());
}

#[test]
fn a_planted_name_for_two_things_is_found() {
    let planted = Sources::of(&[
        ("lib.rs", "mod a; mod b; enum Error {}"),
        ("a.rs", "struct Entry; enum Error {}"),
        ("b.rs", "type Entry = u8; #[cfg(test)] mod tests { struct A; }"),
        ("base/platform/unix.rs", "pub struct Owner;"),
        ("base/platform/windows.rs", "pub struct Owner;"),
    ]);
    assert_eq!(planted.shared_names(), ["Entry: a.rs, b.rs"]);
}

#[test]
fn what_differs_between_systems_is_in_one_folder() {
    let mut texts = Vec::new();
    collect(Path::new("src"), Path::new("src"), &mut texts);
    let marks =
        ["std::os::", "rustix::", "signal_hook", "\"/proc", "cfg(unix)", "cfg(windows)", "cfg(target_os"];
    let is_odd = |(path, text): &(String, String)| {
        !path.starts_with("base/platform/") && marks.iter().any(|mark| text.contains(mark))
    };
    let odd: Vec<&str> = texts.iter().filter(|file| is_odd(file)).map(|(path, _)| path.as_str()).collect();
    assert_eq!(odd, Vec::<&str>::new());
}

/// The files of a crate, and what each imports.
struct Sources {
    /// By the path below the crate's root.
    files: BTreeMap<String, Parsed>,
    /// By the module.
    modules: BTreeMap<Vec<String>, String>,
}

#[derive(Default)]
struct Parsed {
    /// Paths from the crate's root: `["base", "files", "Error"]`.
    imports: BTreeSet<Vec<String>>,
    /// Names that are re-exported, and where they are from.
    reexports: BTreeMap<String, Vec<String>>,
    /// The names of types and traits that are defined here.
    types: BTreeSet<String>,
}

impl Sources {
    fn read(root: &Path) -> Self {
        let mut texts = Vec::new();
        collect(root, root, &mut texts);
        let texts: Vec<(&str, &str)> =
            texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        Self::of(&texts)
    }

    fn of(texts: &[(&str, &str)]) -> Self {
        let parse = |(path, text): &(&str, &str)| {
            let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
            let mut reader = Reader { module: module_of(path), parsed: Parsed::default() };
            reader.visit_file(&file);
            ((*path).to_owned(), reader.parsed)
        };
        let files: BTreeMap<String, Parsed> = texts.iter().map(parse).collect();
        let modules = files.keys().map(|file| (module_of(file), file.clone())).collect();
        Self { files, modules }
    }

    /// The file that defines what `path` names, through all re-exports.
    fn file_of(&self, path: &[String]) -> Option<&str> {
        let length = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]))?;
        let file = &self.modules[&path[..length]];
        match path.get(length).and_then(|name| self.files[file].reexports.get(name)) {
            Some(origin) if origin.as_slice() != path => self.file_of(origin),
            _ => Some(file),
        }
    }

    /// The files that `file` imports.
    fn imported_by(&self, file: &str) -> BTreeSet<&str> {
        let imports = self.files[file].imports.iter().filter_map(|path| self.file_of(path));
        imports.filter(|imported| *imported != file).collect()
    }

    fn upward_imports(&self, floors: &[&[&str]]) -> Vec<String> {
        let floor = |room: &str| {
            floors
                .iter()
                .position(|rooms| rooms.contains(&room))
                .unwrap_or_else(|| panic!("`{room}` has no floor"))
        };
        let mut upward = Vec::new();
        for file in self.files.keys() {
            for imported in self.imported_by(file) {
                let (from, to) = (room_of(file), room_of(imported));
                if from != to && floor(&to) >= floor(&from) {
                    upward.push(format!("{file} imports {imported}"));
                }
            }
        }
        upward
    }

    /// Names of types that several files define, with the files. Each module has an `Error`, and the systems' files have
    /// one interface.
    fn shared_names(&self) -> Vec<String> {
        let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (file, parsed) in &self.files {
            let owner = if file.starts_with("base/platform/") { "base/platform" } else { file };
            for name in parsed.types.iter().filter(|name| *name != "Error") {
                files.entry(name).or_default().insert(owner);
            }
        }
        let shared = files.into_iter().filter(|(_, files)| files.len() > 1);
        shared.map(|(name, files)| format!("{name}: {}", Vec::from_iter(files).join(", "))).collect()
    }

    /// The groups of files each of which leads to each other one.
    fn circles(&self) -> Vec<Vec<String>> {
        let imports: BTreeMap<&str, BTreeSet<&str>> =
            self.files.keys().map(|file| (file.as_str(), self.imported_by(file))).collect();
        let reach: BTreeMap<&str, BTreeSet<&str>> =
            imports.keys().map(|file| (*file, reached_from(file, &imports))).collect();
        let mut circles = BTreeSet::new();
        for (file, reached) in &reach {
            if reached.contains(file) {
                let together = reached.iter().filter(|other| reach[*other].contains(file));
                circles.insert(together.map(ToString::to_string).collect::<Vec<_>>());
            }
        }
        circles.into_iter().collect()
    }
}

fn reached_from<'s>(file: &'s str, imports: &BTreeMap<&'s str, BTreeSet<&'s str>>) -> BTreeSet<&'s str> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![file]);
    while let Some(file) = next.pop() {
        next.extend(imports[file].iter().copied().filter(|imported| reached.insert(*imported)));
    }
    reached
}

fn collect(root: &Path, folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, texts);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            texts.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// `base/files/mod.rs` is the module `base::files`.
fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    match path {
        // Both are roots; nothing imports the program's `main`.
        "lib" => Vec::new(),
        path => path.split('/').map(ToOwned::to_owned).collect(),
    }
}

/// The folder at the top that a file is in, or the file itself.
fn room_of(file: &str) -> String {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs").to_owned()
}

/// Reads the imports of a file; tests are left out.
struct Reader {
    module: Vec<String>,
    parsed: Parsed,
}

impl Reader {
    /// `path` from the crate's root; none when it leads out of the crate.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut base = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" => self.module.clone(),
            "super" => self.module[..self.module.len().checked_sub(1)?].to_vec(),
            _ => return None,
        };
        for name in &path[1..] {
            if name == "super" {
                base.pop()?;
            } else if name != "self" {
                base.push(name.clone());
            }
        }
        Some(base)
    }

    fn add_use(&mut self, tree: &UseTree, before: &[String], is_public: bool) {
        let with = |name: &dyn ToString| [before, &[name.to_string()]].concat();
        let (path, name) = match tree {
            UseTree::Path(path) => return self.add_use(&path.tree, &with(&path.ident), is_public),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|item| self.add_use(item, before, is_public));
            }
            UseTree::Name(name) => (with(&name.ident), name.ident.to_string()),
            UseTree::Rename(rename) => (with(&rename.ident), rename.rename.to_string()),
            UseTree::Glob(_) => (before.to_vec(), String::new()),
        };
        let Some(path) = self.absolute(&path) else { return };
        if is_public {
            self.parsed.reexports.insert(name, path);
        } else {
            self.parsed.imports.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        let name = match item {
            Item::Struct(ItemStruct { ident, attrs, .. })
            | Item::Enum(ItemEnum { ident, attrs, .. })
            | Item::Trait(ItemTrait { ident, attrs, .. })
            | Item::Type(ItemType { ident, attrs, .. })
                if !is_for_tests(attrs) =>
            {
                Some(ident.to_string())
            }
            _ => None,
        };
        self.parsed.types.extend(name);
        syn::visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !is_for_tests(&item.attrs) {
            syn::visit::visit_item_impl(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.add_use(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if names.len() > 1
            && let Some(path) = self.absolute(&names)
        {
            self.parsed.imports.insert(path);
        }
        syn::visit::visit_path(self, path);
    }
}

/// `#[cfg(test)]`, or `#[cfg(any(test, fuzzing))]`.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    let text = |attribute: &Attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => list.tokens.to_string(),
        _ => String::new(),
    };
    attributes.iter().map(text).any(|tokens| tokens == "test" || tokens.starts_with("any (test"))
}
