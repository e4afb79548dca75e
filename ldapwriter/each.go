package ldapwriter

import (
	"context"
	"errors"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
)

// everyHolder are the users, groups and contacts; computers are users by inheritance (MS-ADSC).
const everyHolder = "(&(|(objectClass=user)(objectClass=group)(objectClass=contact))(!(objectClass=computer)))"

// EachHolder gives every user, group and contact below the base DN, a page at a time and each holder once, without AddressesChanged; the server
// works on the next page while take works on one. take is called from the caller's goroutine. One connection to one
// server is used from the first page to the last, with the time limit of the options for each page: another server goes
// on counting elsewhere. An error of take ends it and is returned as it is. Others are Wait(directory_unavailable), or
// wrap the context's; what was given until then is not everything.
func (d *Directory) EachHolder(ctx context.Context, take func([]address.Holder) error) error {
	r := &reading{base: d.options.BaseDN, size: d.options.PageSize, take: take}
	err := d.first(ctx, func(s *server, c *session) error { return r.from(ctx, s, c) })
	if r.refused != nil {
		return r.refused
	}
	return err
}

// Holders reads some holders again, by objectGUID; holders and errors stand in the order of ids, as ReadAll's do.
func (d *Directory) Holders(ctx context.Context, ids []address.GUID) ([]address.Holder, []error) {
	entries, errs := d.ReadAll(ctx, ids)
	holders := make([]address.Holder, len(entries))
	for i, e := range entries {
		holders[i] = e.Holder
	}
	return holders, errs
}

// reading is one pass over the whole directory.
type reading struct {
	base string
	size int
	take func([]address.Holder) error
	// seen are the holders of this attempt; one that broke before the first page was given has given none of them.
	seen map[address.GUID]bool
	// begun says that a page was given: from then on neither another connection nor another server is tried.
	begun bool
	// refused is the error of take.
	refused error
}

// from reads everything from one server. Errors before the first page was given are those of any read.
func (r *reading) from(ctx context.Context, s *server, c *session) error {
	r.seen = map[address.GUID]bool{}
	err := r.pages(ctx, c)
	switch {
	case err == nil:
		return nil
	case r.begun:
		c.cut()
		c.close() // the pool is not to give it out again
		return brokenOff(s, c, err)
	case notHere(err):
		return &awayError{url: s.url, why: notBase(r.base), err: err}
	}
	return err
}

// brokenOff words an error in the middle. What lies below is kept as text alone: a *lostError in the chain would have the
// reading begin again in the midst, on this server or on another.
func brokenOff(s *server, c *session, err error) error {
	if known, ok := cause.As(err); ok {
		return known
	}
	why := s.lost(err, c.silent() >= s.timeout).why.String()
	if answer, ok := answerOf(err); ok {
		why = resultWords(answer)
	}
	return cause.Wait(cause.DirectoryUnavailable,
		"not every holder was read: in the middle of it, this came from %s: %s; begin again when the server is well", s.url, why).Because(errors.New(err.Error()))
}

// page is one page as the server gave it, or the error in its place.
type page struct {
	entries []*ldap.Entry
	err     error
}

// pages gives page after page to take. Another goroutine asks for them, one ahead.
func (r *reading) pages(ctx context.Context, c *session) error {
	ctx, stop := context.WithCancel(ctx)
	asked := make(chan page)
	go func() {
		defer close(asked)
		c.askAll(ctx, r.base, r.size, asked)
	}()
	defer func() {
		stop()
		for range asked { // what is left ends with the connection
		}
	}()
	for p := range asked {
		if p.err != nil {
			return p.err
		}
		if err := r.give(c, p.entries); err != nil {
			c.cut()
			return err
		}
	}
	return ctx.Err()
}

// give completes and maps one page, and hands it to take.
func (r *reading) give(c *session, entries []*ldap.Entry) error {
	holders := make([]address.Holder, 0, len(entries))
	for _, e := range entries {
		whole, err := c.complete(e)
		if gone(err) {
			continue
		}
		if err != nil {
			return err
		}
		entry, ok, err := newEntry(whole, "")
		if err != nil {
			return err
		}
		if ok && !r.seen[entry.GUID] {
			r.seen[entry.GUID] = true
			holders = append(holders, entry.Holder)
		}
	}
	r.begun = true
	r.refused = r.take(holders)
	return r.refused
}

// askAll asks for page after page of all holders (RFC 2696) and passes them on, until the last, an error or the context.
func (c *session) askAll(ctx context.Context, base string, size int, to chan<- page) {
	paging := ldap.NewControlPaging(uint32(size))
	request := ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, everyHolder,
		holderAttributes(), append(c.controls(ldap.ScopeWholeSubtree), paging))
	for more := true; more; {
		result, err := c.ask(request)
		p := page{err: err}
		if more = err == nil; more {
			p.entries = result.Entries
			paging.SetCookie(cookieOf(result))
			more = len(paging.Cookie) > 0
		}
		select {
		case to <- p:
		case <-ctx.Done():
			return
		}
	}
}

// cookieOf is what asks for the next page; empty after the last.
func cookieOf(result *ldap.SearchResult) []byte {
	if p, ok := ldap.FindControl(result.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging); ok {
		return p.Cookie
	}
	return nil
}
