package main

import (
	"errors"
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
	c := group(&cobra.Command{Use: "config", Short: "Print a sample settings file, or check yours",
		Example: "  aliasd config sample > aliasd.yaml\n  aliasd config check -c aliasd.yaml"})
	c.AddCommand(
		&cobra.Command{Use: "sample", Short: "Print the whole settings file with explanations", Example: "  aliasd config sample > aliasd.yaml",
			Args: args(cobra.NoArgs),
			RunE: func(c *cobra.Command, _ []string) error {
				if a.json {
					return usage(c, errors.New("the sample is YAML with explanations; there is none in JSON"))
				}
				_, err := a.out.Write(config.Sample())
				return err
			}},
		&cobra.Command{Use: "check", Short: "Check the settings file: every problem at once, with its line", Example: "  aliasd config check -c aliasd.yaml",
			Args: args(cobra.NoArgs),
			RunE: func(*cobra.Command, []string) error { return a.checkSettings() }},
	)
	return c
}

// checkSettings says what is wrong with the settings file. With --json that is the result, not an error beside it.
func (a *app) checkSettings() error {
	s, err := a.settings()
	if err == nil {
		err = s.CheckFiles()
	}
	var problems config.Problems
	switch {
	case errors.As(err, &problems) && a.json:
		if err := a.printJSON(map[string]any{"ok": false, "file": a.configFile, "problems": settingsJSON(problems)}); err != nil {
			return err
		}
		return &silentError{code: exitUsage}
	case err != nil:
		return err
	case a.json:
		return a.printJSON(map[string]any{"ok": true, "file": a.configFile})
	}
	fmt.Fprintf(a.out, "%s is fine\n", a.configFile)
	return nil
}
