package ldapwriter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aliasd/aliasd/cause"
)

// Directory is one Active Directory forest, as seen through the DCs of one of its domains. It may be used concurrently.
type Directory struct {
	options  Options
	servers  []*server // of the domain; the first one is pinned
	catalogs []*server
	gate     *bindGate
	log      *slog.Logger
	now      func() time.Time

	forest  atomic.Pointer[forest] // what is known of the forest; nil until it was read
	serving atomic.Int32           // the index of the server that answered last, for the log

	mu      sync.Mutex
	domains map[string]*server // DCs of other domains by DNS name, made when first needed
	closed  bool
}

// Open checks the options and makes a Directory. It connects to nothing yet.
func Open(o Options) (*Directory, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	o = o.withDefaults()
	d := &Directory{options: o, gate: newBindGate(o.Now), log: o.Logger, now: o.Now, domains: map[string]*server{}}
	var err error
	if d.servers, err = d.newServers(o.Servers, ldapsPort); err != nil {
		return nil, err
	}
	if d.catalogs, err = d.newServers(o.GlobalCatalog, catalogPort); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Directory) newServers(urls []string, port string) ([]*server, error) {
	var made []*server
	for _, raw := range urls {
		s, err := d.newServer(raw, port)
		if err != nil {
			return nil, err
		}
		made = append(made, s)
	}
	return made, nil
}

func (d *Directory) newServer(raw, port string) (*server, error) {
	u, err := parseServer(raw, port)
	if err != nil {
		return nil, err
	}
	return newServer(raw, u, d.options, d.gate)
}

// Close ends all connections; it waits for operations that are under way. Further calls fail. Closing twice is harmless.
func (d *Directory) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for _, s := range d.servers {
		s.close()
	}
	for _, s := range d.catalogs {
		s.close()
	}
	for _, s := range d.domains {
		s.close()
	}
	return nil
}

// server gives the server that is called url in the settings, nil where there is none any more.
func (d *Directory) server(url string) *server {
	for _, s := range d.servers {
		if strings.EqualFold(strings.TrimSuffix(s.url, "/"), strings.TrimSuffix(url, "/")) {
			return s
		}
	}
	return nil
}

// pinned says whether s is the server that is used as long as it answers.
func (d *Directory) pinned(s *server) bool { return s == d.servers[0] }

// first runs a read on the first of the domain's servers that serves. work gets the server too, since what another one
// than the pinned one shows may be old.
func (d *Directory) first(ctx context.Context, work func(*server, *session) error) error {
	served, err := firstOf(ctx, d.servers, work)
	if err == nil {
		d.noteServing(served)
	}
	return err
}

// noteServing logs when reads move to another server.
func (d *Directory) noteServing(index int) {
	if was := d.serving.Swap(int32(index)); int(was) != index {
		d.log.Warn("the directory is read from another server", "server", d.servers[index].url, "before", d.servers[was].url)
	}
}

// firstOf runs a read on the first server that serves, and gives its index. Where none does the error is
// Wait(directory_unavailable) with the reason of each.
func firstOf(ctx context.Context, servers []*server, work func(*server, *session) error) (int, error) {
	var away []error
	for i, s := range servers {
		err := s.read(ctx, func(c *session) error { return work(s, c) })
		var gone *awayError
		if !errors.As(err, &gone) {
			return i, err
		}
		away = append(away, gone)
	}
	return 0, unavailable(away...)
}

// unavailable is Wait(directory_unavailable) with the reason of each server.
func unavailable(away ...error) *cause.Error {
	words := make([]string, len(away))
	for i, err := range away {
		words[i] = err.Error()
	}
	return cause.Wait(cause.DirectoryUnavailable, "no domain controller can be used (%s); this is tried again by itself",
		strings.Join(words, "; ")).Because(errors.Join(away...))
}
