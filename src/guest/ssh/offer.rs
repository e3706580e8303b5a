//! Which algorithms a server offers (RFC 4253, 7.1), to say so when it shares none with this program: libssh2 does not.

use crate::base::text::sanitize;

/// The kinds that both sides have to share, in the order of the server's lists, as people call them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AlgorithmKind {
    KeyExchange,
    HostKey,
    Encryption,
    Integrity,
}

impl AlgorithmKind {
    pub(super) const ALL: [Self; 4] = [Self::KeyExchange, Self::HostKey, Self::Encryption, Self::Integrity];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KeyExchange => "key exchange",
            Self::HostKey => "host keys",
            Self::Encryption => "encryption",
            Self::Integrity => "integrity",
        }
    }

    /// The place of its list: encryption and integrity have one for each direction, of which the server's is enough.
    fn index(self) -> usize {
        match self {
            Self::KeyExchange => 0,
            Self::HostKey => 1,
            Self::Encryption => 3,
            Self::Integrity => 5,
        }
    }
}

/// What a server offers.
#[derive(Debug)]
pub(super) struct Offer<'a>(Vec<&'a str>);

impl<'a> Offer<'a> {
    /// Reads the first bytes that a server sends: lines up to the one with its version (RFC 4253, 4.2), then one packet.
    /// None when they are not of that form.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        loop {
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            if line.starts_with(b"SSH-") {
                break;
            }
        }
        let (_length, rest) = number(rest)?;
        let (_padding, rest) = rest.split_first()?;
        let (kind, rest) = rest.split_first()?;
        let mut rest = rest.get(COOKIE..).filter(|_| *kind == SSH_MSG_KEXINIT)?;
        let mut lists = Vec::new();
        for _ in 0..LISTS {
            let (length, after) = number(rest)?;
            let list = after.get(..length)?;
            lists.push(std::str::from_utf8(list).ok()?);
            rest = &after[length..];
        }
        Some(Self(lists))
    }

    /// What it offers of `kind`, if nothing of that is among `ours`.
    pub(super) fn without(&self, kind: AlgorithmKind, ours: &[String]) -> Option<String> {
        let list = self.0.get(kind.index())?;
        let shares = list.split(',').any(|name| ours.iter().any(|own| own == name));
        (!shares).then(|| sanitize(&list.split(',').take(MOST_SHOWN).collect::<Vec<_>>().join(", ")))
    }
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number) as usize, rest))
}

const SSH_MSG_KEXINIT: u8 = 20;
const COOKIE: usize = 16;
const LISTS: usize = 6;
const MOST_SHOWN: usize = 12;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn first_bytes(lists: [&str; LISTS]) -> Vec<u8> {
        let mut bytes = b"hello\r\nSSH-2.0-x\r\n\0\0\x01\0\x04\x14cookiecookiecook".to_vec();
        for list in lists {
            bytes.extend(u32::try_from(list.len()).unwrap().to_be_bytes());
            bytes.extend(list.as_bytes());
        }
        bytes
    }

    #[test]
    fn what_is_not_shared_is_told() {
        let bytes = first_bytes(["a,b", "c", "d", "e\u{1b}", "f", "g"]);
        let offer = Offer::parse(&bytes).unwrap();
        let ours = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(offer.without(AlgorithmKind::KeyExchange, &ours(&["b"])), None);
        assert_eq!(offer.without(AlgorithmKind::KeyExchange, &ours(&["x"])), Some("a, b".into()));
        assert_eq!(offer.without(AlgorithmKind::HostKey, &[]), Some("c".into()));
        assert!(!offer.without(AlgorithmKind::Encryption, &[]).unwrap().contains('\u{1b}'));
        assert_eq!(offer.without(AlgorithmKind::Integrity, &ours(&["g"])), None);
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(bytes: Vec<u8>, cut in 0usize..80) {
            let _ = Offer::parse(&bytes);
            let whole = first_bytes(["a,b", "c", "d", "e", "f", "g"]);
            prop_assert!(Offer::parse(&whole[..cut.min(whole.len() - 1)]).is_none());
            let _ = Offer::parse(&[b"SSH-2.0-x\n".as_slice(), &bytes].concat());
        }
    }
}
