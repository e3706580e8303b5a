//! The services this program knows: those that are built in, and what the user's own files add.

use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::error::Error;
use super::file::diagnostic::{Diagnostic, FileDiagnostic};
use super::file::{self, ServiceFile};
use super::types::Service;
use super::user_file::{check_above, check_ownership, in_file, read_text};
use crate::base::files;
use crate::base::paths::Folders;
use crate::base::suggest::nearest;

/// All services, in the order in which they are shown.
#[derive(Debug)]
pub(crate) struct Catalogue {
    entries: Vec<Entry>,
}

/// A file, and what is wrong with it.
pub(crate) type CheckedFile = (PathBuf, Vec<FileDiagnostic>);

impl Catalogue {
    /// The services that are built in.
    ///
    /// Errors: a file is not of the form of [`Service`]; a test keeps that from happening.
    pub(crate) fn built_in() -> Result<Self, Error> {
        let entry = |(name, text, json): &(&str, &'static str, &str)| {
            let service = serde_json::from_str(json)
                .map_err(|source| Error::ServiceFile { file: format!("services/{name}.yaml"), source })?;
            Ok::<_, Error>(Entry { service, built_in: true, files: Vec::new(), text: Some((*text).into()) })
        };
        let mut catalogue = Self { entries: BUILT_IN.iter().map(entry).collect::<Result<_, Error>>()? };
        catalogue.add_provided();
        Ok(catalogue)
    }

    /// Has each service know the flavours of those that are this one too.
    fn add_provided(&mut self) {
        for index in 0..self.entries.len() {
            let Service { provided_by: names, .. } = &self.entries[index].service;
            let values = self.entries[index].service.exported_values();
            let others = names.iter().filter_map(|name| {
                let other = self.entries.iter().find(|entry| entry.service.name == *name);
                other.map(|other| &other.service)
            });
            let provided = others.flat_map(|other| other.provides(&values)).collect();
            self.entries[index].service.provided = provided;
        }
    }

    /// The built-in services with what the user's own files add to them.
    ///
    /// Errors: there is something wrong with a file: all diagnostics of all files.
    pub(crate) fn load(folders: &Folders) -> Result<Self, Error> {
        let (catalogue, checked) = Self::examine(folders)?;
        let diagnostics: Vec<FileDiagnostic> =
            checked.into_iter().flat_map(|(_, diagnostics)| diagnostics).collect();
        if diagnostics.is_empty() { Ok(catalogue) } else { Err(Error::ServiceFiles { diagnostics }) }
    }

    /// The same without the files that there is something wrong with, and what was found about every file.
    ///
    /// Errors: the folder cannot be read.
    pub(crate) fn examine(folders: &Folders) -> Result<(Self, Vec<CheckedFile>), Error> {
        let mut catalogue = Self::built_in()?;
        let own = folders.services();
        let paths = files::files_in(&own, ENDINGS)?;
        let mut checked = Vec::new();
        if !paths.is_empty() {
            let folders = own.ancestors().take(OWN_LEVELS);
            checked.extend(folders.filter_map(|folder| {
                let diagnostic = check_ownership(folder).err()?;
                Some((folder.to_owned(), in_file(folder, vec![diagnostic])))
            }));
            if checked.is_empty() {
                let above = check_above(&own).err();
                checked.extend(above.map(|diagnostic| (diagnostic.path.clone(), vec![diagnostic])));
            }
        }
        for path in paths {
            let diagnostics = catalogue.add(&path).err().unwrap_or_default();
            checked.push((path.clone(), in_file(&path, diagnostics)));
        }
        catalogue.add_provided();
        Ok((catalogue, checked))
    }

    /// What is wrong with the file `path`, which is not one of the user's own.
    pub(crate) fn check_file(&self, path: &Path) -> CheckedFile {
        let read = read_text(path).and_then(|text| self.read(&text).map(drop));
        (path.to_owned(), in_file(path, read.err().unwrap_or_default()))
    }

    /// Every service with where it is from.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The services called `names`, each once, or all when none is named, but those that count only by
    /// name: of those that a guest may have.
    ///
    /// Errors: a name that no service has; the nearest one is suggested. One that is only a client.
    pub(crate) fn select(&self, names: &[String]) -> Result<Vec<&Service>, Error> {
        if names.is_empty() {
            let all = self.entries.iter().map(|entry| &entry.service);
            return Ok(all.filter(|service| !service.is_client_only() && !service.only_by_name).collect());
        }
        let mut services: Vec<&Service> = Vec::new();
        for name in names {
            let service = &self
                .find(name)
                .map_err(|_| self.unknown(name, |service| !service.is_client_only()))?
                .service;
            if service.is_client_only() {
                return Err(Error::ClientOnly { service: service.name.to_string() });
            }
            if !services.iter().any(|known| known.name == service.name) {
                services.push(service);
            }
        }
        Ok(services)
    }

    /// The service called `name`, or, where it is none, all that a guest may have and that `fits` takes. `unfit` makes the error
    /// of the name and of all that would fit.
    ///
    /// Errors: as for [`Self::select`]; the named one does not fit.
    pub(crate) fn select_fitting<E: From<Error>>(
        &self,
        name: Option<&str>,
        fits: impl Fn(&Service) -> bool,
        unfit: impl FnOnce(&str, &[&Service]) -> E,
    ) -> Result<Vec<&Service>, E> {
        let fitting = |names: &[String]| -> Result<Vec<&Service>, Error> {
            Ok(self.select(names)?.into_iter().filter(|service| fits(service)).collect())
        };
        match name {
            None => Ok(fitting(&[])?),
            Some(name) => match fitting(&[name.to_owned()])? {
                none if none.is_empty() => Err(unfit(name, &fitting(&[])?)),
                only => Ok(only),
            },
        }
    }

    /// The service called `name`, with where it is from.
    ///
    /// Errors: as for [`Self::select`].
    pub(crate) fn find(&self, name: &str) -> Result<&Entry, Error> {
        let found = self.entries.iter().find(|entry| entry.service.name.as_str() == name);
        found.ok_or_else(|| self.unknown(name, |_| true))
    }

    /// The error for a `name` that no service has, with those that `may_be_meant`.
    fn unknown(&self, name: &str, may_be_meant: impl Fn(&Service) -> bool) -> Error {
        let services =
            self.entries.iter().map(|entry| &entry.service).filter(|service| may_be_meant(service));
        let known: Vec<String> = services.map(|service| service.name.to_string()).collect();
        Error::UnknownService { name: name.to_owned(), nearest: nearest(name, &known), known }
    }

    /// Adds what one of the user's own files says.
    fn add(&mut self, path: &Path) -> Result<(), Vec<Diagnostic>> {
        check_ownership(path).map_err(|diagnostic| vec![diagnostic])?;
        // Opening a pipe would wait for somebody who writes to it.
        if path.metadata().is_ok_and(|meta| !meta.is_file()) {
            return Err(vec![Diagnostic::of_file("is not a file")]);
        }
        let text = read_text(path)?;
        let file = self.read(&text)?;
        let entry = self.entries.iter_mut().find(|entry| entry.service.name == file.name);
        if let Some(entry) = entry {
            entry.service = file.merge_into(Some(&entry.service));
            entry.files.push(path.to_owned());
            entry.text = None;
        } else {
            let (service, files) = (file.merge_into(None), vec![path.to_owned()]);
            self.entries.push(Entry { service, built_in: false, files, text: Some(text.into()) });
        }
        Ok(())
    }

    fn read(&self, text: &str) -> Result<ServiceFile, Vec<Diagnostic>> {
        file::read(text, self.entries.iter().map(|entry| &entry.service))
    }
}

/// The built-in services: name, text of the file, and the same as JSON (`build.rs`).
const BUILT_IN: &[(&str, &str, &str)] = &include!(concat!(env!("OUT_DIR"), "/services.rs"));
const ENDINGS: &[&str] = &["yaml", "yml"];
/// `service-manager/services`
const OWN_LEVELS: usize = 2;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::base::env::Env;
    use crate::base::platform::testing::{set_mode, symlink};
    use crate::catalogue::entry::SCHEMA_LINE;

    /// A folder of service files.
    struct Own(tempfile::TempDir);

    impl Own {
        fn with(files: &[(&str, &str)]) -> Self {
            let own = Self(tempfile::tempdir().unwrap());
            fs::create_dir(own.path("")).unwrap();
            for (name, text) in files {
                fs::write(own.path(name), text).unwrap();
            }
            own
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join("services").join(name)
        }

        fn folders(&self) -> Folders {
            let env = Env { service_manager_home: Some(self.0.path().into()), ..Env::default() };
            Folders::find(&env).unwrap()
        }

        fn diagnostics(&self) -> Vec<String> {
            match Catalogue::load(&self.folders()) {
                Err(Error::ServiceFiles { diagnostics }) => {
                    diagnostics.iter().map(ToString::to_string).collect()
                }
                other => panic!("{other:?}"),
            }
        }
    }

    const PODMAN: &str = "{name: podman, title: Podman, exports: [{name: A, value: b}], flavours: [{name: x, \
        signs: {units: [x]}, access: {nothing: {reason: {because: is not there, help: none}}}}]}";

    #[test]
    fn the_built_in_files_are_valid() {
        let catalogue = Catalogue::built_in().unwrap();
        assert_eq!(catalogue.select(&[]).unwrap().len(), 3);
        assert_eq!(catalogue.entries().len(), BUILT_IN.len());
        for (file, text, _) in BUILT_IN {
            let diagnostics = file::read(text, [].into_iter()).err();
            assert!(diagnostics.is_none(), "{file} {diagnostics:#?}");
            assert!(text.starts_with(SCHEMA_LINE), "{file}");
        }
    }

    #[test]
    fn every_flavour_says_where_its_facts_are_from() {
        for (file, text, _) in BUILT_IN {
            let flavours = text.split("\nflavours:\n").nth(1).unwrap_or_default();
            let lines: Vec<&str> =
                flavours.lines().take_while(|line| line.is_empty() || line.starts_with([' ', '#'])).collect();
            let silent = lines
                .windows(2)
                .filter(|pair| pair[0].starts_with("  - name: ") && !pair[1].starts_with("    # "));
            assert_eq!(silent.map(|pair| pair[0]).collect::<Vec<_>>(), Vec::<&str>::new(), "{file}");
        }
    }

    #[test]
    fn what_is_shown_of_a_service_is_a_file_that_says_the_same() {
        let catalogue = Catalogue::built_in().unwrap();
        for Entry { service, .. } in catalogue.entries() {
            let changed = Entry { service: service.clone(), built_in: true, files: Vec::new(), text: None };
            let text = changed.text().unwrap();
            let read = file::read(&text, [].into_iter()).unwrap_or_else(|m| panic!("{m:#?}\n{text}"));
            // The catalogue adds what is in another service's file.
            let read = Service { provided: service.provided.clone(), ..read.merge_into(None) };
            assert_eq!(format!("{read:?}"), format!("{service:?}"));
        }
    }

    #[test]
    fn without_a_folder_there_is_what_is_built_in() {
        let below = tempfile::tempdir().unwrap();
        let env = Env { service_manager_home: Some(below.path().join("none")), ..Env::default() };
        let catalogue = Catalogue::load(&Folders::find(&env).unwrap()).unwrap();
        assert_eq!(catalogue.entries().len(), BUILT_IN.len());
    }

    #[test]
    fn files_are_read_in_the_order_of_their_names() {
        let own = Own::with(&[
            ("1.yaml", PODMAN),
            ("2.yml", "{name: podman, title: Two}"),
            ("3.yaml", "{name: podman, title: Three}"),
            ("README.md", "no"),
            (".hidden.yaml", "no"),
        ]);
        let catalogue = Catalogue::load(&own.folders()).unwrap();
        let podman = catalogue.find("podman").unwrap();
        assert_eq!(podman.service.title, "Three");
        assert_eq!(podman.files, ["1.yaml", "2.yml", "3.yaml"].map(|name| own.path(name)));
        assert!(!podman.built_in);
    }

    #[test]
    fn the_mistakes_of_all_files_are_told() {
        let own =
            Own::with(&[("1.yaml", "name: X"), ("2.yaml", PODMAN), ("3.yaml", "a: \"\u{1b}[31m\u{202e}")]);
        let file = |name| own.path(name).display().to_string();
        let diagnostics = own.diagnostics();
        assert_eq!(diagnostics.len(), 2, "{diagnostics:?}");
        assert!(
            diagnostics[0].starts_with(&format!("{}:1:7: name: `X` is not", file("1.yaml"))),
            "{diagnostics:?}"
        );
        assert!(diagnostics[1].starts_with(&format!("{}:1:", file("3.yaml"))), "{diagnostics:?}");
        assert!(!diagnostics[1].contains(['\u{1b}', '\u{202e}']), "{diagnostics:?}");
    }

    #[test]
    fn what_others_can_write_is_refused() {
        let own = Own::with(&[("1.yaml", PODMAN)]);
        for name in ["1.yaml", "", ".."] {
            let path = fs::canonicalize(own.path(name)).unwrap();
            let mode = |mode| set_mode(&path, mode);
            for shared in [0o720, 0o702] {
                mode(shared);
                let diagnostics = own.diagnostics();
                let start = format!("{}: others than you can write it; `chmod go-w ", path.display());
                assert!(diagnostics.len() == 1 && diagnostics[0].starts_with(&start), "{diagnostics:?}");
            }
            mode(0o700);
        }
        assert!(Catalogue::load(&own.folders()).is_ok());
    }

    #[test]
    fn a_link_is_in_place_and_what_cannot_be_read_is_told() {
        let own = Own::with(&[]);
        let elsewhere = own.0.path().join("podman");
        fs::write(&elsewhere, PODMAN).unwrap();
        symlink(&elsewhere, own.path("link.yaml"));
        assert!(Catalogue::load(&own.folders()).is_ok());

        fs::create_dir(own.path("folder.yaml")).unwrap();
        symlink(own.path("none"), own.path("dangling.yaml"));
        fs::write(own.path("large.yaml"), " ".repeat(1 << 21)).unwrap();
        fs::write(own.path("latin1.yaml"), b"name: \xe9").unwrap();
        assert_eq!(own.diagnostics().len(), 4, "{:?}", own.diagnostics());
    }

    #[test]
    fn a_misspelt_name_gets_the_nearest_one() {
        let catalogue = Catalogue::built_in().unwrap();
        let error = catalogue.select(&["kubernets".to_owned()]).unwrap_err();
        assert!(
            matches!(error, Error::UnknownService { nearest: Some(nearest), .. } if nearest == "kubernetes")
        );
        let error = catalogue.select(&["x".to_owned()]).unwrap_err();
        assert!(matches!(error, Error::UnknownService { nearest: None, .. }));
    }
}
