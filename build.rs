//! Tells the acceptance tests whether there is a test guest: `SERVICE_MANAGER_TEST_GUEST=none` leaves out
//! those that need one.

fn main() {
    const VARIABLE: &str = "SERVICE_MANAGER_TEST_GUEST";
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={VARIABLE}");
    println!("cargo::rustc-check-cfg=cfg(no_guest)");
    #[allow(clippy::disallowed_methods, reason = "a build script has no `host`")]
    if std::env::var_os(VARIABLE).is_some_and(|value| value == "none") {
        println!("cargo::rustc-cfg=no_guest");
    }
}
