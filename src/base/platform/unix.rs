//! Linux and macOS.

mod ancestors;
mod files;
mod folders;
mod keyboard;
mod locks;
mod processes;
mod signals;
mod sockets;
#[cfg(test)]
pub(crate) mod testing;
mod words;

pub(crate) use self::ancestors::ancestors;
pub(crate) use self::files::{
    FileId, Mode, create_folders, is_executable, is_of_another_user, is_own_folder, is_private_file,
    only_user_reads, only_user_writes, open, open_no_follow, open_to_touch, open_with_access,
    others_can_rename_in, rename, set_access, sync_folder, temporary_file,
};
pub(crate) use self::folders::BaseFolders;
pub(crate) use self::keyboard::Keyboard;
pub(crate) use self::locks::lock_holder;
pub(crate) use self::processes::{
    BROWSERS, BackgroundProcess, FALLBACK_SHELL, PipedProcess, ProcessTree, account_name, close_inherited,
    close_stdout, home_of_account, home_of_user, host_name, leave_terminal, replace_process, shell,
    time_asleep, user_id,
};
pub(crate) use self::signals::{hold_signals, release_signals};
pub(crate) use self::sockets::{
    AsOsSocket, LONGEST_SOCKET_NAME, LocalListener, LocalStream, OwnedSocket, acknowledge_at_once,
    connect_locally, is_port_used, listen_privately, local_pair, poll_sockets, reader_goes_away, socket_url,
    through_socket,
};
pub(crate) use self::words::{
    LIST_SEPARATOR, USUAL_SHELL, canonicalize, posix_folder, quote, remove, take_all_access,
    take_write_access, variable_name,
};
