//! What the guest says while a service is being installed.

use std::fmt;

use crate::base::text::sanitize;

/// How an installation comes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InstallProgress {
    /// The lists of packages are read.
    Lists,
    /// Another program holds the package manager's lock; its name may be shown.
    Locked { by: Option<String> },
    /// Something that this program does not know.
    Unknown,
}

impl InstallProgress {
    pub(super) fn read(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        match text.split_once(' ') {
            None if text == "lists" => Self::Lists,
            Some(("locked", by)) => Self::Locked { by: (!by.is_empty()).then(|| sanitize(by)) },
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for InstallProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lists => f.write_str("reading the lists of packages"),
            Self::Locked { by } => {
                let by = by.as_deref().unwrap_or("another program");
                write!(f, "waiting for {by}, which is installing packages in the machine")
            }
            Self::Unknown => f.write_str("installing"),
        }
    }
}

/// The kind of the frames that say how an installation comes along.
pub(super) const PROGRESS: &str = "progress";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_shown_in_our_own_words() {
        let shown = |body: &str| InstallProgress::read(body.as_bytes()).to_string();
        assert_eq!(shown("lists"), "reading the lists of packages");
        assert_eq!(
            shown("locked unattended-upgr"),
            "waiting for unattended-upgr, which is installing packages in the machine"
        );
        assert!(shown("locked ").starts_with("waiting for another program, "));
        assert!(shown("locked \x1b[2Jx").contains("\\u{1b}[2Jx"));
        assert_eq!(shown("\x1b[2J"), "installing");
    }
}
