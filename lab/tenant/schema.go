package tenant

import (
	_ "embed"
	"encoding/xml"
	"fmt"
	"strings"
)

// csdl is the published metadata of Graph v1.0, as far as aliasd reads its types.
//
//go:embed v1.0-subset.csdl.xml
var csdl []byte

// schema knows the properties of the entity types, inherited ones included.
type schema struct {
	types map[string]entityType
}

// entityType is one type of the metadata: its properties with their types, and the names of its navigation properties.
type entityType struct {
	properties  map[string]string
	navigations map[string]bool
}

// has says whether $select may name a property.
func (e entityType) has(name string) bool {
	_, known := e.properties[name]
	return known || e.navigations[name]
}

// collection says whether a property is a collection: it then is [] and never null.
func (e entityType) collection(name string) bool {
	return strings.HasPrefix(e.properties[name], "Collection(")
}

// entity gives a type by its name without the namespace: user.
func (s *schema) entity(name string) entityType { return s.types[name] }

type csdlSchema struct {
	Entities []csdlEntity `xml:"EntityType"`
}

type csdlEntity struct {
	Name        string         `xml:"Name,attr"`
	BaseType    string         `xml:"BaseType,attr"`
	Properties  []csdlProperty `xml:"Property"`
	Navigations []csdlProperty `xml:"NavigationProperty"`
}

type csdlProperty struct {
	Name string `xml:"Name,attr"`
	Type string `xml:"Type,attr"`
}

func parseSchema(document []byte) (*schema, error) {
	var parsed csdlSchema
	if err := xml.Unmarshal(document, &parsed); err != nil {
		return nil, fmt.Errorf("parse Graph's metadata: %w", err)
	}
	declared := map[string]csdlEntity{}
	for _, e := range parsed.Entities {
		declared[e.Name] = e
	}
	s := &schema{types: map[string]entityType{}}
	for name := range declared {
		s.types[name] = flatten(declared, name)
	}
	return s, nil
}

// flatten collects what a type and its base types declare.
func flatten(declared map[string]csdlEntity, name string) entityType {
	flat := entityType{properties: map[string]string{}, navigations: map[string]bool{}}
	for name != "" {
		e := declared[name]
		for _, p := range e.Properties {
			flat.properties[p.Name] = p.Type
		}
		for _, p := range e.Navigations {
			flat.navigations[p.Name] = true
		}
		name = strings.TrimPrefix(e.BaseType, "graph.")
	}
	return flat
}
