//! What a user is asked and told while a machine is looked for.

use std::sync::PoisonError;

use super::Context;
use crate::base::text::{escape_control, sh_word};
use crate::machine::{self, Dialog, UnreadableRecord, VagrantQuestion};
use crate::ui;

impl Dialog for Context {
    fn allows_vagrant(&self, question: &VagrantQuestion) -> bool {
        if !self.may_ask {
            return false;
        }
        let path = escape_control(&question.vagrantfile.to_string_lossy());
        let changed = if question.has_changed { ", which has changed since you allowed it" } else { "" };
        // One question at a time, and each once.
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        *answers.entry(question.digest.to_owned()).or_insert_with(|| {
            ui::confirm(&format!(
                "To find the machine, Vagrant has to run `{path}`, a program{changed}. Allow that?"
            ))
        })
    }

    fn vagrant_not_asked(&self, error: machine::Error) {
        self.warn(&error.into());
    }

    fn unreadable_record(&self, record: &UnreadableRecord) {
        let key = record.files.key();
        if !self.is_untold(&key) {
            return;
        }
        let path = escape_control(&record.files.machine().to_string_lossy());
        let reason = if record.is_foreign { "is of another version of this program" } else { "is damaged" };
        let forget = format!("service-manager machines forget {}", sh_word(&key));
        self.note(&format!(
            "`{path}` {reason}, so what it says of a machine is left out; `{forget}` removes it"
        ));
    }
}
