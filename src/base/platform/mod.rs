//! What differs between operating systems. Nothing else in this program knows which one it runs on, but
//! for `catalogue/platform.rs`, which chooses a client.
//!
//! Each system has a module with the same functions and types; those of Windows would be in `windows.rs`.

#[cfg(unix)]
mod unix;

#[cfg(all(test, unix))]
pub(crate) use self::unix::testing;
#[cfg(unix)]
pub(crate) use self::unix::{
    FileAccess, FileId, Interest, LocalStream, Mode, OwnedSocket, Owner, ProcessTree, acknowledge_at_once,
    ancestors, create_folders, hold_signals, is_executable, is_of_another_user, is_own_folder,
    is_private_file, local_pair, only_user_reads, only_user_writes, open, open_no_follow,
    others_can_rename_in, reader_goes_away, release_signals, set_access, sync_folder, temporary_file,
    wait_for, with_access,
};
