package samba

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	"github.com/aliasd/aliasd/lab/site"
)

// ldif writes objects as LDIF (RFC 2849), so many to a part. Values are always base64, which needs no rules for what is safe.
func ldif(objects []site.Object, perPart int) [][]byte {
	var parts [][]byte
	for some := range slices.Chunk(objects, perPart) {
		var part bytes.Buffer
		for _, object := range some {
			writeRecord(&part, object)
		}
		parts = append(parts, part.Bytes())
	}
	return parts
}

func writeRecord(to *bytes.Buffer, object site.Object) {
	line := func(name, value string) {
		fmt.Fprintf(to, "%s:: %s\n", name, base64.StdEncoding.EncodeToString([]byte(value)))
	}
	line("dn", object.RelativeDN()+","+site.BaseDN)
	values := object.Values()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			line(name, value)
		}
	}
	to.WriteByte('\n')
}
