package address

// Set is the values of proxyAddresses, in the order the directory gave them; order means nothing.
type Set []Proxy
