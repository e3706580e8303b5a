//! `install-cli` when servers and networks fail: the old state or the new one, and the next run is well.

use std::fmt::Write;
use std::fs;

use service_manager_test_support::download::{Download, INSTALL, INSTALLED, KUBECTL, kubectl};
use service_manager_test_support::publisher::{Fault, Publisher, script};
use service_manager_test_support::{Port, Proxy, SocksProxy, User};

#[test]
fn resumes_after_a_lost_connection() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, [Fault::Ends(100_000), Fault::Ends(0), Fault::Ends(50_000)]);
    download.succeeds();
    let rest = format!("{KUBECTL} RANGE");
    assert_eq!(download.publisher.requests(), [KUBECTL, &format!("{KUBECTL}.sha256"), &rest, &rest, &rest]);
}

#[test]
fn the_next_run_resumes_the_download() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, vec![Fault::Ends(50_000); 4]);
    download.user.complains(INSTALL, 126, BROKE_OFF);
    assert_eq!(download.user.clients(), BEGUN);
    download.publisher.requests();
    download.succeeds();
    assert_eq!(download.publisher.requests(), [format!("{KUBECTL} RANGE"), format!("{KUBECTL}.sha256")]);
}

#[test]
fn starts_over_when_the_file_was_replaced() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, vec![Fault::Ends(50_000); 4]);
    download.user.complains(INSTALL, 126, BROKE_OFF);
    download.publisher.offers_with_checksum(KUBECTL, script("replaced", 400_000));
    download.user.types(format!("eval \"$({INSTALL})\" && kubectl")).stdout("replaced\n").succeeds();
    assert_eq!(download.user.clients(), INSTALLED);
}

#[test]
fn discards_a_part_of_another_file() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, vec![Fault::Ends(50_000); 4]);
    download.user.complains(INSTALL, 126, BROKE_OFF);
    download.publisher.offers_with_checksum(KUBECTL, script("replaced", 400_000));
    download.publisher.fails(KUBECTL, [Fault::IgnoresChanges]);
    download.user.types(format!("eval \"$({INSTALL})\" && kubectl")).stdout("replaced\n").succeeds();
    assert_eq!(download.user.clients(), INSTALLED);
}

#[test]
fn refuses_an_unrequested_range() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, vec![Fault::OtherRange; 100]);
    download.fails(&format!(
        "
        error: could not download `{KUBECTL}`
        caused by: the server answers HTTP 206 Partial Content
        hint: SERVICE_MANAGER_MIRROR names another place to download from
        "
    ));
    download.publisher.fails(KUBECTL, []);
    download.succeeds();
}

#[test]
fn starts_over_when_the_server_ignores_ranges() {
    for fault in [Fault::IgnoresRanges, Fault::OtherRange, Fault::Status(416, "")] {
        let download = Download::new();
        download.publisher.fails(KUBECTL, [Fault::Ends(100_000), fault]);
        download.succeeds();
    }
}

#[test]
fn retries_when_the_announced_length_is_too_long() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, [Fault::Length(kubectl().len() + 10)]);
    download.succeeds();
    let download = Download::new();
    download.publisher.fails(KUBECTL, vec![Fault::Length(kubectl().len() + 10); 8]);
    download.user.complains(INSTALL, 126, BROKE_OFF);
    assert_eq!(download.user.clients(), BEGUN);
    download.publisher.fails(KUBECTL, []);
    download.succeeds();
}

#[test]
fn a_short_announced_length_fails_the_checksum() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, [Fault::Length(1000)]);
    download.fails(&format!(
        "
        error: `{KUBECTL}` is not what it should be: `{KUBECTL}.sha256` says sha256:[..], it has sha256:[..]
        hint: do not use it, unless you know why it was replaced; then `--checksum sha256:[..]` accepts it
        "
    ));
    download.succeeds();
}

#[test]
fn reports_an_unpublished_version() {
    let download = Download::new();
    let urls = ["17.05.0-ce", "17.05.0"].map(|version| {
        [
            format!("https://download.docker.com/linux/static/stable/x86_64/docker-{version}.tgz"),
            format!("https://get.docker.com/builds/Linux/x86_64/docker-{version}.tgz"),
        ]
    });
    for codes in [[404, 403], [410, 404]] {
        let mut causes = String::new();
        for (url, code) in urls.iter().flat_map(|urls| urls.iter().zip(codes)) {
            download.publisher.fails(url, [Fault::Status(code, "")]);
            let _ = writeln!(causes, "caused by: {url}: HTTP {code}");
        }
        download.user.complains(
            "service-manager install-cli docker --cli-version 17.05.0-ce",
            126,
            &format!(
                "error: `docker` 17.05.0-ce for linux/amd64 is not published\n{causes}\
                 hint: `--cli-version` names another version; if you have the file, put it where a mirror would have \
                 it: `SERVICE_MANAGER_MIRROR=https://=file:///FOLDER`\n"
            ),
        );
        assert_eq!(download.user.clients(), [""; 0]);
    }
}

#[test]
fn retries_a_busy_server() {
    for fault in [Fault::Status(429, "Retry-After: 1\r\n"), Fault::Status(500, ""), Fault::Status(503, "")] {
        let download = Download::new();
        download.publisher.fails(KUBECTL, [fault]);
        download.succeeds();
        assert_eq!(download.publisher.requests().len(), 3);
    }
}

#[test]
fn gives_up_on_a_broken_server() {
    let download = Download::new();
    let checksum = format!("{KUBECTL}.sha256");
    for (url, code) in [(KUBECTL, "500 Internal Server Error"), (&checksum, "502 Bad Gateway")] {
        download.publisher.fails(url, vec![Fault::Status(code[..3].parse().unwrap(), ""); 4]);
        download.fails(&format!(
            "
            error: could not download `{url}`
            caused by: the server answers HTTP {code}
            hint: SERVICE_MANAGER_MIRROR names another place to download from
            "
        ));
    }
    download.succeeds();
}

#[test]
fn gives_up_when_retry_after_exceeds_the_timeout() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, [Fault::Status(429, "Retry-After: 3600\r\n")]);
    download.fails(&format!(
        "
        error: could not download `{KUBECTL}`
        caused by: the server answers HTTP 429 Too Many Requests
        hint: SERVICE_MANAGER_MIRROR names another place to download from
        "
    ));
    download.succeeds();
}

#[test]
fn does_not_retry_a_forbidden_download() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, [Fault::Status(401, "")]);
    download.fails(&format!(
        "
        error: could not download `{KUBECTL}`
        caused by: the server answers HTTP 401 Unauthorized
        hint: SERVICE_MANAGER_MIRROR names another place to download from
        "
    ));
    assert_eq!(download.publisher.requests(), [KUBECTL]);
    download.succeeds();
}

#[test]
fn follows_redirects_to_https_only() {
    let download = Download::new();
    let address = download.publisher.address();
    download.publisher.offers("https://elsewhere/kubectl?for=a-while", kubectl());
    let there = format!("https://{address}/elsewhere/kubectl?for=a-while");
    download.publisher.fails(KUBECTL, [Fault::Redirect(there.clone())]);
    download.succeeds();

    for (to, why) in [
        ("http://127.0.0.1:1/kubectl".to_owned(), "the server redirects to an address that is not https"),
        (
            format!("https://{address}{}", KUBECTL.trim_start_matches("https:/")),
            "the server redirects more than 10 times",
        ),
    ] {
        let download = Download::new();
        let back = to.replace(address, download.publisher.address());
        download.publisher.fails(KUBECTL, vec![Fault::Redirect(back); 20]);
        download.fails(&format!(
            "
            error: could not download `{KUBECTL}`
            caused by: {why}
            hint: SERVICE_MANAGER_MIRROR names another place to download from
            "
        ));
        download.publisher.fails(KUBECTL, []);
        download.succeeds();
    }
}

#[test]
fn a_resumed_download_follows_the_redirect_again() {
    let download = Download::new();
    let there = format!("https://{}/elsewhere/kubectl", download.publisher.address());
    download.publisher.offers("https://elsewhere/kubectl", kubectl());
    download.publisher.fails("https://elsewhere/kubectl", [Fault::Ends(100_000)]);
    download.publisher.fails(KUBECTL, vec![Fault::Redirect(there); 2]);
    download.succeeds();
    let elsewhere = "https://elsewhere/kubectl";
    assert_eq!(
        download.publisher.requests(),
        [
            KUBECTL,
            elsewhere,
            &format!("{KUBECTL}.sha256"),
            &format!("{KUBECTL} RANGE"),
            &format!("{elsewhere} RANGE")
        ]
    );
}

#[test]
fn retries_a_server_that_is_too_slow() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, [Fault::Drips]);
    download.user.types(format!("eval \"$({HASTY})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
    assert_eq!(download.user.clients(), INSTALLED);
}

#[test]
fn gives_up_on_a_slow_checksum_file() {
    let download = Download::new();
    let url = format!("{KUBECTL}.sha256");
    download.publisher.fails(&url, [Fault::Drips]);
    download.user.types(format!("{HASTY} >out")).succeeds();
    let asked = download.publisher.requests().iter().filter(|asked| **asked == url).count();
    assert_eq!(asked, 2);
    assert_eq!(download.user.clients(), INSTALLED);
}

#[test]
fn refuses_an_endless_checksum_file() {
    let download = Download::new();
    let url = format!("{KUBECTL}.sha256");
    download.publisher.offers(&url, "x".repeat(2 << 20));
    download.fails(&format!(
        "
        error: could not download `{url}`
        caused by: it is larger than 1 MiB
        hint: SERVICE_MANAGER_MIRROR names another place to download from
        "
    ));
}

#[test]
fn gives_up_on_a_silent_server() {
    let download = Download::new();
    download.publisher.fails(KUBECTL, vec![Fault::Stalls(10_000); 4]);
    download.user.complains(
        HASTY,
        126,
        &format!(
            "
            error: could not download `{KUBECTL}`
            caused by: no answer in time
            hint: {TRY_AGAIN}
            "
        ),
    );
    assert_eq!(download.user.clients(), BEGUN);
    download.succeeds();
}

#[test]
fn reports_a_refused_connection() {
    let user = User::new().with("SERVICE_MANAGER_MIRROR", "https://=https://127.0.0.1:1");
    user.complains(
        INSTALL,
        126,
        &format!(
            "
            error: could not download `{KUBECTL}`
            caused by: [..]Connection refused (os error 111)
            hint: {TRY_AGAIN}
            "
        ),
    );
    assert_eq!(user.clients(), [""; 0]);
}

#[test]
fn refuses_an_unknown_authority() {
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL, kubectl());
    let user =
        User::new().with("SERVICE_MANAGER_MIRROR", &format!("https://=https://{}", publisher.address()));
    user.complains(
        INSTALL,
        126,
        &format!(
            "
            error: could not download `{KUBECTL}`
            caused by: the server's certificate is not trusted
            caused by: invalid peer certificate: UnknownIssuer
            hint: name the authority of your network in SSL_CERT_FILE, as a PEM file
            "
        ),
    );
    assert_eq!(user.clients(), [""; 0]);
}

#[test]
fn reports_a_refused_download_as_no_missing_release() {
    let download = Download::new();
    let url = "https://download.docker.com/linux/static/stable/x86_64/docker-17.05.0-ce.tgz";
    download.publisher.fails(url, [Fault::Status(403, "")]);
    download.user.complains(
        "service-manager install-cli docker --cli-version 17.05.0-ce",
        126,
        &format!(
            "
            error: could not download `{url}`
            caused by: the server answers HTTP 403 Forbidden
            hint: SERVICE_MANAGER_MIRROR names another place to download from
            "
        ),
    );
}

#[test]
fn logs_in_to_a_proxy() {
    let proxy = Proxy::for_only("user:p@ss");
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL, kubectl());
    let user_with = |who: &str| {
        User::new().with_publisher(&publisher).with("HTTPS_PROXY", &format!("http://{who}{proxy}"))
    };
    for who in ["", "user:wr0ng@"] {
        let user = user_with(who);
        user.complains(
            INSTALL,
            126,
            &format!(
                "
                error: could not download `{KUBECTL}`
                caused by: the proxy wants a user and a password
                hint: give them in HTTPS_PROXY: `http://USER:PASSWORD@HOST:PORT`, `@` in them written as `%40`
                "
            ),
        );
        says_no_password(&user);
        assert_eq!(user.clients(), [""; 0]);
    }
    assert_eq!((proxy.places(), publisher.requests()), (vec![], vec![]));

    let user = user_with("user:p%40ss@");
    says_no_password(&user);
    user.types(format!("eval \"$({INSTALL})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
    let places = proxy.places();
    assert!(!places.is_empty() && places.iter().all(|place| place == publisher.address()), "{places:?}");

    let user = user_with("").with("NO_PROXY", "localhost");
    user.types(format!("eval \"$({INSTALL})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
    assert_eq!(proxy.places(), [""; 0]);
}

#[test]
fn goes_through_a_socks_proxy() {
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL, kubectl());
    let install = |proxy: &str| {
        let user = User::new().with_publisher(&publisher).with("ALL_PROXY", proxy);
        user.types(format!("eval \"$({INSTALL})\" && kubectl")).stdout("kubectl 1.36.3\n").succeeds();
    };
    let proxy = SocksProxy::for_all();
    // The name is left to the proxy.
    install(&format!("socks5h://{proxy}"));
    let places = proxy.places();
    assert!(!places.is_empty() && places.iter().all(|place| place == publisher.address()), "{places:?}");
    install(&format!("socks5://{proxy}"));
    let places = proxy.places();
    assert!(!places.is_empty() && !places.iter().any(|place| place.contains("localhost")), "{places:?}");
    let proxy = SocksProxy::for_only("user", "p@ss");
    install(&format!("socks5h://user:p%40ss@{proxy}"));
    assert!(!proxy.places().is_empty());
}

#[test]
fn explains_a_proxy_that_cannot_be_used() {
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL, kubectl());
    let closed = Port::closed();
    let strict = SocksProxy::for_only("user", "p@ss");
    let refused = "Connection refused (os error 111)";
    for (proxy, reason) in [
        (format!("http://user:p%40ss@{closed}"), refused),
        (format!("socks5h://user:p%40ss@{closed}"), refused),
        (format!("socks5://{closed}"), refused),
        (format!("socks4://{closed}"), refused),
        (format!("socks5h://user:wr0ng@{strict}"), "credentials not accepted"),
        (format!("socks5h://{strict}"), "[..]"),
    ] {
        let user = User::new().with_publisher(&publisher).with("ALL_PROXY", &proxy);
        user.complains(
            INSTALL,
            126,
            &format!(
                "
                error: could not download `{KUBECTL}`
                caused by: the proxy cannot be used: {reason}
                hint: check the address in HTTPS_PROXY or ALL_PROXY; NO_PROXY names what needs no proxy
                "
            ),
        );
        says_no_password(&user);
    }
    assert_eq!((strict.places(), publisher.requests()), (vec![], vec![]));
}

/// Passed over, it would be as if there was none.
#[test]
fn refuses_a_proxy_that_is_none() {
    let publisher = Publisher::start();
    publisher.offers_with_checksum(KUBECTL, kubectl());
    for (variable, value) in [
        ("ALL_PROXY", "ftp://127.0.0.1:1"),
        ("HTTPS_PROXY", "http://"),
        ("https_proxy", "socks:127.0.0.1:1"),
        ("all_proxy", "http://user:p@ss@[::"),
    ] {
        let user = User::new().with_publisher(&publisher).with(variable, value);
        user.complains(
            INSTALL,
            126,
            &format!(
                "
                error: could not download `{KUBECTL}`
                caused by: `{variable}` is set to no address of a proxy
                hint: `export {variable}=http://HOST:PORT`; `https`, `socks5`, `socks5h` and `socks4` are understood too
                "
            ),
        );
        assert_eq!((user.clients(), publisher.requests()), (vec![], vec![]));
    }
}

/// Not even to those who want to know all.
#[track_caller]
fn says_no_password(user: &User) {
    user.types(format!("{} -v >log 2>&1; true", INSTALL.replace(" -q", ""))).succeeds();
    let log = fs::read_to_string(user.home().join("log")).unwrap();
    let base64 = "dXNlcjpwQHNz";
    let is_there = ["wr0ng", "p@ss", "p%40ss", base64].iter().any(|password| log.contains(password));
    assert!(log.contains(" ms  ") && !is_there, "{log}");
}

const HASTY: &str = "service-manager -q --timeout 1 install-cli kubernetes --cli-version 1.36.3";
const BROKE_OFF: &str = "
    error: could not download `https://dl.k8s.io/release/v1.36.3/bin/linux/amd64/kubectl`
    caused by: the connection broke off
    hint: try again: it goes on from where it ended; behind a proxy set HTTPS_PROXY, without a network name a mirror in SERVICE_MANAGER_MIRROR
    ";
const TRY_AGAIN: &str = "try again: it goes on from where it ended; behind a proxy set HTTPS_PROXY, without a network name a mirror in SERVICE_MANAGER_MIRROR";
/// What is in the cache when something has come.
const BEGUN: [&str; 3] =
    ["kubernetes/1.36.3/.lock", "kubernetes/1.36.3/.partial", "kubernetes/1.36.3/.partial.json"];
