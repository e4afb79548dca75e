package ldapwriter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// Replicated is how old a receipt must be to count as replicated to every DC. Without such a limit, somebody's later
// edit of the values that we wrote would make the receipt invisible, and keep another DC from ever being used.
const Replicated = time.Hour

// Read reads a holder from the DC that its next write may go to: the first one that serves, but
//
//   - where a modify is in doubt, only the DC that it was sent to (prior.InDoubt). A DC that was taken out of the
//     settings is given up by the administrator's word, and the doubt with it;
//   - where receipts came from other DCs less than an hour ago, only when this one shows all of them (Prior.Behind).
//
// One that was moved out of the base DN is refused (unknown_holder).
//
// Else it is Wait(dc_unavailable): proxyAddresses replicates as a whole and the last writer wins, so writing on a DC that
// is behind would lose what was written. Other errors: unknown_holder where the holder is gone,
// Wait(directory_unavailable) where no server can be used.
func (d *Directory) Read(ctx context.Context, guid address.GUID, prior Prior) (Entry, error) {
	entry, from, err := d.readFrom(ctx, d.usable(prior), guid)
	switch {
	case missing(err) && d.knows(from, prior):
		return Entry{}, goneHolder(guid).Because(err)
	case missing(err):
		return Entry{}, d.perhapsLater(from)
	case err != nil:
		return Entry{}, d.whyNot(err, prior)
	}
	sameServer := func(a, b string) bool { return d.server(a) == d.server(b) }
	if behind := prior.Behind(entry, d.now(), sameServer); behind != nil {
		return Entry{}, cause.Wait(cause.DCUnavailable, "%s does not show yet what was written on %s at %s; this is tried again by itself",
			entry.DC, behind.DC, behind.At.UTC().Format(minute))
	}
	return entry, nil
}

// usable are the servers that the next write may go to.
func (d *Directory) usable(prior Prior) []*server {
	if prior.InDoubt == "" {
		return d.servers
	}
	if s := d.server(prior.InDoubt); s != nil {
		return []*server{s}
	}
	d.log.Warn("a modify is in doubt on a server that the settings do not name any more; it is given up", "server", prior.InDoubt)
	return d.servers
}

// readFrom reads a holder from the first of some servers that serves.
func (d *Directory) readFrom(ctx context.Context, servers []*server, guid address.GUID) (entry Entry, from *server, err error) {
	_, err = firstOf(ctx, servers, func(s *server, c *session) error {
		var err error
		from = s
		if entry, err = c.holder(guid, s.url); err != nil {
			return err
		}
		return d.mustBeBelow(c, entry.Holder, s.url)
	})
	return entry, from, err
}

// missing says whether the server says that there is no such holder.
func missing(err error) bool { return gone(err) || errors.Is(err, errNoHolder) }

// knows says whether a server's word that a holder is gone is to be believed: the pinned one's, and that of one which
// had the holder when we wrote to it.
func (d *Directory) knows(s *server, prior Prior) bool {
	return d.pinned(s) || s == d.server(prior.InDoubt) || prior.Last() != nil && s == d.server(prior.Last().DC)
}

func goneHolder(guid address.GUID) *cause.Error {
	return cause.Refuse(cause.UnknownHolder, "no user, group or contact has the objectGUID %s any more; it was deleted, or it became something else", guid)
}

// whyNot words why no server could be read. Where a modify is in doubt, others may be there but must not be used.
func (d *Directory) whyNot(err error, prior Prior) error {
	e, known := cause.As(err)
	if !known || e.Kind != cause.Waiting || prior.InDoubt == "" || d.server(prior.InDoubt) == nil || d.gate.check() != nil {
		return err
	}
	return cause.Wait(cause.DCUnavailable,
		"a modify was sent to %s and its outcome is not known, so no other server may be used; when it is gone for good, take it out of directory.servers: %s",
		prior.InDoubt, e.Cause.Message).Because(err)
}

// readBatch is how many holders one search of ReadAll asks for: beyond some fifty it gets no quicker.
const readBatch = 50

// ReadAll reads many holders for a sweep, some at a time and over several connections. Entries and errors stand in the
// order of guids; one that is gone has unknown_holder, and one bad holder does not spoil the rest.
func (d *Directory) ReadAll(ctx context.Context, guids []address.GUID) ([]Entry, []error) {
	entries, errs := make([]Entry, len(guids)), make([]error, len(guids))
	slots := make(chan struct{}, d.options.Connections)
	var running sync.WaitGroup
	start := 0
	for batch := range slices.Chunk(guids, readBatch) {
		intoEntries, intoErrs := entries[start:start+len(batch)], errs[start:start+len(batch)]
		start += len(batch)
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			d.readBatch(ctx, batch, intoEntries, intoErrs)
		})
	}
	running.Wait()
	return entries, errs
}

// readBatch reads one batch in one search.
func (d *Directory) readBatch(ctx context.Context, guids []address.GUID, entries []Entry, errs []error) {
	var found map[address.GUID]result
	var from *server
	err := d.first(ctx, func(s *server, c *session) error {
		var err error
		from = s
		found, err = c.holders(guids, s)
		return err
	})
	for i, guid := range guids {
		got, there := found[guid]
		switch {
		case err != nil:
			errs[i] = err
		case there:
			entries[i], errs[i] = got.entry, got.err
		case d.pinned(from):
			errs[i] = goneHolder(guid)
		default:
			errs[i] = d.perhapsLater(from)
		}
	}
}

// result is what was read of one of many holders.
type result struct {
	entry Entry
	err   error
}

// holders reads some holders in one search.
func (c *session) holders(guids []address.GUID, s *server) (map[address.GUID]result, error) {
	found, err := c.search(c.facts.domain, ldap.ScopeWholeSubtree, guidFilter(guids), holderInFull())
	if err != nil {
		return nil, err
	}
	results := make(map[address.GUID]result, len(found))
	for _, e := range found {
		guid, err := address.GUIDFromBytes(raw(e, attrGUID))
		if err != nil {
			return nil, fmt.Errorf("objectGUID of %s: %w", e.DN, err)
		}
		whole, err := c.complete(e)
		var lost *lostError
		if errors.As(err, &lost) {
			return nil, err
		}
		results[guid] = mapped(whole, guid, s.url, err)
	}
	return results, nil
}

// mapped turns one entry into its result.
func mapped(e *ldap.Entry, guid address.GUID, dc string, err error) result {
	if answer, refused := answerOf(err); refused && !gone(err) {
		return result{err: unavailable(&awayError{url: dc, why: plain{what: resultWords(answer)}, err: err})}
	}
	var entry Entry
	ok := false
	if err == nil {
		entry, ok, err = newEntry(e, dc)
	}
	if gone(err) || err == nil && !ok {
		err = goneHolder(guid)
	}
	return result{entry: entry, err: err}
}
