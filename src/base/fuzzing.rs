//! What the checks of `crate::fuzzing` have in common.

#![allow(
    clippy::missing_panics_doc,
    clippy::type_complexity,
    reason = "panicking is how they say what they found"
)]

/// Splits bytes into what comes first and the records after it: a line `@NAME` and all up to the next one.
pub(crate) fn records(data: &[u8]) -> (&[u8], Vec<(&[u8], &[u8])>) {
    let mut starts: Vec<usize> =
        data.windows(2).enumerate().filter(|(_, pair)| pair == b"\n@").map(|(at, _)| at).collect();
    starts.push(data.len());
    let record = |bounds: &[usize]| {
        let record = &data[bounds[0] + 2..bounds[1]];
        match record.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&record[..end], &record[end + 1..]),
            None => (record, [].as_slice()),
        }
    };
    // A record begins with the line break that ends the one before it.
    (&data[..starts[0]], starts.windows(2).map(record).collect())
}

/// For any terminal: what the guest says may not steer it.
#[track_caller]
pub(crate) fn assert_printable(text: &str) {
    assert!(
        !text
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    );
}

/// For any shell, between double quotes.
#[track_caller]
pub(crate) fn assert_plain(text: &str) {
    assert!(!text.chars().any(|c| c.is_control() || "$`\"'\\!;&|<>*?[]{}#~^%".contains(c)), "{text:?}");
    assert!(text.is_ascii(), "{text:?}");
}
