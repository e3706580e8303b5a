//! `status --watch`: every machine is asked now and then, and what changes is shown.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use super::display::Display;
use super::follow::{Follower, WatchEvent};
use super::format::StatusFormat;
use crate::base::platform::Keyboard;
use crate::catalogue::Catalogue;
use crate::commands::at_once::at_once;
use crate::commands::context::Context;
use crate::error::Error;
use crate::ui::Ui;

/// What is watched, and how that is shown.
pub(super) struct Watch<'a> {
    pub(super) catalogue: &'a Arc<Catalogue>,
    /// The services.
    pub(super) names: &'a [String],
    pub(super) interval: Duration,
    pub(super) format: StatusFormat,
}

impl Watch<'_> {
    /// Watches the one machine of `context`, until somebody ends the program or nobody reads any more.
    ///
    /// Errors: those of the first question. Later ones are shown, and the next question connects anew.
    pub(super) fn one(&self, context: &Context) -> Result<(), Error> {
        let machine = context.machine()?;
        let (keyboard, (sender, events)) = (self.keyboard(), mpsc::channel());
        // What is typed from now on is no answer to anybody.
        let context = &context.clone().that_may_ask(context.may_ask() && keyboard.is_none());
        let follower = Follower::new(context.clone(), self.catalogue, self.names).of(machine);
        watch_keys(keyboard.as_ref(), &sender);
        let begins = sender.clone();
        thread::spawn(move || begins.send(follower.begin()));
        let Ok(WatchEvent::Begun(begun)) = events.recv() else { return Ok(()) };
        let (follower, first) = *begun;
        let first = first?;
        let display = Display::of_one(self.format, self.interval, context);
        self.run(vec![follower], display, (keyboard, sender, events), |display| display.answer(0, first))
    }

    /// The same for several machines. One that cannot be asked is no reason to go without the others.
    pub(super) fn all(&self, contexts: &[Context], ui: Ui) -> Result<(), Error> {
        let machines = at_once(contexts, Context::machine);
        let followers = contexts.iter().zip(machines).map(|(context, machine)| {
            let follower = Follower::new(context.clone(), self.catalogue, self.names).with_label();
            match machine {
                Ok(machine) => follower.of(machine),
                // What is wrong is found out once more, and shown.
                Err(_) => follower,
            }
        });
        let display = Display::of_several(self.format, self.interval, contexts, ui);
        let (keyboard, (sender, events)) = (self.keyboard(), mpsc::channel());
        watch_keys(keyboard.as_ref(), &sender);
        self.run(followers.collect(), display, (keyboard, sender, events), |_| Ok(()))
    }

    /// The terminal is as it was when this is dropped.
    fn keyboard(&self) -> Option<Keyboard> {
        if self.format == StatusFormat::Table { Keyboard::open() } else { None }
    }

    fn run(
        &self,
        followers: Vec<Follower>,
        mut display: Display,
        (keyboard, sender, events): (Option<Keyboard>, Sender<WatchEvent>, Receiver<WatchEvent>),
        begin: impl FnOnce(&mut Display) -> Result<(), Error>,
    ) -> Result<(), Error> {
        display.has_keys(keyboard.is_some());
        begin(&mut display)?;
        for (place, follower) in followers.into_iter().enumerate() {
            let (sender, interval, is_new) = (sender.clone(), self.interval, !display.has_answer(place));
            let follower = follower.that_asks_nobody();
            thread::spawn(move || follower.follow(place, is_new, interval, &sender));
        }
        drop(sender);
        while let Ok(WatchEvent::Answer(place, report)) = events.recv() {
            display.answer(place, (*report)?)?;
        }
        Ok(())
    }
}

/// From now on `q` ends it, where there is a keyboard.
fn watch_keys(keyboard: Option<&Keyboard>, events: &Sender<WatchEvent>) {
    if keyboard.is_some() {
        let events = events.clone();
        thread::spawn(move || wait_for_q(&events));
    }
}

fn wait_for_q(events: &Sender<WatchEvent>) {
    while let Some(key) = Keyboard::next_key() {
        if key.eq_ignore_ascii_case(&b'q') {
            let _ = events.send(WatchEvent::End);
            return;
        }
    }
}
