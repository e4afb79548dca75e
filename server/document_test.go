package server_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aliasd/aliasd/queue"
	"github.com/aliasd/aliasd/server"
)

// TestDocumentIsCommitted: openapi.json is what the code says (go generate ./server).
func TestDocumentIsCommitted(t *testing.T) {
	t.Parallel()
	want, err := server.Document()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("openapi.json is not what the code says; run go generate ./server")
	}
	f := newFixture(t)
	if served := f.get("/openapi.json"); served.body != string(want) || served.header.Get("Content-Type") != "application/openapi+json" {
		t.Error("/openapi.json is another one")
	}
}

// TestDocumentHasEveryAnswer: each operation has a name of its own, and one with a token the answers that the guard gives.
func TestDocumentHasEveryAnswer(t *testing.T) {
	t.Parallel()
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			Security    []map[string][]string
			Responses   map[string]any
		}
	}
	if err := json.Unmarshal([]byte(newFixture(t).get("/openapi.json").body), &document); err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for path, operations := range document.Paths {
		for method, op := range operations {
			if other := ids[op.OperationID]; other != "" || op.OperationID == "" {
				t.Errorf("%s %s is called %q like %q", method, path, op.OperationID, other)
			}
			ids[op.OperationID] = path
			if len(op.Security) > 0 && (op.Responses["401"] == nil || op.Responses["503"] == nil) {
				t.Errorf("%s %s lacks an answer: %v", method, path, op.Responses)
			}
		}
	}
}

// schemaType is as much of a schema in the document as says what kind of value it describes.
type schemaType struct {
	Ref  string `json:"$ref"`
	Type string `json:"type"`
}

// TestDocumentDeclaresWhatIsSent calls each GET that needs no parameter: the answer has the declared media type, and is of the declared type.
func TestDocumentDeclaresWhatIsSent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var document struct {
		Components struct{ Schemas map[string]schemaType }
		Paths      map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]struct{ Schema schemaType }
			}
		}
	}
	if err := json.Unmarshal([]byte(f.get("/openapi.json").body), &document); err != nil {
		t.Fatal(err)
	}
	called := 0
	for path, operations := range document.Paths {
		operation, isGet := operations["get"]
		if !isGet || strings.Contains(path, "{") {
			continue
		}
		called++
		got := f.get(path)
		sent, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
		content, declared := operation.Responses[strconv.Itoa(got.status)].Content[sent]
		if !declared {
			t.Errorf("%s: %d %s is not declared", path, got.status, sent)
			continue
		}
		schema := content.Schema
		if name, isRef := strings.CutPrefix(schema.Ref, "#/components/schemas/"); isRef {
			schema = document.Components.Schemas[name]
		}
		if kind := kindOf(sent, got.body); schema.Type != kind {
			t.Errorf("%s declares the type %q and sends the type %q", path, schema.Type, kind)
		}
	}
	if called < 4 {
		t.Errorf("only %d paths were called", called)
	}
}

// kindOf is the JSON Schema type of a body: a string unless it is JSON.
func kindOf(mediaType, body string) string {
	if !strings.HasSuffix(mediaType, "json") {
		return "string"
	}
	switch strings.TrimSpace(body)[:1] {
	case "{":
		return "object"
	case "[":
		return "array"
	}
	return "another"
}

// TestPageIsComplete: docs/api.md names every code and every call, the call beside its scope.
func TestPageIsComplete(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range server.Codes() {
		if !bytes.Contains(text, []byte("`"+string(code)+"`")) {
			t.Errorf("no code %s", code)
		}
	}
	rows := map[string]string{"open": "none needed", "token": "any"}
	for _, r := range newFixture(t).server.Routes() {
		row, ok := rows[string(r.Scope)]
		if !ok {
			row = "`" + string(r.Scope) + "`"
		}
		found := false
		for line := range bytes.Lines(text) {
			found = found || bytes.HasPrefix(line, []byte("| "+row+" |")) && bytes.Contains(line, []byte("`"+r.Method+" "+r.Path+"`"))
		}
		if !found {
			t.Errorf("%s %s does not stand in the row of %s", r.Method, r.Path, row)
		}
	}
}

// TestDocumentNamesEveryState holds the states in the document and those of the queue together.
func TestDocumentNamesEveryState(t *testing.T) {
	t.Parallel()
	text, err := server.Document()
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		OpenAPI    string `json:"openapi"`
		Components struct {
			Schemas map[string]struct {
				AdditionalProperties bool `json:"additionalProperties"`
				Properties           map[string]struct {
					Enum []string `json:"enum"`
				} `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name   string `json:"name"`
				Schema struct {
					Enum []string `json:"enum"`
				} `json:"schema"`
			} `json:"parameters"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, s := range queue.States() {
		states = append(states, string(s))
	}
	schemas := document.Components.Schemas
	if got := schemas["Request"].Properties["state"].Enum; !slices.Equal(got, states) {
		t.Errorf("a request's states are %v", got)
	}
	parameters := document.Paths["/v1/requests"]["get"].Parameters
	if got := parameters[0]; got.Name != "state" || !slices.Equal(got.Schema.Enum, states) {
		t.Errorf("the states to list are %+v", got)
	}
	if document.OpenAPI != "3.1.0" || schemas["Submission"].AdditionalProperties || !schemas["Request"].AdditionalProperties {
		t.Errorf("%s; bodies may grow %v, answers may grow %v", document.OpenAPI,
			schemas["Submission"].AdditionalProperties, schemas["Request"].AdditionalProperties)
	}
}
