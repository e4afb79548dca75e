package tenantfile

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/aliasd/aliasd/address"
	"github.com/aliasd/aliasd/cloudcheck"
)

// errGarbled says that what stands in the file is no object.
var errGarbled = errors.New("the file is damaged")

// The bits of what an object says with yes or no.
const (
	isSyncKnown = 1 << iota
	isSynced
	isLicensed
)

// texts are the texts of an object, in their order in the file.
func texts(o *cloudcheck.Object) []*string {
	return []*string{&o.ID, (*string)(&o.Kind), &o.Name, &o.UPN, &o.OnPremUPN, &o.Nickname, &o.Mail, &o.ImmutableID, &o.SID}
}

// encode appends an object as it stands in the file: numbers as varints, and texts and lists behind their length.
func encode(to []byte, o *cloudcheck.Object) []byte {
	for _, text := range texts(o) {
		to = appendText(to, *text)
	}
	bits := uint64(0)
	if o.SyncEnabled != nil {
		bits |= isSyncKnown
		if *o.SyncEnabled {
			bits |= isSynced
		}
	}
	if o.ExchangeLicensed {
		bits |= isLicensed
	}
	to = binary.AppendUvarint(to, bits)
	to = appendTime(to, o.LastSync)
	to = binary.AppendUvarint(to, uint64(len(o.Proxies)))
	for _, p := range o.Proxies {
		to = appendText(to, string(p))
	}
	to = binary.AppendUvarint(to, uint64(len(o.Errors)))
	for _, e := range o.Errors {
		to = appendTime(appendText(appendText(appendText(to, e.Category), e.Property), e.Value), e.Occurred)
	}
	return to
}

func appendText(to []byte, text string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(text))), text...)
}

// appendTime appends microseconds since 1970, and 0 for no time.
func appendTime(to []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.AppendVarint(to, 0)
	}
	return binary.AppendVarint(to, t.UnixMicro())
}

// decode reads what encode wrote.
func decode(body []byte) (cloudcheck.Object, error) {
	d := &decoder{body: body, whole: string(body)}
	var o cloudcheck.Object
	for _, text := range texts(&o) {
		*text = d.text()
	}
	bits := d.number()
	if bits&isSyncKnown != 0 {
		synced := bits&isSynced != 0
		o.SyncEnabled = &synced
	}
	o.ExchangeLicensed = bits&isLicensed != 0
	o.LastSync = d.time()
	if n := d.length(); n > 0 {
		o.Proxies = make(address.Set, n)
	}
	for i := range o.Proxies {
		o.Proxies[i] = address.Proxy(d.text())
	}
	for range d.length() {
		o.Errors = append(o.Errors, cloudcheck.ProvisioningError{Category: d.text(), Property: d.text(), Value: d.text(), Occurred: d.time()})
	}
	if d.garbled || len(d.body) > 0 {
		return cloudcheck.Object{}, errGarbled
	}
	return o, nil
}

// decoder reads a body from its beginning. Once it is garbled it gives nothing but zeroes.
type decoder struct {
	body    []byte // what is left
	whole   string // the texts are parts of it
	garbled bool
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.body)
	d.skip(size)
	return n
}

func (d *decoder) time() time.Time {
	micros, size := binary.Varint(d.body)
	if d.skip(size); micros == 0 || d.garbled {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// length is that of a text or a list, of which each part has one byte at least.
func (d *decoder) length() int {
	n := d.number()
	if n > uint64(len(d.body)) {
		d.garble()
	}
	if d.garbled {
		return 0
	}
	return int(n)
}

func (d *decoder) text() string {
	n := d.length()
	at := len(d.whole) - len(d.body)
	d.body = d.body[n:]
	return d.whole[at : at+n]
}

// skip goes behind a number, whose size is 0 or less where there is none.
func (d *decoder) skip(size int) {
	if size <= 0 {
		d.garble()
		return
	}
	d.body = d.body[size:]
}

func (d *decoder) garble() { d.garbled, d.body = true, nil }
