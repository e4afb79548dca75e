package address

// MailChange is the change of mail in a Change; "" is an absent attribute.
type MailChange struct {
	Old string `json:"old"`
	New string `json:"new"`
}

// Change names exactly the values to delete and to add, and the change of mail. It is one LDAP modify.
type Change struct {
	Delete []Proxy     `json:"delete"`
	Add    []Proxy     `json:"add"`
	Mail   *MailChange `json:"mail,omitempty"`
}
