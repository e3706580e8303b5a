//! Files of the host: private from their first byte, the old content or the new one and nothing between, and nothing
//! of others' making that is waited for or read without a limit.

#![allow(clippy::disallowed_methods, reason = "the one module that writes and removes files")]

mod atomic;
mod copy;
mod error;
mod handed_over;
mod held_signals;
mod lock;
mod log_file;
mod ownership;
mod partial;
mod private;
mod program;
mod read;
mod report;
mod shared;
mod shared_folder;

pub(crate) use self::copy::{copy_program, put_copy, put_text};
pub(crate) use self::error::Error;
pub(crate) use self::handed_over::remove_handed_over;
pub(crate) use self::held_signals::unlock_before_the_end;
pub(crate) use self::log_file::{LogFile, open_log, read_log};
pub(crate) use self::ownership::{
    is_own, is_private, refuse_replaceable, refuse_shared, refuse_writable_by_others,
};
pub(crate) use self::partial::{PARTIAL, PartialFile};
pub(crate) use self::private::{PrivateFolder, remove_folder};
pub(crate) use self::program::ProgramFolder;
pub(crate) use self::read::{
    files_in, folders_in, open_regular, read, read_foreign, read_named_text, read_regular, read_text, touch,
};
pub(crate) use self::report::report;
pub(crate) use self::shared::{SharedFile, remove_backup};
pub(crate) use self::shared_folder::SharedFolder;
