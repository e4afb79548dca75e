package tenantfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"hash/maphash"
	"io/fs"
	"os"
	"strings"

	"github.com/aliasd/aliasd/cause"
	"github.com/aliasd/aliasd/cloudcheck"
	"github.com/aliasd/aliasd/cloudcheck/hashindex"
)

// Source reads the tenant; *graph.Client does.
type Source interface {
	// EachObject gives every user, group and contact that lives, a page at a time, from one goroutine. An error of take ends
	// it and is returned as it is; others are *cause.Error of kind Waiting.
	EachObject(ctx context.Context, take func([]cloudcheck.Object) error) error
}

// File is one reading of a tenant. Read is called once, before the others; after it Match and HoldersOf may be called
// concurrently. Errors are *cause.Error of kind Waiting, or wrap the context's.
type File struct {
	path string
	file *os.File // nil until it is made, and after Close
	seed maphash.Seed
	// begins are where the objects begin, by their numbers, and where the last one ends.
	begins []int64
	keys   hashindex.Index // sorted by Read
}

// New prepares a File; Read makes the file itself.
func New(path string) *File {
	return &File{path: path, seed: maphash.MakeSeed()}
}

// Read reads every object of the tenant into a new file, in place of one that a killed process left behind. progress is
// told how many objects were read so far.
func (f *File) Read(ctx context.Context, from Source, progress func(objects int)) error {
	if err := f.create(); err != nil {
		return f.explain(ctx, err)
	}
	w := &writer{File: f, out: bufio.NewWriterSize(f.file, 64<<10), seen: map[[16]byte]bool{}}
	err := from.EachObject(ctx, func(page []cloudcheck.Object) error {
		err := w.add(page)
		progress(f.Objects())
		return err
	})
	if err == nil {
		err = w.out.Flush()
	}
	f.keys.Sort()
	return f.explain(ctx, err)
}

// create makes the file, so that it belongs to its owner alone from the beginning.
func (f *File) create() (err error) {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f.file, err = os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	f.begins = []int64{0}
	return err
}

// Objects is how many objects the file holds.
func (f *File) Objects() int { return max(0, len(f.begins)-1) }

// Close closes and removes the file. Closing twice is harmless.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return errors.Join(err, os.Remove(f.path))
}

// writer puts objects into the file, in the order in which they come.
type writer struct {
	*File
	out  *bufio.Writer
	body []byte
	// seen are the ids so far, as hashes of 128 bits: a page that moves while it is read gives an object twice.
	seen map[[16]byte]bool
}

// add puts a page in. The first reading of an object counts.
func (w *writer) add(page []cloudcheck.Object) error {
	for i := range page {
		o := &page[i]
		h := fnv.New128a()
		_, _ = h.Write([]byte(strings.ToLower(o.ID)))
		id := [16]byte(h.Sum(nil))
		if w.seen[id] {
			continue
		}
		w.seen[id] = true
		number := uint32(w.Objects())
		for _, k := range w.keysOf(o) {
			w.keys.Add(uint64(k), number)
		}
		w.body = encode(w.body[:0], o)
		w.begins = append(w.begins, w.begins[number]+int64(len(w.body)))
		if _, err := w.out.Write(w.body); err != nil {
			return err
		}
	}
	return nil
}

// explain makes an error of the file a cause. The source's and the context's stay what they are.
func (f *File) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("read the tenant: %w", context.Cause(ctx))
	}
	if known, ok := cause.As(err); ok {
		return known
	}
	return cause.Wait(cause.CloudUnavailable, "what was read of the tenant cannot be kept in %s: %v", f.path, err).Because(err)
}
