//! In a Vagrant project, against what its users type.

use std::cell::LazyCell;

use crate::measure::{Pair, Row};
use crate::place::PROGRAM;
use crate::table::Table;
use service_manager_test_support::{Defined, Project, User};

pub(crate) fn measure(table: &mut Table) {
    let user = User::new().with_real_vagrant().with_plugin().with("VAGRANT_CHECKPOINT_DISABLE", "1");
    let project = LazyCell::new(|| {
        let project = Project::real(&user, "project");
        project.defines(&[Defined { options: ", primary: true", ..Defined::whole("default") }]);
        project.vagrant("up");
        project
    });
    let typed = |program: &str, arguments: &[&str]| {
        let mut command = project.types("").command(program);
        command.args(arguments).current_dir(project.folder());
        command
    };
    let by_hand = ["ssh", "-c", "sudo cat /etc/kubernetes/admin.conf"];
    for (name, arguments) in [
        ("env kubernetes (cold)", &["env", "kubernetes", "--refresh"][..]),
        ("env kubernetes (warm)", &["env", "kubernetes"]),
    ] {
        let row = Row::new(format!("{name}, in a project"), "vagrant ssh -c 'sudo cat ...'").ratio(0.1);
        table.row(row, || {
            Ok(Pair::new(
                || typed(PROGRAM.to_str().unwrap(), arguments),
                || typed("/usr/bin/vagrant", &by_hand),
            ))
        });
    }
    let plugin = ["service-manager", "env", "kubernetes"];
    for (row, ours, theirs) in [
        // What it costs to go through Vagrant.
        (
            Row::new("env kubernetes (warm), in a project", "vagrant service-manager env kubernetes")
                .ratio(0.1),
            (PROGRAM.to_str().unwrap(), &plugin[1..]),
            &plugin[..],
        ),
        // What the plugin adds to Vagrant's own start.
        (
            Row::new("vagrant service-manager env kubernetes", "vagrant version"),
            ("/usr/bin/vagrant", &plugin[..]),
            &["version"],
        ),
    ] {
        table.row(row, || Ok(Pair::new(|| typed(ours.0, ours.1), || typed("/usr/bin/vagrant", theirs))));
    }
}
