package ldapwriter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/jackc/puddle/v2"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/ldapwriter/adtext"
)

// Write sends one change as one modify to the DC that the entry was read from, reads it back there and gives the receipt. A
// change that is empty is not sent; its receipt shows the holder as it is.
//
// The modify is never repeated here, and once it was sent it does not stop when ctx does: it runs to its own time limit, so
// that its outcome is known whenever it can be. Errors:
//
//   - ErrConflict: nothing was written, somebody was faster. It is an *ExistsError where a value to add is there already; one that is
//     another value to us looks like this on AD, each time, so that the caller looks whether the holder has changed at all.
//   - *SlippedError: it was written, somebody's edit slipped in between, and what we did does not stand any more.
//   - *UnknownOutcomeError: it was sent and may stand, wholly or in part.
//   - what Confirm returned, Refuse(no_rights), Refuse(unknown_holder), Fail(directory_refused),
//     Wait(directory_unavailable) and Wait(dc_unavailable): nothing was written.
func (d *Directory) Write(ctx context.Context, job Job) (Receipt, error) {
	s := d.server(job.Entry.DC)
	if s == nil {
		return Receipt{}, cause.Wait(cause.DCUnavailable, "%s is not in the settings any more; the holder is read from another server next time", job.Entry.DC)
	}
	w := &writing{Directory: d, server: s, job: job}
	switch {
	case job.Landed:
		return w.settle(context.WithoutCancel(ctx))
	case job.Change.Empty():
		return w.nothing(ctx)
	}
	if err := w.send(ctx); err != nil {
		return Receipt{}, err
	}
	return w.settle(context.WithoutCancel(ctx))
}

// writing is one write under way.
type writing struct {
	*Directory
	server *server
	job    Job
}

// send sends the modify. Where it returns nil, the directory has taken it.
func (w *writing) send(ctx context.Context) error {
	got, err := w.server.acquire(ctx)
	if err != nil {
		return unsent(err)
	}
	if err := w.confirm(ctx, got); err != nil {
		return err
	}
	err = w.modify(got, exactly(w.job.Change, w.job.Entry.Proxies))
	if answer, ok := answerOf(err); ok && answer.ResultCode == ldap.LDAPResultInsufficientAccessRights {
		return w.noRights(context.WithoutCancel(ctx), answer)
	}
	return err
}

// confirm asks whether the modify may be sent; where not, the connection is given back.
func (w *writing) confirm(ctx context.Context, got *puddle.Resource[*session]) error {
	if w.job.Confirm == nil {
		return nil
	}
	err := w.job.Confirm(ctx)
	if err != nil {
		got.ReleaseUnused()
	}
	return err
}

// unsent words that no connection was had.
func unsent(err error) error {
	var away *awayError
	if errors.As(err, &away) {
		return unavailable(away)
	}
	return err
}

// modify sends one change over a connection and gives that back. Without rights, the error is the server's own answer.
func (w *writing) modify(got *puddle.Resource[*session], c address.Change) error {
	began := time.Now()
	left, err := got.Value().modify(modifyRequest(w.job.Entry.GUID, c))
	var lost *lostError
	if errors.As(err, &lost) {
		got.Value().abort() // it must not land later
		got.Destroy()
		w.server.forget(time.Since(began) >= w.server.timeout)
		if left {
			return w.unknown(err)
		}
		return unavailable(&awayError{url: w.server.url, why: plain{what: "the connection broke before anything was sent"}, err: err})
	}
	w.server.giveBack(got, err)
	answer, ok := answerOf(err)
	if !ok || answer.ResultCode == ldap.LDAPResultInsufficientAccessRights {
		return err
	}
	err = refused(answer, w.server.url)
	if answer.ResultCode == ldap.LDAPResultAttributeOrValueExists {
		return existing(w.job.Entry.Proxies, c, err)
	}
	return err
}

// existing names the value that the directory takes for one that is to be added.
func existing(there address.Set, c address.Change, err error) error {
	for _, value := range c.Add {
		for _, stands := range there.Without(c.Delete...) {
			if adtext.Fold(string(stands)) == adtext.Fold(string(value)) {
				return &ExistsError{Value: value, Equal: stands, Err: err}
			}
		}
	}
	return &ExistsError{Err: err}
}

func (w *writing) unknown(err error) error {
	return &UnknownOutcomeError{DC: w.server.url, Err: err}
}

// backUnknown is unknown for what takes back.
func (w *writing) backUnknown(err error) error {
	return &UnknownOutcomeError{DC: w.server.url, TakingBack: true, Err: err}
}

// modifyRequest names exactly the values to delete and to add. Deleting comes first: AD takes no two values that differ
// in case alone, not even for a moment.
func modifyRequest(guid address.GUID, c address.Change) *ldap.ModifyRequest {
	request := ldap.NewModifyRequest(guidDN(guid[:]), nil)
	if len(c.Delete) > 0 {
		request.Delete(attrProxies, texts(c.Delete))
	}
	if len(c.Add) > 0 {
		request.Add(attrProxies, texts(c.Add))
	}
	if c.Mail != nil && c.Mail.Old != c.Mail.New {
		if c.Mail.Old != "" {
			request.Delete(attrMail, []string{c.Mail.Old})
		}
		if c.Mail.New != "" {
			request.Add(attrMail, []string{c.Mail.New})
		}
	}
	return request
}

// exactly makes a change delete the very values that it names where they have case twins among those that are there. Samba
// takes a value to delete without case and deletes the first that fits, so the twins that stay are deleted and added again
// in the same modify. AD has no twins.
func exactly(c address.Change, there address.Set) address.Change {
	exact := address.Change{Delete: slices.Clone(c.Delete), Mail: c.Mail}
	for _, other := range there {
		if address.Set(c.Delete).Spells(other) && !address.Set(c.Delete).Has(other) {
			exact.Delete = append(exact.Delete, other)
			exact.Add = append(exact.Add, other)
		}
	}
	exact.Add = append(exact.Add, c.Add...)
	return exact
}

func texts(proxies []address.Proxy) []string {
	list := make([]string, len(proxies))
	for i, p := range proxies {
		list[i] = string(p)
	}
	return list
}

// nothing gives the receipt of a change that is empty.
func (w *writing) nothing(ctx context.Context) (Receipt, error) {
	now, err := w.readBack(ctx)
	if missing(err) {
		return Receipt{}, goneHolder(w.job.Entry.GUID).Because(err)
	}
	if err != nil {
		return Receipt{}, unsent(err)
	}
	return w.receipt(now), nil
}

// settle reads back what was written. Edits that slipped in between make it take back what we did.
func (w *writing) settle(ctx context.Context) (Receipt, error) {
	now, err := w.readBack(ctx)
	if err != nil {
		return Receipt{}, w.unknown(fmt.Errorf("it was taken but could not be read back: %w", err))
	}
	if slip := Slipped(w.job.Entry.Values, w.job.Change, now.Values); slip != "" {
		w.log.Warn("somebody's edit slipped in between", "holder", w.job.Entry.DN, "what", slip)
		return Receipt{}, w.takeBack(ctx, now.Values)
	}
	return w.receipt(now), nil
}

// readBack reads the holder from the DC that was written to, over a fresh connection where one broke.
func (w *writing) readBack(ctx context.Context) (now Entry, err error) {
	err = w.server.read(ctx, func(c *session) error {
		var err error
		now, err = c.holder(w.job.Entry.GUID, w.server.url)
		return err
	})
	return now, err
}

func (w *writing) receipt(now Entry) Receipt {
	return Receipt{DC: w.server.url, USNChanged: now.USNChanged, Before: w.job.Entry.Values, After: now.Values,
		Change: w.job.Change, At: w.now(), Stamps: now.Stamps}
}
