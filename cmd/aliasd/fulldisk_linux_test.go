package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/lab"
	"github.com/aliasd/aliasd/lab/faultproxy"
	"github.com/aliasd/aliasd/lab/tenant"
	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// smallDisk mounts a file system of a few megabytes where the daemon keeps its data. Only root may; others skip it aloud.
func smallDisk(t *testing.T, dir string, megabytes int) {
	t.Helper()
	err := syscall.Mount("aliasd-test", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0700", megabytes))
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOSYS) {
		t.Skipf("SKIPPED, a small file system cannot be mounted here: %v", err)
	}
	fatal(t, err)
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fill takes what is left of the disk, to the last byte, and gives the function that frees it. Any goroutine may call it.
func fill(t *testing.T, dir string) (free func()) {
	path := filepath.Join(dir, "somebody-elses-file")
	f, err := os.Create(path)
	if err != nil {
		t.Error(err)
		return func() {}
	}
	for chunk := make([]byte, 1<<16); len(chunk) > 0; {
		if _, err := f.Write(chunk); err != nil {
			chunk = chunk[:len(chunk)/2]
		}
	}
	return func() {
		if err := errors.Join(f.Close(), os.Remove(path)); err != nil {
			t.Error(err)
		}
	}
}

// The disk is full: taking requests in is refused with 507 and a stable code, what was accepted before is there to read, nothing
// is written without its intent, and all goes on once there is room.
func TestTheDiskIsFull(t *testing.T) {
	t.Parallel()
	w := newWired(t, lab.Embedded, tenant.Options{}, func(s *stack) { smallDisk(t, filepath.Join(s.dir, "data"), 8) })
	_, err := w.remote.Pause(context.Background())
	fatal(t, err)
	accepted := []queue.RequestID{w.submit(t, address.AddAlias, "carla", "c.ruiz@contoso.test").ID}
	free := fill(t, filepath.Join(w.dir, "data"))
	for i := range 200 {
		r, err := w.remote.Submit(context.Background(), server.SubmissionJSON{Holder: "jdoe", Action: address.AddAlias, Address: fmt.Sprintf("a%d@contoso.test", i)}, "")
		if err == nil {
			accepted = append(accepted, r.ID)
			continue
		}
		mustBeFull(t, err)
	}
	if len(accepted) > 150 {
		t.Fatalf("%d requests were accepted: the disk was not full", len(accepted))
	}
	page, err := w.remote.List(context.Background(), queryAll())
	fatal(t, err)
	if len(page.Items) != len(accepted) {
		t.Errorf("%d requests are there, %d were accepted", len(page.Items), len(accepted))
	}
	if n := w.dc.Count(faultproxy.Modify); n > 0 {
		t.Errorf("%d modifies while the store takes no intent", n)
	}
	free()
	_, err = w.remote.Resume(context.Background())
	fatal(t, err)
	w.written(t, accepted[0])
	if last := w.submit(t, address.AddAlias, "carla", "last@contoso.test"); !slices.Contains(accepted, last.ID) {
		w.written(t, last.ID)
	}
}

func mustBeFull(t *testing.T, err error) {
	t.Helper()
	var problem *client.Problem
	if !errors.As(err, &problem) || problem.Status != http.StatusInsufficientStorage || problem.Code != server.StoreFull {
		t.Fatalf("a full disk is answered %v", err)
	}
}

// The disk fills up between a modify and its receipt: the write is not forgotten, and not made twice.
func TestTheDiskFillsUpDuringAWrite(t *testing.T) {
	t.Parallel()
	clock := newTestClock()
	w := newWired(t, lab.Embedded, tenant.Options{}, func(s *stack) {
		s.tuning.now = clock.Now
		smallDisk(t, filepath.Join(s.dir, "data"), 8)
	})
	full := make(chan func(), 1)
	w.dc.OnMessage(faultproxy.Times(1, faultproxy.Is(faultproxy.Modify), faultproxy.Fault{Before: func() {
		full <- fill(t, filepath.Join(w.dir, "data"))
	}}))
	r := w.submit(t, address.SetPrimary, "jdoe", "j.doe@contoso.test")
	free := <-full
	seen := w.until(t, r.ID, "what becomes of it", func(r requestJSON) bool {
		return w.values(t, "Jane Doe", "").Mail == "j.doe@contoso.test"
	})
	if seen.State != queue.Writing {
		t.Errorf("without room for the receipt it is %s", seen.State)
	}
	free()
	clock.Add(20 * time.Minute) // its lease is over: it is planned again
	w.written(t, r.ID)
	if n := w.dc.Count(faultproxy.Modify); n != 1 {
		t.Errorf("%d modifies", n)
	}
	w.verify(t, r.ID)
}
