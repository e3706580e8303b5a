//! `install-cli`: a checksum of the publisher's, one that others saw, or the first one, which has to stay.

use service_manager_test_support::User;
use service_manager_test_support::download::{Download, INSTALL, INSTALLED, KUBECTL, kubectl};
use service_manager_test_support::publisher::{Publisher, script, sha256, tgz};

#[test]
fn refuses_a_checksum_mismatch() {
    let download = Download::new();
    download.publisher.offers(&format!("{KUBECTL}.sha256"), zeros());
    let is = sha256(&kubectl());
    download.fails(&format!(
        "
        error: `{KUBECTL}` is not what it should be: `{KUBECTL}.sha256` says sha256:{}, it has sha256:{is}
        hint: do not use it, unless you know why it was replaced; then `--checksum sha256:{is}` accepts it
        ",
        zeros()
    ));
    download.user.types(format!("{INSTALL} --checksum sha256:{is} >out")).succeeds();
    assert_eq!(download.user.clients(), INSTALLED);
}

#[test]
fn a_failed_update_keeps_the_old_client() {
    let download = Download::new();
    download.succeeds();
    download.publisher.offers(KUBECTL, script("evil", 100));
    download.user.complains(
        &format!("{INSTALL} --checksum {}", zeros()),
        126,
        &format!(
            "
            error: `{KUBECTL}` is not what it should be: `--checksum` says sha256:{}, it has sha256:{}
            hint: do not use it, unless you know why it was replaced; then `--checksum sha256:[..]` accepts it
            ",
            zeros(),
            sha256(&script("evil", 100))
        ),
    );
    download.publisher.requests();
    download.succeeds();
    assert_eq!(download.publisher.requests(), [""; 0]);
}

#[test]
fn refuses_a_checksum_file_without_the_checksum() {
    let is = sha256(&kubectl());
    let url = format!("{KUBECTL}.sha256");
    for (text, why) in [
        ("<html><body>Please log in</body></html>".to_owned(), "it is not a file of checksums"),
        (String::new(), "it is not a file of checksums"),
        (is[..63].to_owned(), "it is not a file of checksums"),
        (format!("{is}  kubectl.exe\n{is}  kubectl.tar.gz\n"), "it has no line for the release"),
        (format!("{is}  kubectl\n{}  kubectl\n", zeros()), "it has two checksums for the release"),
    ] {
        let download = Download::new();
        download.publisher.offers(&url, text);
        download.fails(&format!(
            "
            error: `{url}` says no checksum
            caused by: {why}
            hint: if a proxy or a mirror stands in between, ask its owner
            "
        ));
        download.publisher.offers(&url, sha256(&kubectl()));
        download.succeeds();
    }
}

#[test]
fn reads_every_form_of_checksum_file() {
    let is = sha256(&kubectl());
    for text in [
        format!("{is}\r\n"),
        is.to_ascii_uppercase(),
        format!("{is} *kubectl"),
        format!("\n{}  kubectl.exe\n{is}  ./kubectl\n{is}  kubectl\n", zeros()),
    ] {
        let download = Download::new();
        download.publisher.offers(&format!("{KUBECTL}.sha256"), text);
        download.succeeds();
    }
}

#[test]
fn uses_the_first_checksum_file_that_exists() {
    let publisher = Publisher::start();
    publisher.offers(KUBECTL, kubectl());
    let user = User::new().with_publisher(&publisher);
    let download = Download { publisher, user };
    download.fails(&format!(
        "
        error: the publisher has no checksum for `{KUBECTL}`
        caused by: {KUBECTL}.sha256: HTTP 404
        caused by: {KUBECTL}.sha512: HTTP 404
        caused by: {KUBECTL}.sha1: HTTP 404
        hint: `--checksum sha256:HEX` says what it should be
        "
    ));
    for (ending, digits) in [(".sha1", 40), (".sha512", 128)] {
        download.publisher.offers(&format!("{KUBECTL}{ending}"), "0".repeat(digits));
        let name = &ending[1..];
        download.fails(&format!(
            "
            error: `{KUBECTL}` is not what it should be: `{KUBECTL}{ending}` says {name}:{}, it has {name}:[..]
            hint: do not use it, unless you know why it was replaced; then `--checksum sha256:{}` accepts it
            ",
            "0".repeat(digits),
            sha256(&kubectl())
        ));
    }
    download.publisher.offers(&format!("{KUBECTL}.sha256"), sha256(&kubectl()));
    download.succeeds();
}

#[test]
fn uses_a_pinned_checksum_where_none_is_published() {
    let publisher = Publisher::start();
    let url = docker("27.5.0");
    publisher.offers(&url, tgz(&[("docker/docker", &script("docker", 100))]));
    let user = User::new().with_publisher(&publisher);
    user.complains(
        "service-manager install-cli docker --cli-version 27.5.0",
        126,
        &format!(
            "
            error: `{url}` is not what it should be: the list of known checksums says sha256:4fca6bb9[..] or sha256:c5417d20[..], it has sha256:[..]
            hint: do not use it, unless you know why it was replaced; then `--checksum sha256:[..]` accepts it
            "
        ),
    );
    assert_eq!(user.clients(), [""; 0]);
}

#[test]
fn records_a_checksum_on_first_use_and_enforces_it() {
    let publisher = Publisher::start();
    let url = docker("99.1.2");
    let first = tgz(&[("docker/docker", &script("first", 100))]);
    let second = tgz(&[("docker/docker", &script("second", 100))]);
    let (was, is) = (sha256(&first), sha256(&second));
    publisher.offers(&url, first);
    let user = User::new().with_publisher(&publisher);
    let line = "service-manager install-cli docker --cli-version 99.1.2";
    user.types(format!("{line} 2>&1 >out | grep note"))
        .stdout(&format!(
            "note: nobody publishes a checksum for `{url}`; it has sha256:{was}, which is recorded and has to stay\n\
             note: docker 99.1.2, [..]: nobody publishes its checksum, so that of the first download counts\n"
        ))
        .succeeds();
    user.complains(
        &format!("{line} --require-checksum"),
        126,
        &format!(
            "
            error: nobody publishes a checksum for `{url}`
            hint: `--checksum sha256:HEX` says what it should be; or leave out `--require-checksum`
            "
        ),
    );
    publisher.offers(&url, second);
    user.types("service-manager -q clients uninstall docker").stdout("removed [..]\n").succeeds();
    user.complains(
        line,
        126,
        &format!(
            "
            error: `{url}` is not what it should be: the record of the first download says sha256:{was}, it has sha256:{is}
            hint: do not use it, unless you know why it was replaced; then `--checksum sha256:{is}` accepts it
            "
        ),
    );
    assert_eq!(user.clients(), [".lock", ".recorded.json"]);
    user.types(format!("eval \"$({line} -q --checksum sha256:{is})\" && docker"))
        .stdout("second\n")
        .succeeds();
}

#[test]
fn does_not_record_a_login_page() {
    let publisher = Publisher::start();
    let url = docker("99.1.2");
    publisher.offers(&url, "<html>Please log in</html>");
    let user = User::new().with_publisher(&publisher);
    let line = "service-manager install-cli docker --cli-version 99.1.2";
    user.complains(
        line,
        126,
        &format!(
            "
            error: the archive `{url}` cannot be used
            caused by: it is damaged
            caused by: [..]
            hint: `--cli-version` names another version
            "
        ),
    );
    assert_eq!(user.clients(), [""; 0]);
    publisher.offers(&url, tgz(&[("docker/docker", &script("docker", 100))]));
    user.types(format!("eval \"$({line} -q)\" && docker")).stdout("docker\n").succeeds();
}

#[test]
fn require_checksum_refuses_an_unverified_client() {
    let download = Download::new();
    let url = docker("99.1.2");
    download.publisher.offers(&url, tgz(&[("docker/docker", &script("docker", 100))]));
    download.user.complains(
        "service-manager install-cli docker --cli-version 99.1.2 --require-checksum",
        126,
        &format!(
            "
            error: nobody publishes a checksum for `{url}`
            hint: `--checksum sha256:HEX` says what it should be; or leave out `--require-checksum`
            "
        ),
    );
    assert_eq!((download.publisher.requests(), download.user.clients()), (vec![], vec![]));
    download.user.types(format!("{INSTALL} --require-checksum >out")).succeeds();
}

#[test]
fn ignores_a_checksum_of_another_kind() {
    let user = User::new();
    for text in ["abc", "sha1:0000", &"0".repeat(40), &format!("sha512:{}", zeros())] {
        user.types(format!("{INSTALL} --checksum {text} 2>&1 | grep error"))
            .stdout("error: invalid value `[..]` for `--checksum <sha256:HEX>`: not a [..]\n")
            .succeeds();
    }
}

/// Where Docker of a version is published.
fn docker(version: &str) -> String {
    format!("https://download.docker.com/linux/static/stable/x86_64/docker-{version}.tgz")
}

fn zeros() -> String {
    "0".repeat(64)
}
