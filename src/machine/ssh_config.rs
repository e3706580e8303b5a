//! The few keywords of an ssh config (`ssh_config(5)`) that say how a machine is reached.
//!
//! This reads what Vagrant prints, and the user's own config where there is no OpenSSH to ask. Every other keyword is
//! ignored, and so is every `Match` block but `Match all`: what it asks for cannot be answered without running it.
//! Included files are read for the user's own config and for one that the user names: any other may name files that
//! are none of its business.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, glob_with};
use sha2::{Digest, Sha256};

use super::tokens::account_path;
use crate::base::files::{self, Error};
use crate::base::text::{hex, wildcard};

/// An ssh config, reduced to what this program takes from one.
#[derive(Debug)]
pub(super) struct SshConfig {
    blocks: Vec<HostBlock>,
    /// Of all that was read: another one says that something may have changed.
    digest: String,
    /// The files that it includes.
    included: Vec<PathBuf>,
}

/// What a config says of one alias, as it stands there: not validated, `~` and tokens not replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HostSettings {
    /// `HostName`
    pub(super) host_name: Option<String>,
    /// `Port`
    pub(super) port: Option<String>,
    /// `User`
    pub(super) user: Option<String>,
    /// `IdentityFile`; may be given several times
    pub(super) identity_files: Vec<String>,
    /// `IdentitiesOnly`
    pub(super) identities_only: Option<String>,
    /// `CertificateFile`; may be given several times
    pub(super) certificate_files: Vec<String>,
    /// `IdentityAgent`
    pub(super) identity_agent: Option<String>,
    /// `ProxyJump`
    pub(super) proxy_jump: Option<String>,
    /// `ProxyCommand`
    pub(super) proxy_command: Option<String>,
    /// `StrictHostKeyChecking`
    pub(super) strict_host_key_checking: Option<String>,
    /// `UserKnownHostsFile`
    pub(super) user_known_hosts: Vec<String>,
    /// `GlobalKnownHostsFile`
    pub(super) global_known_hosts: Vec<String>,
    /// `HostKeyAlias`
    pub(super) host_key_alias: Option<String>,
}

/// The lines that hold for the aliases matching one `Host` line, and those that the file is included below.
#[derive(Debug)]
struct HostBlock {
    hosts: Vec<Vec<String>>,
    lines: Vec<(String, Vec<String>)>,
}

impl SshConfig {
    /// Reads `text`; lines that are not understood are ignored, as the rest of the file is.
    pub(super) fn parse(text: &str) -> Self {
        Self::read_all(text, Included { folder: Path::new(""), left: 0, depth: 0, digest: Sha256::new() })
    }

    /// Reads `text` with the files that it includes; relative ones are in `folder`, which is `~/.ssh`. One that cannot be
    /// read is left out, as ssh does.
    pub(super) fn with_included(text: &str, folder: &Path) -> Self {
        Self::read_all(text, Included { folder, left: MOST_FILES, depth: 0, digest: Sha256::new() })
    }

    fn read_all(text: &str, mut included: Included) -> Self {
        let mut config = Self { blocks: Vec::new(), digest: String::new(), included: Vec::new() };
        included.digest.update(text);
        config.add(text, &[], &mut included);
        config.digest = hex(&included.digest.finalize());
        config
    }

    /// Reads the user's own config with the files that it includes; it may not be there.
    ///
    /// Errors: it cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let text = files::read_text(path, LONGEST_CONFIG)?.unwrap_or_default();
        let folder = path.parent().unwrap_or(Path::new("/"));
        Ok(Self::with_included(&text, folder))
    }

    /// Stands for the text of the config and of all that it includes.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// Refuses what others could have written: it may name a program. OpenSSH does so with `path`, which is the user's own config,
    /// and with all that it includes.
    ///
    /// Errors: one of them can be written by others, or its mode cannot be read.
    pub(super) fn refuse_writable_by_others(&self, path: &Path) -> Result<(), Error> {
        let own = path.exists().then_some(path);
        let mut all = own.into_iter().chain(self.included.iter().map(PathBuf::as_path));
        all.try_for_each(files::refuse_writable_by_others)
    }

    /// Adds the lines of `text`, which hold below `outer` only.
    fn add(&mut self, text: &str, outer: &[Vec<String>], included: &mut Included) {
        let below = |hosts: Vec<String>| [outer, &[hosts]].concat();
        let mut hosts = outer.to_vec();
        self.blocks.push(HostBlock { hosts: hosts.clone(), lines: Vec::new() });
        for (keyword, arguments) in text.lines().filter_map(split_line) {
            match keyword.as_str() {
                "host" => hosts = below(arguments),
                "match" if arguments == ["all"] => hosts = below(vec!["*".to_owned()]),
                // No pattern, so it matches nothing: what a `Match` asks for cannot be answered without running it.
                "match" => hosts = below(Vec::new()),
                "include" => self.include(&arguments, &hosts, included),
                _ => {
                    if let Some(block) = self.blocks.last_mut() {
                        block.lines.push((keyword, arguments));
                    }
                    continue;
                }
            }
            self.blocks.push(HostBlock { hosts: hosts.clone(), lines: Vec::new() });
        }
    }

    /// Adds the files that `patterns` stand for.
    fn include(&mut self, patterns: &[String], hosts: &[Vec<String>], included: &mut Included) {
        let files: Vec<PathBuf> = patterns.iter().flat_map(|pattern| included.files(pattern)).collect();
        for path in files {
            if included.depth == DEEPEST || included.left == 0 {
                return;
            }
            included.left -= 1;
            if let Ok(Some(text)) = files::read_text(&path, LONGEST_CONFIG) {
                included.add_to_digest(&path, &text);
                self.included.push(path.clone());
                included.depth += 1;
                self.add(&text, hosts, included);
                included.depth -= 1;
            }
        }
    }

    /// The names that stand for exactly one machine: those without wildcards, in the file's order.
    pub(super) fn aliases(&self) -> Vec<&str> {
        let mut aliases: Vec<&str> = Vec::new();
        for block in &self.blocks {
            for pattern in block.hosts.last().into_iter().flatten() {
                let is_alias = !pattern.contains(['*', '?', '!']) && block.matches(pattern);
                if is_alias && !aliases.contains(&pattern.as_str()) {
                    aliases.push(pattern);
                }
            }
        }
        aliases
    }

    /// True when no other reader finds more in it: OpenSSH is not started for what `vagrant ssh-config` has written.
    pub(super) fn is_plain(text: &str) -> bool {
        let is_plain = |(keyword, arguments): (String, Vec<String>)| {
            !matches!(keyword.as_str(), "match" | "include")
                && !keyword.starts_with("canonical")
                && arguments.iter().all(|argument| !argument.contains(['\\', '\'', '"']))
        };
        text.lines().filter_map(split_line).all(is_plain)
    }

    /// True when a `Host` line is about `name`: one with just `*` is about every host and names none.
    pub(super) fn knows(&self, name: &str) -> bool {
        let names = |patterns: &Vec<String>| {
            patterns.iter().any(|pattern| pattern.chars().any(|c| c != '*') && wildcard(pattern, name))
        };
        self.blocks.iter().any(|block| block.matches(name) && block.hosts.last().is_some_and(names))
    }

    /// What the file says of `alias`: the first value of each keyword wins, identity files add up.
    pub(super) fn settings(&self, alias: &str) -> HostSettings {
        let mut settings = HostSettings::default();
        let blocks = self.blocks.iter().filter(|block| block.matches(alias));
        for (keyword, arguments) in blocks.flat_map(|block| &block.lines) {
            settings.add(keyword, arguments);
        }
        settings
    }
}

impl HostSettings {
    /// Adds a line, as it stands in a config or in what `ssh -G` prints: the first value of a keyword wins, files add up.
    pub(super) fn add(&mut self, keyword: &str, arguments: &[String]) {
        let Some(value) = arguments.first() else { return };
        let slot = match keyword {
            "hostname" => &mut self.host_name,
            "port" => &mut self.port,
            "user" => &mut self.user,
            "identitiesonly" => &mut self.identities_only,
            "identityagent" => &mut self.identity_agent,
            "stricthostkeychecking" => &mut self.strict_host_key_checking,
            "hostkeyalias" => &mut self.host_key_alias,
            // Of these two the first one wins.
            "proxyjump" if self.proxy_command.is_none() => &mut self.proxy_jump,
            "proxycommand" if self.proxy_jump.is_none() => {
                self.proxy_command.get_or_insert_with(|| arguments.join(" "));
                return;
            }
            "identityfile" => return self.identity_files.push(value.clone()),
            "certificatefile" => return self.certificate_files.push(value.clone()),
            "userknownhostsfile" => return add_files(&mut self.user_known_hosts, arguments),
            "globalknownhostsfile" => return add_files(&mut self.global_known_hosts, arguments),
            _ => return,
        };
        slot.get_or_insert_with(|| value.clone());
    }
}

/// The first line of its kind names all files.
fn add_files(files: &mut Vec<String>, named: &[String]) {
    if files.is_empty() {
        files.extend(named.iter().cloned());
    }
}

impl HostBlock {
    fn matches(&self, alias: &str) -> bool {
        let negated = |pattern: &String| pattern.strip_prefix('!').is_some_and(|rest| wildcard(rest, alias));
        let fits = |patterns: &Vec<String>| {
            patterns.iter().any(|pattern| wildcard(pattern, alias)) && !patterns.iter().any(negated)
        };
        self.hosts.iter().all(fits)
    }
}

/// The files that a config includes.
struct Included<'a> {
    /// Where relative names start from.
    folder: &'a Path,
    /// How many more there may be.
    left: usize,
    /// In how many others one is included.
    depth: usize,
    digest: Sha256,
}

impl Included<'_> {
    fn add_to_digest(&mut self, path: &Path, text: &str) {
        for part in [path.as_os_str().as_encoded_bytes(), text.as_bytes()] {
            self.digest.update((part.len() as u64).to_be_bytes());
            self.digest.update(part);
        }
    }

    /// The files that `pattern` stands for, in order.
    fn files(&self, pattern: &str) -> Vec<PathBuf> {
        if self.left == 0 {
            return Vec::new();
        }
        // The config is `~/.ssh/config`.
        let home = self.folder.parent().unwrap_or(self.folder);
        let path = match (pattern.strip_prefix("~/"), account_path(pattern)) {
            (Some(rest), _) => home.join(rest),
            (None, Ok(Some(path))) => path,
            (None, Ok(None)) => self.folder.join(pattern),
            (None, Err(_)) => return Vec::new(),
        };
        // As glob(3) does it: a hidden file is named with its dot.
        let options = MatchOptions {
            require_literal_separator: true,
            require_literal_leading_dot: true,
            ..MatchOptions::default()
        };
        let found = path.to_str().and_then(|pattern| glob_with(pattern, options).ok());
        // A pipe would be waited for.
        found.into_iter().flatten().flatten().filter(|path| path.is_file()).take(self.left).collect()
    }
}

/// Splits a line into its keyword (small letters) and its arguments: `Keyword value`, `Keyword=value`,
/// values with blanks in quotes, `#` comments. Quotes inside a value are part of it: Vagrant writes the path of
/// a key as it is.
fn split_line(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.trim();
    let end = line.find(|c: char| c.is_whitespace() || c == '=')?;
    let (keyword, rest) = line.split_at(end);
    if keyword.starts_with('#') {
        return None;
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    let keyword = keyword.to_ascii_lowercase();
    // A command is for a shell, quotes and all.
    let arguments =
        if keyword == "proxycommand" { vec![rest.trim().to_owned()] } else { split_arguments(rest) };
    Some((keyword, arguments))
}

fn split_arguments(text: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (argument, after) = match quote {
            Some(quote) => split_quoted(&rest[1..], quote),
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        arguments.push(argument.to_owned());
        rest = after.trim_start();
    }
    arguments
}

/// Splits after the quote that a blank or the end follows.
fn split_quoted(text: &str, quote: char) -> (&str, &str) {
    let ends = |at: &usize| text[at + 1..].chars().next().is_none_or(char::is_whitespace);
    let end = text.match_indices(quote).map(|(at, _)| at).find(ends);
    end.map_or((text, ""), |end| (&text[..end], &text[end + 1..]))
}

/// As deep as ssh goes.
const DEEPEST: usize = 16;
const MOST_FILES: usize = 256;
pub(super) const LONGEST_CONFIG: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::base::platform::testing::set_mode;

    const VAGRANT: &str = r#"
Host default
  HostName 127.0.0.1
  User vagrant
  Port 2222
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  PasswordAuthentication no
  IdentityFile "/home/dev/my project/.vagrant/private_key"
  IdentitiesOnly yes
  LogLevel FATAL
"#;

    #[test]
    fn reads_what_vagrant_prints() {
        let config = SshConfig::parse(VAGRANT);
        assert_eq!(config.aliases(), ["default"]);
        assert_eq!(
            config.settings("default"),
            HostSettings {
                host_name: Some("127.0.0.1".into()),
                port: Some("2222".into()),
                user: Some("vagrant".into()),
                identity_files: vec!["/home/dev/my project/.vagrant/private_key".into()],
                identities_only: Some("yes".into()),
                strict_host_key_checking: Some("no".into()),
                user_known_hosts: vec!["/dev/null".into()],
                ..HostSettings::default()
            }
        );
    }

    #[test]
    fn the_first_value_wins_and_patterns_add_what_is_missing() {
        let config =
            SshConfig::parse("User early\nHost a b*\nPort 1\nHost *\nPort 2\nUser late\nHost !b1 b?\nPort=3");
        assert_eq!(config.settings("a").port.as_deref(), Some("1"));
        assert_eq!(config.settings("b1").port.as_deref(), Some("1"));
        assert_eq!(config.settings("c").port.as_deref(), Some("2"));
        assert_eq!(config.settings("c").user.as_deref(), Some("early"));
        assert_eq!(config.aliases(), ["a"]);
    }

    #[test]
    fn negated_patterns_exclude() {
        let config = SshConfig::parse("Host b* !b1\nPort 3\n");
        assert_eq!(config.settings("b1").port, None);
        assert_eq!(config.settings("b2").port.as_deref(), Some("3"));
    }

    #[test]
    fn what_a_match_asks_for_is_not_run() {
        let config = SshConfig::parse(
            "Host m\nProxyCommand ssh -W \"%h:%p\" gate # x\nProxyJump late\nHostName h\nMatch exec \"touch /tmp/y\"\nHostName evil\nUser evil\nHost m\nPort 5\n",
        );
        let settings = config.settings("m");
        assert_eq!(settings.host_name.as_deref(), Some("h"));
        assert_eq!(settings.user, None);
        assert_eq!(settings.port.as_deref(), Some("5"));
        assert_eq!(settings.proxy_command.as_deref(), Some("ssh -W \"%h:%p\" gate # x"));
        assert_eq!(settings.proxy_jump, None);
    }

    #[test]
    fn names_are_known_by_their_patterns() {
        let config = SshConfig::parse("Host *\nUser u\nHost *.lab !no.lab\nPort 1\nHost a\n");
        let known: Vec<&str> =
            ["a", "b.lab", "no.lab", "b"].into_iter().filter(|name| config.knows(name)).collect();
        assert_eq!(known, ["a", "b.lab"]);
    }

    #[test]
    fn a_path_with_quotes_in_it_is_read_as_vagrant_writes_it() {
        for path in ["/p/a b's \"q\"/key", "/p/a#b/key", "/p/a'b/key", "/p/a #b/key"] {
            let quotes = if path.contains(' ') { "\"" } else { "" };
            let config = SshConfig::parse(&format!("Host m\n  IdentityFile {quotes}{path}{quotes}\n"));
            assert_eq!(config.settings("m").identity_files, [path]);
        }
        let config = SshConfig::parse("Host \"a b\" \"c\" # \"d\"\n");
        assert_eq!(config.aliases(), ["a b", "c"]);
    }

    #[test]
    fn match_all_holds_for_all() {
        let config = SshConfig::parse("Host a\nPort 1\nMatch all\nUser u\nMatch host a\nHostName h\n");
        let settings = config.settings("a");
        assert_eq!((settings.port.as_deref(), settings.user.as_deref()), (Some("1"), Some("u")));
        assert_eq!(settings.host_name, None);
    }

    struct Home(tempfile::TempDir);

    impl Home {
        fn new(files: &[(&str, &str)]) -> Self {
            let home = Self(tempfile::tempdir().unwrap());
            for (name, text) in files {
                let path = home.0.path().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            home
        }

        fn config(&self) -> SshConfig {
            SshConfig::read(&self.0.path().join(".ssh/config")).unwrap()
        }
    }

    #[test]
    fn the_users_own_config_includes_files() {
        let home = Home::new(&[
            (".ssh/config", "Include config.d/* ~/.vms/ssh missing\nHost last\nPort 9\n"),
            (".ssh/config.d/1", "Host one\nPort 1\n"),
            (".ssh/config.d/2", "Host two\nPort 2\n"),
            (".ssh/config.d/.hidden", "Host hidden\n"),
            (".vms/ssh", "Host vm\nInclude deeper\n"),
            (".ssh/deeper", "Port 3\nHost v*\nUser deep\nHost other\nUser wrong\n"),
        ]);
        let config = home.config();
        assert_eq!(config.aliases(), ["one", "two", "vm", "last"]);
        assert_eq!(config.settings("two").port.as_deref(), Some("2"));
        assert_eq!(config.settings("vm").port.as_deref(), Some("3"));
        assert_eq!(config.settings("vm").user.as_deref(), Some("deep"));
        // Included below `Host vm`, it is never meant.
        assert_eq!(config.settings("other").user, None);
        assert_eq!(config.settings("last").port.as_deref(), Some("9"));
    }

    #[test]
    fn what_others_can_write_is_refused() {
        let home = Home::new(&[
            (".ssh/config", "Include config.d/*\nHost last\nProxyCommand nc %h\n"),
            (".ssh/config.d/1", "Host one\n"),
        ]);
        let own = home.0.path().join(".ssh/config");
        let files = [own.clone(), home.0.path().join(".ssh/config.d/1")];
        for path in &files {
            set_mode(path, 0o644);
        }
        home.config().refuse_writable_by_others(&own).unwrap();
        for path in &files {
            for mode in [0o664, 0o646, 0o666] {
                set_mode(path, mode);
                let refused = home.config().refuse_writable_by_others(&own).unwrap_err();
                assert!(refused.to_string().contains(path.to_str().unwrap()), "{mode:o}: {refused}");
            }
            set_mode(path, 0o600);
        }
        Home::new(&[]).config().refuse_writable_by_others(Path::new("/nowhere/config")).unwrap();
    }

    #[test]
    fn what_follows_an_include_belongs_where_that_stands() {
        let home = Home::new(&[
            (".ssh/config", "Host a\nInclude more\nPort 1\n"),
            (".ssh/more", "Host b\nUser u\n"),
        ]);
        assert_eq!(home.config().settings("a").port.as_deref(), Some("1"));
        assert_eq!(home.config().settings("b").port, None);
    }

    #[test]
    fn files_that_include_each_other_have_an_end() {
        let home = Home::new(&[(".ssh/config", "Include config config\nHost a\n"), (".ssh/x", "")]);
        assert_eq!(home.config().aliases(), ["a"]);
    }

    #[test]
    fn what_an_included_file_says_is_part_of_the_digest() {
        let home = Home::new(&[(".ssh/config", "Include more/*\n"), (".ssh/more/a", "Host a\n")]);
        let before = home.config().digest().to_owned();
        assert_eq!(home.config().digest(), before);
        fs::write(home.0.path().join(".ssh/more/a"), "Host b\n").unwrap();
        let other = home.config().digest().to_owned();
        fs::write(home.0.path().join(".ssh/more/b"), "").unwrap();
        assert!(other != before && home.config().digest() != other);
    }

    #[test]
    fn no_other_config_includes_files() {
        let home = Home::new(&[("included", "Host b\n")]);
        let config = SshConfig::parse(&format!("Include {}/included\nHost a\n", home.0.path().display()));
        assert_eq!(config.aliases(), ["a"]);
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let pattern = "*a".repeat(500);
        assert!(!wildcard(&pattern, &"a".repeat(400)));
    }

    #[test]
    fn unfinished_lines_are_harmless() {
        for text in ["Host", "Host \"", "=", "= =", "Host =", "\0", "Port", "IdentityFile \"a"] {
            SshConfig::parse(text).settings("x");
        }
    }
}
