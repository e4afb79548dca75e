package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/lab/site"
	"github.com/aliasd/aliasd/lab/syncengine"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// playLimit is how long one play may take before it counts as gone wrong.
const playLimit = 15 * time.Second

// demoObjects are the people and groups of the demo.
func demoObjects() []site.Object {
	return []site.Object{
		{Kind: site.User, Name: "Jane Doe", Account: "jdoe", UPN: "jdoe@contoso.test", Mail: "jdoe@contoso.test",
			Proxies: []string{"SMTP:jdoe@contoso.test", "X500:/o=Contoso/ou=Exchange/cn=Recipients/cn=jdoe", "sip:jdoe@contoso.test"}},
		{Kind: site.User, Name: "Bob Fox", Account: "bob", UPN: "bob@contoso.test", Mail: "bob@contoso.test"},
		{Kind: site.User, Name: "Carla Ruiz", Account: "carla", UPN: "carla@contoso.test", Mail: "carla@contoso.test",
			Proxies: []string{"SMTP:carla@contoso.test", "smtp:press@contoso.test"}},
		{Kind: site.User, Name: "Old Timer", Account: "old", UPN: "old@contoso.test", Mail: "old@contoso.test",
			Proxies: []string{"SMTP:old@contoso.test"}},
		{Kind: site.Group, Name: "Sales", Account: "sales", Mail: "sales@contoso.test", Proxies: []string{"SMTP:sales@contoso.test"}},
	}
}

// play is one request and how it has to end.
type play struct {
	title string
	ask   server.SubmissionJSON
	// undoes names the earlier play, by its title, whose request is undone.
	undoes string
	state  queue.State
	code   cause.Code
	// before sets the scene. meanwhile happens after the write and before the cloud sees it: no sync runs until then.
	before, meanwhile func(context.Context, *stage) error
}

func plays() []play {
	return []play{
		{title: "Add an alias; the primary that only mail gave is made explicit", state: queue.Verified,
			ask: ask(address.AddAlias, "bob@contoso.test", "robert@contoso.test", "INC1001")},
		{title: "Make it the primary, keep the old one", state: queue.Verified,
			ask: ask(address.SetPrimary, "bob@contoso.test", "robert@contoso.test", "INC1002")},
		{title: "Remove an alias", state: queue.Verified,
			ask: ask(address.RemoveAlias, "carla", "press@contoso.test", "INC1003")},
		{title: "Give a group an alias", state: queue.Verified,
			ask: ask(address.AddAlias, "Sales", "offers@contoso.test", "INC1004")},
		{title: "Make it the group's primary", state: queue.Verified,
			ask: ask(address.SetPrimary, "sales@contoso.test", "offers@contoso.test", "INC1005")},
		{title: "An alias in a domain that the tenant has not verified", state: queue.Refused, code: cause.DomainNotVerified,
			ask: ask(address.AddAlias, "jdoe@contoso.test", "jdoe@fabrikam.test", "INC1006")},
		{title: "An alias that somebody else holds on-premises", state: queue.Refused, code: cause.HeldOnPremises,
			ask: ask(address.AddAlias, "jdoe@contoso.test", "carla@contoso.test", "INC1007")},
		{title: "An alias that a deleted user holds", state: queue.Refused, code: cause.HeldByDeleted, before: deleteCloudUser,
			ask: ask(address.AddAlias, "jdoe@contoso.test", "leaver@contoso.test", "INC1008")},
		{title: "The same, when the request says that it is meant", state: queue.Verified,
			ask: allow(ask(address.AddAlias, "jdoe@contoso.test", "leaver@contoso.test", "INC1009"), address.AllowDeletedHolder)},
		{title: "An alias that a group of the cloud holds", state: queue.Refused, code: cause.HeldInCloud, before: addCloudGroup,
			ask: ask(address.AddAlias, "jdoe@contoso.test", "allhands@contoso.test", "INC1010")},
		{title: "Remove the primary", state: queue.Refused, code: cause.IsPrimary,
			ask: ask(address.RemoveAlias, "carla", "carla@contoso.test", "INC1011")},
		{title: "The tenant gives the address away between write and sync", state: queue.Mismatched, code: cause.Quarantined, meanwhile: snatch,
			ask: ask(address.AddAlias, "carla", "events@contoso.test", "INC1012")},
		{title: "Undo exactly what was written", state: queue.Verified, undoes: "Make it the group's primary"},
	}
}

func ask(action address.Action, holder, addr, ticket string) server.SubmissionJSON {
	return server.SubmissionJSON{Action: action, Holder: holder, Address: addr, Ticket: ticket, Requester: "helpdesk"}
}

func allow(s server.SubmissionJSON, one address.Allowance) server.SubmissionJSON {
	s.Allow = append(s.Allow, one)
	return s
}

func deleteCloudUser(_ context.Context, s *stage) error {
	s.box.Tenant.AddCloudUser(tenant.CloudObject{Name: "Lea Leaver", UPN: "lea@contoso.onmicrosoft.com",
		Proxies: []string{"SMTP:leaver@contoso.test"}})
	return s.box.Tenant.Delete("leaver@contoso.test")
}

func addCloudGroup(_ context.Context, s *stage) error {
	s.box.Tenant.AddCloudGroup(tenant.CloudObject{Name: "All Hands", Proxies: []string{"SMTP:allhands@contoso.test"}})
	return nil
}

func snatch(_ context.Context, s *stage) error {
	s.box.Tenant.AddCloudGroup(tenant.CloudObject{Name: "Events Team", Proxies: []string{"SMTP:events@contoso.test"}})
	return nil
}

// playAll plays everything and returns how many plays did not end as they have to.
func (s *stage) playAll(ctx context.Context) (failed int) {
	s.screen.begin(s)
	done := map[string]server.RequestJSON{}
	for _, p := range plays() {
		began := time.Now()
		r, err := s.play(ctx, p, done)
		if ctx.Err() != nil {
			return failed
		}
		done[p.title] = r
		ok := err == nil && r.State == p.state && codeOf(r) == p.code
		if !ok {
			failed++
		}
		s.screen.show(p, r, time.Since(began), ok, err)
	}
	s.screen.end(len(plays()), failed, time.Since(s.began))
	return failed
}

func codeOf(r server.RequestJSON) cause.Code {
	if r.Cause == nil {
		return ""
	}
	return r.Cause.Code
}

// play sets the scene, asks, and waits for the end.
func (s *stage) play(ctx context.Context, p play, done map[string]server.RequestJSON) (server.RequestJSON, error) {
	ctx, stop := context.WithTimeout(ctx, playLimit)
	defer stop()
	if p.before != nil {
		if err := p.before(ctx, s); err != nil {
			return server.RequestJSON{}, fmt.Errorf("set the scene: %w", err)
		}
	}
	if p.meanwhile != nil {
		s.syncs.hold()
		defer s.syncs.goOn()
	}
	r, err := s.submit(ctx, p, done)
	if err != nil {
		return r, err
	}
	if p.meanwhile != nil {
		if err := s.actMeanwhile(ctx, p, r.ID); err != nil {
			return r, err
		}
	}
	return s.remote.Wait(ctx, r.ID, client.Watch{})
}

func (s *stage) submit(ctx context.Context, p play, done map[string]server.RequestJSON) (server.RequestJSON, error) {
	if p.undoes != "" {
		return s.remote.Undo(ctx, done[p.undoes].ID, server.UndoJSON{Ticket: "INC1013", Requester: "helpdesk"}, "")
	}
	return s.remote.Submit(ctx, p.ask, p.ask.Ticket)
}

// actMeanwhile waits until the request is written, lets something happen, and lets the sync go on.
func (s *stage) actMeanwhile(ctx context.Context, p play, id queue.RequestID) error {
	written := errors.New("written")
	waitCtx, enough := context.WithCancelCause(ctx)
	defer enough(nil)
	_, err := s.remote.Wait(waitCtx, id, client.Watch{Changed: func(r server.RequestJSON) {
		if r.State == queue.Written {
			enough(written)
		}
	}})
	if err != nil && !errors.Is(context.Cause(waitCtx), written) {
		return err
	}
	if err := p.meanwhile(ctx, s); err != nil {
		return err
	}
	s.syncs.goOn()
	return nil
}

// cycles runs the sync engine twice a second, and can be held.
type cycles struct {
	engine *syncengine.Engine
	mu     sync.Mutex
	held   bool
}

const cycleEvery = 500 * time.Millisecond

func (c *cycles) run(ctx context.Context) {
	ticker := time.NewTicker(cycleEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		c.once(ctx)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// once runs one cycle unless they are held. One that fails shows in the plays: nothing arrives.
func (c *cycles) once(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.held {
		_ = c.engine.Cycle(ctx)
	}
}

func (c *cycles) hold() { c.set(true) }

func (c *cycles) goOn() { c.set(false) }

func (c *cycles) set(held bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = held
}
