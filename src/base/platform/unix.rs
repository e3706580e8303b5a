//! Linux and macOS.

mod files;
mod processes;
mod signals;
mod sockets;
#[cfg(test)]
pub(crate) mod testing;

pub(crate) use self::files::{
    FileAccess, FileId, Mode, Owner, create_folders, is_executable, is_of_another_user, is_own_folder,
    is_private_file, only_user_reads, only_user_writes, open, open_no_follow, others_can_rename_in,
    set_access, sync_folder, temporary_file, with_access,
};
pub(crate) use self::processes::{ProcessTree, ancestors};
pub(crate) use self::signals::{hold_signals, release_signals};
pub(crate) use self::sockets::{
    Interest, LocalStream, OwnedSocket, acknowledge_at_once, local_pair, reader_goes_away, wait_for,
};
