//! `env kubernetes` that fails because of what is in the guest.

use crate::guest::Guest;
use crate::user::User;

/// The errors that are expected of it.
#[must_use = "nothing happens until it `ends`"]
pub struct Failure<'g> {
    guest: &'g Guest,
    stderr: String,
}

impl<'g> Failure<'g> {
    pub fn of(guest: &'g Guest) -> Self {
        Self { guest, stderr: String::new() }
    }

    pub fn error(self, text: &str) -> Self {
        self.line("error", text)
    }

    pub fn cause(self, text: &str) -> Self {
        self.line("caused by", text)
    }

    pub fn hint(self, text: &str) -> Self {
        self.line("hint", text)
    }

    /// `doctor` finds out more about it.
    pub fn more(self) -> Self {
        self.hint("`service-manager doctor kubernetes` says more")
    }

    /// Every such failure ends with a hint, makes `eval` fail and leaves no kubeconfig.
    #[track_caller]
    pub fn ends(self) {
        let failure = if self.stderr.contains("\nhint: ") { self } else { self.hint("[..]") };
        let user = User::of(failure.guest);
        user.types("service-manager env kubernetes")
            .stdout("(exit 126)\n")
            .stderr(&failure.stderr)
            .fails(126);
        assert!(!user.files().contains(&"600 kubeconfig".to_owned()), "{:?}", user.files());
    }

    fn line(self, label: &str, text: &str) -> Self {
        Self { stderr: format!("{}{label}: {text}\n", self.stderr), ..self }
    }
}
