//! The console blocks of the documents, typed as they stand there. `tests/support/src/document.rs` says which are run.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use regex::Regex;
use service_manager_test_support::document::{Block, Mark, Shown, blocks, documents};
use service_manager_test_support::{Guest, Project, User, programs, rendered};

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn how_tos_show_what_happens() {
    all_happen(|document| document.starts_with("docs/how-to"));
}

#[test]
#[cfg_attr(no_guest, ignore = "needs the test guest")]
fn the_readme_and_other_pages_show_what_happens() {
    all_happen(|document| !document.starts_with("docs/how-to"));
}

/// Blocks that one shell reads, on one guest.
struct Session {
    layout: Vec<String>,
    blocks: Vec<Block>,
}

/// Types everything in the documents that are `wanted`, and tells all that comes otherwise.
#[track_caller]
fn all_happen(wanted: impl Fn(&Path) -> bool) {
    let mut differences = String::new();
    let sessions = sessions(wanted);
    assert!(!sessions.is_empty(), "nothing was typed");
    for (layout, sessions) in sessions {
        let guest = Guest::own(&layout[0], "address");
        if let Some(kind) = layout.iter().find_map(|word| word.strip_prefix("docker ")) {
            guest.lays_out_docker(kind);
        }
        for session in sessions {
            differences += &session.differences(&guest);
        }
    }
    assert!(differences.is_empty(), "(-documented, +happened)\n{differences}");
}

/// The sessions, those on guests of one layout together.
fn sessions(wanted: impl Fn(&Path) -> bool) -> BTreeMap<Vec<String>, Vec<Session>> {
    let mut all = BTreeMap::<_, Vec<Session>>::new();
    for document in documents().into_iter().filter(|document| wanted(document)) {
        let mut open: Option<Session> = None;
        for block in blocks(&document) {
            match &block.mark {
                Mark::RunOn(layout) => {
                    let session = Session { layout: layout.clone(), blocks: vec![block] };
                    close(&mut all, open.replace(session));
                }
                Mark::Run | Mark::File(_) => {
                    let place = block.place.clone();
                    open.as_mut().unwrap_or_else(|| panic!("{place}: in which session?")).blocks.push(block);
                }
                Mark::NotRun(_) | Mark::Missing => {}
            }
        }
        close(&mut all, open);
    }
    all
}

fn close(all: &mut BTreeMap<Vec<String>, Vec<Session>>, session: Option<Session>) {
    if let Some(session) = session {
        all.entry(session.guest()).or_default().push(session);
    }
}

impl Session {
    /// Of its layout what the guest is.
    fn guest(&self) -> Vec<String> {
        self.layout.iter().filter(|word| !word.starts_with("vagrant ")).cloned().collect()
    }

    /// What happens otherwise than it stands there.
    fn differences(&self, guest: &Guest) -> String {
        let user = person(guest, &self.layout);
        let project = self.layout.iter().find_map(|word| word.strip_prefix("vagrant "));
        let _project = project.map(|folder| Project::fake(&user, folder, guest));
        let script = user.writes("session", &self.script(guest, &user));
        let line = format!(
            "TERM=xterm script --quiet --return --command 'stty rows 50 cols {COLUMNS}; cd; bash {}' /dev/null",
            script.display()
        );
        let written = rendered(&user.types(line).patiently().run_freely(), COLUMNS);
        self.commands()
            .enumerate()
            .filter_map(|(number, (place, shown))| {
                difference(&shown, &part(&written, number), &user).map(|it| format!("{place}:\n{it}\n"))
            })
            .collect()
    }

    fn commands(&self) -> impl Iterator<Item = (&str, Shown)> {
        let run = self.blocks.iter().filter(|block| !matches!(block.mark, Mark::File(_)));
        run.flat_map(|block| block.commands().into_iter().map(|shown| (block.place.as_str(), shown)))
    }

    /// What the shell reads: each command between two lines by which its output is found again.
    fn script(&self, guest: &Guest, user: &User<'_>) -> String {
        let mut script = String::new();
        let mut number = 0;
        for block in &self.blocks {
            if let Mark::File(name) = &block.mark {
                let _ = writeln!(script, "cat >{name} <<'END OF FILE'\n{}END OF FILE", block.text);
                continue;
            }
            for shown in block.commands() {
                let command = for_real(&shown.command, guest, user);
                let _ = writeln!(
                    script,
                    "printf '\\n{BEGIN} {number}\\n'\n{command}\nprintf '\\n{END} {number} %d\\n' $?"
                );
                number += 1;
            }
        }
        script
    }
}

/// Somebody whose machine is called `default`, and whose key is where ssh looks for it. Vagrant is the fake one, which only says how
/// the guest is reached: a real one would have to boot the machine.
fn person<'g>(guest: &'g Guest, layout: &[String]) -> User<'g> {
    let user = User::near(guest);
    let key = fs::read_to_string(guest.folder().join("keys/ed25519")).unwrap();
    let file = user.writes(".ssh/id_ed25519", &key);
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let config = format!("Host default\n  HostName {}\n  User vagrant\n", guest.address());
    let config = user.writes(".ssh/of-the-machine", &config);
    let path = format!("{}:{}", user.home().join("bin").display(), programs());
    let user = user.with("PATH", &path).with("LANG", "C.UTF-8");
    if layout.iter().any(|word| word.starts_with("vagrant ")) {
        user
    } else {
        user.with("SERVICE_MANAGER_SSH_CONFIG", config.to_str().unwrap())
    }
}

/// A command with what stands for the guest, its user and the home folder in the documents.
fn for_real(command: &str, guest: &Guest, user: &User<'_>) -> String {
    let address = Regex::new(r"192\.168\.56\.\d+").unwrap();
    let command = command
        .replace("dev@", "vagrant@")
        .replace("User dev", "User vagrant")
        .replace("/home/dev", user.home().to_str().unwrap());
    address.replace_all(&command, guest.address().as_str()).into_owned()
}

/// What command `number` wrote, with the line that says how it ended.
fn part(written: &str, number: usize) -> String {
    let begin = format!("{BEGIN} {number}\n");
    let end = format!("\n{END} {number} ");
    let after = written.split_once(&begin).map_or("", |(_, after)| after);
    let (text, rest) = after.split_once(&end).unwrap_or((after, "none"));
    format!("{text}\n{END} {}", rest.lines().next().unwrap_or_default())
}

/// How what happened differs from what is shown. Where no error is shown, none is expected.
fn difference(shown: &Shown, happened: &str, user: &User<'_>) -> Option<String> {
    let (text, code) = happened.rsplit_once(&format!("\n{END} ")).unwrap();
    let fails =
        shown.output.iter().any(|line| ["error:", "problem:"].iter().any(|word| line.starts_with(word)));
    let home = user.home().to_str().unwrap();
    let happened: Vec<_> = text
        .lines()
        .map(|line| likened(&line.replace(home, "/home/dev")))
        .filter(|line| !line.is_empty())
        .collect();
    let expected: Vec<_> =
        shown.output.iter().map(|line| likened(line)).filter(|line| !line.is_empty()).collect();
    if fit(&expected, &happened) && fails == (code != "0") {
        return None;
    }
    let lines = |sign: char, lines: &[String]| {
        lines.iter().map(|line| format!("  {sign}{line}\n")).collect::<String>()
    };
    Some(format!(
        "  $ {} (exit code {code})\n{}{}",
        shown.command,
        lines('-', &expected),
        lines('+', &happened)
    ))
}

/// True when the lines are those that are expected, of which `...` is any number of lines.
fn fit(expected: &[String], happened: &[String]) -> bool {
    match expected.split_first() {
        None => happened.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=happened.len()).any(|count| fit(rest, &happened[count..]))
        }
        Some((first, rest)) => {
            happened.split_first().is_some_and(|(line, others)| line == first && fit(rest, others))
        }
    }
}

/// A line without what differs from machine to machine: addresses, versions, numbers, ages, fingerprints, the user's name, spaces.
fn likened(line: &str) -> String {
    let mut line = line.trim().to_owned();
    for (what, becomes) in [
        (r"\d+\.\d+\.\d+\.\d+", "ADDRESS"),
        (r"\bv?\d+(\.\d+)+([+~-][\w.+~-]+)?", "VERSION"),
        (r"SHA256:[\w+/]+", "SHA256:"),
        (r"\bvagrant@", "dev@"),
        (r"\b[\w.-]*-[0-9a-f]{8,}\b", "KEY"),
        (r"\b(\d+[dhms])+\b", "TIME"),
        (r"\d+", "0"),
        (r"─+", "─"),
        (r"\s+", " "),
    ] {
        line = Regex::new(what).unwrap().replace_all(&line, becomes).into_owned();
    }
    line
}

#[test]
fn words_have_to_be_the_same_and_numbers_need_not() {
    let likened = |line| super::documented::likened(line);
    assert_eq!(
        likened("docker  ● running  tls  20.10.24  https://192.168.56.7:2376"),
        likened("docker ● running tls 29.1.0+dfsg1 https://172.17.0.2:2376")
    );
    assert_eq!(likened("default   Active   3s"), likened("default   Active   12m5s"));
    assert_ne!(likened("docker ● running"), likened("docker ○ stopped"));
    let lines = |text: &str| text.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>();
    assert!(fit(&lines("a ... d"), &lines("a b c d")));
    assert!(!fit(&lines("a ... d"), &lines("a b c")));
    assert!(!fit(&lines("a"), &lines("a b")));
}

const BEGIN: &str = "=== begins";
const END: &str = "=== ends";
const COLUMNS: u16 = 160;
