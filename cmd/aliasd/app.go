package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/config"
)

// app is one run of the program: where it reads and writes, and what its flags say.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) (string, bool)
	now      func() time.Time

	configFile string
	serverURL  string
	json       bool
	// apiPatience is how long the API may take to turn the stop switch, before that is done in the store.
	apiPatience time.Duration

	// tuning is what the daemon does not take from the settings.
	tuning tuning
}

func newApp(in io.Reader, out, err io.Writer, env func(string) (string, bool)) *app {
	return &app{in: in, out: out, err: err, env: env, now: time.Now, apiPatience: 5 * time.Second}
}

// run executes one command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err != nil {
		// Flags after a wrong one were not read.
		a.json = a.json || slices.Contains(args, "--json")
		a.tell(err)
	}
	return exitCode(err)
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "aliasd",
		Short: "Write e-mail aliases on-premises and see them arrive in the cloud",
		Long: `aliasd takes alias requests, writes proxyAddresses and mail on the on-premises object over LDAPS, and asks
Microsoft Graph until the value that Entra calculates is the one that was asked for.

Exit codes: 0 done, 1 error, 2 wrong usage, wrong settings or an invalid request, 3 refused, 4 mismatched, or explain or audit found something wrong, 5 timed out waiting.

With --json the result is JSON on the output. Progress and errors are JSON objects on the error stream, one on a line, an error last:
the server's problem, or {"code", "message"} where the command line itself says no.`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	group(root)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(c, err) })
	flags := root.PersistentFlags()
	flags.StringVarP(&a.configFile, "config", "c", a.envOr("ALIASD_CONFIG", defaultConfigFile(a.env)), "settings file")
	flags.StringVar(&a.serverURL, "server", a.envOr("ALIASD_URL", ""), "URL of the daemon, when it runs on another machine")
	flags.BoolVar(&a.json, "json", false, "print JSON")
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error { return notElsewhere(c) }
	help := a.helpCommand()
	root.SetHelpCommand(help)
	root.AddCommand(
		help, a.demoCommand(), a.runCommand(),
		a.addCommand(), a.primaryCommand(), a.removeCommand(),
		a.explainCommand(), a.showCommand(), a.listCommand(), a.cancelCommand(), a.undoCommand(), a.recheckCommand(), a.releaseCommand(),
		a.pauseCommand(), a.resumeCommand(), a.predictCommand(), a.reportCommand(), a.auditCommand(), a.migrateCommand(),
		a.logCommand(), a.backupCommand(), a.restoreCommand(),
		a.checkCommand(), a.configCommand(), a.tokenCommand(), a.serviceCommand(),
	)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", fmt.Sprintf(".FlagUsagesWrapped %d ", textWidth)))
	printHelp := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		c.Long = reflow(c.Long) // only here: breaking the texts of all commands takes longer than most commands do
		printHelp(c, args)
	})
	return root
}

// notElsewhere refuses --server with a command that works on this machine alone: it would not do there what is asked.
func notElsewhere(c *cobra.Command) error {
	if !c.Flags().Changed("server") {
		return nil
	}
	for top := c; top.HasParent(); top = top.Parent() {
		switch top.Name() {
		case "demo", "run", "predict", "report", "audit", "log", "backup", "restore", "check", "config", "token", "service", "migrate":
			return usage(c, errors.New("--server: this command works on this machine alone"))
		}
	}
	return nil
}

func (a *app) envOr(name, otherwise string) string {
	if value, ok := a.env(name); ok && value != "" {
		return value
	}
	return otherwise
}

// settings loads the settings file.
func (a *app) settings() (*config.Settings, error) {
	return config.Load(a.configFile, a.env)
}

// printJSON prints one value on a line of its own.
func (a *app) printJSON(value any) error {
	var line bytes.Buffer
	if err := jsonLines(&line).Encode(value); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	_, err := a.out.Write(line.Bytes())
	return err
}

// jsonLines writes each value on a line of its own. None goes into a web page: < > & stay as they are.
func jsonLines(w io.Writer) *json.Encoder {
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	return lines
}

// group makes a command that only has subcommands print its help, and refuse a subcommand that there is not.
func group(c *cobra.Command) *cobra.Command {
	c.Args = args(cobra.NoArgs)
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return c
}

// args wraps cobra's argument checks so that a wrong number is a usage error with a hint.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, given []string) error {
		if err := check(c, given); err != nil {
			return usage(c, err)
		}
		return nil
	}
}

// holderArgs are so many arguments of which the first one names a holder. Nothing has no name: without this, an empty one
// from a script's unset variable would be asked for.
func holderArgs(n int) cobra.PositionalArgs {
	return args(func(c *cobra.Command, given []string) error {
		if err := cobra.ExactArgs(n)(c, given); err != nil {
			return err
		}
		if strings.TrimSpace(given[0]) == "" {
			return errors.New("HOLDER is empty; give a UPN, an address, account name, display name, DN or objectGUID")
		}
		return nil
	})
}
