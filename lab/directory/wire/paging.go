package wire

import (
	"fmt"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// PagingOID names the control for results in pages (RFC 2696).
const PagingOID = "1.2.840.113556.1.4.319"

// Paging is what the paging control carries: in a request the size of a page and where to go on, in an answer where the next
// page begins. An empty cookie stands for the beginning, or for the end.
type Paging struct {
	Size   int64
	Cookie string
}

// DecodePaging reads the value of a paging control.
func DecodePaging(value []byte) (Paging, error) {
	packet, err := ber.DecodePacketErr(value)
	if err != nil {
		return Paging{}, fmt.Errorf("%w: paging control: %w", ErrMalformed, err)
	}
	r := &reader{fields: packet.Children}
	paging := Paging{Size: r.integer(), Cookie: r.text()}
	if r.failed || paging.Size < 0 {
		return Paging{}, fmt.Errorf("%w: paging control", ErrMalformed)
	}
	return paging, nil
}

// Control encodes the paging control of an answer.
func (p Paging) Control() Control {
	value := ber.NewSequence("")
	value.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, p.Size, ""))
	value.AppendChild(octets(p.Cookie))
	return Control{OID: PagingOID, Value: value.Bytes()}
}
