package tenant

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
)

// maxBatch is how many requests one batch takes (Graph concepts, "JSON batching").
const maxBatch = 20

type batchRequest struct {
	Requests []batchItem `json:"requests"`
}

type batchItem struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body"`
}

type batchResponse struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    any               `json:"body,omitempty"`
}

// answerBatch runs the requests of a batch and answers in no order. Each is throttled and fails on its own.
func (t *Tenant) answerBatch(c call) answer {
	if c.method != http.MethodPost {
		return t.problemAnswer(notAllowed())
	}
	var request batchRequest
	if err := json.Unmarshal(c.body, &request); err != nil {
		return t.problemAnswer(badRequest("Invalid batch payload format."))
	}
	if p := checkBatch(request); p != nil {
		return t.problemAnswer(p)
	}
	responses := make([]batchResponse, 0, len(request.Requests))
	for _, item := range request.Requests {
		responses = append(responses, t.answerItem(c, item))
	}
	rand.Shuffle(len(responses), func(i, j int) { responses[i], responses[j] = responses[j], responses[i] })
	return answer{status: http.StatusOK, body: map[string]any{"responses": responses}}
}

func checkBatch(request batchRequest) *problem {
	switch n := len(request.Requests); {
	case n == 0:
		return badRequest("Invalid batch payload format.")
	case n > maxBatch:
		return badRequest("Number of batch request steps exceeds the maximum value of %d.", maxBatch)
	}
	seen := map[string]bool{}
	for _, item := range request.Requests {
		switch {
		case item.ID == "" || item.Method == "" || item.URL == "":
			return badRequest("A batch request step needs an id, a method and a url.")
		case seen[item.ID]:
			return badRequest("The batch request step id '%s' is not unique.", item.ID)
		}
		seen[item.ID] = true
	}
	return nil
}

// answerItem runs one request of a batch. Its url is relative to the version.
func (t *Tenant) answerItem(outer call, item batchItem) batchResponse {
	target, err := url.Parse(item.URL)
	if err != nil || target.IsAbs() || target.Host != "" || strings.Contains(target.Path, "$batch") {
		return itemResponse(item.ID, t.problemAnswer(badRequest("Invalid batch request step url '%s'.", item.URL)))
	}
	c := call{
		method: strings.ToUpper(item.Method), path: "/" + strings.Trim(target.Path, "/"), query: target.Query(),
		header: http.Header{}, body: item.Body, grant: outer.grant, batched: true,
	}
	for name, value := range item.Headers {
		c.header.Set(name, value)
	}
	if f := t.arrive(c.path, true); f != nil {
		return itemResponse(item.ID, t.problemAnswer(faultProblem(f.Status, f.RetryAfter)))
	}
	return itemResponse(item.ID, t.answer(c))
}

func itemResponse(id string, a answer) batchResponse {
	headers := map[string]string{"Cache-Control": "no-cache", "Content-Type": "application/json"}
	for name := range a.header {
		headers[name] = a.header.Get(name)
	}
	return batchResponse{ID: id, Status: a.status, Headers: headers, Body: a.body}
}
