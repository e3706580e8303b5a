//! Where programs keep what they write.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The folders for state, data and settings of all programs of a user.
pub(crate) struct BaseFolders {
    pub(crate) state: Option<PathBuf>,
    pub(crate) data: Option<PathBuf>,
    pub(crate) config: Option<PathBuf>,
}

impl BaseFolders {
    /// Those of the XDG Base Directory Specification, on macOS too: there the other programs for containers keep to it.
    pub(crate) fn find(home: Option<&Path>, variables: &[(OsString, OsString)]) -> Self {
        let named = |name: &str| {
            let (_, value) = variables.iter().find(|(known, _)| known == name)?;
            // Relative ones do not count, says the specification.
            Some(PathBuf::from(value)).filter(|path| path.is_absolute())
        };
        let folder = |name: &str, usual: &str| named(name).or_else(|| home.map(|home| home.join(usual)));
        Self {
            state: folder("XDG_STATE_HOME", ".local/state"),
            data: folder("XDG_DATA_HOME", ".local/share"),
            config: folder("XDG_CONFIG_HOME", ".config"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_counts_if_it_is_an_absolute_path() {
        let variables = [("XDG_STATE_HOME", "/state"), ("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "")];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let found = BaseFolders::find(Some(Path::new("/home/dev")), &variables);
        assert_eq!(found.state.as_deref(), Some(Path::new("/state")));
        assert_eq!(found.data.as_deref(), Some(Path::new("/home/dev/.local/share")));
        assert_eq!(found.config.as_deref(), Some(Path::new("/home/dev/.config")));
        assert_eq!(BaseFolders::find(None, &[]).state, None);
    }
}
