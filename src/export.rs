//! Service templates → the variables to export. Pure.

use std::path::Path;

use crate::error::Error;
use crate::grammar::VariableName;
use crate::service::Service;

/// One variable for the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its name.
    pub name: VariableName,
    /// Its value: no control characters, at most 32 KiB.
    pub value: String,
}

/// The exports of one service, with the lines that introduce them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The service.
    pub service: String,
    /// Lines for people.
    pub comment: String,
    /// The variables.
    pub exports: Vec<Export>,
}

impl Block {
    /// Fills in the templates of `service`.
    ///
    /// Errors: a value that no shell could carry, or that kubectl would take for several.
    pub fn new(service: &Service, kubeconfig: &Path) -> Result<Self, Error> {
        if kubeconfig.as_os_str().as_encoded_bytes().contains(&b':') {
            return Err(Error::ColonInPath { path: kubeconfig.to_owned() });
        }
        let export = |template: &crate::service::ExportTemplate| {
            let unprintable = || Error::Unprintable { name: template.name.to_string() };
            let kubeconfig = kubeconfig.to_str().ok_or_else(unprintable)?;
            let value = template.value.replace("{kubeconfig}", kubeconfig);
            let printable = value.len() <= LONGEST_VALUE && !value.chars().any(char::is_control);
            printable.then(|| Export { name: template.name.clone(), value }).ok_or_else(unprintable)
        };
        Ok(Self {
            service: service.name.to_string(),
            comment: service.comment.clone(),
            exports: service.exports.iter().map(export).collect::<Result<_, _>>()?,
        })
    }
}

/// Linux starts no program any more when one variable is longer than 128 KiB; this is well below.
const LONGEST_VALUE: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Catalogue;

    fn block(path: &str) -> Result<Block, Error> {
        let catalogue = Catalogue::built_in().unwrap();
        let services = catalogue.select(&["kubernetes".to_owned()]).unwrap();
        Block::new(services[0], Path::new(path))
    }

    #[test]
    fn the_template_is_filled_in() {
        let exports = block("/state/kubeconfig").unwrap().exports;
        assert_eq!(exports.len(), 1);
        assert_eq!(exports[0].name.as_str(), "KUBECONFIG");
        assert_eq!(exports[0].value, "/state/kubeconfig");
    }

    #[test]
    fn what_no_shell_carries_is_refused() {
        for path in ["/a\nb", "/a\rb", "/\x1b[31m", "/\x7f", "/\u{85}"] {
            assert!(matches!(block(path), Err(Error::Unprintable { .. })), "{path:?}");
        }
        assert!(block(&"x".repeat(40_000)).is_err());
        assert!(matches!(block("/a:b/kubeconfig"), Err(Error::ColonInPath { .. })));
    }
}
