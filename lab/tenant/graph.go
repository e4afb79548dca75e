package tenant

import (
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxBody is how much of a request's body is read.
const maxBody = 4 << 20

// call is one Graph request: one of HTTP, or one item of a batch.
type call struct {
	method string
	path   string // without the version: /users/…
	query  url.Values
	header http.Header
	body   []byte
	grant  grant
	// batched says that the call is an item of a batch.
	batched bool
}

// answer is what a call gets.
type answer struct {
	status int
	header http.Header
	body   any // nil: none
}

// routes serves Graph under /v1.0/ and the authority, whose paths begin with a tenant, everywhere else.
func (t *Tenant) routes() http.Handler {
	graph, authority := t.received(graphPath, t.serveGraph), t.authority()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1.0/") {
			graph(w, r)
			return
		}
		authority.ServeHTTP(w, r)
	})
}

func (t *Tenant) authority() http.Handler {
	mux := http.NewServeMux()
	at := func(path string) func(*http.Request) string { return func(*http.Request) string { return path } }
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", t.received(at("/token"), t.serveToken))
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", t.received(at("/openid-configuration"), t.serveOpenID))
	mux.HandleFunc("GET /common/discovery/instance", t.received(at("/discovery/instance"), t.serveInstance))
	return mux
}

func graphPath(r *http.Request) string { return strings.TrimPrefix(r.URL.Path, "/v1.0") }

// serveGraph answers everything under /v1.0/.
func (t *Tenant) serveGraph(w http.ResponseWriter, r *http.Request) {
	c := call{
		method: r.Method, path: graphPath(r), query: r.URL.Query(), header: r.Header,
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		t.writeAnswer(w, t.problemAnswer(badRequest("The request body could not be read.")))
		return
	}
	c.body = body
	g, p := t.authenticate(r.Header.Get("Authorization"))
	if p != nil {
		t.writeAnswer(w, t.problemAnswer(p))
		return
	}
	c.grant = g
	t.writeAnswer(w, t.answer(c))
}

// answer answers one call: throttled, or by what the path names.
func (t *Tenant) answer(c call) answer {
	if c.path == "/$batch" {
		return t.answerBatch(c)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settle()
	units := cost(c)
	header, p := t.spend(units, c.batched)
	var a answer
	if p != nil {
		a = t.problemAnswer(p)
	} else {
		a = t.route(c)
	}
	if a.header == nil {
		a.header = http.Header{}
	}
	for name, values := range header {
		a.header[name] = values
	}
	return a
}

// route finds the entity set that a path names.
func (t *Tenant) route(c call) answer {
	segments := strings.Split(strings.Trim(c.path, "/"), "/")
	sets := map[string]func() entitySet{
		"users": usersSet, "groups": groupsSet, "contacts": contactsSet, "organization": organizationSet, "domains": domainsSet,
	}
	if segments[0] == "directory" {
		return t.routeDeleted(c, segments)
	}
	set, known := sets[segments[0]]
	switch {
	case !known:
		return t.problemAnswer(noSegment(segments[0]))
	case len(segments) > 2:
		return t.problemAnswer(noSegment(segments[2]))
	case len(segments) == 2:
		return t.entity(c, set(), segments[1])
	}
	return t.collection(c, set())
}

// routeDeleted is everything under directory/deletedItems. The collection needs a cast to a type.
func (t *Tenant) routeDeleted(c call, segments []string) answer {
	if len(segments) < 2 || segments[1] != "deletedItems" || len(segments) > 3 {
		return t.problemAnswer(noSegment(segments[len(segments)-1]))
	}
	if len(segments) == 2 {
		return t.problemAnswer(refused(codeRequestBad,
			"The collection 'deletedItems' must be cast to a type, as in deletedItems/microsoft.graph.user."))
	}
	switch segments[2] {
	case "microsoft.graph.user":
		return t.collection(c, deletedUsersSet())
	case "microsoft.graph.group":
		return t.collection(c, deletedGroupsSet())
	}
	return t.deletedEntity(c, segments[2])
}

func (t *Tenant) problemAnswer(p *problem) answer {
	return answer{status: p.status, header: p.header, body: p.body(t.now(), newID())}
}

// writeAnswer sends an answer with the headers that Graph always sends.
func (t *Tenant) writeAnswer(w http.ResponseWriter, a answer) { t.write(w, a.status, a.header, a.body) }

func (t *Tenant) write(w http.ResponseWriter, status int, header http.Header, body any) {
	for name, values := range header {
		w.Header()[name] = values
	}
	w.Header().Set("Request-Id", newID())
	w.Header().Set("Date", t.now().UTC().Format(http.TimeFormat))
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	w.WriteHeader(status)
	// A client that went away gets nothing; there is nobody to tell.
	_, _ = w.Write(appendValue(nil, body))
}
