package store

import (
	_ "embed"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

//go:embed attributes.csv
var attributesCSV string

// Attribute is an attribute of the schema.
type Attribute struct {
	// Name is lDAPDisplayName, CN the name of its object in the schema, OID attributeID.
	Name, CN, OID string
	Syntax        Syntax
	OMSyntax      string
	Single        bool
	// Lower and Upper bound the length of a value (rangeLower, rangeUpper); 0 stands for no bound.
	Lower, Upper int
	SearchFlags  int
	// Partial is isMemberOfPartialAttributeSet: the global catalog has the attribute.
	Partial bool
	// System attributes are written by nobody, constructed ones are made when they are asked for by name, secret ones never
	// leave the directory.
	System, Constructed, Secret bool
	// GUID is schemaIDGUID in its text form; empty where it is not known.
	GUID string
	// Class is the class, or auxiliary class, that may have the attribute.
	Class string
	// rangeLower and rangeUpper are the bounds as the schema shows them; empty where there is none.
	rangeLower, rangeUpper string
}

// indexed says that equality on the attribute is answered from an index. Beyond what searchFlags ask for these are the ones that
// name an object.
func (a *Attribute) indexed() bool {
	return a.SearchFlags&1 != 0 || a.Name == "distinguishedName"
}

// writable says that a client may write the attribute at all.
func (a *Attribute) writable() bool { return !a.System && !a.Constructed }

// check refuses a value that the attribute cannot have.
func (a *Attribute) check(value string) error {
	if _, ok := a.Syntax.key(value); !ok || value == "" {
		return badSyntax(a.Name)
	}
	length := len(value)
	if a.Syntax.text() {
		length = utf16Length(value)
	}
	if length < a.Lower || length > a.Upper && a.Upper > 0 {
		return outOfRange(a)
	}
	return nil
}

// utf16Length is the length that Windows counts.
func utf16Length(text string) int {
	n := 0
	for _, r := range text {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// Schema is the attributes and classes of the directory. It does not change.
type Schema struct {
	attributes []*Attribute
	byName     map[string]*Attribute // by name as it is spelled and in lower case, and by object identifier
	classes    map[string]class
}

// newSchema reads the embedded table.
func newSchema() (*Schema, error) {
	reader := csv.NewReader(strings.NewReader(attributesCSV))
	reader.Comment = '#'
	rows, err := reader.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the attributes: %w", err)
	}
	s := &Schema{byName: map[string]*Attribute{}, classes: classes()}
	for _, row := range rows[1:] {
		a, err := parseAttribute(row)
		if err != nil {
			return nil, err
		}
		s.attributes = append(s.attributes, a)
		s.byName[a.Name] = a
		s.byName[strings.ToLower(a.Name)] = a
		s.byName[a.OID] = a
	}
	return s, nil
}

func parseAttribute(row []string) (*Attribute, error) {
	a := &Attribute{Name: row[0], CN: row[1], OID: row[2], Syntax: Syntax(row[3]), OMSyntax: row[4], Single: row[5] == "TRUE",
		Partial: row[9] == "TRUE", System: row[10] == "system", Constructed: row[10] == "constructed", Secret: row[10] == "secret",
		GUID: row[11], Class: row[12], rangeLower: row[6], rangeUpper: row[7]}
	for column, into := range map[int]*int{6: &a.Lower, 7: &a.Upper, 8: &a.SearchFlags} {
		if row[column] == "" {
			continue
		}
		n, err := strconv.Atoi(row[column])
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", a.Name, err)
		}
		*into = n
	}
	return a, nil
}

// attribute finds an attribute by its name, whatever the case, or by its object identifier.
func (s *Schema) attribute(name string) (*Attribute, bool) {
	a, ok := s.byName[strings.ToLower(name)]
	return a, ok
}

// the gives an attribute that the code itself names; the table has it, which a test sees to.
func (s *Schema) the(name string) *Attribute {
	if a, ok := s.byName[name]; ok {
		return a
	}
	return s.byName[strings.ToLower(name)]
}

// rawGUID turns the text form of a GUID into its 16 bytes (MS-DTYP 2.3.4.3).
func rawGUID(text string) (string, bool) {
	raw, err := hex.DecodeString(strings.ReplaceAll(text, "-", ""))
	if err != nil || len(raw) != 16 {
		return "", false
	}
	if strings.Contains(text, "-") {
		raw[0], raw[1], raw[2], raw[3] = raw[3], raw[2], raw[1], raw[0]
		raw[4], raw[5] = raw[5], raw[4]
		raw[6], raw[7] = raw[7], raw[6]
	}
	return string(raw), true
}
