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
    AsOsSocket, BROWSERS, FALLBACK_SHELL, FileAccess, FileId, Interest, LONGEST_SOCKET_NAME, LocalStream,
    Mode, OwnedSocket, Owner, PipedProcess, ProcessTree, Ready, account_name, acknowledge_at_once, ancestors,
    close_inherited, close_stdout, connect_locally, create_folders, hold_signals, home_of_user, host_name,
    is_executable, is_of_another_user, is_own_folder, is_port_used, is_private_file, leave_terminal,
    listen_privately, local_pair, only_user_reads, only_user_writes, open, open_no_follow,
    others_can_rename_in, poll_sockets, reader_goes_away, release_signals, replace_process, set_access,
    sync_folder, temporary_file, through_socket, time_asleep, user_id, wait_for, with_access,
};
