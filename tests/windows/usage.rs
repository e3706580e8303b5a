//! Help, and lists that ask nobody.

use crate::wine::WindowsUser;

#[test]
#[cfg_attr(no_windows, ignore = "needs Wine")]
fn tells_its_version_and_its_usage() {
    let user = WindowsUser::new();
    user.types("service-manager --version").succeeds().says(concat!(
        "service-manager ",
        env!("CARGO_PKG_VERSION"),
        "\n"
    ));
    user.types("service-manager env --help").succeeds().says("Usage: service-manager");
    user.types("service-manager evn").fails(1).complains("there is no command `evn`");
}

#[test]
#[cfg_attr(no_windows, ignore = "needs Wine")]
fn lists_services_and_machines() {
    let user = WindowsUser::new();
    user.types("service-manager services list")
        .succeeds()
        .says("kubernetes")
        .says("docker")
        .says("openshift");
    user.types("service-manager machines").succeeds();
    user.types("service-manager clients list").succeeds();
}

#[test]
#[cfg_attr(no_windows, ignore = "needs Wine")]
fn services_of_the_users_own_are_read() {
    let user = WindowsUser::new();
    user.writes(".state/services/mine.yaml", "nonsense: 1\r\n");
    user.types("service-manager services validate").fails(1).says("nonsense");
}
