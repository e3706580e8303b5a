//! The few keywords of an ssh config (`ssh_config(5)`) that say how a machine is reached.
//!
//! An ssh config can hold commands (`ProxyCommand`, `Match exec`, ...). Only data is taken from it:
//! every other keyword is ignored, `Match` blocks and included files too.

/// An ssh config, reduced to what this program takes from one.
#[derive(Debug)]
pub(super) struct SshConfig {
    blocks: Vec<Block>,
}

/// What a config says of one alias; the text is not validated yet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
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
    /// `ProxyJump`
    pub(super) proxy_jump: Option<String>,
}

/// The lines that hold for the aliases matching one `Host` line.
#[derive(Debug)]
struct Block {
    patterns: Vec<String>,
    lines: Vec<(String, String)>,
}

impl SshConfig {
    /// Reads `text`; lines that are not understood are ignored, as the rest of the file is.
    pub(super) fn parse(text: &str) -> Self {
        let mut blocks = vec![Block { patterns: vec!["*".to_owned()], lines: Vec::new() }];
        for (keyword, arguments) in text.lines().filter_map(split_line) {
            match keyword.as_str() {
                "host" => blocks.push(Block { patterns: arguments, lines: Vec::new() }),
                // No pattern, so it matches nothing: what a `Match` asks for cannot be answered without running it.
                "match" => blocks.push(Block { patterns: Vec::new(), lines: Vec::new() }),
                _ => {
                    if let (Some(block), Some(value)) = (blocks.last_mut(), arguments.into_iter().next()) {
                        block.lines.push((keyword, value));
                    }
                }
            }
        }
        Self { blocks }
    }

    /// The names that stand for exactly one machine: those without wildcards, in the file's order.
    pub(super) fn aliases(&self) -> Vec<&str> {
        let patterns = self.blocks.iter().flat_map(|block| &block.patterns);
        let mut aliases: Vec<&str> = Vec::new();
        for pattern in patterns {
            if !pattern.contains(['*', '?', '!']) && !aliases.contains(&pattern.as_str()) {
                aliases.push(pattern);
            }
        }
        aliases
    }

    /// What the file says of `alias`: the first value of each keyword wins, identity files add up.
    pub(super) fn settings(&self, alias: &str) -> Settings {
        let mut settings = Settings::default();
        for (keyword, value) in self.blocks.iter().filter(|block| block.matches(alias)).flat_map(|b| &b.lines)
        {
            let slot = match keyword.as_str() {
                "hostname" => &mut settings.host_name,
                "port" => &mut settings.port,
                "user" => &mut settings.user,
                "identitiesonly" => &mut settings.identities_only,
                "proxyjump" => &mut settings.proxy_jump,
                "identityfile" => {
                    settings.identity_files.push(value.clone());
                    continue;
                }
                _ => continue,
            };
            slot.get_or_insert_with(|| value.clone());
        }
        settings
    }
}

impl Block {
    fn matches(&self, alias: &str) -> bool {
        let negated = |pattern: &String| pattern.strip_prefix('!').is_some_and(|rest| wildcard(rest, alias));
        self.patterns.iter().any(|pattern| wildcard(pattern, alias)) && !self.patterns.iter().any(negated)
    }
}

/// Splits a line into its keyword (small letters) and its arguments: `Keyword value`, `Keyword=value`,
/// values with blanks in double quotes, `#` comments.
fn split_line(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.trim();
    let end = line.find(|c: char| c.is_whitespace() || c == '=')?;
    let (keyword, rest) = line.split_at(end);
    if keyword.starts_with('#') {
        return None;
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    Some((keyword.to_ascii_lowercase(), split_arguments(rest)))
}

fn split_arguments(text: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && !rest.starts_with('#') {
        let (argument, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        arguments.push(argument.to_owned());
        rest = after.trim_start();
    }
    arguments
}

/// Matches `text` against a pattern of `ssh_config(5)`: `*` any run, `?` any character. The time is
/// bounded by the product of both lengths, whatever the pattern.
fn wildcard(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // reached[i]: the pattern so far matches the first i characters of the text.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for p in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for i in 0..=text.len() {
            next[i] = match p {
                '*' => reached[i] || (i > 0 && next[i - 1]),
                p => i > 0 && reached[i - 1] && (p == '?' || p == text[i - 1]),
            };
        }
        reached = next;
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

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
            Settings {
                host_name: Some("127.0.0.1".into()),
                port: Some("2222".into()),
                user: Some("vagrant".into()),
                identity_files: vec!["/home/dev/my project/.vagrant/private_key".into()],
                identities_only: Some("yes".into()),
                proxy_jump: None,
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
    fn commands_are_ignored() {
        let config = SshConfig::parse(
            "Host m\nProxyCommand touch /tmp/x\nHostName h\nMatch exec \"touch /tmp/y\"\nHostName evil\nUser evil\nHost m\nPort 5\n",
        );
        let settings = config.settings("m");
        assert_eq!(settings.host_name.as_deref(), Some("h"));
        assert_eq!(settings.user, None);
        assert_eq!(settings.port.as_deref(), Some("5"));
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
