package ldapwriter

import (
	"encoding/binary"
	"time"

	"github.com/aliasd/aliasd/address"
)

// attrStamps tells of each attribute of an object when and where it was last changed (MS-ADA3 2.192, MS-ADTS 3.1.1.1.9). Servers give
// it only by name, and as a rule to those who may read whenChanged.
const attrStamps = "replPropertyMetaData"

// The form of attrStamps, version 1: a head of version and count, then the stamps, all numbers little-endian.
const (
	stampsVersion = 1
	stampsHead    = 16
	stampSize     = 48
)

// Stamps are those of the two attributes that aliasd writes.
type Stamps struct {
	Proxies Stamp `json:"proxy_addresses"`
	Mail    Stamp `json:"mail"`
}

// Stamp says which write of an attribute a DC shows: the how manieth it is, and the invocationId of the DC that made it. Where two DCs
// wrote one attribute, the higher Version wins, whenever it was made (MS-ADTS 3.1.1.1.9). Zero where it was never written.
type Stamp struct {
	Version uint32       `json:"version"`
	Origin  address.GUID `json:"origin"`
}

// show says whether a DC has what was written elsewhere: the attributes that the change touched are of that write, or of a later one.
func (s Stamps) show(written Stamps, r Receipt) bool {
	proxies := len(r.Change.Delete)+len(r.Change.Add) == 0 && !r.Doubted || s.Proxies.has(written.Proxies)
	return proxies && (r.Change.Mail == nil && !r.Doubted || s.Mail.has(written.Mail))
}

func (s Stamp) has(written Stamp) bool { return s.Version > written.Version || s == written }

// stamp is when an attribute was last changed, and under which update sequence numbers of the DC that did it and of this one.
type stamp struct {
	Stamp
	attribute     uint32
	at            time.Time
	origin, local uint64
}

// parseStamps reads attrStamps; ok is false for what has another form.
func parseStamps(raw []byte) (stamps []stamp, ok bool) {
	if len(raw) < stampsHead || binary.LittleEndian.Uint32(raw) != stampsVersion {
		return nil, false
	}
	count, rest := binary.LittleEndian.Uint32(raw[8:]), raw[stampsHead:]
	if uint64(len(rest)) != uint64(count)*stampSize {
		return nil, false
	}
	for ; len(rest) > 0; rest = rest[stampSize:] {
		seconds := binary.LittleEndian.Uint64(rest[8:])
		if seconds > maxStamp {
			return nil, false
		}
		var origin address.GUID
		copy(origin[:], rest[16:32])
		stamps = append(stamps, stamp{Stamp: Stamp{Version: binary.LittleEndian.Uint32(rest[4:]), Origin: origin}, attribute: binary.LittleEndian.Uint32(rest), at: time.Unix(int64(seconds)-epochs, 0).UTC(),
			origin: binary.LittleEndian.Uint64(rest[32:]), local: binary.LittleEndian.Uint64(rest[40:])})
	}
	return stamps, true
}

// The ATTRTYPs (MS-DRSR 5.16.4) of the attributes that aliasd writes.
const (
	typeProxies = 0x000200D2
	typeMail    = 0x00150003
)

// addressStamps are those of the attributes that aliasd writes, nil where the server does not tell.
func addressStamps(raw []byte) *Stamps {
	stamps, ok := parseStamps(raw)
	if !ok {
		return nil
	}
	found := &Stamps{}
	for _, s := range stamps {
		switch s.attribute {
		case typeProxies:
			found.Proxies = s.Stamp
		case typeMail:
			found.Mail = s.Stamp
		}
	}
	return found
}

const (
	// epochs lie between 1601, where stamps count from, and 1970, in seconds.
	epochs = 11_644_473_600
	// maxStamp is the year 9999.
	maxStamp = 265_046_774_399
)

// decidesAddresses says whether an attribute (ATTRTYP of MS-DRSR, by the prefixes that every directory has) may decide which addresses
// a holder has in the cloud. Those of schema extensions have other prefixes in each forest, so all of them may: Exchange's are among them.
func decidesAddresses(attribute uint32) bool {
	const lastOwnPrefix = 0x26
	switch attribute {
	case 0x00000000, // objectClass: the object was made
		0x00090001, // name: it was moved or renamed
		typeProxies,
		typeMail,
		0x000201BF, // mailNickname
		0x00090290, // userPrincipalName
		0x00020160, // targetAddress
		0x00090550: // mS-DS-ConsistencyGuid
		return true
	}
	return attribute>>16 > lastOwnPrefix
}

// addressesChanged is when anything was last changed that decides a holder's addresses in the cloud, the zero time where raw does not tell;
// changed is the object's whenChanged. What was written on another DC came later than it was made, by as long as a write takes to
// replicate, and no later than the last change of all.
func addressesChanged(raw []byte, changed time.Time) time.Time {
	stamps, _ := parseStamps(raw)
	var last time.Time
	for _, s := range stamps {
		if !decidesAddresses(s.attribute) {
			continue
		}
		if s.origin != s.local {
			s.at = s.at.Add(Replicated)
		}
		if s.at.After(last) {
			last = s.at
		}
	}
	if !changed.IsZero() && last.After(changed) {
		return changed
	}
	return last
}
