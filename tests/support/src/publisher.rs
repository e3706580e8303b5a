//! Publishers of clients: one server with a certificate of its own authority stands in for all of them. What it
//! offers are real programs, packed as the real publishers do, and it can fail in every way that they do.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A server with files.
pub struct Publisher {
    address: String,
    shared: Arc<Shared>,
    authority: PathBuf,
    _folder: TempDir,
}

#[derive(Default)]
struct Shared {
    files: Mutex<BTreeMap<String, File>>,
    requests: Mutex<Vec<String>>,
    /// How many held answers may go on.
    released: Mutex<usize>,
    release: Condvar,
}

#[derive(Clone)]
struct File {
    content: Arc<Vec<u8>>,
    faults: Vec<Fault>,
}

/// How a request for a file goes wrong.
#[derive(Clone)]
pub enum Fault {
    /// The connection ends after so many bytes of the rest that was asked for.
    Ends(usize),
    /// So many bytes come, then nothing while the client waits.
    Stalls(usize),
    /// A byte now and then.
    Drips,
    /// An answer without a file.
    Status(u16, &'static str),
    /// Somewhere else.
    Redirect(String),
    /// The length is said to be another one.
    Length(usize),
    /// The whole file, whatever part was asked for.
    IgnoresRanges,
    /// The beginning, whatever part was asked for.
    OtherRange,
    /// The part that was asked for, even of another file than before.
    IgnoresChanges,
    /// So many bytes come, and the rest when the publisher [goes on](Publisher::goes_on).
    Holds(usize),
}

impl Publisher {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL takes a certificate whose issuer is called as itself for one that signed itself.
        params.distinguished_name.push(DnType::CommonName, "authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = folder.path().join("ca.pem");
        fs::write(&authority, issuer.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("localhost:{}", listener.local_addr().unwrap().port());
        let shared = Arc::new(Shared::default());
        serve(listener, Arc::new(config), Arc::clone(&shared));
        Self { address, shared, authority, _folder: folder }
    }

    /// `localhost:PORT`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Has `content` at the publisher's address `url`.
    pub fn offers(&self, url: &str, content: impl Into<Vec<u8>>) -> &Self {
        let file = File { content: Arc::new(content.into()), faults: Vec::new() };
        self.shared.files.lock().unwrap().insert(path_of(url), file);
        self
    }

    /// The same, with the checksum beside it that `sha256sum` would write.
    pub fn offers_with_checksum(&self, url: &str, content: impl Into<Vec<u8>>) -> &Self {
        let content = content.into();
        let checksum = sha256(&content);
        self.offers(url, content).offers(&format!("{url}.sha256"), checksum)
    }

    /// The next requests for `url` go wrong, one after the other.
    pub fn fails(&self, url: &str, faults: impl IntoIterator<Item = Fault>) -> &Self {
        let mut files = self.shared.files.lock().unwrap();
        let empty = File { content: Arc::default(), faults: Vec::new() };
        files.entry(path_of(url)).or_insert(empty).faults = faults.into_iter().collect();
        drop(files);
        self
    }

    /// Lets an answer that is held go on.
    pub fn goes_on(&self) {
        *self.shared.released.lock().unwrap() += 1;
        self.shared.release.notify_all();
    }

    /// The variables of somebody for whom it stands in for all publishers.
    pub fn variables(&self) -> [(&'static str, String); 2] {
        let authority = self.authority.to_str().unwrap().to_owned();
        [
            ("SSL_CERT_FILE", authority),
            ("SERVICE_MANAGER_MIRROR", format!("https://=https://{}/", self.address)),
        ]
    }

    /// What was asked for since the last time: the publishers' addresses, and `RANGE` behind those of which a part.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.requests.lock().unwrap())
    }
}

fn serve(listener: TcpListener, config: Arc<ServerConfig>, shared: Arc<Shared>) {
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (config, shared) = (Arc::clone(&config), Arc::clone(&shared));
            thread::spawn(move || {
                stream.set_read_timeout(Some(LIMIT)).unwrap();
                stream.set_write_timeout(Some(LIMIT)).unwrap();
                let connection = ServerConnection::new(config).unwrap();
                // Clients may go away at any moment.
                let _ = answer(StreamOwned::new(connection, stream), &shared);
            });
        }
    });
}

fn answer(mut stream: StreamOwned<ServerConnection, TcpStream>, shared: &Shared) -> io::Result<()> {
    let Request { path, range, validator } = request(&mut stream)?;
    let part = if range.is_some() { " RANGE" } else { "" };
    shared.requests.lock().unwrap().push(format!("https:/{path}{part}"));
    let (file, fault) = {
        let mut files = shared.files.lock().unwrap();
        let file = files.get_mut(&path);
        let fault = file.and_then(|file| (!file.faults.is_empty()).then(|| file.faults.remove(0)));
        (files.get(&path).cloned(), fault)
    };
    let refusal = match (&fault, &file) {
        (Some(Fault::Status(code, more)), _) => Some(format!("{code} Sorry\r\n{more}")),
        (Some(Fault::Redirect(to)), _) => Some(format!("302 Found\r\nLocation: {to}\r\n")),
        (_, None) => Some("404 Not Found\r\n".to_owned()),
        _ => None,
    };
    if let Some(refusal) = refusal {
        write!(stream, "HTTP/1.1 {refusal}Content-Length: 0\r\nConnection: close\r\n\r\n")?;
        return close(stream);
    }
    let content = file.unwrap().content;
    let tag = format!("\"{}\"", &sha256(&content)[..16]);
    let is_current =
        validator.is_none_or(|validator| validator == tag) || matches!(fault, Some(Fault::IgnoresChanges));
    let begin = range.filter(|_| is_current && !matches!(fault, Some(Fault::IgnoresRanges))).unwrap_or(0);
    if begin >= content.len() && begin > 0 {
        let length = content.len();
        write!(stream, "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{length}\r\n")?;
        write!(stream, "Content-Length: 0\r\nConnection: close\r\n\r\n")?;
        return close(stream);
    }
    let begin = if matches!(fault, Some(Fault::OtherRange)) { 1 } else { begin };
    let rest = &content[begin..];
    let said = if let Some(Fault::Length(length)) = fault { length } else { rest.len() };
    let status = if begin > 0 {
        format!("206 Partial Content\r\nContent-Range: bytes {begin}-{}/{}", content.len() - 1, content.len())
    } else {
        "200 OK".to_owned()
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {said}\r\nETag: {tag}\r\nConnection: close\r\n\r\n"
    )?;
    match fault {
        Some(Fault::Ends(bytes)) => {
            stream.write_all(&rest[..bytes.min(rest.len())])?;
            stream.flush()?;
            // Without TLS's own goodbye, as when a cable is cut.
            return stream.sock.shutdown(std::net::Shutdown::Both);
        }
        Some(Fault::Stalls(bytes)) => {
            stream.write_all(&rest[..bytes.min(rest.len())])?;
            stream.flush()?;
            // Until the client goes.
            let _ = stream.read(&mut [0]);
        }
        Some(Fault::Drips) => {
            for byte in rest {
                stream.write_all(&[*byte])?;
                stream.flush()?;
                thread::sleep(Duration::from_millis(100));
            }
        }
        Some(Fault::Holds(bytes)) => {
            let (now, later) = rest.split_at(bytes.min(rest.len()));
            stream.write_all(now)?;
            stream.flush()?;
            let released = shared.released.lock().unwrap();
            *shared.release.wait_while(released, |released| *released == 0).unwrap() -= 1;
            stream.write_all(later)?;
        }
        Some(Fault::Length(length)) => stream.write_all(&rest[..length.min(rest.len())])?,
        _ => stream.write_all(rest)?,
    }
    close(stream)
}

/// What is asked for.
#[derive(Default)]
struct Request {
    path: String,
    /// Where the part begins, if only a part is wanted.
    range: Option<usize>,
    /// Only while this is the file's tag.
    validator: Option<String>,
}

fn request(stream: &mut impl Read) -> io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    let mut request =
        Request { path: first.split(' ').nth(1).unwrap_or_default().to_owned(), ..Request::default() };
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(bytes) = line.strip_prefix("range: bytes=") {
            request.range = bytes.trim_end_matches('-').parse().ok();
        }
        if let Some(validator) = line.strip_prefix("if-range: ") {
            request.validator = Some(validator.to_owned());
        }
    }
    Ok(request)
}

fn close(mut stream: StreamOwned<ServerConnection, TcpStream>) -> io::Result<()> {
    stream.conn.send_close_notify();
    stream.flush()?;
    stream.sock.shutdown(std::net::Shutdown::Write)?;
    // The client closes when it has read all; closing before would cut off what is on its way.
    io::copy(&mut stream.sock, &mut io::sink()).map(drop)
}

fn path_of(url: &str) -> String {
    url.strip_prefix("https:/").expect("publishers have https").to_owned()
}

/// The hexadecimal SHA-256 of `content`.
pub fn sha256(content: &[u8]) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A compressed tar archive of files.
pub fn tgz(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in files {
        append(&mut tar, path, tar::EntryType::Regular, content, "");
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// Adds an entry to a tar archive, under any name.
pub fn append(
    tar: &mut tar::Builder<impl Write>,
    path: &str,
    kind: tar::EntryType,
    content: &[u8],
    leads_to: &str,
) {
    let mut header = tar::Header::new_gnu();
    // The library refuses names that go up, which the program is tried with.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.as_old_mut().linkname[..leads_to.len()].copy_from_slice(leads_to.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    header.set_cksum();
    tar.append(&header, content).unwrap();
}

/// A zip archive of files.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (path, content) in files {
        zip.start_file(*path, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A program for tests: a script that prints `text`, of about so many bytes.
pub fn script(text: &str, length: usize) -> Vec<u8> {
    let mut script = format!("#!/bin/sh\necho '{text}'\nexit\n").into_bytes();
    while script.len() < length {
        let line = script.len();
        let _ = writeln!(script, "# {line:>60}");
    }
    script
}

const LIMIT: Duration = Duration::from_mins(1);
