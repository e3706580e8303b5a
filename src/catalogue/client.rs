//! The client of a service, as `services/*.yaml` describe where its releases are. Whatever can be several is a list,
//! tried in order.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::template::Template;
use crate::base::types::{AliasPattern, ChecksumName, Commit, MemberPattern, ProgramName};
use crate::base::version::{ReleaseVersion, VersionSuffix};
use crate::catalogue::platform::Platform;

/// The program that uses a service from the host, and where its releases are.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Client {
    /// The name of the program on the host; Windows adds `.exe`.
    pub program: ProgramName,
    /// Words for versions, such as `stable` or `stable-{minor}`, and the address that says which version that is: the
    /// version alone, a line `Name: VERSION`, or a listing of files called `PROGRAM-VERSION.…`, of which it is the
    /// newest. What `stable-{minor}` says also stands in for a version that was never published.
    #[serde(default)]
    pub aliases: BTreeMap<AliasPattern, Template>,
    /// What publishers add to the numbers of a version.
    #[serde(default)]
    pub suffixes: Vec<SuffixRule>,
    /// What to use in place of a version that a server says and that was never published.
    #[serde(default)]
    pub substitutes: Vec<SubstituteRule>,
    /// How far its version may be from the server's; without it any version of it will do.
    #[serde(default)]
    #[schemars(with = "Skew")]
    pub skew: Option<Skew>,
    /// The clients that should not be used any more; who has no other server needs them all the same.
    #[serde(default)]
    #[schemars(with = "OutdatedRule")]
    pub outdated: Option<OutdatedRule>,
    /// Where releases are; of several that may have one the first that does.
    #[schemars(length(min = 1))]
    pub sources: Vec<ReleaseSource>,
}

/// Of these versions each is called `N.N.N-SUFFIX`: one that is given without it means that release.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuffixRule {
    /// The first version.
    pub since: ReleaseVersion,
    /// The first version after those.
    pub until: ReleaseVersion,
    /// What is added, without its hyphen.
    pub suffix: VersionSuffix,
}

/// What stands in for these versions.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubstituteRule {
    /// The first version.
    pub since: ReleaseVersion,
    /// The first version after those.
    pub until: ReleaseVersion,
    /// The releases to use, the first that exists.
    #[schemars(length(min = 1))]
    pub versions: Vec<ReleaseVersion>,
}

/// How far the versions of a client and its server may be apart: `minor` is one minor version
/// (<https://kubernetes.io/releases/version-skew-policy/>), for a client that says its own as kubectl does, to
/// `version --client --output=json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Skew {
    Minor,
}

/// Clients that are too old to be installed without a word because a machine says their version.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutdatedRule {
    /// The first version that is not.
    pub until: ReleaseVersion,
    /// What is wrong with older ones, after `older ones`.
    pub because: String,
}

/// A place where releases are, and how they are called there.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseSource {
    /// The first version that may be there.
    #[serde(default)]
    #[schemars(with = "ReleaseVersion")]
    pub since: Option<ReleaseVersion>,
    /// The first version after those.
    #[serde(default)]
    #[schemars(with = "ReleaseVersion")]
    pub until: Option<ReleaseVersion>,
    /// The address of a release. `{platform}` is what `platforms` has, `{version}` the version, `{major}` its first
    /// number, `{commit}` what `commits` has. How it ends says what it is: `.tgz` or `.tar.gz`, `.zip`, else the program
    /// itself.
    pub url: Template,
    /// What the publisher calls each platform; those that are not there it does not have.
    pub platforms: BTreeMap<Platform, Template>,
    /// The publisher's checksums, the first that exists: `.sha256` is appended to the address, `SHA256SUMS` is the name
    /// of a file beside it.
    #[serde(default)]
    pub checksums: Vec<ChecksumName>,
    /// The program's name in the archive, where it is another one.
    #[serde(default)]
    #[schemars(with = "MemberPattern")]
    pub member: Option<MemberPattern>,
    /// The HTTP statuses with which this publisher says that it has no such file, besides 404 and 410.
    #[serde(default)]
    #[schemars(inner(range(min = 400, max = 499)))]
    pub missing: Vec<u16>,
    /// What `{commit}` stands for in each version; of several the first that exists.
    #[serde(default)]
    pub commits: BTreeMap<ReleaseVersion, Vec<Commit>>,
}

/// The names of the values that the templates of a [`ReleaseSource`] can hold.
pub(super) const RELEASE_VALUES: [&str; 4] = ["version", "major", "platform", "commit"];
/// The name of the value that the address of an alias can hold.
pub(super) const ALIAS_VALUES: [&str; 1] = ["minor"];
/// How every address of a release begins.
pub(super) const ADDRESS_BEGINS: &str = "https://";
