//! Keys of a console. Nothing here changes how it reads lines, so Ctrl-C is the key that ends the program.

/// There is none.
#[derive(Debug)]
pub(crate) struct Keyboard(());

impl Keyboard {
    /// None.
    pub(crate) fn open() -> Option<Self> {
        None
    }

    /// No.
    pub(crate) fn was_stopped() -> bool {
        false
    }

    /// None.
    pub(crate) fn next_key() -> Option<u8> {
        None
    }
}
