package main

import (
	"fmt"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/config"
)

// defaultConfigFile is where the settings file stands unless --config or ALIASD_CONFIG says otherwise.
func defaultConfigFile(env func(string) (string, bool)) string {
	if runtime.GOOS == "windows" {
		data, ok := env("ProgramData")
		if !ok {
			data = `C:\ProgramData`
		}
		return filepath.Join(data, "aliasd", "aliasd.yaml")
	}
	return "/etc/aliasd/aliasd.yaml"
}

func (a *app) configCommand() *cobra.Command {
	c := group(&cobra.Command{Use: "config", Short: "Print a sample settings file, or check yours"})
	c.AddCommand(
		&cobra.Command{Use: "sample", Short: "Print the whole settings file with explanations", Example: "  aliasd config sample > aliasd.yaml",
			Args: args(cobra.NoArgs),
			RunE: func(*cobra.Command, []string) error {
				_, err := a.out.Write(config.Sample())
				return err
			}},
		&cobra.Command{Use: "check", Short: "Check the settings file: every problem at once, with its line", Example: "  aliasd config check -c aliasd.yaml",
			Args: args(cobra.NoArgs),
			RunE: func(*cobra.Command, []string) error {
				if _, err := a.settings(); err != nil {
					return err
				}
				if a.json {
					return a.printJSON(map[string]any{"ok": true, "file": a.configFile})
				}
				fmt.Fprintf(a.out, "%s is fine\n", a.configFile)
				return nil
			}},
	)
	return c
}
