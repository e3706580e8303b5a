//! The journal of units in the guest, read line by line.

use crate::base::text::sanitize_line;
use crate::base::types::{UnitName, validated};
use crate::guest::ssh::{Connection, Error};

validated!(
    /// A point in time as `journalctl --since` takes it (`systemd.time(7)`).
    JournalTime, "time", "a time such as `10:30`, `2026-01-31 10:30`, `yesterday`, `-1h` or `2 hours ago`",
    |text| text.len() <= 64 && (is_span(text) || is_point(text))
);

/// True for what journalctl counts from now: `-1h`, `2 hours ago`; and for `5m`, as docker and kubectl have it.
fn is_span(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let text = text.strip_suffix(" ago").unwrap_or(text);
    let mut rest = text;
    while !rest.is_empty() {
        let number = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let unit = number.trim_start();
        let after = unit.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        if number.len() == rest.len() || !UNITS.contains(&&unit[..unit.len() - after.len()]) {
            return false;
        }
        rest = after.trim_start();
    }
    !text.is_empty()
}

/// True for a day, a time of day, or both.
fn is_point(text: &str) -> bool {
    let digits = text.strip_suffix(" UTC").unwrap_or(text);
    let is_number = |c: char| c.is_ascii_digit() || " -:.".contains(c);
    DAYS.contains(&text) || digits.starts_with(|c: char| c.is_ascii_digit()) && digits.chars().all(is_number)
}

const UNITS: [&str; 25] = [
    "us", "ms", "s", "sec", "second", "seconds", "m", "min", "mins", "minute", "minutes", "h", "hr", "hour",
    "hours", "d", "day", "days", "w", "week", "weeks", "month", "months", "year", "years",
];
const DAYS: [&str; 4] = ["now", "today", "yesterday", "tomorrow"];

/// What to read of the journal.
#[derive(Debug)]
pub(crate) struct JournalQuery<'a> {
    pub units: &'a [UnitName],
    /// They are those of the user's own systemd.
    pub of_user: bool,
    pub since: Option<&'a JournalTime>,
    /// So many of its last lines.
    pub lines: usize,
    /// Goes on with what is written from now on.
    pub follow: bool,
}

impl JournalQuery<'_> {
    /// Reads it and gives each line to `show`, made harmless, until that says false.
    ///
    /// Errors: the connection ends, its time is over, or there is more than any journal should have.
    pub(crate) fn read(
        &self,
        connection: &mut Connection,
        user_is_root: bool,
        mut show: impl FnMut(&str) -> bool,
    ) -> Result<(), Error> {
        let mut shown = 0;
        let is_over = |text: &[u8]| {
            while let Some(length) = text[shown..].iter().position(|byte| *byte == b'\n') {
                let line = sanitize_line(&String::from_utf8_lossy(&text[shown..shown + length]));
                shown += length + 1;
                if !show(&line) {
                    return true;
                }
            }
            false
        };
        connection.run(&self.command(user_is_root), MOST, is_over)?;
        Ok(())
    }

    /// The command, for any login shell: nothing in it needs quotes but the time, in which no shell finds anything.
    fn command(&self, user_is_root: bool) -> String {
        let option = if self.of_user { "--user-unit" } else { "--unit" };
        let lines = format!("--lines={}", self.lines);
        let mut words: Vec<String> = ["journalctl", "--quiet", "--no-pager", "--output=short-iso", &lines]
            .map(ToOwned::to_owned)
            .to_vec();
        words.extend(self.units.iter().map(|unit| format!("{option}={}", unit.full())));
        words.extend(self.since.map(|since| {
            let text = since.as_str();
            let has_direction = text.starts_with(['-', '+']) || text.ends_with(" ago");
            let back = if is_span(text) && !has_direction { "-" } else { "" };
            format!("\"--since={back}{text}\"")
        }));
        words.extend(self.follow.then(|| "--follow".to_owned()));
        let words = words.join(" ");
        if user_is_root || self.of_user { words } else { format!("sudo -n {words} || {words}") }
    }
}

/// More bytes are too much, even for who follows it.
const MOST: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_no_more_than_that() {
        for text in [
            "10:30",
            "2026-01-31",
            "2026-01-31 10:30:00 UTC",
            "yesterday",
            "-1h",
            "2 hours ago",
            "+5min",
            "5m",
            "1h30m",
            "1 day 2 hours ago",
        ] {
            assert!(JournalTime::parse(text).is_ok(), "{text}");
        }
        for odd in ["yesterdy", "5 parsecs", "h", "-", "ago", " ago", "10:30 tomorow", "1h x"] {
            assert!(JournalTime::parse(odd).is_err(), "{odd}");
        }
        for hostile in ["", "$(id)", "`id`", "\"; id; \"", "a\nb", "'", "!", "a;b", "\\", &"1".repeat(65)] {
            assert!(JournalTime::parse(hostile).is_err(), "{hostile}");
        }
    }

    #[test]
    fn the_command_names_its_units() {
        let units: Vec<UnitName> = vec!["kubelet".parse().unwrap(), "docker.socket".parse().unwrap()];
        let since = JournalTime::parse("2 hours ago").unwrap();
        let query =
            JournalQuery { units: &units, of_user: false, since: Some(&since), lines: 1000, follow: true };
        let words = "journalctl --quiet --no-pager --output=short-iso --lines=1000 --unit=kubelet.service \
            --unit=docker.socket \"--since=2 hours ago\" --follow";
        assert_eq!(query.command(true), words);
        assert_eq!(query.command(false), format!("sudo -n {words} || {words}"));
        let since = JournalTime::parse("5m").unwrap();
        let query = JournalQuery { since: Some(&since), ..query };
        assert!(query.command(true).contains(" \"--since=-5m\" "));
        let query = JournalQuery { of_user: true, since: None, follow: false, ..query };
        assert!(query.command(false).ends_with("--user-unit=kubelet.service --user-unit=docker.socket"));
    }
}
