package address

// Address is a bare SMTP address, local@domain, in the spelling it was given.
type Address string

// Key is a value in lower case, for maps and comparison: addresses are compared without case.
type Key string

// Proxy is one value of proxyAddresses, byte for byte: type prefix, colon, address. "SMTP:" upper case is the primary.
type Proxy string
