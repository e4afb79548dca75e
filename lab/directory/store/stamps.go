package store

import (
	"encoding/binary"
	"strconv"
	"strings"
	"time"
)

// stampsName is the attribute that tells when each other one was last written (MS-ADA3 2.192). A domain controller stores it; here it is
// made when it is asked for.
const stampsName = "replPropertyMetaData"

// stamps gives an object's stamps in the form of a domain controller: a head of version and count, then 48 bytes for each attribute.
func (s *Store) stamps(n *node) string {
	var all []byte
	count := uint32(0)
	for _, a := range s.schema.attributes {
		if _, written := n.versions[a]; written || len(n.values[a]) > 0 && replicated(a) {
			all = append(all, s.stampOf(n, a)...)
			count++
		}
	}
	head := binary.LittleEndian.AppendUint64(nil, 1)
	head = binary.LittleEndian.AppendUint64(head, uint64(count))
	return string(append(head, all...))
}

// stampOf is one attribute's: what was never written came with the object. What another domain controller wrote has another number there.
func (s *Store) stampOf(n *node, a *Attribute) []byte {
	v, written := n.versions[a]
	if !written {
		v = version{number: 1, at: s.made(n), origin: s.origin()}
	}
	local := uint64(n.usn(s))
	origin := local
	if v.origin != s.origin() {
		origin++
	}
	const between1601And1970 = 11_644_473_600
	var id [16]byte
	copy(id[:], v.origin)
	b := binary.LittleEndian.AppendUint32(nil, a.number())
	b = binary.LittleEndian.AppendUint32(b, uint32(v.number))
	b = binary.LittleEndian.AppendUint64(b, uint64(v.at.Unix()+between1601And1970))
	b = append(b, id[:]...)
	b = binary.LittleEndian.AppendUint64(b, origin)
	return binary.LittleEndian.AppendUint64(b, local)
}

// made is when an object was made, from its whenCreated, which we wrote.
func (s *Store) made(n *node) time.Time {
	at, _ := time.Parse(timeFormat, n.values[s.schema.the("whenCreated")][0])
	return at
}

// number is an attribute's ATTRTYP (MS-DRSR 5.16.4): its prefix by the table that every directory begins with, then its last number.
// Extensions of the schema have prefixes that differ from forest to forest.
func (a *Attribute) number() uint32 {
	const extension = 0x3A5C
	at := strings.LastIndexByte(a.OID, '.')
	last, _ := strconv.ParseUint(a.OID[at+1:], 10, 32) // the table is ours
	prefix, ok := map[string]uint32{"2.5.4": 0, "1.2.840.113556.1.2": 2, "1.2.840.113556.1.4": 9, "0.9.2342.19200300.100.1": 0x15}[a.OID[:at]]
	if !ok || last > 0x3FFF {
		prefix = extension
	}
	return prefix<<16 | uint32(last)&0xFFFF
}
