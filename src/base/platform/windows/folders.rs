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
    /// Those that Windows knows: what belongs to this host is not carried to others, settings are.
    pub(crate) fn find(_: Option<&Path>, _: &[(OsString, OsString)]) -> Self {
        let local = dirs::data_local_dir();
        Self { state: local.clone(), data: local, config: dirs::config_dir() }
    }
}
