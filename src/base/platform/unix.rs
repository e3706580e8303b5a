//! Linux and macOS.

mod files;
mod signals;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use self::files::{
    Access, FileId, Mode, Owner, create_folders, is_executable, is_own_folder, is_private_file,
    only_user_reads, only_user_writes, open, open_no_follow, others_can_rename_in, set_access, sync_folder,
    temporary_file, with_access,
};
pub(crate) use self::signals::{hold_signals, release_signals};
