//! The services this program knows.

use super::Service;
use crate::error::Error;
use crate::nearest::nearest;

/// All services, in the order in which they are shown.
#[derive(Debug)]
pub struct Catalogue {
    services: Vec<Service>,
}

impl Catalogue {
    /// The services that are built in.
    ///
    /// Errors: a file is not of the form of [`Service`]; a test keeps that from happening.
    pub fn built_in() -> Result<Self, Error> {
        let parse = |(file, text): &(&str, &str)| {
            serde_yaml::from_str(text)
                .map_err(|source| Error::ServiceFile { file: (*file).to_owned(), source })
        };
        Ok(Self { services: BUILT_IN.iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// The services called `names`, or all when none is named.
    ///
    /// Errors: a name that no service has; the nearest one is suggested.
    pub fn select(&self, names: &[String]) -> Result<Vec<&Service>, Error> {
        if names.is_empty() {
            return Ok(self.services.iter().collect());
        }
        let mut services: Vec<&Service> = Vec::new();
        for name in names {
            let service = self.find(name)?;
            if !services.iter().any(|known| known.name == service.name) {
                services.push(service);
            }
        }
        Ok(services)
    }

    fn find(&self, name: &str) -> Result<&Service, Error> {
        let found = self.services.iter().find(|service| service.name.as_str() == name);
        found.ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Error {
        let known: Vec<String> = self.services.iter().map(|service| service.name.to_string()).collect();
        Error::UnknownService { name: name.to_owned(), nearest: nearest(name, &known), known }
    }
}

const BUILT_IN: [(&str, &str); 3] = [
    ("services/docker.yaml", include_str!("../../services/docker.yaml")),
    ("services/openshift.yaml", include_str!("../../services/openshift.yaml")),
    ("services/kubernetes.yaml", include_str!("../../services/kubernetes.yaml")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_files_are_valid() {
        let catalogue = Catalogue::built_in().unwrap();
        assert_eq!(catalogue.select(&[]).unwrap().len(), BUILT_IN.len());
        for service in &catalogue.services {
            for flavour in &service.flavours {
                assert!(!flavour.signs.files.is_empty() || !flavour.signs.units.is_empty());
            }
        }
    }

    #[test]
    fn a_misspelt_name_gets_the_nearest_one() {
        let catalogue = Catalogue::built_in().unwrap();
        let error = catalogue.select(&["kubernets".to_owned()]).unwrap_err();
        assert!(
            matches!(error, Error::UnknownService { nearest: Some(nearest), .. } if nearest == "kubernetes")
        );
        let error = catalogue.select(&["x".to_owned()]).unwrap_err();
        assert!(matches!(error, Error::UnknownService { nearest: None, .. }));
    }

    #[test]
    fn a_file_with_an_unknown_key_or_a_hostile_value_is_refused() {
        let good = BUILT_IN[2].1;
        for (from, to) in [
            ("title:", "titel:"),
            ("units: [k3s]", "units: [\"k3s; id\"]"),
            ("[/etc/rancher/k3s/k3s.yaml], root", "[\"/etc/$(id)\"], root"),
            ("KUBECONFIG", "\"A B\""),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert!(serde_yaml::from_str::<Service>(&bad).is_err(), "{to}");
        }
    }
}
