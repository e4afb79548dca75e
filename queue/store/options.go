package store

// Option is something more that Open and OpenPostgres may be told.
type Option func(*options)

type options struct {
	password func() (string, error)
	asItIs   bool
}

func optionsOf(all []Option) (o options) {
	for _, option := range all {
		option(&o)
	}
	return o
}

// Password has read give the password of the PostgreSQL database, for each connection anew. Without it, PGPASSWORD and the password file
// count.
func Password(read func() (string, error)) Option {
	return func(o *options) { o.password = read }
}

// AsItIs refuses a store that an earlier version made (ErrOlder) instead of bringing it up to date: a daemon of that version may be
// running on it. One that does not exist yet is made.
func AsItIs() Option {
	return func(o *options) { o.asItIs = true }
}
