//! A Vagrant project and its machines, as they are on disk. Vagrant is not started.
//!
//! The files are those of Vagrant's `lib/vagrant/environment.rb` and `machine.rb`: `DATA/machines/NAME/PROVIDER/`
//! holds `id` while there is such a machine, and `private_key` once Vagrant has given it one of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base::env::Env;
use crate::base::files;
use crate::base::platform;
use crate::base::text::hex;
use crate::base::types::MachineName;
use crate::machine::error::Error;
use crate::machine::identity::Identity;

/// A folder with a Vagrantfile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Project {
    /// The folder.
    pub folder: PathBuf,
    /// The Vagrantfile's name, where it is none that Vagrant looks for by itself.
    pub vagrantfile: Option<PathBuf>,
    /// Where Vagrant keeps its data about it; `.vagrant` in the folder, unless `VAGRANT_DOTFILE_PATH` says otherwise.
    pub data: PathBuf,
}

/// A machine that Vagrant has created: which one it is, and what decides whether Vagrant would still say the same
/// about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CreatedMachine {
    /// The provider, also the name of a folder.
    pub provider: MachineName,
    /// Another one after `vagrant destroy` and `vagrant up`.
    pub id: MachineId,
    /// When the Vagrantfile was changed.
    pub vagrantfile: Option<SystemTime>,
    /// When Vagrant gave the machine a key of its own.
    pub key: Option<SystemTime>,
}

/// Stands for the provider's id of a machine. The id itself may hold anything: of it a digest is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MachineId(MachineName);

impl MachineId {
    /// Reads the id that a provider has given; none where there is none.
    fn read(provider: &MachineName, folder: &Path) -> Option<Self> {
        let text = files::read_foreign(&folder.join("id"), LONGEST_ID)?;
        let text = text.trim_ascii();
        // What Vagrant writes while it creates the machine.
        let is_there = !text.is_empty() && text != b"preparing";
        let digest =
            Sha256::new().chain_update(provider.as_str()).chain_update([0]).chain_update(text).finalize();
        let name = hex(&digest[..12]);
        is_there.then(|| MachineName::parse(&format!("vagrant-{name}")).ok().map(Self)).flatten()
    }

    /// A name that nothing else has.
    pub(crate) fn name(&self) -> &MachineName {
        &self.0
    }
}

impl Project {
    /// The project around the current folder, or around `VAGRANT_CWD`, as Vagrant finds it: the nearest folder
    /// upwards with a Vagrantfile.
    ///
    /// Errors: `VAGRANT_CWD` is no folder, or the Vagrantfile lies above the current folder and belongs to another
    /// user of the host. As a program it would run for who merely stands below it (in `/tmp`, for one).
    pub(crate) fn find_from_cwd(env: &Env) -> Result<Option<Self>, Error> {
        let start =
            env.vagrant_cwd.as_ref().map_or_else(|| env.current_folder.clone(), |cwd| env.expand(cwd));
        if env.vagrant_cwd.is_none() && !start.is_dir() {
            return Ok(None);
        }
        Self::find_from(&start, env)
    }

    /// The project around the folder `start`, as Vagrant finds it.
    ///
    /// Errors: there is no such folder, or the Vagrantfile lies above it and belongs to another user of the host.
    pub(crate) fn find_from(start: &Path, env: &Env) -> Result<Option<Self>, Error> {
        let failed = |source| files::Error::Read { path: start.to_owned(), source };
        let start = platform::canonicalize(start).map_err(failed)?;
        for folder in start.ancestors() {
            let Some(vagrantfile) = vagrantfile_in(folder, env.vagrant_vagrantfile.as_deref()) else {
                continue;
            };
            if folder != start && platform::is_of_another_user(&vagrantfile) {
                return Err(Error::ForeignVagrantfile { path: vagrantfile });
            }
            let data = env.vagrant_dotfile_path.as_deref();
            let data = data.map_or_else(|| folder.join(DATA), |data| env.expand_in(folder, data));
            return Ok(Some(Self::new(folder.to_owned(), env.vagrant_vagrantfile.clone(), data)));
        }
        Ok(None)
    }

    /// The project in `folder` with the given data. A link and what it leads to are one project.
    pub(in crate::machine) fn new(folder: PathBuf, vagrantfile: Option<PathBuf>, data: PathBuf) -> Self {
        let real = |path: PathBuf| platform::canonicalize(&path).unwrap_or(path);
        Self { folder: real(folder), vagrantfile, data: real(data) }
    }

    /// False when the folder or its Vagrantfile is gone.
    pub(crate) fn is_there(&self) -> bool {
        vagrantfile_in(&self.folder, self.vagrantfile.as_deref()).is_some()
    }

    /// True when the data lies where Vagrant looks for it by itself.
    pub(super) fn has_usual_data(&self) -> bool {
        let usual = self.folder.join(DATA);
        self.data == platform::canonicalize(&usual).unwrap_or(usual)
    }

    /// The names of the machines that Vagrant has created, in order. Names that are none to this program are left
    /// out.
    pub(crate) fn machines(&self) -> Vec<MachineName> {
        let mut names = names_in(&self.data.join(MACHINES));
        names.retain(|name| self.created(name).is_some());
        names
    }

    /// True when Vagrant has met a machine called `name` here, created or not.
    pub(crate) fn knows(&self, name: &MachineName) -> bool {
        self.data.join(MACHINES).join(name.as_str()).is_dir()
    }

    /// The machine `name`, if Vagrant has created it.
    pub(crate) fn created(&self, name: &MachineName) -> Option<CreatedMachine> {
        let folder = self.data.join(MACHINES).join(name.as_str());
        names_in(&folder).into_iter().find_map(|provider| {
            let folder = folder.join(provider.as_str());
            let id = MachineId::read(&provider, &folder)?;
            Some(CreatedMachine {
                id,
                provider,
                vagrantfile: self.vagrantfile_modified(),
                key: modified(&folder.join("private_key")),
            })
        })
    }

    /// True when one of the machines is of `provider`.
    pub(crate) fn uses(&self, provider: &str) -> bool {
        let is_one = |name: &MachineName| {
            self.created(name).is_some_and(|created| created.provider.as_str() == provider)
        };
        self.machines().iter().any(is_one)
    }

    /// When the Vagrantfile was changed.
    pub(crate) fn vagrantfile_modified(&self) -> Option<SystemTime> {
        modified(&vagrantfile_in(&self.folder, self.vagrantfile.as_deref())?)
    }

    /// The Vagrantfile, if it is there.
    pub(crate) fn vagrantfile_path(&self) -> Option<PathBuf> {
        vagrantfile_in(&self.folder, self.vagrantfile.as_deref())
    }

    /// The variables that say where Vagrant looks, where that is not where it looks by itself.
    pub(crate) fn variables(&self) -> Vec<(&'static str, PathBuf)> {
        let vagrantfile = self.vagrantfile.clone().map(|name| ("VAGRANT_VAGRANTFILE", name));
        let data = (!self.has_usual_data()).then(|| ("VAGRANT_DOTFILE_PATH", self.data.clone()));
        vagrantfile.into_iter().chain(data).collect()
    }

    /// The ids that Vagrant's index has for the machines here, as the files here say.
    pub(crate) fn index_ids(&self) -> Vec<String> {
        let machines = self.data.join(MACHINES);
        let folders = names_in(&machines).into_iter().flat_map(|name| {
            let folder = machines.join(name.as_str());
            names_in(&folder).into_iter().map(move |provider| folder.join(provider.as_str()))
        });
        let id = |folder: PathBuf| {
            let text = files::read_foreign(&folder.join("index_uuid"), LONGEST_ID)?;
            Some(String::from_utf8(text).ok()?.trim().to_owned()).filter(|id| !id.is_empty())
        };
        folders.filter_map(id).collect()
    }

    /// What this program's folders for it and its machine `name` are named after, whatever port and id that has.
    pub(crate) fn identity(&self, name: &str) -> Identity {
        let parts: [&[u8]; 4] = [
            b"vagrant",
            self.folder.as_os_str().as_encoded_bytes(),
            self.data.as_os_str().as_encoded_bytes(),
            name.as_bytes(),
        ];
        let vagrant = [b"vagrant\0", self.data.as_os_str().as_encoded_bytes(), &[0], name.as_bytes()];
        Identity::new(&parts, &vagrant.concat())
    }
}

fn vagrantfile_in(folder: &Path, name: Option<&Path>) -> Option<PathBuf> {
    let usual = [Path::new("Vagrantfile"), Path::new("vagrantfile")];
    let names = name.as_ref().map_or(usual.as_slice(), std::slice::from_ref);
    names.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::symlink_metadata(path).and_then(|meta| meta.modified()).ok()
}

/// The folders in `folder` whose names are machine names, in order.
fn names_in(folder: &Path) -> Vec<MachineName> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_MACHINES);
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut names: Vec<_> =
        folders.filter_map(|entry| MachineName::parse(entry.file_name().to_str()?).ok()).collect();
    names.sort();
    names
}

const DATA: &str = ".vagrant";
const MACHINES: &str = "machines";
/// The id of a `VMware` machine is the path of its file.
const LONGEST_ID: u64 = 4096;
const MOST_MACHINES: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    struct Scene {
        _folder: tempfile::TempDir,
        env: Env,
    }

    fn scene() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir_all(root.join("project/sub/deep")).unwrap();
        fs::write(root.join("project/Vagrantfile"), "").unwrap();
        let env = Env { current_folder: root.join("project"), home: Some(root), ..Env::default() };
        Scene { _folder: folder, env }
    }

    impl Scene {
        fn path(&self, below: &str) -> PathBuf {
            self.env.home.clone().unwrap().join(below)
        }

        fn writes(&self, below: &str, text: &str) {
            let path = self.path(below);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn around(&self) -> Option<Project> {
            Project::find_from_cwd(&self.env).unwrap()
        }
    }

    fn name(text: &str) -> MachineName {
        text.parse().unwrap()
    }

    #[test]
    fn the_nearest_vagrantfile_upwards_makes_the_project() {
        let mut scene = scene();
        let expected = Project {
            folder: scene.path("project"),
            vagrantfile: None,
            data: scene.path("project/.vagrant"),
        };
        assert_eq!(scene.around(), Some(expected.clone()));
        scene.env.current_folder = scene.path("project/sub/deep");
        assert_eq!(scene.around(), Some(expected));
        scene.writes("project/sub/vagrantfile", "");
        assert_eq!(scene.around().unwrap().folder, scene.path("project/sub"));
        scene.env.current_folder = scene.path("");
        assert_eq!(scene.around(), None);
    }

    #[test]
    fn vagrants_own_variables_count() {
        let mut scene = scene();
        scene.env.current_folder = scene.path("");
        scene.env.vagrant_cwd = Some("project/sub".into());
        scene.env.vagrant_dotfile_path = Some("elsewhere".into());
        assert_eq!(scene.around().unwrap().data, scene.path("project/elsewhere"));
        scene.env.vagrant_dotfile_path = Some("~/data".into());
        assert_eq!(scene.around().unwrap().data, scene.path("data"));
        assert!(!scene.around().unwrap().has_usual_data());

        scene.env.vagrant_vagrantfile = Some("Vagrantfile.dev".into());
        assert_eq!(scene.around(), None);
        scene.writes("project/sub/Vagrantfile.dev", "");
        let project = scene.around().unwrap();
        assert_eq!(
            (project.folder, project.vagrantfile),
            (scene.path("project/sub"), Some("Vagrantfile.dev".into()))
        );

        scene.env.vagrant_cwd = Some("nowhere".into());
        assert!(matches!(Project::find_from_cwd(&scene.env), Err(Error::Files(files::Error::Read { .. }))));
    }

    #[test]
    fn a_project_is_the_same_through_a_link() {
        let mut scene = scene();
        let direct = scene.around();
        platform::testing::symlink(scene.path("project"), scene.path("link"));
        scene.env.vagrant_cwd = Some("~/link/sub".into());
        assert_eq!(scene.around(), direct);
    }

    #[test]
    fn a_machine_is_created_while_it_has_an_id() {
        let scene = scene();
        let project = scene.around().unwrap();
        assert!(project.machines().is_empty());
        scene.writes("project/.vagrant/machines/web/virtualbox/vagrant_cwd", "/x");
        assert!(project.knows(&name("web")) && project.machines().is_empty());
        for (id, created) in [("", false), (" \n", false), ("preparing", false), ("0e3c-91\n", true)] {
            scene.writes("project/.vagrant/machines/web/virtualbox/id", id);
            assert_eq!(project.created(&name("web")).is_some(), created, "{id:?}");
        }
        assert_eq!(project.machines(), [name("web")]);
        assert!(!project.knows(&name("db")));
    }

    #[test]
    fn another_id_or_key_is_another_state() {
        let scene = scene();
        let project = scene.around().unwrap();
        let created = || project.created(&name("web")).unwrap();
        scene.writes("project/.vagrant/machines/web/docker/id", "one");
        let first = created();
        scene.writes("project/.vagrant/machines/web/docker/id", "one\n");
        assert_eq!(created(), first);
        scene.writes("project/.vagrant/machines/web/docker/private_key", "");
        assert_eq!(created().id, first.id);
        assert_ne!(created(), first);
        scene.writes("project/.vagrant/machines/web/docker/id", "two");
        assert_ne!(created().id, first.id);
    }

    #[test]
    fn what_a_guest_plants_there_is_not_followed() {
        let scene = scene();
        let project = scene.around().unwrap();
        let folder = scene.path("project/.vagrant/machines");
        scene.writes("secret", "id");
        scene.writes("other/docker/id", "id");
        for hostile in ["a b", "$(id)", "-x", "a\nb", "\u{1b}[31m"] {
            scene.writes(&format!("project/.vagrant/machines/{hostile}/docker/id"), "id");
        }
        fs::create_dir_all(folder.join("link/docker")).unwrap();
        platform::testing::symlink(scene.path("secret"), folder.join("link/docker/id"));
        platform::testing::symlink(scene.path("other"), folder.join("folder-link"));
        fs::create_dir_all(folder.join("pipe/docker")).unwrap();
        platform::testing::fifo(&folder.join("pipe/docker/id"));
        scene.writes("project/.vagrant/machines/long/docker/id", &"x".repeat(5000));
        assert!(project.machines().is_empty(), "{:?}", project.machines());
    }

    #[test]
    fn an_id_is_never_kept_as_it_is() {
        let scene = scene();
        scene.writes("project/.vagrant/machines/web/docker/id", "\u{1b}]0;$(id)\n../../x");
        let created = scene.around().unwrap().created(&name("web")).unwrap();
        assert!(created.id.name().as_str().starts_with("vagrant-"), "{created:?}");
    }
}
