//! Service templates → the variables to export. Pure.

use std::ffi::OsString;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::service_access::ServiceAccess;
use crate::base::paths::REGISTRY_LOGINS;
use crate::base::platform::LIST_SEPARATOR;
use crate::base::types::{DnsName, ValueName, VariableName, Version};
use crate::catalogue::{Access, ExportTemplate, Source, VERSION};

/// One variable for the shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// Its name.
    pub name: VariableName,
    /// Its value: no control characters, at most 32 KiB.
    pub value: String,
    /// `--script-readable` puts it between single quotes.
    pub quoted: bool,
    /// It is a list of paths.
    #[serde(default)]
    pub list: bool,
}

/// The exports of one service, with the lines that introduce them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The service.
    pub service: String,
    /// Lines for people.
    pub comment: String,
    /// The variables.
    pub exports: Vec<Export>,
    /// Variables that the shell must not have from before.
    #[serde(default)]
    pub gone: Vec<VariableName>,
    /// A folder for the PATH.
    #[serde(skip)]
    pub path: Option<PathEntry>,
}

/// A folder to put first in the PATH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathEntry {
    /// The folder.
    pub folder: String,
    /// The folders that are there already, for shells that have to be told all of them.
    pub others: Vec<OsString>,
}

impl Block {
    /// Fills in the templates of the service. What has no value is left out; `left_out` is told why.
    ///
    /// Errors: a value that no shell could carry, or that kubectl would take for several.
    pub(crate) fn new(values: &Values, mut left_out: impl FnMut(&str)) -> Result<Self, Error> {
        let service = values.access.service;
        let (mut exports, mut gone) = (Vec::new(), Vec::new());
        for template in &service.exports {
            if let Some(value) = template.value.fill(&|name| values.get(name)) {
                exports.push(Export::from_template(template, value)?);
            } else {
                template.missing.iter().for_each(|reason| left_out(reason));
                gone.extend(template.clear.then(|| template.name.clone()));
            }
        }
        let (service, comment) = (service.name.to_string(), service.comment.clone());
        Ok(Self { service, comment, exports, gone, path: None })
    }
}

impl Export {
    /// One that no template is for.
    ///
    /// Errors: a value that no shell could carry.
    pub(crate) fn new(name: VariableName, value: String) -> Result<Self, Error> {
        let is_printable = value.len() <= LONGEST_VALUE && !value.chars().any(char::is_control);
        if !is_printable {
            return Err(Error::Unprintable { name: name.to_string() });
        }
        Ok(Self { name, value, quoted: false, list: false })
    }

    fn from_template(template: &ExportTemplate, value: String) -> Result<Self, Error> {
        let ExportTemplate { name, quoted, list, .. } = template;
        Ok(Self { quoted: *quoted, list: *list, ..Self::new(name.clone(), value)? })
    }
}

/// The exports of several machines, each given with its name, as those of one: one block for each service; a list has
/// what all of them have.
///
/// Errors: two machines of one name, or with different values for what is no list.
pub(crate) fn join(machines: &[(&str, &[Block])]) -> Result<Vec<Block>, Error> {
    for (index, (machine, _)) in machines.iter().enumerate() {
        if machines[..index].iter().any(|(other, _)| other == machine) {
            return Err(Error::Namesakes { machine: (*machine).to_owned() });
        }
    }
    let mut joined: Vec<Block> = Vec::new();
    for (_, blocks) in machines {
        for block in *blocks {
            match joined.iter_mut().find(|known| known.service == block.service) {
                Some(known) => known.exports.extend(new_exports(known, block)),
                None => joined.push(block.clone()),
            }
        }
    }
    for export in joined.iter_mut().flat_map(|block| &mut block.exports) {
        export.value = value_of_all(machines, export)?;
    }
    Ok(joined)
}

/// Those of `block` whose variables `known` does not have.
fn new_exports(known: &Block, block: &Block) -> Vec<Export> {
    let is_new = |export: &&Export| known.exports.iter().all(|other| other.name != export.name);
    block.exports.iter().filter(is_new).cloned().collect()
}

/// The value of the variable of `export` for all `machines`.
fn value_of_all(machines: &[(&str, &[Block])], export: &Export) -> Result<String, Error> {
    let mut values: Vec<(&str, &str)> = Vec::new();
    for (machine, blocks) in machines {
        let exports = blocks.iter().flat_map(|block| &block.exports);
        for Export { value, .. } in exports.filter(|other| other.name == export.name) {
            if values.iter().all(|(_, known)| known != value) {
                values.push((machine, value));
            }
        }
    }
    if values.len() > 1 && !export.list {
        let machines = values.iter().map(|(machine, _)| format!("`{machine}`")).collect();
        return Err(Error::OneValue { variable: export.name.to_string(), machines });
    }
    Ok(values.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join(&LIST_SEPARATOR.to_string()))
}

/// What the placeholders in a service's templates stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    /// The service, which is asked what the guest's files do not tell.
    pub(crate) access: ServiceAccess<'a>,
    /// The kubeconfig on the host.
    pub kubeconfig: &'a str,
    /// The folder of Docker's certificates on the host.
    pub folder: &'a str,
    /// The version of Docker's API is wanted even where the clients find it out themselves.
    pub api_version: bool,
}

impl Values<'_> {
    /// The value of `name`; none when there is none.
    pub(crate) fn get(&self, name: &ValueName) -> Option<String> {
        match self.access.flavour.values.get(name) {
            Some(Source::Text(template)) => template.fill(&|name| self.simple(name)),
            _ => self.simple(name),
        }
    }

    /// A value that is not made of others.
    fn simple(&self, name: &ValueName) -> Option<String> {
        if let Some(Source::Ask(questions)) = self.access.flavour.values.get(name) {
            return self.access.ask(questions).and_then(|answer| checked(name, &answer));
        }
        let endpoint = self.access.endpoint;
        Some(match name.as_str() {
            "url" => endpoint.url(),
            "endpoint" => endpoint.address()?.place(),
            "docker_host" => endpoint.docker_host(),
            "tls" => endpoint.address().map(|_| "1".to_owned())?,
            "kubeconfig" => self.kubeconfig.to_owned(),
            "logins" => {
                let path = Path::new(self.folder).join(REGISTRY_LOGINS);
                path.exists().then(|| path.to_str().map(ToOwned::to_owned)).flatten()?
            }
            "folder" => endpoint.address().map(|_| self.folder.to_owned())?,
            "api_version" if self.wants_api_version() => endpoint.api_version.as_ref()?.to_string(),
            _ => return None,
        })
    }

    fn wants_api_version(&self) -> bool {
        self.api_version || matches!(self.access.flavour.access, Access::Docker { api_version: true, .. })
    }
}

/// What an API says, if it is what the value should be: a version, or else a host's name.
fn checked(name: &ValueName, answer: &str) -> Option<String> {
    let checked = if name.as_str() == VERSION {
        Version::parse(answer).map(|version| version.to_string())
    } else {
        DnsName::parse(&answer.to_ascii_lowercase()).map(|host| host.to_string())
    };
    checked.inspect_err(|error| log::debug!("{name}: {error}")).ok()
}

/// Linux starts no program any more when one variable is longer than 128 KiB; this is well below.
const LONGEST_VALUE: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn block(service: &str, exports: &[(&str, &str, bool)]) -> Block {
        let export = |(name, value, list): &(&str, &str, bool)| Export {
            name: name.parse().unwrap(),
            value: (*value).to_owned(),
            quoted: false,
            list: *list,
        };
        let exports = exports.iter().map(export).collect();
        Block { service: service.into(), comment: String::new(), exports, gone: vec![], path: None }
    }

    #[test]
    fn lists_of_several_machines_are_joined() {
        let a = [
            block("openshift", &[("URL", "https://a", false), ("KUBECONFIG", "/a/both", true)]),
            block("kubernetes", &[("KUBECONFIG", "/a/both", true)]),
        ];
        let b = [block("kubernetes", &[("KUBECONFIG", "/b/k", true)])];
        let joined = join(&[("a", &a), ("b", &b)]).unwrap();
        let both = ("KUBECONFIG", "/a/both:/b/k", true);
        assert_eq!(
            joined,
            [block("openshift", &[("URL", "https://a", false), both]), block("kubernetes", &[both])]
        );
        assert_eq!(join(&[("a", &a)]).unwrap(), a);
    }

    #[test]
    fn what_is_no_list_is_that_of_one_machine() {
        let docker = |host: &str| {
            [block("docker", &[("DOCKER_TLS_VERIFY", "1", false), ("DOCKER_HOST", host, false)])]
        };
        let (a, b) = (docker("tcp://a:2376"), docker("tcp://b:2376"));
        let error = join(&[("a", &a), ("b", &b)]).unwrap_err();
        assert!(matches!(&error, Error::OneValue { variable, .. } if variable == "DOCKER_HOST"), "{error}");
        assert!(matches!(join(&[("a", &a), ("a", &a)]), Err(Error::Namesakes { .. })));
    }

    fn export(value: &str) -> Result<Export, Error> {
        let template = serde_yaml::from_str("{name: KUBECONFIG, value: '{kubeconfig}'}").unwrap();
        Export::from_template(&template, value.to_owned())
    }

    #[test]
    fn what_no_shell_carries_is_refused() {
        assert_eq!(export("/state/kubeconfig").unwrap().value, "/state/kubeconfig");
        for value in ["/a\nb", "/a\rb", "/\x1b[31m", "/\x7f", "/\u{85}"] {
            assert!(matches!(export(value), Err(Error::Unprintable { .. })), "{value:?}");
        }
        assert!(export(&"x".repeat(40_000)).is_err());
    }

    #[test]
    fn an_answer_is_a_version_or_the_name_of_a_host() {
        let checked = |name: &str, answer: &str| checked(&name.parse().unwrap(), answer);
        assert_eq!(checked("version", "4.18.2").as_deref(), Some("4.18.2"));
        assert_eq!(checked("registry", "Hub.Example.com").as_deref(), Some("hub.example.com"));
        for hostile in ["$(id)", "`id`", "a b", "a\nexport X=1", "-x", "../x", "", &"a".repeat(1 << 20)] {
            assert_eq!(checked("version", hostile), None, "{hostile:.20}");
            assert_eq!(checked("registry", hostile), None, "{hostile:.20}");
        }
    }
}
