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
pub(crate) use self::processes::{
    BROWSERS, FALLBACK_SHELL, PipedProcess, ProcessTree, account_name, ancestors, close_inherited,
    close_stdout, home_of_user, host_name, leave_terminal, replace_process, time_asleep, user_id,
};
pub(crate) use self::signals::{hold_signals, release_signals};
pub(crate) use self::sockets::{
    AsOsSocket, Interest, LONGEST_SOCKET_NAME, LocalStream, OwnedSocket, Ready, acknowledge_at_once,
    connect_locally, is_port_used, listen_privately, local_pair, poll_sockets, reader_goes_away,
    through_socket, wait_for,
};
