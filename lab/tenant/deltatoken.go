package tenant

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// deltaLife is how long a delta token of directory objects holds (Graph concepts, "delta query": token duration).
const deltaLife = 7 * 24 * time.Hour

// deltaToken is what a $deltatoken or a $skiptoken of a delta query stands for. It holds the options of the first
// request, for later ones do not repeat them.
type deltaToken struct {
	Set    string   `json:"set"` // users
	Select []string `json:"select,omitempty"`
	IDs    []string `json:"ids,omitempty"`
	// Since is the version that changes are told from, 0 for everything.
	Since int64 `json:"since"`
	// Until is the version at which this round began and the next one will; After is the place in the order that the
	// next page begins behind. Both are set in a $skiptoken only.
	Until int64 `json:"until,omitempty"`
	After int64 `json:"after,omitempty"`
	// Generation and Issued tell whether it still holds.
	Generation int       `json:"generation"`
	Issued     time.Time `json:"issued"`
}

// DeltaEnd is how Graph says that a delta token does not hold any more.
type DeltaEnd int

// The two ways that are documented (Graph concepts, "delta query": token duration, synchronization reset).
const (
	// StateNotFound is 400 with the code syncStateNotFound.
	StateNotFound DeltaEnd = iota
	// ResyncRequired is 410 with the Location of a full synchronisation.
	ResyncRequired
)

// ExpireDeltas ends every delta token that was given so far.
func (t *Tenant) ExpireDeltas(end DeltaEnd) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deltaGeneration++
	t.deltaEnd = end
}

// seal makes the opaque text of a token.
func (t *Tenant) seal(token deltaToken) string {
	token.Generation, token.Issued = t.deltaGeneration, t.now().UTC()
	text, err := json.Marshal(token)
	if err != nil {
		return "" // a token of strings, numbers and a time always has a text
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// unseal reads a token of this set. page says that it has to be a $skiptoken.
func (t *Tenant) unseal(set entitySet, text string, page bool) (deltaToken, *problem) {
	var token deltaToken
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &token) != nil || token.Set != set.name || page != (token.Until > 0) {
		return deltaToken{}, stateNotFound()
	}
	switch {
	case token.Generation < t.deltaGeneration && t.deltaEnd == ResyncRequired:
		return deltaToken{}, t.resyncRequired(token)
	case token.Generation != t.deltaGeneration, t.now().Sub(token.Issued) > deltaLife:
		return deltaToken{}, stateNotFound()
	}
	return token, nil
}

func stateNotFound() *problem {
	return refused(codeStateNotFound,
		"The sync state generation is not found. The delta token is expired and data must be synchronized again.")
}

// resyncRequired names the first request again, with an empty token.
func (t *Tenant) resyncRequired(token deltaToken) *problem {
	location := t.URL + "/v1.0/" + token.Set + "/delta?$deltatoken="
	if len(token.Select) > 0 {
		location += "&$select=" + url.QueryEscape(strings.Join(token.Select, ","))
	}
	return &problem{status: http.StatusGone, code: codeResyncRequired, header: http.Header{"Location": {location}},
		message: "The delta token is no longer valid, and the app must reset the sync state."}
}
