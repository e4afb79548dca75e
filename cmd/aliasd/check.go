package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/private"
	"github.com/aliasd/aliasd/queue/store"
)

// finding is what one check found, and what to do where it is not well.
type finding struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"`
}

// checked is a finding, or that it was not looked at: skipped is neither well nor ill.
type checked struct {
	finding
	Skipped bool `json:"skipped,omitempty"`
}

func (a *app) checkCommand() *cobra.Command {
	var holder string
	c := &cobra.Command{Use: "check", Short: "Try each dependency and right; say what to do",
		Example: "  aliasd check --holder jdoe@contoso.com",
		Long: `Tries the domain controllers (reachable, certificate, bind, clock), the right to write on a sample holder, the token, each Graph
permission and the state of the sync. The right to write is looked at with --holder only, and skipped without it. Exit code 1 when
something is not well.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.settings()
			if err != nil {
				return err
			}
			return a.printFindings(checkAll(c.Context(), s, holder))
		}}
	c.Flags().StringVar(&holder, "holder", "", "a holder whose rights are looked at; nothing is written")
	return c
}

// checkAll tries everything; nothing is written anywhere.
func checkAll(ctx context.Context, s *config.Settings, holder string) []checked {
	found := append([]checked{{finding: checkDataDir(s.DataDir)}}, checkDatabase(ctx, s)...)
	found = append(found, checkDirectory(ctx, s.Directory, holder)...)
	return append(found, checkCloud(ctx, s.Cloud)...)
}

func checkDataDir(dir string) finding {
	f := finding{Name: "data folder", OK: true, Detail: dir + " belongs to the service alone"}
	if err := private.MakePrivateDir(dir); err != nil {
		f.OK, f.Detail, f.Mend = false, err.Error(), "give the folder to the service's account alone, or set data_dir to another"
	}
	return f
}

// checkDatabase tries a database that nodes share: it can be reached, and the clocks agree. SQLite is in the data folder.
func checkDatabase(ctx context.Context, s *config.Settings) []checked {
	if s.Database == "" {
		return nil
	}
	f := finding{Name: "database", Mend: "let the database run, and see database and database_password in the settings"}
	found, err := store.ProbePostgres(ctx, s.Database, time.Now, postgresOptions(s)...)
	switch {
	case err != nil:
		f.Detail = err.Error()
	case found.ClockAhead.Abs() > maxSkew:
		f.Detail, f.Mend = fmt.Sprintf("its clock is %s off from this machine's", found.ClockAhead.Abs().Round(time.Second)), "set both by NTP: leases of nodes rest on their clocks"
	default:
		f.OK, f.Detail, f.Mend = true, "answers, and its clock agrees with this machine's", ""
	}
	return []checked{{finding: f}}
}

// maxSkew is how far the clocks of nodes may be apart: a lease is two minutes at least.
const maxSkew = 15 * time.Second

func checkDirectory(ctx context.Context, s config.Directory, holder string) []checked {
	directory, err := openDirectory(s, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return []checked{{finding: finding{Name: "directory", Detail: err.Error(), Mend: "mend the settings file"}}}
	}
	defer directory.Close()
	var found []checked
	for _, f := range directory.Probe(ctx) {
		found = append(found, checked{finding: finding(f)})
	}
	if holder == "" {
		return append(found, checked{finding: finding{Name: "rights", Detail: "not looked at: name a holder with --holder"}, Skipped: true})
	}
	entry, err := directory.Find(ctx, holder)
	if err != nil {
		return append(found, checked{finding: finding{Name: "rights", Detail: err.Error(), Mend: "name a user, group or contact that exists"}})
	}
	rights, err := directory.Rights(ctx, entry.GUID)
	if err != nil {
		return append(found, checked{finding: finding{Name: "rights", Detail: err.Error()}})
	}
	f := finding{Name: "rights", OK: rights.ProxyAddresses && rights.Mail,
		Detail: fmt.Sprintf("on %s: proxyAddresses %s, mail %s", entry.DN, mayWrite(rights.ProxyAddresses), mayWrite(rights.Mail))}
	if !f.OK {
		f.Mend = fmt.Sprintf("grant %s write access to proxyAddresses and mail of %ss, with dsacls as README.md shows", s.Bind.User, entry.Kind)
	}
	return append(found, checked{finding: f})
}

func mayWrite(may bool) string {
	if may {
		return "may be written"
	}
	return "may NOT be written"
}

func checkCloud(ctx context.Context, s config.Cloud) []checked {
	client, err := openGraph(s, slog.New(slog.DiscardHandler), nil, tuning{})
	if err != nil {
		return []checked{{finding: finding{Name: "cloud", Detail: err.Error(), Mend: "mend the settings file"}}}
	}
	var found []checked
	for _, f := range client.Probe(ctx) {
		found = append(found, checked{finding: finding(f)})
	}
	return found
}

func (a *app) printFindings(found []checked) error {
	well := true
	for _, f := range found {
		well = well && (f.OK || f.Skipped)
	}
	if a.json {
		if err := a.printJSON(map[string]any{"ok": well, "findings": found}); err != nil {
			return err
		}
	} else {
		a.printFindingLines(found)
	}
	if !well {
		return &silentError{code: exitError}
	}
	return nil
}

func (a *app) printFindingLines(found []checked) {
	for _, f := range found {
		mark := "FAIL"
		switch {
		case f.Skipped:
			mark = "skip"
		case f.OK:
			mark = "ok  "
		}
		lines := wrap(escape(f.Name+": "+f.Detail), textWidth-6)
		fmt.Fprintf(a.out, "%s  %s\n", mark, strings.Join(lines, "\n      "))
		if f.Mend != "" {
			say(a.out, "      ", f.Mend)
		}
	}
}
