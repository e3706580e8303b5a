//! See [`crate::fuzzing`].

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "panicking is how they say what they found"
)]

use std::net::IpAddr;
use std::sync::LazyLock;

use super::facts::{Facts, FileFact};
use super::questions::{FileQuestion, Questions};
use crate::base::fuzzing::{assert_plain, records};
use crate::base::types::GuestPath;
use crate::catalogue::Catalogue;
use crate::guest::frame::{self, End, Frame, Malformed, Nonce};

/// The guest's answer, byte for byte: frames are slices of it in its order, and the same wherever they stand.
pub fn frames(data: &[u8]) {
    let nonce = Nonce::of("n");
    let read = frame::parse(data, &nonce);
    assert_eq!(read, frame::parse(data, &nonce));
    let mut end = End::of(&nonce);
    let chunks = (0..data.len()).step_by(7).map(|end| &data[..end]).chain([data]);
    // Each piece is looked at, as the program does.
    #[allow(clippy::unnecessary_fold, reason = "`any` would stop at the first")]
    let ended = chunks.fold(false, |ended, answer| ended || end.is_in(answer));
    assert_eq!(ended, data.windows(END.len()).any(|window| window == END));
    let Ok(read) = read else { return };

    let mut from = data.as_ptr_range().start;
    for frame in &read {
        let body = frame.body.as_ptr_range();
        assert!(from <= body.start && body.end <= data.as_ptr_range().end);
        from = body.end;
    }
    let noisy = [b"Welcome\n", data, b"logout\n"].concat();
    assert_eq!(frame::parse(&noisy, &nonce).as_ref(), Ok(&read));
    let headers = read.iter().map(|frame| match frame.index {
        Some(index) => format!("{} {index}", frame.kind),
        None => frame.kind.to_owned(),
    });
    let again = answer(b"", headers.zip(&read).map(|(header, frame)| (header, frame.body)));
    assert_eq!(frame::parse(&again, &nonce).as_ref(), Ok(&read));
    for cut in (0..data.len()).rev().step_by(1 + data.len() / 50) {
        let cut = frame::parse(&data[..cut], &nonce);
        assert!(cut.as_ref() == Ok(&read) || cut == Err(Malformed::CutOff));
    }
    hold(&read);
}

/// The guest's answers as records named after the frames' headers, without lengths and so without lies about them:
/// what is made of them is asked for and usable.
pub fn facts(data: &[u8]) {
    let nonce = Nonce::of("n");
    let (noise, records) = records(data);
    let Ok(records) = records
        .into_iter()
        .map(|(header, body)| std::str::from_utf8(header).map(|header| (header.to_owned(), body)))
        .collect::<Result<Vec<_>, _>>()
    else {
        return;
    };
    let text = answer(noise, records.iter().cloned());
    let read = frame::parse(&text, &nonce);
    let begins = text.windows(BEGIN.len()).position(|window| window == BEGIN);
    if begins == Some(noise.len() + 1) && records.iter().all(|(header, _)| is_ordinary(header)) {
        let read = read.as_ref().unwrap();
        assert_eq!(
            read.iter().map(|frame| frame.body).collect::<Vec<_>>(),
            records.iter().map(|(_, body)| *body).collect::<Vec<_>>()
        );
    }
    if let Ok(read) = read {
        hold(&read);
    }
}

/// What holds for the facts in `frames`, if any are.
fn hold(frames: &[Frame]) {
    let Ok(facts) = Facts::from_frames(&QUESTIONS, frames) else { return };
    let again = Facts::from_frames(&QUESTIONS, frames).unwrap();
    assert_eq!(format!("{facts:?}"), format!("{again:?}"));
    assert_eq!((&facts.files, &facts.token), (&again.files, &again.token));

    assert!(facts.addresses.len() <= 8);
    assert!(facts.addresses.is_sorted_by_key(IpAddr::is_ipv6), "{:?}", facts.addresses);
    for (at, address) in facts.addresses.iter().enumerate() {
        assert_eq!(address.to_string().parse().as_ref(), Ok(address));
        assert_eq!(*address, address.to_canonical());
        assert!(!address.is_loopback() && !address.is_unspecified() && !address.is_multicast(), "{address}");
        assert!(!facts.addresses[..at].contains(address), "{address}");
    }
    for (path, fact) in &facts.files {
        assert_plain(path.as_str().trim_start_matches("~/").trim_start_matches("%t/"));
        assert_eq!(GuestPath::parse(path.as_str()).as_ref(), Ok(path));
        let asked = |question: &FileQuestion| match fact {
            FileFact::Hidden => question.pattern.folder() == path.as_str(),
            _ => question.pattern.matches(path),
        };
        assert!(QUESTIONS.files.iter().any(asked), "{path}: {fact:?}");
    }
    for container in &facts.registries {
        assert_plain(container.name.as_str());
    }
    for unit in facts.units.keys().chain(facts.ages.keys()) {
        assert!(!unit.contains(char::is_whitespace), "{unit:?}");
    }
}

/// `frames` as the guest writes them, after `noise`.
fn answer<'a>(noise: &[u8], frames: impl Iterator<Item = (String, &'a [u8])>) -> Vec<u8> {
    let mut text = [noise, b"\n@n begin 0\n\n"].concat();
    for (header, body) in frames {
        text.extend(format!("@n {header} {}\n", body.len()).bytes());
        text.extend_from_slice(body);
        text.push(b'\n');
    }
    text.extend_from_slice(END);
    text
}

fn is_ordinary(header: &str) -> bool {
    let (kind, index) = header.split_once(' ').unwrap_or((header, "0"));
    (1..=16).contains(&kind.len())
        && kind.chars().all(|c| c.is_ascii_lowercase())
        && !matches!(kind, "begin" | "end")
        && (1..=9).contains(&index.len())
        && index.chars().all(|c| c.is_ascii_digit())
}

/// All that the program ever asks.
static QUESTIONS: LazyLock<Questions> = LazyLock::new(|| {
    let catalogue = Catalogue::built_in().unwrap();
    Questions::to_use(catalogue.entries().iter().map(|entry| &entry.service)).of_what_comes_up()
});
const BEGIN: &[u8] = b"@n begin 0\n\n";
const END: &[u8] = b"@n end 0\n\n";
