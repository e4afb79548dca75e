package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/aliasd/aliasd/strictjson"
)

// maxBody is how long a body may be, in bytes.
const maxBody = 64 << 10

// Payload is a call's body as it came; inputs embed it, and it is exported because huma looks into no other fields. It
// reads the body before huma can: that would answer 400 where the contract says 422, take field names in any case, and
// the last of two fields of one name.
type Payload struct {
	data []byte
	err  error
}

var _ huma.Resolver = (*Payload)(nil)

// Resolve implements huma.Resolver. What went wrong is told by decode, as a problem.
func (p *Payload) Resolve(ctx huma.Context) []error {
	if p.err = checkMediaType(ctx.Header("Content-Type")); p.err != nil {
		return nil
	}
	p.data, p.err = io.ReadAll(ctx.BodyReader())
	return nil
}

func (p *Payload) payload() *Payload { return p }

// carrier is a pointer to an input with a body.
type carrier[I any] interface {
	*I
	payload() *Payload
}

// checkMediaType lets JSON pass, and a body that says nothing of itself.
func checkMediaType(header string) error {
	if header == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(header)
	if err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")) {
		return nil
	}
	return newProblem(http.StatusUnsupportedMediaType, UnsupportedMediaType, "The body has to be JSON; send it with Content-Type: application/json.")
}

// bodyReader decodes bodies into T by T's schema, which is the one that the OpenAPI document shows.
type bodyReader[T any] struct {
	registry huma.Registry
	schema   *huma.Schema
	optional bool
}

func newBodyReader[T any](registry huma.Registry, optional bool) bodyReader[T] {
	return bodyReader[T]{registry: registry, schema: registry.Schema(reflect.TypeFor[T](), false, ""), optional: optional}
}

// documentation describes the body. It goes into the document after the operation was registered: huma reads every
// body that it is told of.
func (r bodyReader[T]) documentation() *huma.RequestBody {
	return &huma.RequestBody{Required: !r.optional,
		Content: map[string]*huma.MediaType{"application/json": {Schema: r.registry.Schema(reflect.TypeFor[T](), true, "")}}}
}

// decode reads a body strictly: one JSON object in UTF-8, no field twice, none that T does not have in that very
// spelling, each as the schema wants it. Every mistake is named at once, in a *Problem.
func (r bodyReader[T]) decode(p *Payload) (T, error) {
	var into T
	if p.err != nil {
		return into, readProblem(p.err)
	}
	if r.optional && len(bytes.TrimSpace(p.data)) == 0 {
		return into, nil
	}
	if !utf8.Valid(p.data) {
		return into, malformed(errors.New("it is not UTF-8"))
	}
	sent, err := strictjson.Parse(p.data, reflect.TypeFor[T]())
	if err != nil {
		return into, malformed(err)
	}
	if len(sent.Mistakes) > 0 && sent.Mistakes[0].Path == "" {
		return into, malformed(sent.Mistakes[0])
	}
	var values map[string]any
	if err := sent.Into(&values); err != nil {
		return into, malformed(err)
	}
	if wrong := r.check(sent.Mistakes, values); len(wrong) > 0 {
		return into, invalid(wrong)
	}
	if err := sent.Into(&into); err != nil {
		return into, malformed(err)
	}
	return into, nil
}

func malformed(err error) error {
	why := err.Error()
	if value := (*json.UnmarshalTypeError)(nil); errors.As(err, &value) {
		// The error itself repeats the value, which may be as long as the body.
		why = fmt.Sprintf("a value at byte %d cannot be read as it is, like a number that is too large", value.Offset)
	}
	return newProblem(http.StatusUnprocessableEntity, MalformedJSON, "The body is not usable JSON: "+why+".")
}

func readProblem(err error) error {
	var tooLarge *http.MaxBytesError
	var timeout net.Error
	switch {
	case errors.As(err, &tooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, BodyTooLarge, fmt.Sprintf("The body is longer than %d bytes.", tooLarge.Limit))
	case errors.As(err, &timeout) && timeout.Timeout():
		return newProblem(http.StatusRequestTimeout, BodyTimeout, "The body came too slowly.")
	case errors.As(err, new(*Problem)):
		return err
	}
	return newProblem(http.StatusUnprocessableEntity, MalformedJSON, "The body could not be read to its end.")
}

// check names every mistake: names that are unknown or stand twice, and what the schema says of the other values. Strings
// that are no text are refused with the values (submission.go).
func (r bodyReader[T]) check(mistakes []strictjson.Mistake, values map[string]any) []FieldError {
	var wrong []FieldError
	codes := map[strictjson.Kind]Code{strictjson.Unknown: UnknownField, strictjson.Duplicate: DuplicateField}
	for _, m := range mistakes {
		if code, isName := codes[m.Kind]; isName {
			wrong = append(wrong, FieldError{Location: "body." + m.Name, Code: code, Message: m.Problem})
		}
	}
	maps.DeleteFunc(values, func(name string, _ any) bool { return r.schema.Properties[name] == nil })
	return append(wrong, r.checkValues(values)...)
}

func (r bodyReader[T]) checkValues(known map[string]any) []FieldError {
	var result huma.ValidateResult
	huma.Validate(r.registry, r.schema, huma.NewPathBuffer([]byte("body"), len("body")), huma.ModeWriteToServer, known, &result)
	wrong := make([]FieldError, 0, len(result.Errors))
	for _, err := range result.Errors {
		var detail *huma.ErrorDetail
		if errors.As(err, &detail) {
			wrong = append(wrong, FieldError{Location: detail.Location, Message: detail.Message, Code: InvalidField})
		}
	}
	return wrong
}
