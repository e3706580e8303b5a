//! The JSON Schema of service files, made from the types: for editors, and for [`super::schema_check`].

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::service_file::ServiceFile;
use crate::base::distribution::{DistributionId, DistributionVersion, GroupName, PackageName, ShownCommand};
use crate::base::release::ReleaseFileName;
use crate::base::types::{
    AbsoluteGuestPath, AliasPattern, ApiPath, ChecksumName, Commit, ContainerPattern, GuestPath,
    GuestPattern, Invalid, JsonPointer, KubeContextPattern, MemberPattern, Port, ProgramName, ServiceName,
    UnitName, ValueName, VariableName, VariantId,
};
use crate::base::version::{ReleaseVersion, VersionSuffix};
use crate::catalogue::file_text::FileText;
use crate::catalogue::platform::Platform;
use crate::catalogue::template::Template;

/// The schema of service files, of the draft that editors know best.
pub(crate) fn schema() -> Schema {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<ServiceFile>()
}

/// The JSON Schema of service files, as `services/schema.json` has it.
pub(crate) fn schema_text() -> String {
    // A schema is JSON already.
    serde_json::to_string_pretty(&schema()).unwrap_or_default() + "\n"
}

/// Gives the text types of [`crate::base::types`] their schemas. The pattern tells an editor what the type's own check
/// accepts; a test holds the two together.
macro_rules! kinds {
    ($($kind:ident, $pattern:literal $(, $longest:literal)?;)*) => {
        $(
            impl JsonSchema for $kind {
                fn schema_name() -> Cow<'static, str> {
                    stringify!($kind).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    let mut schema = json_schema!({ "type": "string", "pattern": $pattern });
                    $(schema.insert("maxLength".into(), $longest.into());)?
                    if let Err(Invalid { kind, form }) = $kind::parse(NEVER_VALID) {
                        schema.insert("description".into(), format!("{kind}: {form}").into());
                    }
                    schema
                }
            }
        )*

        /// What the type with `pattern` in its schema thinks of `text`; none when there is no such type.
        pub(crate) fn check(pattern: &str, text: &str) -> Option<Result<(), Invalid>> {
            match pattern {
                $($pattern => Some($kind::parse(text).map(drop)),)*
                _ => None,
            }
        }

        #[cfg(test)]
        const PATTERNS: &[(&str, &[usize])] = &[$(($pattern, &[$($longest)?])),*];
    };
}

kinds! {
    AbsoluteGuestPath, r"^/(\.?[A-Za-z0-9_/@:+-])*\.?$", 255;
    AliasPattern, r"^[a-z][a-z0-9.-]*(\{minor\}[a-z0-9.-]*)?$", 32;
    ApiPath, r"^/(\.?[A-Za-z0-9_/-])*\.?$", 255;
    ChecksumName, r"^(\.?[A-Za-z0-9_-])*\.?[A-Za-z0-9]$", 64;
    Commit, r"^[0-9a-f]{7,40}$";
    ContainerPattern, r"^[A-Za-z0-9_.-]{0,64}\*$";
    DistributionId, r"^[a-z0-9][a-z0-9._-]{0,31}$";
    DistributionVersion, r"^[0-9]{1,6}(\.[0-9]{1,6}){0,3}$";
    FileText, r"^([^{}\x00-\x09\x0b-\x1f\x7f]|\{[a-z_]{1,32}\})*$", 8192;
    GroupName, r"^[a-z_][a-z0-9_-]{0,30}$";
    GuestPath, r"^(~|%t)?/(\.?[A-Za-z0-9_/@:+-])*\.?$", 255;
    GuestPattern, r"^(~|%t)?/(\*/)?(\.?[A-Za-z0-9_@:+-]|\.?/(\*/)?)*\.?$", 255;
    JsonPointer, r"^/[A-Za-z0-9._/-]*$", 255;
    KubeContextPattern, r"^[A-Za-z0-9_.-]{1,64}\*$";
    MemberPattern, r"^[A-Za-z0-9][A-Za-z0-9._-]*(\*[A-Za-z0-9._-]*)?$", 64;
    PackageName, r"^[A-Za-z0-9]([A-Za-z0-9.+_-]{0,98}[A-Za-z0-9._])?$";
    Platform, r"^(linux|darwin|windows|freebsd)/(386|amd64|arm64|armv[567]|ppc64le|riscv64|s390x)$";
    ProgramName, r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$";
    ReleaseFileName, r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";
    ReleaseVersion, r"^[0-9]{1,9}(\.[0-9]{1,9})+(-[A-Za-z0-9](\.?[A-Za-z0-9-])*\.?)?$", 64;
    ServiceName, r"^[a-z][a-z0-9-]{0,31}$";
    ShownCommand, r"^[A-Za-z0-9/][ -~]{0,199}$";
    Template, r"^([^{}]|\{[a-z_]{1,32}\})*$";
    UnitName, r"^[A-Za-z0-9][A-Za-z0-9._@:-]{0,127}$";
    ValueName, r"^[a-z_]{1,32}$";
    VariableName, r"^[A-Za-z_][A-Za-z0-9_]{0,63}$";
    VariantId, r"^[a-z0-9._-]{1,32}$";
    VersionSuffix, r"^[A-Za-z0-9]{1,16}$";
}

/// True for a pattern of text that may have several lines: of the control characters it refuses all but line breaks.
pub(super) fn has_lines(pattern: &str) -> bool {
    pattern.contains(r"\x00-\x09\x0b")
}

impl JsonSchema for Port {
    fn schema_name() -> Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": u16::MAX, "description": "port: 1 to 65535" })
    }
}

/// Every kind refuses it.
const NEVER_VALID: &str = "{\0";

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    #[test]
    fn the_file_is_the_one_of_these_types() {
        let file = include_str!("../../../services/schema.json");
        assert!(file == schema_text(), "run `service-manager services schema > services/schema.json`");
    }

    /// The schemas' and the types' own answers are the same.
    #[track_caller]
    fn agree_about(text: &str) {
        static REGEXES: LazyLock<Vec<Regex>> =
            LazyLock::new(|| PATTERNS.iter().map(|(pattern, _)| Regex::new(pattern).unwrap()).collect());
        for ((pattern, longest), regex) in PATTERNS.iter().zip(&*REGEXES) {
            let fits = longest.iter().all(|longest| text.chars().count() <= *longest);
            let by_type = check(pattern, text).unwrap().is_ok();
            assert_eq!(fits && regex.is_match(text), by_type, "{pattern} {text:?}");
        }
    }

    #[test]
    fn the_patterns_say_what_the_types_say() {
        #[rustfmt::skip]
        let texts = [
            "", "/", "~", "~/", "%t/x", "%t", "%t%t/x", "/a..b", "/a.", "/./x", "/*/x", "/x/*/*/y", "/x/*//*/y",
            "/x/*", "/.*/x", "stable-{minor}", "{minor}", "a{minor}{minor}", "1.2.3-rc.1", "1.2-.", "1.2-a.", ".sha256", "a.",
            "linux/amd64", "podman_*", "a*b*", "dad658de7465ba8a234a4fb40b5b446a45a4cee1", "1..2", "1.2-a..b", "a", "A", "_", "-a", "a-b", "{", "{a}", "{a}{b}x", "{A}", "{a{b}}", "k3s@1.service",
        ];
        texts.into_iter().for_each(agree_about);
        for length in [31, 32, 33, 63, 64, 65, 127, 128, 129, 254, 255, 256] {
            agree_about(&"a".repeat(length));
            agree_about(&format!("/{}", "a".repeat(length - 1)));
            agree_about(&format!("{{{}}}", "a".repeat(length)));
        }
    }

    proptest! {
        #[test]
        fn the_patterns_say_what_the_types_say_of_anything(
            text in "(/|~/|%t/|1\\.2)?([a*./_%t~{}AZ09@:+-]|/\\*/|\\{a\\}|\\{minor\\}|.){0,9}"
        ) {
            agree_about(&text);
        }
    }
}
