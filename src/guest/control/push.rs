//! Files of this host that are put into the guest, where an installation finds them.

use std::io::Read;
use std::time::Duration;

use super::answer::{ActionOutcome, read_answer};
use super::error::Error;
use crate::base::release::Sha256Sum;
use crate::base::types::ServiceName;
use crate::guest::frame::{End, Nonce};
use crate::guest::ssh::Connection;

/// Sends `content`, which has the sum `sha256`, to the guest, for the installation of `service`. It is there when it is whole. The
/// guest may be silent for `idle`, and take as long as it likes otherwise.
///
/// Errors: those of the connection and of reading `content`; the answer is not of the agreed form.
pub(crate) fn push(
    connection: &mut Connection,
    user_is_root: bool,
    service: &ServiceName,
    sha256: &Sha256Sum,
    content: &mut impl Read,
    idle: Duration,
) -> Result<ActionOutcome, Error> {
    let nonce = Nonce::random()?;
    let mut end = End::of(&nonce);
    let command = command(&nonce, service, sha256, user_is_root);
    let mut unread = None;
    let mut next = |buffer: &mut [u8]| {
        content.read(buffer).unwrap_or_else(|error| {
            unread = Some(error);
            0
        })
    };
    let output =
        connection.run_with_stream(&command, &mut next, idle, LONGEST_ANSWER, |out| end.is_in(out))?;
    if let Some(source) = unread {
        return Err(Error::Unread { source });
    }
    read_answer(&output, &nonce)
}

/// The command that reads the file. What is sent is its standard input, so the program is its argument, of the characters that every
/// login shell reads alike (see ../probe/script.rs).
fn command(nonce: &Nonce, service: &ServiceName, sha256: &Sha256Sum, user_is_root: bool) -> String {
    let sudo = if user_is_root { "" } else { "sudo -n " };
    let program: Vec<&str> = PROGRAM.lines().map(str::trim).collect();
    format!("env LC_ALL=C {sudo}sh -c '{}' service-manager {nonce} {service} {sha256}", program.join(" "))
}

/// Two that send the same file do not meet: each has its own until it is whole, and then they are the same. What others have left there a
/// day ago is of runs that were killed (`remove_incoming` in install.sh).
const PROGRAM: &str = "\
    n=$1; f=/var/lib/service-manager/incoming-$2-$3;
    frame() { echo \"@$n $1 ${#2}\"; printf %s \"$2\"; echo; };
    failed() { rm -f \"$f.$$\"; frame \"$1\" \"$2\"; frame said \"$3\"; frame end \"\"; exit 1; };
    trap \"\" PIPE; trap \"rm -f $f.$$; exit 1\" HUP TERM;
    umask 077; echo; frame begin \"\";
    find \"${f%/*}\" -name \"incoming-*\" -mtime +0 -exec rm -f {} + 2>/dev/null;
    e=$( { mkdir -p \"${f%/*}\" && cat >\"$f.$$\"; } 2>&1) || failed file \"$f\" \"$e\";
    case $(sha256sum <\"$f.$$\") in \"$3 \"*) ;; *) failed install transfer \"\" ;; esac;
    e=$(mv -f \"$f.$$\" \"$f\" 2>&1) || failed file \"$f\" \"$e\";
    frame end \"\"";

const LONGEST_ANSWER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    /// What the guest answers to `content`, and the files that are there then.
    fn receive(content: &str, sum: &str) -> (String, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, age) in [("incoming-docker-a", 25), ("incoming-docker-b", 23), ("installing-docker", 99)] {
            let then = SystemTime::now() - Duration::from_hours(age);
            std::fs::File::create(folder.path().join(name)).unwrap().set_modified(then).unwrap();
        }
        let program = PROGRAM.replace("/var/lib/service-manager", folder.path().to_str().unwrap());
        let input = folder.path().with_extension("input");
        std::fs::write(&input, content).unwrap();
        let output = std::process::Command::new("sh")
            .args(["-c", &program, "service-manager", "n", "k3s", sum])
            .stdin(std::fs::File::open(&input).unwrap())
            .output()
            .unwrap();
        std::fs::remove_file(input).unwrap();
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        (String::from_utf8(output.stdout).unwrap(), names)
    }

    #[test]
    fn what_is_cut_off_is_nothing() {
        let sum = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c";
        let (answer, files) = receive("foo\n", sum);
        assert_eq!(answer, "\n@n begin 0\n\n@n end 0\n\n");
        assert_eq!(files, ["incoming-docker-b", &format!("incoming-k3s-{sum}"), "installing-docker"]);
        for cut_off in ["foo", ""] {
            let (answer, files) = receive(cut_off, sum);
            assert!(answer.contains("@n install 8\ntransfer\n@n said 0\n"), "{answer}");
            assert_eq!(files, ["incoming-docker-b", "installing-docker"]);
        }
    }

    #[test]
    fn every_login_shell_reads_the_program_alike() {
        let sum = Sha256Sum::parse(&"a".repeat(64)).unwrap();
        let command = command(&Nonce::of("n"), &"k3s".parse().unwrap(), &sum, false);
        let program = command.split('\'').nth(1).unwrap();
        assert_eq!(command.matches('\'').count(), 2, "{command}");
        assert!(!program.contains(['\\', '!', '\n']), "{program}");
        assert!(command.starts_with("env LC_ALL=C sudo -n sh -c '"), "{command}");
    }
}
