package tenant

import (
	"encoding/json"
	"slices"
	"strconv"
)

// record is a JSON object whose members keep their order. It costs a fraction of what a map does, which a page of a
// thousand rows is made of.
type record []member

type member struct {
	name  string
	value any
}

// get gives a member's value, nil where there is none.
func (r record) get(name string) any {
	for _, m := range r {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// MarshalJSON writes the members in their order.
func (r record) MarshalJSON() ([]byte, error) { return r.append(nil), nil }

func (r record) append(dst []byte) []byte {
	dst = append(dst, '{')
	for i, m := range r {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, m.name)
		dst = append(dst, ':')
		dst = appendValue(dst, m.value)
	}
	return append(dst, '}')
}

// appendValue writes what a property can be.
func appendValue(dst []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...)
	case string:
		return appendString(dst, v)
	case bool:
		return strconv.AppendBool(dst, v)
	case []string:
		return appendList(dst, v, appendString)
	case record:
		return v.append(dst)
	case []record:
		return appendList(dst, v, func(dst []byte, r record) []byte { return r.append(dst) })
	case json.RawMessage:
		return append(dst, v...)
	}
	return appendOther(dst, value)
}

func appendList[T any](dst []byte, list []T, one func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, e := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = one(dst, e)
	}
	return append(dst, ']')
}

// appendString writes a string of plain ASCII as it stands.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendOther(dst, s)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func appendOther(dst []byte, value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		return append(dst, "null"...) // no property of the lab is anything that JSON cannot write
	}
	return append(dst, text...)
}

// column is one property that rows show.
type column struct {
	name       string
	collection bool
}

// columns are the properties that rows show: those of $select, else the defaults, else all that the type has. A
// navigation property may be selected and shows nothing.
func (s entitySet) columns(entity entityType, selected []string) []column {
	names := selected
	if len(names) == 0 {
		names = s.defaults
	}
	if names == nil {
		for name := range entity.properties {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	columns := make([]column, 0, len(names))
	for _, name := range names {
		if _, isProperty := entity.properties[name]; isProperty {
			columns = append(columns, column{name: name, collection: entity.collection(name)})
		}
	}
	return columns
}

// fill puts the columns' values into a row; value gives one of them, and nil where the lab has none, which prints as null
// or, for a collection, as [].
func (r record) fill(columns []column, value func(name string) any) record {
	for _, c := range columns {
		v := value(c.name)
		if v == nil && c.collection {
			v = []string{}
		}
		r = append(r, member{c.name, v})
	}
	return r
}
