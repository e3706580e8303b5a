//! In a Vagrant project, against what its users type.

use std::cell::LazyCell;

use crate::measure::{Pair, Row, Table};
use crate::place::PROGRAM;
use crate::support::{Defined, Project, User, free_port};

pub(crate) fn measure(table: &mut Table) {
    let user = User::new().with_real_vagrant();
    let project = LazyCell::new(|| {
        let project = Project::real(&user, "project");
        let machine =
            Defined { name: "default", is_light: false, options: ", primary: true", port: free_port() };
        project.defines(&[machine]);
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
}
