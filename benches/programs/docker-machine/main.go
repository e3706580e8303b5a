// docker-machine 0.16.2 with its generic driver alone: the modules of the drivers for clouds can no longer be had. Its own
// main differs in their list, in more options and in its help.
package main

import (
	"fmt"
	"os"

	"github.com/codegangsta/cli"
	"github.com/docker/machine/commands"
	"github.com/docker/machine/commands/mcndirs"
	"github.com/docker/machine/drivers/generic"
	"github.com/docker/machine/libmachine/drivers/plugin"
	"github.com/docker/machine/libmachine/drivers/plugin/localbinary"
	"github.com/docker/machine/version"
)

func main() {
	// For each machine it starts itself once more, as the driver.
	if os.Getenv(localbinary.PluginEnvKey) == localbinary.PluginEnvVal {
		plugin.RegisterDriver(generic.NewDriver("", ""))
		return
	}
	localbinary.CurrentBinaryIsDockerMachine = true
	app := cli.NewApp()
	app.Version = version.FullVersion()
	app.Commands = commands.Commands
	app.Flags = []cli.Flag{
		cli.StringFlag{EnvVar: "MACHINE_STORAGE_PATH", Name: "storage-path", Value: mcndirs.GetBaseDir()},
	}
	if err := app.Run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
