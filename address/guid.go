package address

// GUID is an objectGUID: its 16 raw bytes as LDAP carries them. Its text form is Microsoft's, in which the first three
// groups are little-endian (MS-DTYP 2.3.4.3): lower case, "f8d1c1f4-…".
type GUID [16]byte
