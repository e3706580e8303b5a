//! An SSH server whose every packet a test chooses, so that it can do what no server does. It knows one algorithm of each kind,
//! and lets everybody in.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use ring::aead::chacha20_poly1305_openssh::{OpeningKey, SealingKey};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};

/// A connection to somebody who has logged in.
pub struct SshPeer {
    input: BufReader<TcpStream>,
    output: TcpStream,
    read: u32,
    written: u32,
    keys: Option<(OpeningKey, SealingKey)>,
    held: Option<Vec<u8>>,
}

impl SshPeer {
    /// Has `serve` talk with everybody who comes, and returns the port. What fails ends that connection.
    pub fn listen(serve: impl Fn(&mut Self) -> io::Result<()> + Clone + Send + 'static) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serve = serve.clone();
                thread::spawn(move || Self::let_in(stream).and_then(|mut peer| serve(&mut peer)));
            }
        });
        port
    }

    /// The next packet's content.
    pub fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut packet = vec![0; 4];
        self.input.read_exact(&mut packet)?;
        let mut length = [packet[0], packet[1], packet[2], packet[3]];
        if let Some((key, _)) = &self.keys {
            length = key.decrypt_packet_length(self.read, length);
        }
        packet.resize(4 + u32::from_be_bytes(length) as usize, 0);
        self.input.read_exact(&mut packet[4..])?;
        if let Some((key, _)) = &self.keys {
            let mut tag = [0; 16];
            self.input.read_exact(&mut tag)?;
            let opened = key.open_in_place(self.read, &mut packet, &tag);
            opened.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        }
        self.read += 1;
        let padding = usize::from(packet[4]);
        Ok(packet[5..packet.len() - padding].to_vec())
    }

    /// The next packet that begins with the message `number`; what comes before is left out.
    pub fn read_until(&mut self, number: u8) -> io::Result<Vec<u8>> {
        loop {
            let packet = self.read()?;
            if packet.first() == Some(&number) {
                return Ok(packet);
            }
        }
    }

    /// Sends a packet.
    pub fn write(&mut self, content: &[u8]) -> io::Result<()> {
        let padding = 15 - (content.len() + 8) % 8;
        let mut packet = u32::try_from(1 + content.len() + padding).unwrap().to_be_bytes().to_vec();
        packet.push(u8::try_from(padding).unwrap());
        packet.extend_from_slice(content);
        packet.resize(packet.len() + padding, 0);
        if let Some((_, key)) = &self.keys {
            let mut tag = [0; 16];
            key.seal_in_place(self.written, &mut packet, &mut tag);
            packet.extend_from_slice(&tag);
        }
        self.written += 1;
        match &mut self.held {
            Some(held) => held.extend_from_slice(&packet),
            None => self.output.write_all(&packet)?,
        }
        Ok(())
    }

    /// Keeps what is sent, for [`Self::release`] to send it all at once.
    pub fn hold(&mut self) {
        self.held = Some(Vec::new());
    }

    /// Sends what was kept.
    pub fn release(&mut self) -> io::Result<()> {
        self.output.write_all(&self.held.take().unwrap_or_default())
    }

    /// Waits for the client to open a channel and agrees; returns the client's number for it.
    pub fn open_channel(&mut self) -> io::Result<u32> {
        let asked = self.read_until(90)?;
        let kind = u32::from_be_bytes([asked[1], asked[2], asked[3], asked[4]]) as usize;
        let number = u32::from_be_bytes(asked[5 + kind..9 + kind].try_into().unwrap());
        // The server has the same number for it, a window of 2 MB, and packets of 32 KB.
        self.write(
            &[&[91], &number.to_be_bytes()[..], &number.to_be_bytes(), &words(&[2 << 20, 32 << 10])].concat(),
        )?;
        Ok(number)
    }

    /// Key exchange (RFC 4253, RFC 8731) and login (RFC 4252).
    fn let_in(stream: TcpStream) -> io::Result<Self> {
        let mut output = stream.try_clone()?;
        let mut input = BufReader::new(stream);
        output.write_all(format!("{VERSION}\r\n").as_bytes())?;
        let mut theirs = String::new();
        input.read_line(&mut theirs)?;
        let mut peer = Self { input, output, read: 0, written: 0, keys: None, held: None };
        let ours = offer();
        peer.write(&ours)?;
        let offer = peer.read_until(20)?;
        peer.exchange_keys(&[theirs.trim_end().as_bytes(), VERSION.as_bytes(), &offer, &ours])?;
        peer.read_until(5)?;
        peer.write(&[&[6][..], &string(b"ssh-userauth")].concat())?;
        peer.read_until(50)?;
        peer.write(&[52])?;
        Ok(peer)
    }

    fn exchange_keys(&mut self, said: &[&[u8]]) -> io::Result<()> {
        let random = SystemRandom::new();
        let theirs = self.read_until(30)?[5..].to_vec();
        let secret = EphemeralPrivateKey::generate(&X25519, &random).unwrap();
        let ours = secret.compute_public_key().unwrap();
        let shared = agree_ephemeral(secret, &UnparsedPublicKey::new(&X25519, &theirs), positive).unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let host_key = [string(b"ssh-ed25519"), string(pair.public_key().as_ref())].concat();
        let mut hashed: Vec<u8> = said.iter().flat_map(|text| string(text)).collect();
        for part in [string(&host_key), string(&theirs), string(ours.as_ref()), shared.clone()] {
            hashed.extend(part);
        }
        let hash = digest(&SHA256, &hashed);
        let signature = [string(b"ssh-ed25519"), string(pair.sign(hash.as_ref()).as_ref())].concat();
        self.write(&[&[31][..], &string(&host_key), &string(ours.as_ref()), &string(&signature)].concat())?;
        self.write(&[21])?;
        self.read_until(21)?;
        let key = |letter: u8| {
            let first = digest(&SHA256, &[&shared, hash.as_ref(), &[letter], hash.as_ref()].concat());
            let second = digest(&SHA256, &[&shared, hash.as_ref(), first.as_ref()].concat());
            <[u8; 64]>::try_from([first.as_ref(), second.as_ref()].concat()).unwrap()
        };
        self.keys = Some((OpeningKey::new(&key(b'C')), SealingKey::new(&key(b'D'))));
        Ok(())
    }
}

/// A text as SSH writes it.
pub fn string(text: &[u8]) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat()
}

/// Numbers as SSH writes them.
pub fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

/// A positive number as SSH writes it.
fn positive(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let sign: &[u8] = if bytes.get(start).is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
    string(&[sign, &bytes[start..]].concat())
}

/// `SSH_MSG_KEXINIT`
fn offer() -> Vec<u8> {
    let mut offer = vec![20];
    offer.extend([0; 16]);
    let cipher = "chacha20-poly1305@openssh.com";
    for names in [
        "curve25519-sha256",
        "ssh-ed25519",
        cipher,
        cipher,
        "hmac-sha2-256",
        "hmac-sha2-256",
        "none",
        "none",
        "",
        "",
    ] {
        offer.extend(string(names.as_bytes()));
    }
    offer.extend([0; 5]);
    offer
}

const VERSION: &str = "SSH-2.0-odd";
