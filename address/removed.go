package address

// Removed gives the addresses that a holder with the values before does not have any more once c is made: of every type, and
// of mail too, each once, without case. An alias that becomes the primary, a prefix whose case changes, and a mail that stays
// as an alias are not among them.
func (c Change) Removed(before Values) []Key {
	after := c.Onto(before)
	stays := map[Key]bool{mailKey(after.Mail): true}
	for _, p := range after.Proxies {
		stays[p.Key()] = true
	}
	var gone []Key
	for _, p := range append(before.Proxies.Without(), mailValues(before.Mail)...) {
		if key := p.Key(); !stays[key] {
			stays[key] = true // each once
			gone = append(gone, key)
		}
	}
	return gone
}

func mailKey(mail string) Key { return Secondary(Address(mail)).Key() }

// mailValues is mail as a value of proxyAddresses.
func mailValues(mail string) []Proxy {
	if mail == "" {
		return nil
	}
	return []Proxy{Secondary(Address(mail))}
}
