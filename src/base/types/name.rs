//! What users, machines, services, contexts and variables are called.

use super::validation::{begins_with, validated};

validated!(
    /// A user to log in as: what ssh itself takes (OpenSSH: ssh.c, `valid_ruser`), in ASCII. Nothing in it ends a word of a
    /// shell but `$` and `\\`, so it is quoted where it is to be pasted.
    SshUser, "user name", "letters, digits and marks, but no blanks, quotes, brackets or `;&<>|`, and no `-` first; at most 255",
    |text| begins_with(text, |c| c != '-')
        && text.len() <= 255
        && text.chars().all(|c| c.is_ascii_graphic() && !"'`\";&<>|(){}".contains(c))
        && !text.ends_with('\\')
);

validated!(
    /// The name of a machine: also a folder's name and a context's name in a kubeconfig.
    MachineName, "machine name", "a letter or digit, then letters, digits, `.`, `_`, `-`; at most 64",
    |text| begins_with(text, |c| c.is_ascii_alphanumeric())
        && text.len() <= 64
        && !text.contains("..")
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
);

validated!(
    /// The name of a docker context (docker/cli: cli/context/store/store.go); `default` is docker's own word for none.
    DockerContextName, "name of a docker context", "a letter or digit, then one or more letters, digits, `_`, `.`, `+`, `-`; not `default`",
    |text| begins_with(text, |c| c.is_ascii_alphanumeric())
        && text != "default"
        && (2..=128).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.+-".contains(c))
);

validated!(
    /// The name of a service or a flavour.
    ServiceName, "service name", "small letters, digits and `-`; at most 32",
    |text| begins_with(text, |c| c.is_ascii_lowercase())
        && text.len() <= 32
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
);

validated!(
    /// The name of a context in a kubeconfig, which comes from the guest and may be typed: it is quoted where it is to be pasted.
    KubeContextName, "name of a context", "letters, digits, blanks and marks, but no backtick, and no `-` first; at most 253",
    |text| begins_with(text, |c| c != '-' && c != ' ')
        && text.len() <= 253
        && !text.ends_with(' ')
        && text.chars().all(|c| (c.is_ascii_graphic() || c == ' ') && c != '`')
);

validated!(
    /// Names of contexts that begin alike: `kind-*`.
    KubeContextPattern, "pattern of contexts", "letters, digits, `_`, `.` and `-`, then `*`",
    |text| text.strip_suffix('*').is_some_and(|start| !start.is_empty()
        && start.len() <= 64
        && start.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)))
);

impl KubeContextPattern {
    /// What `*` stands for in `name`; none when that is no such name.
    pub(crate) fn rest_of<'n>(&self, name: &'n KubeContextName) -> Option<&'n str> {
        name.0.strip_prefix(self.0.strip_suffix('*')?).filter(|rest| !rest.is_empty())
    }
}

validated!(
    /// The name of a variable that a shell exports.
    VariableName, "variable name", "letters, digits and `_`, not beginning with a digit",
    |text| begins_with(text, |c| c.is_ascii_alphabetic() || c == '_')
        && text.len() <= 64
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
);

validated!(
    /// The name of a value that templates can hold.
    ValueName, "value name", "small letters and `_`; at most 32",
    |text| (1..=32).contains(&text.len()) && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_has_a_name_that_can_be_shown_and_quoted() {
        let longest = "a".repeat(253);
        for name in
            ["kind-dev", "default/api:6443/kubeadmin", "a b", "arn:aws:eks:x:1:cluster/y", "$(id)", &longest]
        {
            assert!(KubeContextName::parse(name).is_ok(), "{name}");
        }
        for name in
            ["", "-", "-x", " a", "a ", "a\nb", "a`id`", "a\u{1b}[2J", "\u{202e}a", &format!("{longest}a")]
        {
            assert!(KubeContextName::parse(name).is_err(), "{name:?}");
        }
        let pattern = KubeContextPattern::parse("kind-*").unwrap();
        let rest = |name: &str| pattern.rest_of(&name.parse().unwrap()).map(str::to_owned);
        assert_eq!(rest("kind-a-b").as_deref(), Some("a-b"));
        assert_eq!((rest("kind-"), rest("kin"), rest("xkind-a")), (None, None, None));
        for text in ["*", "kind-", "kind-**", "kind*x", "`*", "$(id)*"] {
            assert!(KubeContextPattern::parse(text).is_err(), "{text}");
        }
    }
}
