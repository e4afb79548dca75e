package cause

import "strings"

// Once is the public sentence without its promise to try again: for a command that ends, and tries nothing again.
func (c Cause) Once() string {
	return strings.NewReplacer(
		"; it is tried again by itself", "", "; this is tried again by itself", "", "; it is tried again with the next sweep", "",
		"; it is tried again then;", ";", "; it is tried again;", ";", "; it is tried again", "",
	).Replace(c.Message)
}
