//! `meta.json` of a docker context. Pure.

use serde_json::{Value, json};

use crate::base::types::DockerContextName;

/// `meta.json` of a docker context that was made here (docker/cli: cli/context/store/store.go and cli/command/context.go).
///
/// Docker keeps our mark whatever the user changes with `docker context update`; so is kept here what else is in there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ContextMetadata(Value);

impl ContextMetadata {
    /// Of a new context for the machine with the key `machine`.
    pub(super) fn new(name: &DockerContextName, description: &str, machine: &str) -> Self {
        Self(json!({
            "Name": name.as_str(),
            "Metadata": { "Description": description, (MARK): { "machine": machine } },
            "Endpoints": {},
        }))
    }

    /// None when `text` is not the metadata of the context `name`, or bears no mark.
    pub(super) fn parse(text: &[u8], name: &DockerContextName) -> Option<Self> {
        let metadata = Self(serde_json::from_slice(text).ok()?);
        let is_own = metadata.0.get("Name")? == name.as_str() && metadata.0.get("Endpoints")?.is_object();
        metadata.mark("machine")?;
        is_own.then_some(metadata)
    }

    /// The key of the machine that it leads to.
    pub(super) fn machine(&self) -> &str {
        self.mark("machine").unwrap_or_default()
    }

    /// The current context before this one became that.
    pub(super) fn previous(&self) -> Option<&str> {
        self.mark("previous")
    }

    /// The same that leads to `host`, which is as `DOCKER_HOST` has it.
    #[must_use]
    pub(super) fn leading_to(mut self, host: &str) -> Self {
        self.0["Endpoints"]["docker"] = json!({ "Host": host, "SkipTLSVerify": false });
        self
    }

    #[must_use]
    pub(super) fn after(mut self, previous: Option<&str>) -> Self {
        self.0["Metadata"][MARK]["previous"] = previous.into();
        self
    }

    pub(super) fn text(&self) -> String {
        self.0.to_string()
    }

    fn mark(&self, field: &str) -> Option<&str> {
        self.0.get("Metadata")?.get(MARK)?.get(field)?.as_str()
    }
}

const MARK: &str = "service-manager";

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> DockerContextName {
        DockerContextName::parse("box-docker").unwrap()
    }

    #[test]
    fn docker_and_its_user_may_change_it() {
        let made = ContextMetadata::new(&name(), "d", "box-1c5d").leading_to("unix:///run/x.sock");
        assert_eq!(
            made.text(),
            r#"{"Endpoints":{"docker":{"Host":"unix:///run/x.sock","SkipTLSVerify":false}},"Metadata":{"Description":"d","service-manager":{"machine":"box-1c5d"}},"Name":"box-docker"}"#
        );
        let updated = r#"{"Name":"box-docker","Metadata":{"GODEBUG":"x","service-manager":{"machine":"box-1c5d","previous":"work"}},
            "Endpoints":{"docker":{"Host":"unix:///run/x.sock","SkipTLSVerify":true},"other":1}}"#;
        let found = ContextMetadata::parse(updated.as_bytes(), &name()).unwrap();
        assert_eq!((found.machine(), found.previous()), ("box-1c5d", Some("work")));
        let moved = found.leading_to("tcp://192.0.2.7:2376").after(None).text();
        assert_eq!(
            moved,
            r#"{"Endpoints":{"docker":{"Host":"tcp://192.0.2.7:2376","SkipTLSVerify":false},"other":1},"Metadata":{"GODEBUG":"x","service-manager":{"machine":"box-1c5d","previous":null}},"Name":"box-docker"}"#
        );
    }

    #[test]
    fn what_bears_no_mark_is_not_from_here() {
        for text in [
            "",
            "{",
            "null",
            "[]",
            r#"{"Name":"box-docker","Metadata":{},"Endpoints":{}}"#,
            r#"{"Name":"box-docker","Metadata":{"Description":"service-manager"},"Endpoints":{}}"#,
            r#"{"Name":"box-docker","Metadata":{"service-manager":"box-1c5d"},"Endpoints":{}}"#,
            r#"{"Name":"box-docker","Metadata":{"service-manager":{"machine":7}},"Endpoints":{}}"#,
            r#"{"Name":"box-docker","Metadata":{"service-manager":{"machine":"box-1c5d"}},"Endpoints":[]}"#,
            // Imported under another name.
            r#"{"Name":"mine","Metadata":{"service-manager":{"machine":"box-1c5d"}},"Endpoints":{}}"#,
        ] {
            assert_eq!(ContextMetadata::parse(text.as_bytes(), &name()), None, "{text}");
        }
    }
}
