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
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// maxBody is how long a body may be, in bytes.
const maxBody = 64 << 10

// maxName is how much of an unknown field's name a problem repeats, and how long a request's id may be, in bytes.
const maxName = 64

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
	fields, err := scanObject(p.data)
	if err != nil {
		return into, newProblem(http.StatusUnprocessableEntity, MalformedJSON, "The body is not usable JSON: "+err.Error()+".")
	}
	if wrong := r.check(fields); len(wrong) > 0 {
		return into, invalid(wrong)
	}
	if err := json.Unmarshal(p.data, &into); err != nil {
		return into, newProblem(http.StatusUnprocessableEntity, MalformedJSON, "The body does not fit: "+wordsOf(err, "").Error()+".")
	}
	return into, nil
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

// field is one member of the body's object.
type field struct {
	name  string
	value any
}

// scanObject reads one JSON object and nothing after it; its members stand as they came, doubles included.
func scanObject(data []byte) ([]field, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, wordsOf(err, "it has to be one object, {…}")
	}
	var fields []field
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, wordsOf(err, "")
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return nil, wordsOf(err, "")
		}
		fields = append(fields, field{name: name.(string), value: value})
	}
	if _, err := d.Token(); err != nil {
		return nil, wordsOf(err, "")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands after the object")
	}
	return fields, nil
}

// wordsOf says what a decoder's error means to the caller. It repeats no value, which may be as long as the body.
func wordsOf(err error, otherwise string) error {
	var value *json.UnmarshalTypeError
	switch {
	case errors.As(err, &value):
		return fmt.Errorf("a value at byte %d cannot be read as it is, like a number that is too large", value.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends too early")
	case err != nil:
		return err
	}
	return errors.New(otherwise)
}

// check names every mistake in the members.
func (r bodyReader[T]) check(fields []field) []FieldError {
	var wrong []FieldError
	known := map[string]any{}
	for _, f := range fields {
		_, twice := known[f.name]
		location := "body." + f.name[:min(len(f.name), maxName)]
		switch {
		case r.schema.Properties[f.name] == nil:
			wrong = append(wrong, FieldError{Location: location, Code: UnknownField, Message: "there is no such field; " + r.fieldNames()})
		case twice:
			wrong = append(wrong, FieldError{Location: location, Code: DuplicateField, Message: "the field is there twice"})
		default:
			known[f.name] = f.value
		}
	}
	return append(wrong, r.checkValues(known)...)
}

func (r bodyReader[T]) fieldNames() string {
	if len(r.schema.Properties) == 0 {
		return "this call takes none"
	}
	return "there are " + strings.Join(slices.Sorted(maps.Keys(r.schema.Properties)), ", ")
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
