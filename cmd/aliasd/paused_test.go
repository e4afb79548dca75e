package main

import (
	"context"
	"testing"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
)

// A daemon that begins paused takes requests in and writes none until resume.
func TestRunPaused(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Embedded, tenant.Options{})
	s.pace.paused = true
	s.startDaemon(t)
	r := s.submit(t, address.AddAlias, "twin1@contoso.test", "one@contoso.test")
	got := s.untilState(t, r.ID, queue.Queued, cause.Paused)
	contains(t, got.Cause.Message, "run --paused")
	_, err := s.remote.Resume(context.Background())
	fatal(t, err)
	s.verify(t, r.ID)
}
