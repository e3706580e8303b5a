//! The allow-list: what may be carried over from a kubeconfig of the guest. Every field that is not named
//! here is dropped.

use std::fmt;
use std::net::IpAddr;

use base64::prelude::{BASE64_STANDARD, Engine};
use saphyr_parser::{Event, Parser};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::access::certificate::Certificates;
use crate::access::credentials::{ClientAuth, CredentialError, Credentials};
use crate::base::types::{HostName, KubeContextName, Token};

/// Reads the context `chosen` of a kubeconfig of the guest, or its current one. `file_of_guest` returns the content of a file that
/// the kubeconfig names, by the path as it stands there.
///
/// Errors: it is no kubeconfig, wants to run a program, or holds nothing to log in with.
pub(crate) fn read(
    content: &[u8],
    chosen: Option<&KubeContextName>,
    file_of_guest: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Credentials, CredentialError> {
    let file = GuestKubeconfig::parse(content)?;
    let (cluster, user) = file.entries_of(chosen)?;
    if user.exec.is_some() {
        return Err(CredentialError::Program("exec"));
    }
    if user.auth_provider.is_some() {
        return Err(CredentialError::Program("auth-provider"));
    }
    let source = GuestFiles(file_of_guest);
    let authority = source
        .bytes(
            filled(cluster.authority_data.as_ref()),
            filled(cluster.authority.as_ref()),
            "certificate-authority",
        )?
        .ok_or(CredentialError::Missing("certificate-authority-data"))?;
    let server = filled(cluster.server.as_ref()).ok_or(CredentialError::Missing("server"))?;
    let ServerPlace { host, port } = split_server(server).ok_or(CredentialError::Invalid("server"))?;
    Ok(Credentials {
        authority: Certificates::parse(&authority)
            .ok_or(CredentialError::Invalid("certificate authority"))?,
        client_auth: source.client_auth(user)?,
        is_plain: false,
        port,
        server_name: host.as_str().parse::<IpAddr>().is_err().then_some(host),
    })
}

/// Where the contexts of a kubeconfig of the guest lead.
///
/// Errors: it is no kubeconfig.
pub(crate) fn guest_contexts(content: &[u8]) -> Result<GuestContexts, CredentialError> {
    let file = GuestKubeconfig::parse(content)?;
    let contexts: Vec<&NamedContext> = file.contexts.iter().flatten().collect();
    let lead = |context: &&NamedContext| {
        let name = KubeContextName::parse(&context.name).ok()?;
        Some(ContextLead { name, place: file.place_of(context) })
    };
    let leads: Vec<ContextLead> = contexts.iter().filter_map(lead).collect();
    let current = match file.name_of_current().map(|name| (name, KubeContextName::parse(name))) {
        None => CurrentContext::Missing,
        Some((_, Ok(name))) => CurrentContext::Named(name),
        Some((name, Err(_))) => {
            let itself = contexts.iter().find(|context| context.name == name);
            CurrentContext::Unnameable { place: itself.and_then(|context| file.place_of(context)) }
        }
    };
    Ok(GuestContexts { unnameable: contexts.len() - leads.len(), leads, current })
}

/// The contexts of a kubeconfig of the guest.
#[derive(Clone, Debug)]
pub(crate) struct GuestContexts {
    /// In its order: those whose names can be typed.
    pub(crate) leads: Vec<ContextLead>,
    /// How many others there are.
    pub(crate) unnameable: usize,
    pub(crate) current: CurrentContext,
}

/// The context that counts where none is chosen: the current one, or the only one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CurrentContext {
    Missing,
    /// It need not be among those that are there.
    Named(KubeContextName),
    /// Its name cannot be typed.
    Unnameable {
        place: Option<ServerPlace>,
    },
}

/// Where a context leads.
#[derive(Clone, Debug)]
pub(crate) struct ContextLead {
    pub(crate) name: KubeContextName,
    /// None when its server has no address that an API server has.
    pub(crate) place: Option<ServerPlace>,
}

/// Where a guest's kubeconfig says that a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerPlace {
    pub(crate) host: HostName,
    pub(crate) port: u16,
}

impl fmt::Display for ServerPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.as_str().contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// Where a kubeconfig's values come from: itself, or files of the guest.
struct GuestFiles<'a>(&'a dyn Fn(&str) -> Option<Vec<u8>>);

impl GuestFiles<'_> {
    fn client_auth(&self, user: &GuestUser) -> Result<ClientAuth, CredentialError> {
        let certificate = self.bytes(
            filled(user.certificate_data.as_ref()),
            filled(user.certificate.as_ref()),
            "client-certificate",
        )?;
        let key = self.bytes(filled(user.key_data.as_ref()), filled(user.key.as_ref()), "client-key")?;
        if let (Some(certificate), Some(key)) = (certificate, key) {
            return ClientAuth::certificate(&certificate, &key);
        }
        let token_file = self.file(filled(user.token_file.as_ref()), "tokenFile")?;
        let token_file = token_file.map(|bytes| String::from_utf8_lossy(&bytes).trim().to_owned());
        if let Some(token) = filled(user.token.as_ref()).cloned().or(token_file) {
            let token = Token::parse(&token).map_err(|_| CredentialError::Invalid("token"))?;
            return Ok(ClientAuth::Token(token.as_str().into()));
        }
        match (filled(user.username.as_ref()), filled(user.password.as_ref())) {
            (Some(user), Some(password)) if is_plain(user) && is_plain(password) => {
                Ok(ClientAuth::Password { user: user.clone(), password: password.as_str().into() })
            }
            (Some(_), Some(_)) => Err(CredentialError::Invalid("username or password")),
            _ => Err(CredentialError::Missing("client certificate, token or password")),
        }
    }

    /// The bytes of a value that is embedded in base64 or, else, in a file.
    fn bytes(
        &self,
        data: Option<&String>,
        path: Option<&String>,
        field: &'static str,
    ) -> Result<Option<Vec<u8>>, CredentialError> {
        match data {
            Some(data) => {
                let packed: String = data.split_whitespace().collect();
                BASE64_STANDARD.decode(packed).map(Some).map_err(|_| CredentialError::Invalid(field))
            }
            None => self.file(path, field),
        }
    }

    fn file(&self, path: Option<&String>, field: &'static str) -> Result<Option<Vec<u8>>, CredentialError> {
        path.map(|path| (self.0)(path).ok_or(CredentialError::File(field))).transpose()
    }
}

/// kubectl takes an empty value for an absent one.
fn filled(value: Option<&String>) -> Option<&String> {
    value.filter(|value| !value.is_empty())
}

/// Splits `https://HOST[:PORT]`. A path or anything else that an API server's address does not have is refused.
fn split_server(server: &str) -> Option<ServerPlace> {
    let authority = server.strip_prefix("https://")?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let after_host = authority.rfind(']').unwrap_or(0);
    let (host, port) = match authority[after_host..].rfind(':') {
        Some(colon) => (&authority[..after_host + colon], authority[after_host + colon + 1..].parse().ok()?),
        None => (authority, HTTPS_PORT),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let host = HostName::parse(host).ok()?;
    (port != 0).then_some(ServerPlace { host, port })
}

/// The text of a file of the guest in YAML that no parser turns into much more than it is, or reads in two ways.
///
/// Errors: it is long, no text, has aliases, or is what `not_of_its_form` says.
pub(crate) fn plain_yaml(content: &[u8], not_of_its_form: CredentialError) -> Result<&str, CredentialError> {
    if content.len() > LONGEST {
        return Err(CredentialError::TooLong);
    }
    let text = std::str::from_utf8(content).map_err(|_| CredentialError::NotText)?;
    let marks = text.bytes().filter(|byte| b"[]{},:-?\n".contains(byte)).count();
    if marks > MOST_MARKS || text.contains(OLD_LINE_BREAKS) {
        return Err(not_of_its_form);
    }
    if has_aliases(text, &not_of_its_form)? { Err(CredentialError::Alias) } else { Ok(text) }
}

/// Anchors and aliases let a small file become a huge one, and a kubeconfig has no use for them. Looked for by a parser
/// that expands none of them.
///
/// Errors: it is not YAML to that parser, so that the other one might find in it what this one does not.
fn has_aliases(text: &str, not_of_its_form: &CredentialError) -> Result<bool, CredentialError> {
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|_| not_of_its_form.clone())?;
        let found = match event {
            Event::Alias(_) => true,
            Event::Scalar(_, _, anchor, _)
            | Event::SequenceStart(anchor, _)
            | Event::MappingStart(anchor, _) => anchor != NO_ANCHOR,
            _ => false,
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_plain(text: &str) -> bool {
    text.len() <= 256 && !text.chars().any(|c| c.is_control() || OLD_LINE_BREAKS.contains(&c))
}

/// The guest's file. Only the entries of the current context have to be complete.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct GuestKubeconfig {
    clusters: Option<Vec<NamedCluster>>,
    users: Option<Vec<NamedUser>>,
    contexts: Option<Vec<NamedContext>>,
    current_context: Option<String>,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: GuestCluster,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    user: GuestUser,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: GuestContext,
}

#[derive(Deserialize)]
struct GuestContext {
    cluster: Option<String>,
    user: Option<String>,
}

#[derive(Deserialize)]
struct GuestCluster {
    server: Option<String>,
    #[serde(rename = "certificate-authority-data")]
    authority_data: Option<String>,
    #[serde(rename = "certificate-authority")]
    authority: Option<String>,
}

#[derive(Deserialize)]
struct GuestUser {
    #[serde(rename = "client-certificate-data")]
    certificate_data: Option<String>,
    #[serde(rename = "client-certificate")]
    certificate: Option<String>,
    #[serde(rename = "client-key-data")]
    key_data: Option<String>,
    #[serde(rename = "client-key")]
    key: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    username: Option<String>,
    password: Option<String>,
    exec: Option<IgnoredAny>,
    #[serde(rename = "auth-provider")]
    auth_provider: Option<IgnoredAny>,
}

impl GuestKubeconfig {
    fn parse(content: &[u8]) -> Result<Self, CredentialError> {
        let text = plain_yaml(content, CredentialError::NotKubeconfig)?;
        serde_yaml::from_str(text).map_err(|_| CredentialError::NotKubeconfig)
    }

    /// The context that is `chosen`, else the current one, or the only one.
    fn context(&self, chosen: Option<&KubeContextName>) -> Option<&NamedContext> {
        let name = chosen.map(KubeContextName::as_str).or_else(|| self.name_of_current())?;
        self.contexts.iter().flatten().find(|context| context.name == name)
    }

    /// The name of the context that is current, or else of the only one. The first need not be there.
    fn name_of_current(&self) -> Option<&str> {
        let current = filled(self.current_context.as_ref()).map(String::as_str);
        current.or_else(|| match self.contexts.as_deref().unwrap_or_default() {
            [only] => Some(&only.name),
            _ => None,
        })
    }

    fn cluster_of(&self, context: &GuestContext) -> Option<&GuestCluster> {
        let mut clusters = self.clusters.iter().flatten();
        let named = clusters.find(|named| context.cluster.as_ref() == Some(&named.name));
        named.map(|named| &named.cluster)
    }

    /// Where `context` leads.
    fn place_of(&self, context: &NamedContext) -> Option<ServerPlace> {
        let cluster = self.cluster_of(&context.context);
        split_server(filled(cluster.and_then(|cluster| cluster.server.as_ref()))?)
    }

    /// The cluster and the user of [`Self::context`].
    fn entries_of(
        &self,
        chosen: Option<&KubeContextName>,
    ) -> Result<(&GuestCluster, &GuestUser), CredentialError> {
        let context = &self.context(chosen).ok_or(CredentialError::Missing("current context"))?.context;
        let mut users = self.users.iter().flatten();
        let user = users.find(|named| context.user.as_ref() == Some(&named.name));
        Ok((
            self.cluster_of(context).ok_or(CredentialError::Missing("cluster of the current context"))?,
            &user.ok_or(CredentialError::Missing("user of the current context"))?.user,
        ))
    }
}

const LONGEST: usize = 1 << 20;
/// Of the characters that may make one YAML node more, each of which costs the parser 200 bytes. A kubeconfig
/// of a hundred clusters has a fifth of it.
const MOST_MARKS: usize = 20_000;
/// YAML 1.1 ends a line there and YAML 1.2 does not, so that two parsers would not see the same comments.
const OLD_LINE_BREAKS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];
/// What saphyr numbers a node with that has no anchor.
const NO_ANCHOR: usize = 0;
const HTTPS_PORT: u16 = 443;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::*;

    /// A certificate and its key in PEM.
    fn pair() -> (String, String) {
        let signed = rcgen::generate_simple_self_signed(["kubernetes".to_owned()]).unwrap();
        (signed.cert.pem(), signed.signing_key.serialize_pem())
    }

    fn data(text: &str) -> String {
        BASE64_STANDARD.encode(text)
    }

    /// A kubeconfig as kubeadm writes it, with `user` as the fields of its user.
    fn kubeconfig(user: &str) -> String {
        let (authority, _) = pair();
        let authority = data(&authority);
        format!(
            "apiVersion: v1\nkind: Config\npreferences: {{}}\ncurrent-context: c@k\n\
             clusters:\n- cluster:\n    certificate-authority-data: {authority}\n    server: https://10.0.2.15:6443\n  name: k\n\
             contexts:\n- context:\n    cluster: k\n    user: c\n  name: c@k\n\
             users:\n- name: c\n  user:\n    {user}\n"
        )
    }

    fn with_certificate() -> String {
        let (certificate, key) = pair();
        kubeconfig(&format!(
            "client-certificate-data: {}\n    client-key-data: {}",
            data(&certificate),
            data(&key)
        ))
    }

    fn parse(text: &str) -> Result<Credentials, CredentialError> {
        read(text.as_bytes(), None, &|_| None)
    }

    fn refusal(text: &str) -> CredentialError {
        parse(text).unwrap_err()
    }

    #[test]
    fn what_kubeadm_writes_is_read() {
        let credentials = parse(&with_certificate()).unwrap();
        assert!(matches!(credentials.client_auth, ClientAuth::Certificate { .. }));
        assert_eq!(credentials.port, 6443);
        assert_eq!(credentials.server_name, None);
    }

    #[test]
    fn a_token_and_a_password_are_read() {
        let token = parse(&kubeconfig("token: abc.def")).unwrap().client_auth;
        assert!(matches!(token, ClientAuth::Token(token) if token.expose_secret() == "abc.def"));
        let password = parse(&kubeconfig("username: admin\n    password: secret")).unwrap().client_auth;
        assert!(matches!(password, ClientAuth::Password { user, .. } if user == "admin"));
    }

    #[test]
    fn programs_are_refused_by_name() {
        let exec = "exec:\n      command: /bin/sh\n      args: [-c, 'touch /tmp/x']";
        assert_eq!(refusal(&kubeconfig(exec)), CredentialError::Program("exec"));
        assert_eq!(
            refusal(&kubeconfig(&format!("token: abc\n    {exec}"))),
            CredentialError::Program("exec")
        );
        assert_eq!(
            refusal(&kubeconfig("auth-provider: {name: gcp}")),
            CredentialError::Program("auth-provider")
        );
    }

    #[test]
    fn files_are_read_in_the_guest_only() {
        let user = "client-certificate: /etc/passwd\n    client-key: /etc/shadow";
        assert_eq!(refusal(&kubeconfig(user)), CredentialError::File("client-certificate"));
        assert_eq!(refusal(&kubeconfig("tokenFile: /etc/passwd")), CredentialError::File("tokenFile"));

        let (certificate, key) = pair();
        let user = "client-certificate: admin.pem\n    client-key: /root/key.pem";
        let part = |path: &str| match path {
            "admin.pem" => Some(certificate.clone().into_bytes()),
            "/root/key.pem" => Some(key.clone().into_bytes()),
            _ => None,
        };
        assert!(read(kubeconfig(user).as_bytes(), None, &part).is_ok());
    }

    #[test]
    fn odd_yaml_is_refused() {
        let good = with_certificate();
        assert_eq!(refusal(&format!("a: &a [x, x]\nb: [*a, *a]\n{good}")), CredentialError::Alias);
        assert_eq!(refusal(&format!("{good}---\n{good}")), CredentialError::NotKubeconfig);
        assert_eq!(
            refusal(&format!("{good}current-context: other\n")),
            CredentialError::NotKubeconfig,
            "twice the same key"
        );
        assert_eq!(refusal(&format!("x: {}\n{good}", "[".repeat(10_000))), CredentialError::NotKubeconfig);
        assert_eq!(refusal(&"x".repeat(2 << 20)), CredentialError::TooLong);
        assert_eq!(refusal("<html>"), CredentialError::NotKubeconfig);
        assert_eq!(refusal(""), CredentialError::Missing("current context"));
        assert_eq!(read(b"\xff\xfe", None, &|_| None).unwrap_err(), CredentialError::NotText);
    }

    #[test]
    fn an_alias_is_found_wherever_it_hides() {
        let good = with_certificate();
        let list = |item: &str, count| format!("[{}]", vec![item; count].join(","));
        let (ones, twos, threes) = (list("1", 1000), list("*a", 1000), list("*b", 300));
        let bomb = format!("[&a {ones}, &b {twos}, {threes}]");
        for hidden in [
            format!("users: [{{name: \" #\", user: {{exec: {bomb}}}}}]"),
            format!("users: [{{name: ' # ', user: {{auth-provider: {bomb}}}}}]"),
            format!("# no\rx: {bomb}"),
            format!("? {bomb}\n: x"),
            "\"x\"\u{20}: !!str &a x".to_owned(),
            "x: !!seq\n- &a\n- *a".to_owned(),
        ] {
            assert_eq!(refusal(&hidden), CredentialError::Alias, "{hidden:.60}");
        }
        for end in OLD_LINE_BREAKS {
            assert_eq!(refusal(&format!("# {end}x: {bomb}\n{good}")), CredentialError::NotKubeconfig);
            let user = format!("username: \"a\\u{:04x}\"\n    password: b", u32::from(end));
            assert_eq!(refusal(&kubeconfig(&user)), CredentialError::Invalid("username or password"));
        }
        for harmless in ["# &a *a", "x: 'a &b *b'", "x: a&b*c", "x: |\n  &a *a"] {
            assert!(parse(&format!("{harmless}\n{good}")).is_ok(), "{harmless}");
        }
        assert!(parse(&kubeconfig("username: '&a'\n    password: \"*a\"")).is_ok());
    }

    #[test]
    fn the_current_context_decides() {
        let good = with_certificate();
        assert_eq!(
            refusal(&good.replace("current-context: c@k", "current-context: other")),
            CredentialError::Missing("current context")
        );
        assert!(parse(&good.replace("current-context: c@k\n", "")).is_ok(), "there is only one");
        assert_eq!(
            refusal(&good.replace("    user: c\n", "    user: other\n")),
            CredentialError::Missing("user of the current context")
        );
    }

    #[test]
    fn a_chosen_context_decides_alone() {
        let (authority, _) = pair();
        let two = format!(
            "clusters:\n- name: a\n  cluster: {{server: \"https://127.0.0.1:40001\", certificate-authority-data: {0}}}\n\
             - name: b\n  cluster: {{server: \"https://rancher.example/k8s/b\", certificate-authority-data: {0}}}\n\
             users:\n- name: u\n  user: {{token: t}}\n- name: v\n  user: {{exec: {{command: evil}}}}\n\
             contexts:\n- name: kind-a\n  context: {{cluster: a, user: u}}\n- name: b\n  context: {{cluster: b, user: v}}\n\
             - name: \"$(id)`\\e\"\n  context: {{cluster: a, user: u}}\ncurrent-context: b\n",
            data(&authority)
        );
        let named = |name: &str| read(two.as_bytes(), Some(&name.parse().unwrap()), &|_| None);
        assert_eq!(named("kind-a").unwrap().port, 40001);
        assert_eq!(named("b").unwrap_err(), CredentialError::Program("exec"));
        assert_eq!(named("kind").unwrap_err(), CredentialError::Missing("current context"));
        let GuestContexts { leads, current, unnameable } = guest_contexts(two.as_bytes()).unwrap();
        let leads: Vec<_> = leads
            .iter()
            .map(|lead| (lead.name.as_str(), lead.place.as_ref().map(ToString::to_string)))
            .collect();
        assert_eq!(leads, [("kind-a", Some("127.0.0.1:40001".into())), ("b", None)]);
        assert_eq!((current, unnameable), (CurrentContext::Named("b".parse().unwrap()), 1));
        let odd = two.replace("current-context: b", "current-context: \"$(id)`\\e\"");
        let place = Some(ServerPlace { host: "127.0.0.1".parse().unwrap(), port: 40001 });
        assert_eq!(guest_contexts(odd.as_bytes()).unwrap().current, CurrentContext::Unnameable { place });
    }

    #[test]
    fn what_is_odd_but_harmless_is_read() {
        let good = with_certificate();
        for (from, to) in [
            ("apiVersion: v1", "# -*- mode: yaml -*-\napiVersion: v1 # & more"),
            ("contexts:\n", "contexts:\n- context:\n    namespace: x\n  name: other\n"),
            ("clusters:\n", "clusters:\n- cluster: {}\n  name: other\n"),
            ("  user:\n", "  user:\n    token: \"\"\n    username: \"\"\n"),
        ] {
            let odd = good.replacen(from, to, 1);
            assert_ne!(odd, good);
            assert!(parse(&odd).is_ok(), "{odd}");
        }
        assert!(parse(&good.replace('\n', "\r\n")).is_ok());
        assert_eq!(
            refusal(&good.replace("users:", "users: null\nothers:")),
            CredentialError::Missing("user of the current context")
        );
    }

    #[test]
    fn damaged_certificates_and_keys_are_refused() {
        let (certificate, key) = pair();
        let user = |certificate: &str, key: &str| {
            kubeconfig(&format!(
                "client-certificate-data: {}\n    client-key-data: {}",
                data(certificate),
                data(key)
            ))
        };
        let half = &certificate[..certificate.len() / 2];
        assert_eq!(refusal(&user(half, &key)), CredentialError::Invalid("client certificate"));
        assert_eq!(refusal(&user(&certificate, "no key")), CredentialError::Invalid("client key"));
        assert_eq!(refusal(&kubeconfig("token: \"a\\nb\"")), CredentialError::Invalid("token"));
        assert_eq!(
            refusal(&kubeconfig("{}")),
            CredentialError::Missing("client certificate, token or password")
        );
    }

    #[test]
    fn servers_are_split() {
        let split = |text: &str| split_server(text).map(|place| place.to_string());
        assert_eq!(split("https://10.0.2.15:6443").as_deref(), Some("10.0.2.15:6443"));
        assert_eq!(split("https://api.crc.testing:6443/").as_deref(), Some("api.crc.testing:6443"));
        assert_eq!(split("https://[::1]:6443").as_deref(), Some("[::1]:6443"));
        assert_eq!(split("https://host").as_deref(), Some("host:443"));
        for text in [
            "http://h:1",
            "https://u@h:1",
            "https://h:1/path",
            "https://h:0",
            "https://",
            "https://$(id):1",
            "h:1",
        ] {
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let text = format!("{:?}", parse(&kubeconfig("token: topsecret")).unwrap());
        assert!(!text.contains("topsecret"), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".{0,400}") {
            let _ = parse(&text);
            let _ = split_server(&text);
        }

        #[test]
        fn no_user_field_of_any_text_makes_it_panic(text in "[ a-z:{}\\[\\]\"'\n&*!|>-]{0,200}") {
            let _ = parse(&kubeconfig(&text));
            let _ = guest_contexts(kubeconfig(&text).as_bytes());
        }
    }
}
