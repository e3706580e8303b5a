//! What a shell of the guest says before the program that it was asked to run.

use super::forward::BEGIN;

/// What of `bytes` comes after the line with which a program begins to speak; all of it when it has begun before.
pub(super) fn after_noise<'b>(noise: &mut Option<Vec<u8>>, bytes: &'b [u8]) -> &'b [u8] {
    let Some(before) = noise else { return bytes };
    let known = before.len();
    before.extend_from_slice(bytes);
    let line = format!("{BEGIN}\n").into_bytes();
    if let Some(start) = before.windows(line.len()).position(|part| part == line) {
        *noise = None;
        return &bytes[start + line.len() - known..];
    }
    // Only its end can be the beginning of that line.
    let old = before.len().saturating_sub(line.len());
    before.drain(..old);
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_says_at_first_is_left_out() {
        let all = format!("Welcome!\n\x1b[1m{BEGIN}x{BEGIN}\nHTTP/1.1 200 {BEGIN}\n");
        for size in 1..all.len() {
            let mut noise = Some(Vec::new());
            let parts = all.as_bytes().chunks(size);
            let words: Vec<u8> = parts.flat_map(|part| after_noise(&mut noise, part).to_vec()).collect();
            assert_eq!(String::from_utf8(words).unwrap(), format!("HTTP/1.1 200 {BEGIN}\n"), "{size}");
        }
        let mut noise = Some(Vec::new());
        for _ in 0..1000 {
            assert_eq!(after_noise(&mut noise, &[b'x'; 1000]), b"");
        }
        assert!(noise.unwrap().len() < 100);
        assert_eq!(after_noise(&mut None, b"HTTP"), b"HTTP");
    }
}
