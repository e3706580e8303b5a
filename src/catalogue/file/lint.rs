//! The rules of service files that their form does not show: what belongs together, and what must not be there
//! twice. They look at the tree, so that a mistake elsewhere in the file hides none of them.

mod installed_files;

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::{Diagnostic, Field};
use super::document::Node;
use crate::base::suggest::nearest;
use crate::base::types::ServiceName;
use crate::catalogue::client::{ADDRESS_BEGINS, ALIAS_VALUES, RELEASE_VALUES};
use crate::catalogue::install_step::{GUEST_FILE_VALUES, PROGRAM_VALUE, RELEASE_FOLDER_VALUES};
use crate::catalogue::template::Template;
use crate::catalogue::types::{BUILT_IN_VALUES, Service};

/// What is wrong with the file whose root is `root`. It adds to `known`, if there is a service of its name.
pub(crate) fn diagnostics(root: &Node, known: Option<&Service>) -> Vec<Diagnostic> {
    let mut lint = Lint { known, diagnostics: Vec::new() };
    lint.service(root);
    lint.diagnostics
}

struct Lint<'a> {
    known: Option<&'a Service>,
    diagnostics: Vec<Diagnostic>,
}

impl Lint<'_> {
    fn service(&mut self, root: &Node) {
        let whole = Field::default();
        if let Some(name) = root.get("name") {
            let is_taken = name.text().is_some_and(|name| RESERVED.contains(&name));
            self.unless(!is_taken, name, &whole.key("name"), "is the name of a file in a machine's folder");
            let is_new =
                self.known.is_none() && name.text().is_some_and(|name| ServiceName::parse(name).is_ok());
            // What only has a client has nothing to export.
            let is_in_guest = root.get("client").is_none() || root.get("flavours").is_some();
            for (key, is_needed) in
                [("title", is_new), ("exports", is_new && is_in_guest), ("flavours", is_new && is_in_guest)]
            {
                let what = "is missing; only a file for a service that is known may leave it out";
                self.unless(!is_needed || root.get(key).is_some(), root, &whole.key(key), what);
            }
        }
        for (field, provider) in list(root, &whole, "provided_by") {
            let is_itself = root.get("name").is_some_and(|name| name.text() == provider.text());
            self.unless(!is_itself, provider, &field, "is the service itself");
        }
        let values = self.values(root);
        for (field, export) in list(root, &whole, "exports") {
            self.placeholders(export, &field, "value", &values);
        }
        self.unique_names(root, "exports");
        for (field, flavour) in list(root, &whole, "flavours") {
            self.flavour(flavour, &field);
        }
        self.unique_names(root, "flavours");
        for (field, installation) in list(root, &whole, "install") {
            self.installation(installation, &field);
            self.install_steps(installation, &field);
            self.installed_files(installation, &field);
        }
        self.unique_names(root, "install");
        if let Some(client) = root.get("client") {
            self.client(client, &whole.key("client"));
        }
    }

    /// Where a client's releases are.
    fn client(&mut self, client: &Node, field: &Field) {
        let alias_values = ALIAS_VALUES.map(str::to_owned).into();
        for (name, address) in client.get("aliases").into_iter().flat_map(Node::entries) {
            let field = field.key("aliases").key(name.text().unwrap_or_default());
            self.address(address, &field);
            self.template(address, &field, &alias_values);
        }
        let values: BTreeSet<String> = RELEASE_VALUES.map(str::to_owned).into();
        let mut platform_values = values.clone();
        platform_values.remove("platform");
        for (field, source) in list(client, field, "sources") {
            if let Some(url) = source.get("url") {
                self.address(url, &field.key("url"));
                self.template(url, &field.key("url"), &values);
            }
            for (platform, word) in source.get("platforms").into_iter().flat_map(Node::entries) {
                let field = field.key("platforms").key(platform.text().unwrap_or_default());
                self.template(word, &field, &platform_values);
            }
        }
    }

    fn address(&mut self, node: &Node, field: &Field) {
        let is_safe = node.text().is_none_or(|text| text.starts_with(ADDRESS_BEGINS));
        self.unless(is_safe, node, field, "does not begin with `https://`");
    }

    fn flavour(&mut self, flavour: &Node, field: &Field) {
        if let Some(detect) = flavour.get("signs").filter(|detect| detect.is_mapping()) {
            let has = |key| detect.get(key).is_some_and(|list| list.items().next().is_some());
            let what = "has neither `files` nor `units`, so it would be found everywhere";
            let has_container = detect.get("container").is_some();
            self.unless(has("files") || has("units") || has_container, detect, &field.key("signs"), what);
        }
        self.last_resort(flavour, field);
        if let Some(access) = flavour.get("access").filter(|access| access.is_mapping()) {
            self.access(access, &field.key("access"));
            if access.get("nothing").is_none() && access.get("socket").is_none() {
                self.hints(flavour, field);
            }
        }
        self.text_values(flavour, field);
    }

    /// It is for some guests and not for all, unless it does nothing there and only says what to do.
    fn installation(&mut self, installation: &Node, field: &Field) {
        let has_steps = !list(installation, field, "steps").is_empty();
        if let Some(instead) = installation.get("instead") {
            let is_by_hand = installation.get("by_hand").is_some();
            self.unless(is_by_hand, instead, &field.key("instead"), "is for a way with `by_hand`");
        } else {
            let what = "is missing or empty, and no `instead` says what to do";
            self.unless(has_steps, installation, &field.key("steps"), what);
        }
        let when = installation.get("when").unwrap_or(installation);
        let has = |key| when.get(key).is_some_and(|list| list.items().next().is_some());
        let field = field.key("when");
        let what = "has neither `id` nor `files`, so it would be chosen everywhere";
        self.unless(has("id") || has("files") || !has_steps, when, &field, what);
        for key in ["since", "until"] {
            if let Some(version) = when.get(key) {
                self.unless(has("id"), version, &field.key(key), "is a version of nothing without `id`");
            }
        }
    }

    /// Each download names the place where its publisher has it.
    fn install_steps(&mut self, installation: &Node, field: &Field) {
        let releases = installation.get("releases");
        if let Some(releases) = releases {
            let field = field.key("releases");
            let values = RELEASE_FOLDER_VALUES.map(str::to_owned).into();
            for (key, known) in [("latest", BTreeSet::new()), ("folder", values)] {
                if let Some(address) = releases.get(key) {
                    self.address(address, &field.key(key));
                    self.template(address, &field.key(key), &known);
                }
            }
        }
        let mut values: BTreeSet<String> = GUEST_FILE_VALUES.map(str::to_owned).into();
        let steps = list(installation, field, "steps");
        let is_program = |step: &Node| {
            step.get("download")
                .and_then(|download| download.get("mode")?.text())
                .is_some_and(|mode| mode == "program")
        };
        if steps.iter().any(|(_, step)| is_program(step)) {
            values.insert(PROGRAM_VALUE.to_owned());
        }
        for (field, step) in steps {
            if let Some(download) = step.get("download") {
                let what = "is a file of no release without `releases`";
                self.unless(releases.is_some(), download, &field.key("download"), what);
            }
            if let Some(shown) = step.get("shown") {
                let what = "is never done, so it is for a way with `by_hand`";
                self.unless(installation.get("by_hand").is_some(), shown, &field.key("shown"), what);
            }
            if let Some(file) = step.get("file") {
                self.placeholders(file, &field.key("file"), "text", &values);
            }
        }
    }

    /// Where a kubeconfig is all there is, nothing else tells of it.
    fn last_resort(&mut self, flavour: &Node, field: &Field) {
        let detect = flavour.get("signs");
        if !flavour.get("last_resort").is_some_and(Node::is_true) {
            if let Some(context) = detect.and_then(|detect| detect.get("context")) {
                let field = field.key("signs").key("context");
                self.unless(false, context, &field, "is for a flavour with `last_resort: true`");
            }
            return;
        }
        if let Some(access) = flavour.get("access").filter(|access| access.get("kubeconfig").is_none()) {
            let what = "is not `kubeconfig`, which alone tells of a flavour with `last_resort: true`";
            self.unless(false, access, &field.key("access"), what);
        }
        let others = ["units", "sockets", "static_pods"].map(|key| (field.key(key), flavour.get(key)));
        let units = (field.key("signs").key("units"), detect.and_then(|detect| detect.get("units")));
        for (field, other) in others.into_iter().chain([units]) {
            if let Some(other) = other {
                self.unless(false, other, &field, "is not for a flavour with `last_resort: true`");
            }
        }
    }

    /// Whoever cannot get in is told what to do.
    fn hints(&mut self, flavour: &Node, field: &Field) {
        let hints = flavour.get("remedies");
        for key in ["names", "expired"] {
            let is_there = hints.is_some_and(|hints| hints.get(key).is_some());
            self.unless(is_there, hints.unwrap_or(flavour), &field.key("remedies").key(key), "is missing");
        }
    }

    /// What is read there are files.
    fn access(&mut self, access: &Node, field: &Field) {
        let mut paths: Vec<(Field, &Node)> = Vec::new();
        for (kind, settings) in access.entries() {
            let field = field.key(kind.text().unwrap_or_default());
            paths.extend(list(settings, &field, "paths"));
            for key in ["authority", "folder", "config"] {
                paths.extend(settings.get(key).map(|path| (field.key(key), path)));
            }
        }
        for (field, path) in paths {
            let ends = path.text().is_none_or(|path| !path.ends_with('/'));
            self.unless(ends, path, &field, "ends with `/`");
        }
    }

    /// The values that a placeholder can stand for in a flavour, if not in all of them.
    fn values(&self, root: &Node) -> BTreeSet<String> {
        let mut values: BTreeSet<String> = BUILT_IN_VALUES.map(str::to_owned).into();
        let known = self.known.into_iter().flat_map(|service| &service.flavours);
        values.extend(known.flat_map(|flavour| flavour.values.keys().map(ToString::to_string)));
        for (_, flavour) in list(root, &Field::default(), "flavours") {
            let names = flavour.get("values").into_iter().flat_map(Node::entries);
            values.extend(names.filter_map(|(name, _)| name.text().map(ToOwned::to_owned)));
        }
        values
    }

    /// A value that is made of others is made of simple ones.
    fn text_values(&mut self, flavour: &Node, field: &Field) {
        let Some(values) = flavour.get("values") else { return };
        let mut simple: BTreeSet<String> = BUILT_IN_VALUES.map(str::to_owned).into();
        let asked = values.entries().filter(|(_, source)| source.get("ask").is_some());
        simple.extend(asked.filter_map(|(name, _)| name.text().map(ToOwned::to_owned)));
        for (name, source) in values.entries() {
            let name = name.text().unwrap_or_default();
            self.placeholders(source, &field.key("values").key(name), "text", &simple);
        }
    }

    fn placeholders(&mut self, node: &Node, field: &Field, key: &str, known: &BTreeSet<String>) {
        if let Some(node) = node.get(key) {
            self.template(node, &field.key(key), known);
        }
    }

    fn template(&mut self, node: &Node, field: &Field, known: &BTreeSet<String>) {
        let Some(Ok(template)) = node.text().map(Template::parse) else { return };
        let known: Vec<String> = known.iter().cloned().collect();
        for name in template.placeholders().filter(|name| !known.iter().any(|known| known == name.as_str())) {
            let hint = match nearest(name.as_str(), &known) {
                Some(nearest) => format!("did you mean `{{{nearest}}}`?"),
                None => format!("known are {}", known.join(", ")),
            };
            let what = format!("nothing says what `{{{name}}}` stands for");
            self.diagnostics.push(Diagnostic::new(node.position, field, what).hint(hint));
        }
    }

    fn unique_names(&mut self, root: &Node, key: &str) {
        let mut first = BTreeMap::new();
        for (field, item) in list(root, &Field::default(), key) {
            let Some((node, name)) = item.get("name").and_then(|node| Some((node, node.text()?))) else {
                continue;
            };
            if let Some(line) = first.get(name) {
                let what = format!("`{name}` is in line {line} already");
                self.diagnostics.push(Diagnostic::new(node.position, &field.key("name"), what));
            } else {
                first.insert(name, node.position.line);
            }
        }
    }

    fn unless(&mut self, right: bool, node: &Node, field: &Field, what: &str) {
        if !right {
            self.diagnostics.push(Diagnostic::new(node.position, field, what));
        }
    }
}

/// The items of the list `key` of `node`, and their fields.
fn list<'n>(node: &'n Node, field: &Field, key: &str) -> Vec<(Field, &'n Node)> {
    let items = node.get(key).into_iter().flat_map(Node::items);
    items.enumerate().map(|(index, item)| (field.key(key).item(index), item)).collect()
}

/// What else is in a machine's folder, see [`crate::base::paths::MachineFiles`]; a service's own folder stands beside it.
const RESERVED: [&str; 4] = ["kubeconfig", "lock", "tunnel", "control"];
