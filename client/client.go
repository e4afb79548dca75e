// Package client speaks the REST API of a running daemon: it is what the command line uses, and what another Go program
// may use. It decides nothing, keeps nothing, and sends its token to the configured server only.
package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
	"github.com/aliasd/aliasd/server/token"
)

// Problem is the server's answer where it says no; errors.As finds it in every error of a call that was answered. Its
// Code is stable.
type Problem = server.Problem

// Options are what a client is made from.
type Options struct {
	// URL is the server's, without a path: https://aliasd.contoso.test:8440. Without TLS only this machine's: a token
	// would go over the wire in the clear.
	URL string
	// Token is a bearer token, aliasd_….
	Token string
	// CA are the PEM certificates that vouch for the server; empty: the system's.
	CA []byte
	// Timeout bounds one call; 0 is 30 seconds. A call that the server had too many of (429) is made again when it says so:
	// that waiting is bounded by Timeout once more, and by the call's context.
	Timeout time.Duration
	// Waiting is told of each such wait before it begins; may be nil.
	Waiting func(why *Problem, pause time.Duration)
}

// Client makes calls. It may be used concurrently.
type Client struct {
	base  *url.URL
	token token.Secret
	http  *http.Client
	pace  pace
	// patience is how long a call may wait, all in all, to be made again.
	patience time.Duration
	waiting  func(why *Problem, pause time.Duration)
}

// New checks the options; it calls nobody.
func New(o Options) (*Client, error) {
	base, err := ParseURL(o.URL)
	if err != nil {
		return nil, err
	}
	secret, err := token.Parse(o.Token)
	if err != nil {
		return nil, fmt.Errorf("the token for %s: %w; it looks like aliasd_…", base.Host, err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	// There is but one host: it may have all idle connections, so that many callers do not open one per call.
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if ThisMachine(base.Hostname()) {
		transport.Proxy = nil
	}
	if len(o.CA) > 0 {
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(o.CA) {
			return nil, errors.New("the CA holds no PEM certificate")
		}
	}
	timeout := cmp.Or(o.Timeout, 30*time.Second)
	return &Client{base: base, token: secret, pace: defaultPace(), patience: timeout, waiting: o.Waiting, http: &http.Client{Transport: transport, Timeout: timeout,
		// The API sends nobody elsewhere; whatever does is not to have the token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// ErrURL: the URL is none of a server that may be asked.
var ErrURL = errors.New("want https://host:port")

// ParseURL checks a server's URL: https, or http where the host is this machine; ErrURL otherwise.
func ParseURL(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("server URL %q: %w", text, ErrURL)
	}
	if base.Scheme != "https" && (base.Scheme != "http" || !ThisMachine(base.Hostname())) {
		return nil, fmt.Errorf("server URL %q: another machine is asked by https only; %w", text, ErrURL)
	}
	return base, nil
}

// Host is the server's host and port.
func (c *Client) Host() string { return c.base.Host }

// ThisMachine says whether a host is this machine by its very name.
func ThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Close drops idle connections. The client can be used on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Query selects requests for List; zero fields select everything.
type Query struct {
	State  queue.State
	Holder string // as it was submitted, in any case, or an objectGUID
	Ticket string
	Limit  int // 1 to 500; 0 is 50
	Cursor string
}

func (q Query) encode() string {
	values := url.Values{}
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	set("state", string(q.State))
	set("holder", q.Holder)
	set("ticket", q.Ticket)
	set("cursor", q.Cursor)
	if q.Limit != 0 {
		set("limit", strconv.Itoa(q.Limit))
	}
	return values.Encode()
}

// Submit asks for a change. The key may be empty; with one, sending the same body twice gives the same request.
func (c *Client) Submit(ctx context.Context, body server.SubmissionJSON, key string) (server.RequestJSON, error) {
	return send[server.RequestJSON](ctx, c, call{path: "/v1/requests", body: body, key: key})
}

// Undo asks to take back exactly what a request wrote, by a new request.
func (c *Client) Undo(ctx context.Context, id queue.RequestID, body server.UndoJSON, key string) (server.RequestJSON, error) {
	return send[server.RequestJSON](ctx, c, call{path: requestPath(id, "/undo"), body: body, key: key})
}

// Validate says what would become of a request now; nothing is stored.
func (c *Client) Validate(ctx context.Context, body server.SubmissionJSON) (server.PreviewJSON, error) {
	return send[server.PreviewJSON](ctx, c, call{path: "/v1/validate", body: body})
}

// Get shows a request with its newest events.
func (c *Client) Get(ctx context.Context, id queue.RequestID) (server.RequestJSON, error) {
	return fetch[server.RequestJSON](ctx, c, requestPath(id, ""))
}

// GetWhole shows a request with all its events, in as many calls as that takes.
func (c *Client) GetWhole(ctx context.Context, id queue.RequestID) (server.RequestJSON, error) {
	whole, err := c.Get(ctx, id)
	for err == nil && whole.EventsCursor != 0 {
		var earlier server.RequestJSON
		earlier, err = fetch[server.RequestJSON](ctx, c, fmt.Sprintf("%s?events_limit=500&events_cursor=%d", requestPath(id, ""), whole.EventsCursor))
		whole.Events, whole.EventsCursor = append(earlier.Events, whole.Events...), earlier.EventsCursor
	}
	return whole, err
}

// List shows a page of requests, newest first.
func (c *Client) List(ctx context.Context, q Query) (server.PageJSON, error) {
	path := "/v1/requests"
	if query := q.encode(); query != "" {
		path += "?" + query
	}
	return fetch[server.PageJSON](ctx, c, path)
}

// Cancel takes back a request that is accepted, queued or held.
func (c *Client) Cancel(ctx context.Context, id queue.RequestID) (server.RequestJSON, error) {
	return c.step(ctx, id, "/cancel")
}

// Recheck looks now at what a request waits for.
func (c *Client) Recheck(ctx context.Context, id queue.RequestID) (server.RequestJSON, error) {
	return c.step(ctx, id, "/recheck")
}

// Release lets a held request go.
func (c *Client) Release(ctx context.Context, id queue.RequestID) (server.RequestJSON, error) {
	return c.step(ctx, id, "/release")
}

func (c *Client) step(ctx context.Context, id queue.RequestID, name string) (server.RequestJSON, error) {
	return send[server.RequestJSON](ctx, c, call{path: requestPath(id, name)})
}

// Pause stops all writing, on every node.
func (c *Client) Pause(ctx context.Context) (server.PauseJSON, error) {
	return send[server.PauseJSON](ctx, c, call{path: "/v1/pause"})
}

// Resume starts all writing again.
func (c *Client) Resume(ctx context.Context) (server.PauseJSON, error) {
	return send[server.PauseJSON](ctx, c, call{path: "/v1/resume"})
}

// Holder shows a holder on-premises, as predicted, and in the cloud. Any identity will do.
func (c *Client) Holder(ctx context.Context, identity string) (server.HolderView, error) {
	return fetch[server.HolderView](ctx, c, "/v1/holders/"+url.PathEscape(identity))
}

func requestPath(id queue.RequestID, step string) string {
	return "/v1/requests/" + url.PathEscape(string(id)) + step
}
