//! What differs between operating systems. Nothing else in this program knows which one it runs on, but
//! for `catalogue/platform.rs`, which chooses a client.
//!
//! Each system has a module with the same functions and types.

// Its tests run everywhere.
#[cfg(any(windows, test))]
#[cfg_attr(not(windows), allow(dead_code, reason = "it is used on Windows"))]
mod access_list;
mod authorities;
mod file_access;
mod lock_holder;
#[cfg_attr(not(windows), allow(dead_code, reason = "the pipes are on Windows"))]
mod pipe_name;
mod readiness;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

pub(crate) use self::authorities::believe;
pub(crate) use self::file_access::{FileAccess, Owner};
pub(crate) use self::lock_holder::LockHolder;
pub(crate) use self::pipe_name::PipeName;
pub(crate) use self::readiness::{Interest, Ready};
pub(crate) use self::system::{
    AsOsSocket, BROWSERS, BackgroundProcess, BaseFolders, FALLBACK_SHELL, FileId, Keyboard, LIST_SEPARATOR,
    LONGEST_SOCKET_NAME, LocalListener, LocalStream, Mode, OwnedSocket, PipedProcess, ProcessTree,
    USUAL_SHELL, account_name, acknowledge_at_once, ancestors, canonicalize, close_inherited, close_stdout,
    connect_locally, create_folders, hold_signals, home_of_account, home_of_user, host_name, is_executable,
    is_of_another_user, is_own_folder, is_port_used, is_private_file, leave_terminal, listen_privately,
    local_pair, lock_holder, only_user_reads, only_user_writes, open, open_no_follow, open_to_touch,
    open_with_access, others_can_rename_in, poll_sockets, posix_folder, quote, reader_goes_away,
    release_signals, remove, rename, replace_process, set_access, shell, socket_url, sync_folder,
    take_all_access, take_write_access, temporary_file, through_socket, time_asleep, user_id, variable_name,
};
#[cfg(unix)]
use self::unix as system;
#[cfg(all(test, unix))]
pub(crate) use self::unix::testing;
#[cfg(windows)]
use self::windows as system;
