package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/queue/store"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/token"
)

func (a *app) pauseCommand() *cobra.Command {
	var patience time.Duration
	c := &cobra.Command{Use: "pause", Short: "Stop all writing, on every node", Example: "  aliasd pause", Args: args(cobra.NoArgs),
		Long: "Stop all writing, on every node, at once: nothing new is begun. Then wait until what had begun has its answer from the directory.\n" +
			"Where the daemon of this machine does not answer, the switch is turned in its store.\n" +
			"Exit code 5 says that writing is stopped, and that something that had begun has no answer yet.",
		RunE: func(c *cobra.Command, _ []string) error {
			if patience < 0 {
				return usage(c, errors.New("--timeout must not be less than 0"))
			}
			turn, err := a.switchboard()
			if err != nil {
				return err
			}
			state, err := pauseAndWait(c.Context(), turn, patience)
			if err != nil {
				return err
			}
			return a.printSwitch(state)
		}}
	c.Flags().DurationVar(&patience, "timeout", 30*time.Second, "how long to wait for what had begun; 0: not at all")
	return c
}

// pauseAndWait stops all writing, and asks again until nothing is on its way to the directory any more, or the time is over.
func pauseAndWait(ctx context.Context, turn stopSwitch, patience time.Duration) (server.PauseJSON, error) {
	state, err := turn.Pause(ctx)
	if err != nil || patience == 0 {
		return state, err
	}
	over := time.NewTimer(patience)
	defer over.Stop()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for state.BeingWritten > 0 {
		select {
		case <-ctx.Done():
			return state, ctx.Err()
		case <-over.C:
			return state, nil
		case <-again.C:
			if state, err = turn.Pause(ctx); err != nil {
				return state, err
			}
		}
	}
	return state, nil
}

func (a *app) resumeCommand() *cobra.Command {
	return &cobra.Command{Use: "resume", Short: "Start writing again", Example: "  aliasd resume", Args: args(cobra.NoArgs),
		Long: "Start writing again. Where the daemon of this machine does not answer, the switch is turned in its store.",
		RunE: func(c *cobra.Command, _ []string) error {
			turn, err := a.switchboard()
			if err != nil {
				return err
			}
			state, err := turn.Resume(c.Context())
			if err != nil {
				return err
			}
			return a.printSwitch(state)
		}}
}

// printSwitch says how the stop switch stands; what is still on its way to the directory is not done with.
func (a *app) printSwitch(state server.PauseJSON) error {
	onItsWay := state.Paused && state.BeingWritten > 0
	switch {
	case a.json:
		if err := a.printJSON(state); err != nil {
			return err
		}
	case onItsWay:
		fmt.Fprintln(a.out, "writing is stopped; requests are still taken in and wait")
		say(a.out, "", fmt.Sprintf("%d begun before it and without an answer from the directory yet: aliasd list --state writing shows them", state.BeingWritten))
	case state.Paused:
		fmt.Fprintln(a.out, "writing is stopped; requests are still taken in and wait")
	default:
		fmt.Fprintln(a.out, "writing goes on")
	}
	if onItsWay {
		return &silentError{code: exitTimedOut}
	}
	return nil
}

// stopSwitch turns the stop switch, and says how it stands then. Turning it twice is harmless.
type stopSwitch interface {
	Pause(ctx context.Context) (server.PauseJSON, error)
	Resume(ctx context.Context) (server.PauseJSON, error)
}

var (
	_ stopSwitch = (*client.Client)(nil)
	_ stopSwitch = (*switchboard)(nil)
	_ stopSwitch = storeSwitch{}
)

// switchboard turns the switch by the API, or in the store where the daemon of this machine does not answer: it may be flooded, or
// hang, and that is when somebody needs the switch.
type switchboard struct {
	*app
	remote *client.Client // nil: the API cannot be asked, because of unheard
	// local says that the daemon is the one of the settings, so that its store can be opened.
	local bool
	// unheard is why the API is not asked, or not asked again; nil: it is.
	unheard error
}

// switchboard refuses where the API cannot be asked and the store is not here either. A token or a certificate that cannot be read does not
// keep the administrator of this machine from the switch.
func (a *app) switchboard() (*switchboard, error) {
	remote, err := a.connect()
	s, wrong := a.settings()
	local := wrong == nil && a.isLocal(s)
	if err != nil && !local {
		return nil, err
	}
	b := &switchboard{app: a, remote: remote, local: local}
	if err != nil {
		b.goDirect(fmt.Errorf("aliasd cannot be asked (%w)", err))
	}
	return b, nil
}

// isLocal says whether the daemon that is asked is that of the settings.
func (a *app) isLocal(s *config.Settings) bool {
	if a.serverURL == "" {
		return true
	}
	own, _, err := localEndpoint(s.API)
	base, wrong := client.ParseURL(a.serverURL)
	return errors.Join(err, wrong) == nil && client.ThisMachine(base.Hostname()) && portOf(own) == base.Port()
}

// Pause implements stopSwitch.
func (b *switchboard) Pause(ctx context.Context) (server.PauseJSON, error) {
	return b.turn(ctx, stopSwitch.Pause)
}

// Resume implements stopSwitch.
func (b *switchboard) Resume(ctx context.Context) (server.PauseJSON, error) {
	return b.turn(ctx, stopSwitch.Resume)
}

func (b *switchboard) turn(ctx context.Context, do func(stopSwitch, context.Context) (server.PauseJSON, error)) (server.PauseJSON, error) {
	if b.unheard == nil {
		limited, stop := context.WithTimeout(ctx, b.apiPatience)
		defer stop()
		state, err := do(b.remote, limited)
		isSilent := err != nil && (client.Passing(err) || limited.Err() != nil)
		if !isSilent || ctx.Err() != nil || !b.local {
			return state, err
		}
		b.goDirect(fmt.Errorf("aliasd at %s does not answer (%w)", b.remote.Host(), err))
	}
	var state server.PauseJSON
	err := b.withStoreThere(ctx, func(s *store.Store) (err error) {
		state, err = do(storeSwitch{store: s, by: byHand(), now: b.now}, ctx)
		return err
	})
	if err != nil {
		err = fmt.Errorf("%w; and %w", err, b.unheard)
	}
	return state, err
}

// goDirect has the switch turned in the store from now on, and says why.
func (b *switchboard) goDirect(unheard error) {
	b.unheard = unheard
	trouble := unheard.Error() + "; the switch is turned in its store"
	b.progress(trouble, progressJSON{Trouble: trouble})
}

// byHand is who turned the switch in the store. With the API it is the local administrator's token; here it is known which account.
func byHand() string {
	account, err := user.Current()
	if err != nil {
		return token.LocalName + " (in the store)"
	}
	return fmt.Sprintf("%s (%s, in the store)", token.LocalName, account.Username)
}

// storeSwitch turns the switch in the store, with the same entry in the event log as by the API. Running daemons go by it at once.
type storeSwitch struct {
	store *store.Store
	by    string
	now   func() time.Time
}

// Pause implements stopSwitch.
func (s storeSwitch) Pause(ctx context.Context) (server.PauseJSON, error) {
	if err := s.store.SetPaused(ctx, true, s.by, s.now()); err != nil {
		return server.PauseJSON{}, err
	}
	return s.state(ctx)
}

// Resume implements stopSwitch.
func (s storeSwitch) Resume(ctx context.Context) (server.PauseJSON, error) {
	if err := queue.Resume(ctx, s.store, s.by, s.now); err != nil {
		return server.PauseJSON{}, err
	}
	return s.state(ctx)
}

func (s storeSwitch) state(ctx context.Context) (server.PauseJSON, error) {
	since, by, err := s.store.Paused(ctx)
	if err != nil {
		return server.PauseJSON{}, err
	}
	stats, err := s.store.Stats(ctx)
	return server.PauseOf(since, by, stats.InFlight), err
}
