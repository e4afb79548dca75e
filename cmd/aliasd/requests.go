package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// waiting is how a command waits for the end of its request.
type waiting struct {
	wait    bool
	timeout time.Duration
}

func (w *waiting) flags(c *cobra.Command) {
	c.Flags().BoolVar(&w.wait, "wait", false, "show progress until the request has ended; the exit code tells how")
	c.Flags().DurationVar(&w.timeout, "timeout", 2*time.Hour, "how long --wait waits")
}

// check refuses a time limit that cannot be, or that limits nothing.
func (w *waiting) check(c *cobra.Command) error {
	switch {
	case !c.Flags().Changed("timeout"):
		return nil
	case !w.wait:
		return usage(c, errors.New("--timeout is for --wait"))
	case w.timeout <= 0:
		return usage(c, errors.New("--timeout must be more than 0"))
	}
	return nil
}

func (a *app) addCommand() *cobra.Command {
	return a.submitCommand(address.AddAlias, "add HOLDER ADDRESS", "Give a holder an alias",
		"  aliasd add jdoe@contoso.com j.doe@contoso.com --ticket INC1 --wait")
}

func (a *app) primaryCommand() *cobra.Command {
	return a.submitCommand(address.SetPrimary, "primary HOLDER ADDRESS", "Make an address the primary; the old one stays as an alias",
		"  aliasd primary jdoe@contoso.com john.doe@contoso.com")
}

func (a *app) removeCommand() *cobra.Command {
	return a.submitCommand(address.RemoveAlias, "remove HOLDER ADDRESS", "Take an alias away",
		"  aliasd remove jdoe@contoso.com j.doe@contoso.com")
}

// submitCommand makes one of the three commands that ask for a change.
func (a *app) submitCommand(action address.Action, use, short, example string) *cobra.Command {
	body := server.SubmissionJSON{Action: action}
	var allow []string
	var wait waiting
	var key string
	c := &cobra.Command{Use: use, Short: short, Example: example, Args: holderArgs(2),
		RunE: func(c *cobra.Command, given []string) error {
			body.Holder, body.Address = given[0], given[1]
			for _, one := range allow {
				body.Allow = append(body.Allow, address.Allowance(one))
			}
			return a.withRequest(c, wait, func(ctx context.Context, remote *client.Client) (server.RequestJSON, error) {
				return remote.Submit(ctx, body, key)
			})
		}}
	c.Flags().StringVar(&body.Ticket, "ticket", "", "the ticket that asked for it")
	c.Flags().StringVar(&body.Requester, "requester", "", "who asked for it")
	c.Flags().StringVar(&body.Note, "note", "", "a remark")
	c.Flags().StringSliceVar(&allow, "allow", nil, "pass a refusal: deleted_holder, mail_enable, sign_in_change")
	c.Flags().StringVar(&key, "idempotency-key", "", "the same key gives the same request again")
	wait.flags(c)
	return c
}

func (a *app) undoCommand() *cobra.Command {
	var body server.UndoJSON
	var wait waiting
	c := &cobra.Command{Use: "undo ID", Short: "Take back exactly what a request wrote", Example: "  aliasd undo 0198c5a2-… --ticket INC2 --wait",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			return a.withRequest(c, wait, func(ctx context.Context, remote *client.Client) (server.RequestJSON, error) {
				return remote.Undo(ctx, queue.RequestID(given[0]), body, "")
			})
		}}
	c.Flags().StringVar(&body.Ticket, "ticket", "", "the ticket that asked for it")
	c.Flags().StringVar(&body.Requester, "requester", "", "who asked for it")
	c.Flags().StringVar(&body.Note, "note", "", "a remark")
	wait.flags(c)
	return c
}

func (a *app) cancelCommand() *cobra.Command {
	return a.heldCommand("cancel", "Take back requests that are not written yet",
		"Take back requests that are accepted, queued or held. --all-held takes back all that are held.", (*client.Client).Cancel)
}

func (a *app) recheckCommand() *cobra.Command {
	return a.stepCommand("recheck", "Look again now at what a request waits for", (*client.Client).Recheck)
}

func (a *app) releaseCommand() *cobra.Command {
	return a.heldCommand("release", "Let held requests go",
		"Let held requests go: they are written in their turn, and no cap holds them again. They count in the caps all the same.\n"+
			"Look at them first: aliasd list --state held", (*client.Client).Release)
}

// stepCommand makes one of the commands that move a request that is there.
func (a *app) stepCommand(verb, short string, step stepper) *cobra.Command {
	var wait waiting
	c := &cobra.Command{Use: verb + " ID", Short: short, Example: "  aliasd " + verb + " 0198c5a2-…", Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, given []string) error {
			return a.withRequest(c, wait, func(ctx context.Context, remote *client.Client) (server.RequestJSON, error) {
				return step(remote, ctx, queue.RequestID(given[0]))
			})
		}}
	wait.flags(c)
	return c
}

// withRequest makes a call that answers with a request, waits for its end where that is asked for, and prints it.
func (a *app) withRequest(c *cobra.Command, w waiting, call func(context.Context, *client.Client) (server.RequestJSON, error)) error {
	if err := w.check(c); err != nil {
		return err
	}
	ctx := c.Context()
	remote, err := a.connect()
	if err != nil {
		return err
	}
	r, err := call(ctx, remote)
	if err != nil {
		return err
	}
	if !w.wait {
		return a.printRequest(r)
	}
	return a.waitFor(ctx, remote, r, w.timeout)
}

func (a *app) printRequest(r server.RequestJSON) error {
	if a.json {
		return a.printJSON(r)
	}
	printStory(a.out, r)
	return nil
}

// waitFor shows each step of a request until it has ended, and then all of it.
func (a *app) waitFor(ctx context.Context, remote *client.Client, r server.RequestJSON, timeout time.Duration) error {
	limited, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	last, err := remote.Wait(limited, r.ID, client.Watch{Changed: a.showProgress, Away: func(error) { a.showAway(remote.Host()) }})
	timedOut := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
	if err != nil && !timedOut {
		return err
	}
	if last.ID == "" {
		last = r
	}
	if err := a.printRequest(last); err != nil {
		return err
	}
	if last.State != queue.Verified {
		return &endError{state: last.State, timedOut: timedOut}
	}
	return nil
}

// progressJSON is one line of progress with --json.
type progressJSON struct {
	At      time.Time    `json:"at"`
	State   queue.State  `json:"state,omitempty"`
	Cause   *cause.Cause `json:"cause,omitempty"`
	Trouble string       `json:"trouble,omitempty"`
}

// showProgress prints one step on the error stream, so that the output holds the result alone.
func (a *app) showProgress(r server.RequestJSON) {
	line := string(r.State)
	if r.Cause != nil {
		line += fmt.Sprintf(" (%s: %s)", r.Cause.Code, r.Cause.Message)
	}
	a.progress(line, progressJSON{State: r.State, Cause: r.Cause})
}

// showAway says once per outage that the daemon is waited for.
func (a *app) showAway(host string) {
	trouble := fmt.Sprintf("aliasd at %s does not answer; trying again", host)
	a.progress(trouble, progressJSON{Trouble: trouble})
}

// showWaiting says that the daemon asks for a pause, and why.
func (a *app) showWaiting(why *client.Problem, pause time.Duration) {
	trouble := fmt.Sprintf("%s: %s Trying again in %s", why.Code, why.Detail, pause)
	a.progress(trouble, progressJSON{Trouble: trouble})
}

func (a *app) progress(line string, step progressJSON) {
	if a.json {
		step.At = a.now().UTC()
		// Where nobody reads the progress, the result still counts.
		_ = jsonLines(a.err).Encode(step)
		return
	}
	lines := wrap(escape(line), textWidth-10)
	fmt.Fprintf(a.err, "%s  %s\n", a.now().Local().Format("15:04:05"), lines[0])
	for _, more := range lines[1:] {
		fmt.Fprintf(a.err, "%10s%s\n", "", more)
	}
}
