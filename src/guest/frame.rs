//! The form of the guest's answer: `@NONCE KIND [INDEX] LENGTH`, a line break, so many bytes, a line break.
//!
//! A nonce and lengths: what a banner, a `.bashrc` or a file's content says cannot be taken for a frame.

use crate::base::text::hex;
use std::fmt;

/// The system has no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the system has no random numbers")]
pub(crate) struct NoRandom {
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl NoRandom {
    pub(crate) fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: source.into() }
    }
}

/// A number for one answer, unknown to whoever wrote the guest's files before it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nonce(String);

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// What it answers.
    pub(crate) kind: &'a str,
    /// Which file it is about.
    pub(crate) index: Option<usize>,
    /// The answer itself.
    pub(crate) body: &'a [u8],
}

/// Why bytes are not an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// The beginning or the end is missing.
    CutOff,
    /// Something else stands where a frame should.
    Form,
}

impl Nonce {
    /// A new one, of 128 bits.
    pub(crate) fn random() -> Result<Self, NoRandom> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).map_err(NoRandom::new)?;
        Ok(Self(hex(&bits)))
    }

    /// A known one, so that answers can be written beforehand.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Looks for the last frame in an answer that grows.
pub(crate) struct End {
    mark: Vec<u8>,
    searched: usize,
}

impl End {
    pub(crate) fn of(nonce: &Nonce) -> Self {
        Self { mark: format!("@{nonce} end 0\n\n").into_bytes(), searched: 0 }
    }

    /// True when it has arrived in `answer`, which is the one of the last time and more.
    pub(crate) fn is_in(&mut self, answer: &[u8]) -> bool {
        let from = self.searched.saturating_sub(self.mark.len());
        self.searched = answer.len();
        find(&answer[from..], &self.mark).is_some()
    }
}

/// Finds the frames of one kind in an answer that grows.
pub(crate) struct Arrivals {
    mark: Vec<u8>,
    searched: usize,
}

impl Arrivals {
    pub(crate) fn of(nonce: &Nonce, kind: &str) -> Self {
        Self { mark: format!("@{nonce} {kind} ").into_bytes(), searched: 0 }
    }

    /// The body of the next one, once all of it is in `answer`, which is the one of the last time and more.
    pub(crate) fn next_in<'a>(&mut self, answer: &'a [u8]) -> Option<&'a [u8]> {
        let Some(found) = find(answer.get(self.searched..)?, &self.mark) else {
            // The mark's beginning may have arrived.
            self.searched = answer.len().saturating_sub(self.mark.len()).max(self.searched);
            return None;
        };
        self.searched += found;
        let header = &answer[self.searched + self.mark.len()..];
        let end = header.iter().take(LONGEST_HEADER).position(|byte| *byte == b'\n')?;
        let length: usize = std::str::from_utf8(&header[..end]).ok()?.parse().ok()?;
        let body = header.get(end + 1..)?.get(..length)?;
        self.searched += self.mark.len() + end + 1 + length;
        Some(body)
    }
}

/// True when `answer` has begun, whatever has become of the rest.
pub(crate) fn has_begun(answer: &[u8], nonce: &Nonce) -> bool {
    find(answer, format!("@{nonce} begin ").as_bytes()).is_some()
}

/// Reads the frames between the first and the last one; what stands around them is dropped.
pub(crate) fn parse<'a>(answer: &'a [u8], nonce: &Nonce) -> Result<Vec<Frame<'a>>, Malformed> {
    let mark = format!("@{nonce} ");
    let start = find(answer, format!("{mark}begin 0\n\n").as_bytes()).ok_or(Malformed::CutOff)?;
    let mut rest = &answer[start..];
    let mut frames = Vec::new();
    loop {
        let (frame, after) = parse_frame(rest, mark.as_bytes())?;
        match frame.kind {
            "begin" if frames.is_empty() => {}
            "end" => return Ok(frames),
            _ => frames.push(frame),
        }
        rest = after;
    }
}

fn parse_frame<'a>(text: &'a [u8], mark: &[u8]) -> Result<(Frame<'a>, &'a [u8]), Malformed> {
    if text.len() < mark.len() && mark.starts_with(text) {
        return Err(Malformed::CutOff);
    }
    let text = text.strip_prefix(mark).ok_or(Malformed::Form)?;
    let end = text.iter().take(LONGEST_HEADER).position(|byte| *byte == b'\n');
    let end = end.ok_or(if text.len() < LONGEST_HEADER { Malformed::CutOff } else { Malformed::Form })?;
    let (header, rest) = (&text[..end], &text[end + 1..]);
    let header = std::str::from_utf8(header).map_err(|_| Malformed::Form)?;
    let (kind, index, length) = parse_header(header).ok_or(Malformed::Form)?;
    let body = rest.get(..length).ok_or(Malformed::CutOff)?;
    match rest[length..].split_first() {
        Some((b'\n', after)) => Ok((Frame { kind, index, body }, after)),
        Some(_) => Err(Malformed::Form),
        None => Err(Malformed::CutOff),
    }
}

fn parse_header(header: &str) -> Option<(&str, Option<usize>, usize)> {
    let words: Vec<&str> = header.split(' ').collect();
    match words.as_slice() {
        [kind, length] => Some((kind, None, length.parse().ok()?)),
        [kind, index, length] => Some((kind, Some(index.parse().ok()?), length.parse().ok()?)),
        _ => None,
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

const LONGEST_HEADER: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(nonce: &Nonce, kind: &str, body: &[u8]) -> Vec<u8> {
        let mut text = format!("@{nonce} {kind} {}\n", body.len()).into_bytes();
        text.extend_from_slice(body);
        text.push(b'\n');
        text
    }

    fn answer(nonce: &Nonce, frames: &[(&str, &[u8])]) -> Vec<u8> {
        let all = [("begin", b"".as_slice())]
            .into_iter()
            .chain(frames.iter().copied())
            .chain([("end", b"".as_slice())]);
        all.flat_map(|(kind, body)| frame(nonce, kind, body)).collect()
    }

    #[test]
    fn noise_around_the_frames_is_dropped() {
        let nonce = Nonce::random().unwrap();
        let mut text = b"Welcome!\x1b[31m\n@0000 begin 0\n".to_vec();
        text.extend(answer(&nonce, &[("text 3", b"a\nb")]));
        text.extend(b"logout\n");
        let frames = parse(&text, &nonce).unwrap();
        assert_eq!(frames, [Frame { kind: "text", index: Some(3), body: b"a\nb" }]);
    }

    #[test]
    fn the_end_is_found_however_the_answer_is_cut() {
        let nonce = Nonce::random().unwrap();
        let text = answer(&nonce, &[("text 0", b"x")]);
        for cut in 0..text.len() {
            let mut end = End::of(&nonce);
            assert!(!end.is_in(&text[..cut]), "{cut}");
            assert!(end.is_in(&text), "{cut}");
        }
    }

    #[test]
    fn arrivals_are_found_once_however_the_answer_is_cut() {
        let nonce = Nonce::random().unwrap();
        let text = answer(&nonce, &[("progress", b"a"), ("unit", b"x"), ("progress", b"bc")]);
        for step in 1..text.len() {
            let (mut arrivals, mut found) = (Arrivals::of(&nonce, "progress"), Vec::new());
            for end in (0..text.len()).step_by(step).chain([text.len()]) {
                while let Some(body) = arrivals.next_in(&text[..end]) {
                    found.push(body.to_vec());
                }
            }
            assert_eq!(found, [b"a".to_vec(), b"bc".to_vec()], "{step}");
        }
        let lie = format!("@{nonce} progress 99999999999999999999\nx\n");
        assert_eq!(Arrivals::of(&nonce, "progress").next_in(lie.as_bytes()), None);
    }

    #[test]
    fn a_frame_inside_a_body_is_content() {
        let nonce = Nonce::random().unwrap();
        let inner = answer(&nonce, &[("root", b"")]);
        let text = answer(&nonce, &[("text 0", &inner)]);
        assert_eq!(parse(&text, &nonce).unwrap()[0].body, inner);
    }

    #[test]
    fn another_nonce_is_no_answer() {
        let text = answer(&Nonce::random().unwrap(), &[("units", b"x")]);
        assert_eq!(parse(&text, &Nonce::random().unwrap()), Err(Malformed::CutOff));
    }

    #[test]
    fn lies_about_lengths_are_refused() {
        let nonce = Nonce::random().unwrap();
        for header in
            ["text 0 1", "text 0 3", "text 0 99999999999999999999", "text 0 -1", "text x 2", "text 0 0 2"]
        {
            let mut text = frame(&nonce, "begin", b"");
            text.extend(format!("@{nonce} {header}\nab\n").bytes());
            text.extend(frame(&nonce, "end", b""));
            assert_eq!(parse(&text, &nonce), Err(Malformed::Form), "{header}");
        }
    }

    proptest! {
        #[test]
        fn what_was_framed_is_read(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5)) {
            let nonce = Nonce::random().unwrap();
            let frames: Vec<_> = bodies.iter().map(|body| ("text 7", body.as_slice())).collect();
            let text = answer(&nonce, &frames);
            let read = parse(&text, &nonce).unwrap();
            prop_assert_eq!(read.iter().map(|frame| frame.body).collect::<Vec<_>>(), bodies);
        }

        #[test]
        fn a_truncated_answer_is_cut_off(body in prop::collection::vec(any::<u8>(), 0..300), keep in 0.0..1.0f64) {
            let nonce = Nonce::random().unwrap();
            let text = answer(&nonce, &[("text 7", &body)]);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
            let kept = (keep * text.len() as f64) as usize;
            prop_assert_eq!(parse(&text[..kept], &nonce), Err(Malformed::CutOff));
        }

        #[test]
        fn nothing_makes_it_panic(text in prop::collection::vec(any::<u8>(), 0..500)) {
            let nonce = Nonce::random().unwrap();
            let mut framed = format!("@{nonce} begin 0\n\n@{nonce} ").into_bytes();
            framed.extend(&text);
            let _ = parse(&framed, &nonce);
            let _ = parse(&text, &nonce);
        }
    }
}
