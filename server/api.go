package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/aliasd/aliasd/server/token"
)

// apiVersion is the version of the contract, not of the program.
const apiVersion = "1"

const documentPath = "/openapi.json"

// newAPI makes huma's side of the server: our problems instead of its own, no routes that we did not ask for.
func newAPI(mux *http.ServeMux) huma.API {
	schemas := huma.NewMapRegistry("#/components/schemas/", func(t reflect.Type, hint string) string {
		return strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "JSON")
	})
	schemas.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[Problem]())
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "aliasd", Version: apiVersion,
				Description: "Changes e-mail addresses of holders in a synchronised Active Directory, and says when the cloud shows them."},
			Components: &huma.Components{Schemas: schemas, SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearer": {Type: "http", Scheme: "bearer", Description: "Made by `aliasd token create`. Each operation names the scope that it needs; admin allows all."}}},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{ownProblems},
	}
	// Answers may grow; bodies say for themselves that they may not.
	config.AllowAdditionalPropertiesByDefault = true
	return humago.New(mux, config)
}

// operation registers one operation: at the guard with its scope, at huma with its documentation, and with every error
// of the handler turned into a problem.
func operation[I, O any](s *Server, scope token.Scope, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	s.guard.allow(Route{Method: op.Method, Path: op.Path, Scope: scope})
	if scope != nobodyNeeded {
		op.Security = security(scope)
		op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable)
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, exchangeOf(ctx).problem(err)
		}
		return out, nil
	})
}

// describe puts a GET that is not huma's into the document. Answer is the JSON Schema type of what it sends.
func (s *Server) describe(scope token.Scope, path, summary, mediaType, answer string) {
	problem := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	responses := map[string]*huma.Response{"200": {Description: http.StatusText(http.StatusOK),
		Content: map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: answer}}}}}
	statuses := []int{http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if scope != anyToken {
		statuses = append(statuses, http.StatusForbidden)
	}
	for _, status := range statuses {
		responses[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status),
			Content: map[string]*huma.MediaType{problemType: {Schema: problem}}}
	}
	s.api.OpenAPI().AddOperation(&huma.Operation{OperationID: strings.TrimSuffix(path[1:], ".json"), Method: http.MethodGet, Path: path,
		Summary: summary, Security: security(scope), Responses: responses})
}

// security names the scope that a call needs; any token will do where none is named.
func security(scope token.Scope) []map[string][]string {
	if scope == anyToken {
		return []map[string][]string{{"bearer": {}}}
	}
	return []map[string][]string{{"bearer": {string(scope)}}}
}

// bodyOperation is an operation with a body of type B, which may be left out where it is optional.
func bodyOperation[B, I, O any, P carrier[I]](s *Server, scope token.Scope, op huma.Operation, optional bool,
	handle func(context.Context, *I, B) (*O, error)) {
	reader := newBodyReader[B](s.api.OpenAPI().Components.Schemas, optional)
	op.Errors = append(op.Errors, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	operation(s, scope, op, func(ctx context.Context, in *I) (*O, error) {
		body, err := reader.decode(P(in).payload())
		if err != nil {
			return nil, err
		}
		return handle(ctx, in, body)
	})
	s.api.OpenAPI().Paths[op.Path].Post.RequestBody = reader.documentation()
}

// registerDocument serves the OpenAPI document as it stands once every operation is registered.
func (s *Server) registerDocument() error {
	document, err := s.document()
	if err != nil {
		return err
	}
	s.guard.allow(Route{Method: http.MethodGet, Path: documentPath, Scope: anyToken})
	s.guard.mux.HandleFunc("GET "+documentPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		// A client that has gone away is nobody's problem.
		_, _ = w.Write(document)
	})
	return nil
}

func (s *Server) document() ([]byte, error) {
	document, err := json.MarshalIndent(s.api.OpenAPI(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return append(document, '\n'), nil
}

// Document gives the OpenAPI 3.1 document that every server shows, indented, with a newline at its end.
func Document() ([]byte, error) {
	s := &Server{guard: newGuard(Options{})}
	s.api = newAPI(s.guard.mux)
	s.register()
	return s.document()
}
