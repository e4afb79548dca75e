package audit

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
)

// compareAll compares every holder of the directory. A page is compared while the directory's side reads the next one.
func (r *run) compareAll(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	pages, ended := make(chan []address.Holder), make(chan struct{})
	var failed error // of the comparison; to be read when ended is closed
	go func() {
		defer close(ended)
		for page := range pages {
			if failed = r.comparePage(ctx, page); failed != nil {
				return
			}
		}
	}()
	err := r.Directory.EachHolder(ctx, func(page []address.Holder) error {
		select {
		case pages <- page:
			return nil
		case <-ended:
			return failed
		}
	})
	close(pages)
	<-ended
	if failed != nil {
		return failed
	}
	if err != nil {
		return &stopped{"the directory could not be read to its end", err}
	}
	return nil
}

// comparePage compares one page and delivers what it finds, in the order of the page. What hangs on who else of a container
// is in the tenant waits for the end.
func (r *run) comparePage(ctx context.Context, page []address.Holder) error {
	sightings, err := r.match(ctx, page)
	if err != nil {
		return err
	}
	r.scope.learn(page, sightings)
	diagnoses := r.diagnoseAll(page, sightings)
	r.lookCloser(ctx, diagnoses, sightings)
	var numbers []uint32
	judged := diagnoses[:0]
	for i := range diagnoses {
		d := &diagnoses[i]
		number := r.index.add(&d.Holder)
		if missing(d, sightings[i]) && !r.scope.known(&d.Holder) {
			r.scope.undecided = append(r.scope.undecided, number)
			continue
		}
		numbers, judged = append(numbers, number), append(judged, *d)
	}
	if err := r.judge(ctx, numbers, judged); err != nil {
		return err
	}
	r.pace.at(len(r.index.guids), r.counts.wrong)
	return nil
}

// lookCloser compares those of a page once more that seem to wait for the cloud: the pass over all holders tells when they were changed,
// and not whether that was an address. One that cannot be read again goes on waiting.
func (r *run) lookCloser(ctx context.Context, diagnoses []cloudcheck.Diagnosis, sightings []cloudcheck.Sighting) {
	var late []int
	var ids []address.GUID
	for i := range diagnoses {
		if slices.ContainsFunc(diagnoses[i].Findings, isLate) {
			late, ids = append(late, i), append(ids, diagnoses[i].Holder.GUID)
		}
	}
	if len(late) == 0 {
		return
	}
	holders, errs := r.Directory.Holders(ctx, ids)
	for n, i := range late {
		if errs[n] == nil && !holders[n].AddressesChanged.IsZero() {
			diagnoses[i] = r.diagnose(holders[n], sightings[i])
		}
	}
}

// isLate says that a finding goes by itself since the holder was changed lately.
func isLate(f cloudcheck.Finding) bool {
	return f.Severity == cloudcheck.Pending && f.Code != cause.Quarantined
}

// judge counts holders as compared and delivers what was found about them.
func (r *run) judge(ctx context.Context, numbers []uint32, diagnoses []cloudcheck.Diagnosis) error {
	if err := r.blameAll(ctx, diagnoses); err != nil {
		return err
	}
	for i := range diagnoses {
		r.counts.holder(numbers[i], &diagnoses[i].Holder)
		if err := r.deliver(numbers[i], &diagnoses[i]); err != nil {
			return err
		}
	}
	return nil
}

// diagnoseAll compares each holder with its object, on all processors.
func (r *run) diagnoseAll(page []address.Holder, sightings []cloudcheck.Sighting) []cloudcheck.Diagnosis {
	diagnoses := make([]cloudcheck.Diagnosis, len(page))
	workers := runtime.GOMAXPROCS(0)
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w * len(page) / workers; i < (w+1)*len(page)/workers; i++ {
				diagnoses[i] = r.diagnose(page[i], sightings[i])
			}
		})
	}
	all.Wait()
	return diagnoses
}

// diagnose compares one holder. Where it is not known which object it is, that is all there is to say; a sync that is due may
// tell.
func (r *run) diagnose(h address.Holder, s cloudcheck.Sighting) cloudcheck.Diagnosis {
	if s.Err == nil {
		d := r.Cloud.Diagnose(h, r.tenant, s.Object)
		d.Findings = slices.DeleteFunc(d.Findings, func(f cloudcheck.Finding) bool { return noNews(h, f) })
		return d
	}
	why := cause.Cause{Code: cause.AmbiguousHolder, Message: s.Err.Error()}
	if known, ok := cause.As(s.Err); ok {
		why.Message = known.Cause.Message
	}
	severity := cloudcheck.Wrong
	if h.AddressesSince().After(r.tenant.LastSync) {
		severity = cloudcheck.Pending
	}
	return cloudcheck.Diagnosis{Holder: h, Findings: []cloudcheck.Finding{{Severity: severity, Cause: why}}}
}

// noNews says that a finding is good to know about one holder, but not in a list of all: that an object without addresses,
// or one that belongs to Exchange or to the sync, is not in the cloud. Each domain has dozens of built-in groups, and each
// Exchange server dozens of mailboxes, of that kind.
func noNews(h address.Holder, f cloudcheck.Finding) bool {
	withoutAddress := h.Mail == "" && len(h.Proxies) == 0
	return (withoutAddress || cloudcheck.Unmanned(h)) && f.Severity == cloudcheck.Notice && f.Code == cause.NotInCloud
}

// deliver counts what was found about a holder and hands it to the sink.
func (r *run) deliver(number uint32, d *cloudcheck.Diagnosis) error {
	r.counts.found(number, &d.Holder, d.Findings)
	for _, f := range d.Findings {
		if err := r.Sink.Take(itemOf(d, f)); err != nil {
			return &stopped{"what was found could not be written", err}
		}
	}
	return nil
}

func itemOf(d *cloudcheck.Diagnosis, f cloudcheck.Finding) Item {
	h := &d.Holder
	it := Item{ObjectGUID: h.GUID.String(), Kind: h.Kind, Name: h.Name, DN: h.DN, UPN: h.UPN, Finding: f, OnPremises: h.Values}
	if p := &d.Predicted; p.Proxies != nil { // nil where nothing was predicted
		it.Predicted = &address.Values{Mail: p.Mail, Proxies: p.Proxies}
	}
	if o := d.Object; o != nil {
		it.CloudID, it.Cloud = o.ID, &o.Values
	}
	return it
}
