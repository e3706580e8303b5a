//! A file that the Vagrant plugin has made for one command.

use std::fs;
use std::path::Path;

/// Removes `path`, if it is one of those that the plugin makes: a command that takes Vagrant's place leaves nobody who would.
pub(crate) fn remove_handed_over(path: &Path) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with(MARK) && path.parent().is_some_and(|folder| folder == std::env::temp_dir()) {
        // Another one may have been faster.
        let _ = fs::remove_file(path);
    }
}

/// How their names begin (`vagrant-plugin/lib/vagrant-service-manager/handover.rb`).
const MARK: &str = "vagrant-service-manager";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_no_file_of_the_users() {
        let below = tempfile::tempdir().unwrap();
        let own = below.path().join("vagrant-service-manager-1");
        fs::write(&own, "").unwrap();
        remove_handed_over(&own);
        assert!(own.exists(), "it is in another folder");
        let plugins = tempfile::Builder::new().prefix(MARK).tempfile().unwrap();
        remove_handed_over(plugins.path());
        assert!(!plugins.path().exists());
    }
}
