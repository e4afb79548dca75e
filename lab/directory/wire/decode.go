package wire

import (
	"errors"
	"fmt"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// ErrMalformed says that a client sent what is no LDAP message. The connection cannot be used any more.
var ErrMalformed = errors.New("malformed LDAP message")

// Decode understands one message.
func Decode(packet *ber.Packet) (*Message, error) {
	if packet.ClassType != ber.ClassUniversal || packet.Tag != ber.TagSequence || len(packet.Children) < 2 {
		return nil, ErrMalformed
	}
	id, ok := packet.Children[0].Value.(int64)
	if !ok || id < 0 {
		return nil, fmt.Errorf("%w: no message id", ErrMalformed)
	}
	if packet.Children[1].ClassType != ber.ClassApplication {
		return nil, fmt.Errorf("%w: no operation", ErrMalformed)
	}
	operation, err := decodeOperation(packet.Children[1])
	if err != nil {
		return nil, err
	}
	controls, err := decodeControls(packet.Children[2:])
	return &Message{ID: id, Operation: operation, Controls: controls}, err
}

func decodeOperation(p *ber.Packet) (Operation, error) {
	r := &reader{operation: p, fields: p.Children}
	operation := r.operationOf(p.Tag)
	if r.failed {
		return nil, fmt.Errorf("%w: operation %d", ErrMalformed, p.Tag)
	}
	return operation, nil
}

func (r *reader) operationOf(tag ber.Tag) Operation {
	switch tag {
	case tagBind:
		return r.bind()
	case tagUnbind:
		return &Unbind{}
	case tagSearch:
		return r.search()
	case tagModify:
		return &Modify{DN: r.text(), Changes: r.changes()}
	case tagAdd:
		return &Add{DN: r.text(), Attributes: r.attributes()}
	case tagDelete:
		return &Delete{DN: r.operation.Data.String()}
	case tagModifyDN:
		return &ModifyDN{DN: r.text(), NewRDN: r.text(), DeleteOldRDN: r.boolean(), NewParent: r.optional(0)}
	case tagCompare:
		return r.compare()
	case tagAbandon:
		id, _ := ber.ParseInt64(r.operation.Data.Bytes())
		return &Abandon{ID: id}
	case tagExtended:
		return &Extended{Name: r.optional(0), Value: []byte(r.optional(1))}
	default:
		return &Unknown{Tag: tag}
	}
}

func (r *reader) bind() Operation {
	bind := &Bind{Version: r.integer(), Name: r.text()}
	choice := r.next()
	switch {
	case choice.Tag == 0:
		bind.Password = choice.Data.String()
	case choice.Tag == 3 && len(choice.Children) > 0:
		bind.Mechanism = choice.Children[0].Data.String()
	default:
		bind.UnknownAuthenticator = true
	}
	return bind
}

func (r *reader) search() Operation {
	search := &Search{Base: r.text(), Scope: Scope(r.integer())}
	r.integer() // how aliases are followed; there are none
	search.SizeLimit = r.integer()
	r.integer() // time limit; answers do not take that long
	search.TypesOnly = r.boolean()
	search.Filter = r.next()
	for _, attribute := range r.next().Children {
		search.Attributes = append(search.Attributes, attribute.Data.String())
	}
	return search
}

func (r *reader) changes() []Change {
	var changes []Change
	for _, p := range r.next().Children {
		inner := &reader{fields: p.Children}
		change := Change{Operator: Operator(inner.integer())}
		attribute := (&reader{fields: []*ber.Packet{inner.next()}}).attribute(&r.failed)
		change.Attribute, change.Values = attribute.Name, attribute.Values
		r.failed = r.failed || inner.failed
		changes = append(changes, change)
	}
	return changes
}

func (r *reader) attributes() []Attribute {
	var attributes []Attribute
	for _, p := range r.next().Children {
		attributes = append(attributes, (&reader{fields: []*ber.Packet{p}}).attribute(&r.failed))
	}
	return attributes
}

// attribute reads a name and a set of values.
func (r *reader) attribute(failed *bool) Attribute {
	inner := &reader{fields: r.next().Children}
	attribute := Attribute{Name: inner.text()}
	for _, value := range inner.next().Children {
		attribute.Values = append(attribute.Values, value.Data.String())
	}
	*failed = *failed || inner.failed
	return attribute
}

func (r *reader) compare() Operation {
	compare := &Compare{DN: r.text()}
	inner := &reader{fields: r.next().Children}
	compare.Attribute, compare.Value = inner.text(), inner.text()
	r.failed = r.failed || inner.failed
	return compare
}

func decodeControls(rest []*ber.Packet) ([]Control, error) {
	if len(rest) == 0 {
		return nil, nil
	}
	if rest[0].ClassType != ber.ClassContext || rest[0].Tag != 0 {
		return nil, fmt.Errorf("%w: something behind the operation", ErrMalformed)
	}
	var controls []Control
	for _, p := range rest[0].Children {
		r := &reader{fields: p.Children}
		control := Control{OID: r.text()}
		for _, field := range r.fields {
			if field.Tag == ber.TagBoolean {
				// RFC 4511, 5.1: TRUE is 0xFF. Domain controllers read anything else as not critical.
				control.Critical = field.Data.Len() == 1 && field.Data.Bytes()[0] == 0xFF
				continue
			}
			control.Value = field.Data.Bytes()
		}
		if r.failed {
			return nil, fmt.Errorf("%w: a control", ErrMalformed)
		}
		controls = append(controls, control)
	}
	return controls, nil
}

// reader takes the fields of a sequence one by one. It notes that one was missing or of another type, and gives zero values
// from then on, so that whoever decodes asks once, at the end.
type reader struct {
	operation *ber.Packet
	fields    []*ber.Packet
	failed    bool
}

func (r *reader) next() *ber.Packet {
	if len(r.fields) == 0 {
		r.failed = true
		return ber.NewSequence("missing")
	}
	field := r.fields[0]
	r.fields = r.fields[1:]
	return field
}

func (r *reader) text() string {
	field := r.next()
	r.failed = r.failed || field.TagType != ber.TypePrimitive
	return field.Data.String()
}

func (r *reader) integer() int64 {
	value, ok := r.next().Value.(int64)
	r.failed = r.failed || !ok
	return value
}

func (r *reader) boolean() bool {
	value, ok := r.next().Value.(bool)
	r.failed = r.failed || !ok
	return value
}

// optional reads a field that is there only with its own context tag.
func (r *reader) optional(tag ber.Tag) string {
	if len(r.fields) == 0 || r.fields[0].ClassType != ber.ClassContext || r.fields[0].Tag != tag {
		return ""
	}
	return r.text()
}
