package wire

import (
	"bufio"
	"fmt"
	"net"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// Conn reads messages from a connection and writes answers to it. One goroutine may read while another one writes.
type Conn struct {
	reader *bufio.Reader
	writer *bufio.Writer
}

// NewConn speaks LDAP over a connection. The caller keeps it and closes it.
func NewConn(conn net.Conn) *Conn {
	return &Conn{reader: bufio.NewReader(conn), writer: bufio.NewWriterSize(conn, 32<<10)}
}

// Read waits for the next request. The error is io.EOF when the client has closed the connection, and wraps ErrMalformed when
// it sent something else than LDAP.
func (c *Conn) Read() (*Message, error) {
	if _, err := c.reader.Peek(1); err != nil {
		return nil, err
	}
	packet, err := ber.ReadPacket(c.reader)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return Decode(packet)
}

// Entry writes one entry that a search found. It may stay in the buffer until the search is done.
func (c *Conn) Entry(to *Message, dn string, attributes []Attribute) error {
	entry := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tagSearchEntry, nil, "")
	entry.AppendChild(octets(dn))
	list := ber.NewSequence("")
	for _, attribute := range attributes {
		list.AppendChild(encodeAttribute(attribute))
	}
	entry.AppendChild(list)
	return c.write(to.ID, entry, nil)
}

// Reference writes a reference to somewhere else that the search goes on (RFC 4511, 4.5.3).
func (c *Conn) Reference(to *Message, url string) error {
	reference := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tagSearchReference, nil, "")
	reference.AppendChild(octets(url))
	return c.write(to.ID, reference, nil)
}

// Done ends the operation of a message with its result and sends everything. Operations without an answer get none.
func (c *Conn) Done(to *Message, result Result) error {
	tag := to.Operation.response()
	if tag == 0 {
		return nil
	}
	return c.finish(to.ID, tag, result)
}

// Disconnect tells the client that the connection is about to be closed (RFC 4511, 4.4.1).
func (c *Conn) Disconnect(result Result) error {
	p := encodeResult(tagExtendedAnswer, result)
	name := ber.NewString(ber.ClassContext, ber.TypePrimitive, 10, "1.3.6.1.4.1.1466.20036", "")
	p.AppendChild(name)
	if err := c.write(0, p, nil); err != nil {
		return err
	}
	return c.writer.Flush()
}

func (c *Conn) finish(id int64, tag ber.Tag, result Result) error {
	if err := c.write(id, encodeResult(tag, result), result.Controls); err != nil {
		return err
	}
	return c.writer.Flush()
}

func (c *Conn) write(id int64, operation *ber.Packet, controls []Control) error {
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	message.AppendChild(operation)
	if len(controls) > 0 {
		message.AppendChild(encodeControls(controls))
	}
	if _, err := c.writer.Write(message.Bytes()); err != nil {
		return fmt.Errorf("write an LDAP message: %w", err)
	}
	return nil
}

func encodeResult(tag ber.Tag, result Result) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(result.Code), ""))
	p.AppendChild(octets(result.MatchedDN))
	p.AppendChild(octets(result.Text))
	if len(result.Referrals) > 0 {
		referral := ber.Encode(ber.ClassContext, ber.TypeConstructed, 3, nil, "")
		for _, url := range result.Referrals {
			referral.AppendChild(octets(url))
		}
		p.AppendChild(referral)
	}
	return p
}

func encodeControls(controls []Control) *ber.Packet {
	list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
	for _, control := range controls {
		p := ber.NewSequence("")
		p.AppendChild(octets(control.OID))
		if control.Critical {
			p.AppendChild(ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, ""))
		}
		if control.Value != nil {
			p.AppendChild(octets(string(control.Value)))
		}
		list.AppendChild(p)
	}
	return list
}

func encodeAttribute(attribute Attribute) *ber.Packet {
	p := ber.NewSequence("")
	p.AppendChild(octets(attribute.Name))
	set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
	for _, value := range attribute.Values {
		set.AppendChild(octets(value))
	}
	p.AppendChild(set)
	return p
}

func octets(value string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, "")
}
