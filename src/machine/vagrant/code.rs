//! What Vagrant would run of a project, reduced to a digest.
//!
//! Vagrant loads the Vagrantfile and `.vagrantplugins` (`lib/vagrant/environment.rb`), requires what `plugins.json` of
//! its data names (`lib/vagrant/plugin/manager.rb`), and evaluates the gems in the data's `plugins`
//! (`lib/vagrant/bundler.rb`). What these files load in turn only Ruby could tell; every file of the project that they
//! name in a string counts, and so do the Ruby files of every folder that they name.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::project::Project;
use crate::base::files::{self, Error};
use crate::base::text::hex;

impl Project {
    /// Changes when anything changes that Vagrant would run of this project.
    ///
    /// Errors: that is more than can be looked at.
    pub(crate) fn code_digest(&self) -> Result<String, Error> {
        let mut code = Code { project: self, files: BTreeMap::new(), queue: Vec::new(), visited: 0 };
        let fixed = [self.folder.join(".vagrantplugins"), self.data.join("plugins.json")];
        code.queue.extend(self.vagrantfile_path().into_iter().chain(fixed));
        while let Some(path) = code.queue.pop() {
            code.add(path)?;
        }
        code.add_folder(&self.data.join("plugins"), DEEPEST)?;
        Ok(code.digest())
    }
}

struct Code<'p> {
    project: &'p Project,
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// Files whose strings may name others.
    queue: Vec<PathBuf>,
    /// How many entries of folders were looked at.
    visited: usize,
}

impl Code<'_> {
    /// Adds the file `path`, if it is one, and queues what it names.
    fn add(&mut self, path: PathBuf) -> Result<(), Error> {
        if self.files.contains_key(&path) {
            return Ok(());
        }
        if is_data(&path) {
            return self.put(path, &[]);
        }
        let Some(content) = read(&path)? else { return Ok(()) };
        if is_read_for_names(&path) {
            let text = String::from_utf8_lossy(&content);
            strings(&text).try_for_each(|string| self.queue_named(string, &path))?;
        }
        self.put(path, &content)
    }

    /// Queues the files that `string` in the file `path` may mean: below the project, or beside that file.
    fn queue_named(&mut self, string: &str, path: &Path) -> Result<(), Error> {
        let beside = path.parent().unwrap_or(path);
        // `"#{folder}/name"`, and `File.expand_path('../name', __FILE__)`.
        let relative = string.trim_start_matches('/');
        let names = [string, relative, relative.strip_prefix("../").unwrap_or(relative)];
        for name in names {
            for base in [self.project.folder.as_path(), beside] {
                let plain = normalize(&base.join(name));
                let ruby = PathBuf::from(format!("{}.rb", plain.display()));
                for path in [plain, ruby] {
                    self.queue_path(path)?;
                }
            }
        }
        Ok(())
    }

    /// Nothing outside of the project: neither a guest nor a repository can change that.
    fn queue_path(&mut self, path: PathBuf) -> Result<(), Error> {
        let Project { folder, data, .. } = self.project;
        if !path.starts_with(folder) && !path.starts_with(data) || self.files.contains_key(&path) {
            return Ok(());
        }
        let is_wildcard =
            |part: &Component| part.as_os_str().as_encoded_bytes().iter().any(|b| b"*?[{".contains(b));
        let plain: PathBuf = path.components().take_while(|part| !is_wildcard(part)).collect();
        if plain != path {
            let is_deep = path.components().any(|part| part.as_os_str() == "**");
            return self.queue_ruby_in(&plain, if is_deep { DEEPEST } else { 0 });
        }
        if path.is_file() {
            self.queue.push(path);
        } else if path != *folder && path != *data {
            self.queue_ruby_in(&path, 0)?;
        }
        Ok(())
    }

    /// Ruby's `**` does not follow links either (`Dir.glob`).
    fn queue_ruby_in(&mut self, folder: &Path, depth: usize) -> Result<(), Error> {
        for path in entries(folder) {
            self.visit(&path)?;
            if has_ending(&path, "rb") {
                self.queue.push(path);
            } else if depth > 0 && !is_hidden(&path) && is_own_folder(&path) {
                self.queue_ruby_in(&path, depth - 1)?;
            }
        }
        Ok(())
    }

    /// A link may lead to all files of the host, and a Vagrantfile may name a folder many times.
    fn visit(&mut self, path: &Path) -> Result<(), Error> {
        self.visited += 1;
        if self.visited > MOST_VISITED { Err(too_much(path.to_owned())) } else { Ok(()) }
    }

    /// Adds all files below `folder`.
    fn add_folder(&mut self, folder: &Path, depth: usize) -> Result<(), Error> {
        for path in entries(folder) {
            self.visit(&path)?;
            if !path.is_dir() {
                if let Some(content) = read(&path)? {
                    self.put(path, &content)?;
                }
            } else if depth == 0 {
                return Err(too_much(path));
            } else {
                self.add_folder(&path, depth - 1)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, path: PathBuf, content: &[u8]) -> Result<(), Error> {
        if self.files.len() == MOST_FILES {
            return Err(too_much(path));
        }
        self.files.insert(path, Sha256::digest(content).to_vec());
        Ok(())
    }

    fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for (path, content) in &self.files {
            let path = path.as_os_str().as_encoded_bytes();
            digest.update((path.len() as u64).to_be_bytes());
            digest.update(path);
            digest.update(content);
        }
        hex(&digest.finalize())
    }
}

/// The content of the file that `path` leads to; none where there is none. One that cannot be read is nothing that
/// Vagrant could run.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match files::read_regular(path, LARGEST_FILE) {
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Err(too_much(path.to_owned())),
        content => Ok(content.ok()),
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// True for a folder that is no link to one.
fn is_own_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn too_much(path: PathBuf) -> Error {
    Error::Read { path, source: io::Error::from(io::ErrorKind::FileTooLarge) }
}

/// True for Ruby, and for the list of plugins.
fn is_read_for_names(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_other = name.contains("vagrantfile") || name == ".vagrantplugins" || name == "plugins.json";
    // Whatever `VAGRANT_VAGRANTFILE` calls it, it is loaded as Ruby.
    is_other || has_ending(path, "rb") || path.extension().is_none()
}

/// True for what a machine writes while it runs, or what is too large for a program: nobody loads it as Ruby.
fn is_data(path: &Path) -> bool {
    let is_large = fs::metadata(path).is_ok_and(|found| found.len() > LARGEST_FILE);
    DATA.iter().any(|ending| has_ending(path, ending)) || is_large && !is_read_for_names(path)
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// What may be a path in `text`: what stands in quotes, and each word.
fn strings(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split(['"', '\'', '`', '\n']);
    let is_end = |c: char| c.is_whitespace() || "\"'`(),[]{}<>|;=".contains(c);
    let strings = quoted.chain(text.split(is_end));
    strings.filter(|string| !string.is_empty() && string.len() <= LONGEST_NAME && !string.contains('\0'))
}

/// `path` without `.` and `..`, whatever links there are.
fn normalize(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

const LARGEST_FILE: u64 = 32 << 20;
/// Images of disks, and logs.
const DATA: [&str; 8] = ["vdi", "vmdk", "vhd", "vhdx", "qcow2", "img", "iso", "log"];
/// A plugin with all gems that it needs has some thousands.
const MOST_FILES: usize = 20_000;
/// More than a large project has, and looked at in about a second.
const MOST_VISITED: usize = 200_000;
const DEEPEST: usize = 32;
const LONGEST_NAME: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene(tempfile::TempDir);

    impl Scene {
        fn new(vagrantfile: &str) -> Self {
            let scene = Self(tempfile::tempdir().unwrap());
            scene.writes("Vagrantfile", vagrantfile);
            scene
        }

        fn writes(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn digest(&self) -> String {
            let folder = self.0.path().to_owned();
            Project::new(folder.clone(), None, folder.join(".vagrant")).code_digest().unwrap()
        }

        /// True when writing the file `name` changes the digest.
        fn counts(&self, name: &str) -> bool {
            let before = self.digest();
            self.writes(name, "puts 1");
            let there = self.digest();
            self.writes(name, "puts 2");
            before != there && there != self.digest()
        }
    }

    #[test]
    fn what_vagrant_loads_by_itself_counts() {
        let scene = Scene::new("");
        for name in [
            "Vagrantfile",
            ".vagrantplugins",
            ".vagrant/plugins.json",
            ".vagrant/plugins/gems/3.1.2/specifications/x.gemspec",
        ] {
            assert!(scene.counts(name), "{name}");
        }
        for name in ["README", "src/main.rb", ".vagrant/machines/default/virtualbox/id"] {
            assert!(!scene.counts(name), "{name}");
        }
    }

    #[test]
    fn what_the_vagrantfile_names_counts() {
        for (text, name) in [
            ("require_relative 'vm/settings'", "vm/settings.rb"),
            ("load \"vm settings.rb\"", "vm settings.rb"),
            ("require File.expand_path('../lib/x', __FILE__)", "lib/x.rb"),
            ("require \"#{File.dirname(__FILE__)}/lib/x\"", "lib/x.rb"),
            ("eval File.read(File.join(__dir__, 'lib', 'x.rb'))", "lib/x.rb"),
            ("Dir['vm/*.rb'].each { |file| load file }", "vm/a.rb"),
            ("Dir['*.rb'].each { |file| load file }", "a.rb"),
            ("Dir.glob(\"#{__dir__}/vm/**/*.rb\") { |file| load file }", "vm/deep/er/a.rb"),
            ("YAML.load_file('./config.yml')", "config.yml"),
            ("%w[a.rb b.rb].each { |file| load file }", "b.rb"),
            ("docker.vagrant_vagrantfile = 'host/Vagrantfile'", "host/Vagrantfile"),
        ] {
            assert!(Scene::new(text).counts(name), "{text}");
        }
        let scene = Scene::new("require './a'");
        scene.writes("a.rb", "require_relative 'deep/b'");
        scene.writes("deep/b.rb", "load 'c.rb'");
        assert!(scene.counts("deep/c.rb"));
    }

    #[test]
    fn what_the_plugins_of_the_project_require_counts() {
        let scene = Scene::new("");
        let path = scene.0.path().join(".vagrant/evil.rb");
        for require in [".vagrant/evil", "./.vagrant/evil.rb", path.to_str().unwrap()] {
            fs::remove_file(&path).ok();
            let list = format!(r#"{{"version":"1","installed":{{"x":{{"require":"{require}"}}}}}}"#);
            scene.writes(".vagrant/plugins.json", &list);
            assert!(scene.counts(".vagrant/evil.rb"), "{require}");
        }
    }

    #[test]
    fn what_is_too_much_is_an_error() {
        let scene = Scene::new("");
        let file = fs::File::create(scene.0.path().join("Vagrantfile")).unwrap();
        file.set_len(LARGEST_FILE + 1).unwrap();
        let folder = scene.0.path().to_owned();
        let project = Project::new(folder.clone(), None, folder.join(".vagrant"));
        assert!(matches!(project.code_digest(), Err(Error::Read { .. })));
    }

    #[test]
    fn the_disk_of_a_machine_does_not_count() {
        let scene = Scene::new("disk = './data.vdi'; system 'tool.bin'");
        scene.writes("data.vdi", "");
        let before = scene.digest();
        scene.writes("data.vdi", "written by the guest");
        assert_eq!(scene.digest(), before);
        fs::File::create(scene.0.path().join("data.vdi")).unwrap().set_len(LARGEST_FILE + 1).unwrap();
        assert_eq!(scene.digest(), before);
        fs::File::create(scene.0.path().join("tool.bin")).unwrap().set_len(LARGEST_FILE + 1).unwrap();
        scene.digest();
    }

    #[test]
    fn links_are_not_followed_from_folder_to_folder() {
        let scene = Scene::new("Dir['one/**/*.rb'].each { |file| load file }");
        scene.writes("a.rb", "");
        // One more link for each folder on the way: 2^32 folders.
        for link in ["one", "two"] {
            crate::base::platform::testing::symlink(".", scene.0.path().join(link));
        }
        assert!(scene.counts("deep/a.rb"));
    }

    #[test]
    fn a_folder_that_is_looked_at_too_often_is_an_error() {
        let scene = Scene::new(&"load 'x'; ".repeat(MOST_VISITED / 400));
        (0..500).for_each(|number| scene.writes(&format!("x/{number}"), ""));
        let folder = scene.0.path().to_owned();
        let project = Project::new(folder.clone(), None, folder.join(".vagrant"));
        assert!(matches!(project.code_digest(), Err(Error::Read { .. })));
    }

    #[test]
    fn files_that_name_each_other_have_an_end() {
        let scene = Scene::new("load 'a.rb'; load 'Vagrantfile'");
        scene.writes("a.rb", "load 'a.rb'; load 'Vagrantfile'; load '../../../../etc/passwd'");
        scene.digest();
    }
}
