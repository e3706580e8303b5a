//! What is written, and who may read it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use service_manager_test_support::Guest;

use crate::wine::WindowsUser;

/// What others may do: Wine keeps an access control list as the mode of the file. To ours it adds what the folder above has,
/// whatever the list says, so this shows only that we give nothing away.
fn for_others(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o007
}

#[test]
#[cfg_attr(any(no_guest, no_windows), ignore = "needs the test guest and Wine")]
fn what_is_kept_is_for_the_user_alone() {
    let guest = Guest::kubeadm();
    let user = WindowsUser::new();
    let config = user.knows(&guest);
    let user = user.with("SERVICE_MANAGER_SSH_CONFIG", &config);
    user.types("service-manager env kubernetes").succeeds();
    let mut seen = Vec::new();
    let mut folders = vec![user.folder().join(".state")];
    while let Some(folder) = folders.pop() {
        assert_eq!(for_others(&folder), 0, "{}", folder.display());
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                assert_eq!(for_others(&entry.path()), 0, "{}", entry.path().display());
                seen.push(entry.file_name().into_string().unwrap());
            }
        }
    }
    assert!(
        ["machine.json", "kubeconfig", "known_hosts"].iter().all(|name| seen.iter().any(|seen| seen == name))
    );
    // A folder that others can write is not trusted.
    fs::set_permissions(user.folder().join(".state"), fs::Permissions::from_mode(0o777)).unwrap();
    user.types("service-manager env kubernetes")
        .fails(1)
        .complains("is not a folder that only you can write")
        .complains("icacls ");
}

#[test]
#[cfg_attr(any(no_guest, no_windows), ignore = "needs the test guest and Wine")]
fn the_users_own_kubeconfig_is_changed_and_kept() {
    let guest = Guest::kubeadm();
    let user = WindowsUser::new();
    let config = user.knows(&guest);
    let user = user.with("SERVICE_MANAGER_SSH_CONFIG", &config);
    user.writes("config", "# mine\napiVersion: v1\nkind: Config\nclusters: []\ncontexts: []\nusers: []\n");
    user.types("service-manager kubeconfig kubernetes --merge config --use").succeeds();
    let path = user.folder().join("config");
    let merged = fs::read_to_string(&path).unwrap();
    assert!(merged.starts_with("# mine\n"), "{merged}");
    assert!(merged.contains(&format!("https://{}:6443", guest.address())), "{merged}");
    assert_eq!(for_others(&path), 0);
    assert!(!user.folder().join("config.lock").exists());
    assert!(user.folder().join("config.service-manager-backup").exists());

    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    user.types("service-manager kubeconfig kubernetes --merge config").fails(1).complains("is read-only");
}

#[test]
#[cfg_attr(any(no_guest, no_windows), ignore = "needs the test guest and Wine")]
fn paths_may_be_long_and_of_every_kind() {
    let guest = Guest::kubeadm();
    let user = WindowsUser::new();
    let config = user.knows(&guest);
    let user = user.with("SERVICE_MANAGER_SSH_CONFIG", &config);
    let long = format!("{0}\\{0}\\{0}\\config", "x".repeat(100));
    for path in [
        user.path("kube\\config"),
        format!(r"\\?\{}", user.path("verbatim\\config")),
        format!(r"\\?\{}", user.path(&long)),
        user.path("unix\\config").replace('\\', "/"),
        user.path("rooted\\config").trim_start_matches("C:").to_owned(),
        r"C:relative\config".to_owned(),
    ] {
        user.types(&format!("service-manager kubeconfig kubernetes --merge \"{path}\"")).succeeds();
    }
    for name in ["kube", "verbatim", "unix", "rooted", "relative"] {
        assert!(user.folder().join(name).join("config").exists(), "{name}");
    }
    assert!(user.folder().join(long.replace('\\', "/")).exists());
}
