package ldapwriter

import (
	"fmt"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// domainScope is LDAP_SERVER_DOMAIN_SCOPE_OID (MS-ADTS 3.1.1.3.4.1.4): no references to other partitions.
const domainScope = "1.2.840.113556.1.4.1339"

// criticalControl is a control without a value that the server must obey or refuse. ldap.NewControlString writes TRUE as
// 0x01; RFC 4511, 5.1 wants 0xFF, and Samba takes anything else for "not critical" and lets the operation through.
type criticalControl string

var _ ldap.Control = criticalControl("")

// GetControlType gives the OID.
func (c criticalControl) GetControlType() string { return string(c) }

// String describes it.
func (c criticalControl) String() string { return fmt.Sprintf("critical control %s", string(c)) }

// Encode gives the control as RFC 4511, 4.1.11 writes it.
func (c criticalControl) Encode() *ber.Packet {
	packet := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "Control")
	packet.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, string(c), "OID"))
	packet.AppendChild(ber.NewLDAPBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "Criticality"))
	return packet
}
