package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/syncengine"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/server/token"
)

// demoOptions are the flags of the demo.
type demoOptions struct {
	directory string
	dir       string
	stay      bool
}

func (a *app) demoCommand() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{Use: "demo", Short: "Play the main job on a hybrid tenant in a box",
		Example: "  aliasd demo\n  aliasd demo --directory samba --stay",
		Long: `Starts a directory, a sync engine and a tenant on this machine, starts the daemon against them, plays requests through it, and audits
the tenant. It ends by itself, with exit code 0 when every outcome was the expected one. Nothing outside this machine is touched.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if o.directory != string(lab.Embedded) && o.directory != string(lab.Samba) {
				return usage(c, fmt.Errorf("--directory %q is none of embedded, samba", o.directory))
			}
			return a.demo(c.Context(), o)
		}}
	c.Flags().StringVar(&o.directory, "directory", string(lab.Embedded), "embedded, or samba for a real AD DC (Linux, root)")
	c.Flags().StringVar(&o.dir, "dir", "", "where the audit's files go; without it a new temporary folder, which is kept")
	c.Flags().BoolVar(&o.stay, "stay", false, "leave everything running until Ctrl-C, and print how to talk to it")
	return c
}

// demo plays all plays and cleans up.
func (a *app) demo(ctx context.Context, o demoOptions) (err error) {
	dir, err := os.MkdirTemp("", "aliasd-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	box, err := lab.Start(ctx, demoLab(lab.Kind(o.directory)))
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	stage, err := a.openStage(ctx, dir, box)
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	failed := stage.playAll(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := stage.audit(ctx, o.dir); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if o.stay {
		stage.explain()
		<-ctx.Done()
		return nil
	}
	if failed > 0 {
		return fmt.Errorf("demo: %d outcomes were not the expected ones", failed)
	}
	return nil
}

// demoLab is a tenant that synchronises People, and in which all goes wrong that can.
func demoLab(directory lab.Kind) lab.Options {
	return lab.Options{Directory: directory, Objects: append(demoObjects(), demoDefects()...), Tenant: tenant.Options{LicenceNew: true},
		Sync: syncengine.Options{OUs: []string{site.People}}}
}

// stage is a lab with a daemon that runs against it, and somebody who asks it for things.
type stage struct {
	app    *app
	box    *lab.Lab
	daemon *daemon
	file   string
	log    *os.File
	remote *client.Client
	screen *screen
	began  time.Time
	stop   context.CancelFunc
	ended  chan error
	// syncs is locked while no sync cycle may run.
	syncs *cycles
}

// demoInterval is what the demo's settings call the cycle of its sync engine: four times what it is, for a machine
// that is busy. A change is old after it.
const demoInterval = 2 * time.Second

// demoTuning fits a lab that syncs twice a second.
func demoTuning() tuning {
	return tuning{retryBase: 200 * time.Millisecond, retryLimit: time.Second, poll: 100 * time.Millisecond,
		explainFresh: time.Nanosecond} // what was mended a moment ago shows
}

// openStage writes the settings an administrator would write, and starts the daemon from them.
func (a *app) openStage(ctx context.Context, dir string, box *lab.Lab) (*stage, error) {
	file, err := box.WriteSettings(dir, lab.Settings{SyncInterval: demoInterval})
	if err != nil {
		return nil, err
	}
	settings, err := config.Load(file, a.env)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, "aliasd.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	d, err := openDaemon(ctx, settings, slog.New(slog.NewTextHandler(log, nil)), demoTuning())
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	s := &stage{app: a, box: box, daemon: d, file: file, log: log, began: time.Now(), ended: make(chan error, 1),
		syncs: &cycles{engine: box.Engine}, screen: newScreen(a.out, a.json)}
	if s.remote, err = localClient(d); err != nil {
		return nil, errors.Join(err, d.Close(), log.Close())
	}
	s.start(ctx)
	return s, nil
}

// localClient talks to a daemon as its local administrator.
func localClient(d *daemon) (*client.Client, error) {
	secret, err := token.ReadLocal(d.settings.DataDir)
	if err != nil {
		return nil, err
	}
	return client.New(client.Options{URL: d.URL(), Token: secret.Reveal()})
}

// start lets the daemon and the sync engine run.
func (s *stage) start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	go func() { s.ended <- s.daemon.Run(ctx) }()
	go s.syncs.run(ctx)
}

// close stops the daemon as Ctrl-C would, and waits for it.
func (s *stage) close() error {
	s.stop()
	return errors.Join(<-s.ended, s.daemon.Close(), s.log.Close())
}

// explain prints how to talk to what is left running.
func (s *stage) explain() {
	w := s.app.out
	if s.app.json {
		w = s.app.err
	}
	printStay(w, s)
}

func printStay(w io.Writer, s *stage) {
	fmt.Fprintf(w, `
Everything stays until Ctrl-C. The sync engine runs a cycle every half second.

  settings    %s
  log         %s
  API         %s
  its token   %s
  directory   %s
  as          %s, password %s
  tenant      %s

  export ALIASD_CONFIG=%s
  alias aliasd=%s
  aliasd add jdoe@contoso.test another@contoso.test --wait
  aliasd explain carla@contoso.test
  aliasd list
  aliasd check --holder jdoe@contoso.test
  aliasd report --since 1h
  aliasd audit
`, s.file, s.log.Name(), s.daemon.URL(), filepath.Join(s.daemon.settings.DataDir, token.LocalFile),
		s.box.Site.Server, s.box.Site.Admin.User, s.box.Site.Admin.Password, s.box.Tenant.URL, s.file, ownProgram())
}

// ownProgram is the path of this program, which `go run` puts where no PATH leads; its bare name where it cannot be told.
func ownProgram() string {
	path, err := os.Executable()
	if err != nil {
		return "aliasd"
	}
	return path
}
