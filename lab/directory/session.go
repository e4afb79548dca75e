package directory

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/go-ldap/ldap/v3"

	"github.com/aliasd/aliasd/lab/directory/store"
	"github.com/aliasd/aliasd/lab/directory/wire"
)

// session is one client's connection.
type session struct {
	directory *Directory
	conn      net.Conn
	wire      *wire.Conn
	catalog   bool
	account   account
	// cookies tells this connection's paging cookies from those of others, which are not taken.
	cookies string
}

// session makes the function that serves one connection, on the main port or on the global catalog's.
func (d *Directory) session(catalog bool) func(context.Context, *tls.Conn) {
	return func(ctx context.Context, conn *tls.Conn) {
		s := &session{directory: d, conn: conn.NetConn(), wire: wire.NewConn(conn), catalog: catalog,
			cookies: fmt.Sprintf("%s/", conn.RemoteAddr())}
		s.run(ctx)
	}
}

// run answers requests one by one until the client leaves. Another goroutine reads, so that an operation that is made to wait
// learns of the client's leaving.
func (s *session) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	messages := make(chan *wire.Message)
	var failure error
	go func() {
		defer close(messages)
		defer cancel()
		failure = s.read(ctx, messages)
	}()
	over := false
	for message := range messages {
		if over = over || !s.answer(ctx, message); over {
			_ = s.conn.Close() // ends the reader, too; what the client sent behind it is not done
		}
	}
	if errors.Is(failure, wire.ErrMalformed) {
		_ = s.wire.Disconnect(wire.Result{Code: ldap.LDAPResultProtocolError, Text: failure.Error()})
	}
}

func (s *session) read(ctx context.Context, messages chan<- *wire.Message) error {
	for {
		message, err := s.wire.Read()
		if err != nil {
			return err
		}
		select {
		case messages <- message:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// answer deals with one request. It is false when the connection is over.
func (s *session) answer(ctx context.Context, m *wire.Message) bool {
	if _, ok := m.Operation.(*wire.Unbind); ok {
		return false
	}
	fault := s.directory.fault(ctx, Operation{Account: s.account.name, Request: m.Operation, Catalog: s.catalog})
	if fault.Drop == Before {
		return false
	}
	result := wire.Result{Code: fault.Code, Text: fault.Text}
	if fault.Code == ldap.LDAPResultSuccess {
		result = s.perform(m)
	}
	if fault.Then != nil {
		fault.Then()
	}
	if fault.Drop == After {
		return false
	}
	return s.wire.Done(m, result) == nil
}

// perform does what a request asks for, if it may.
func (s *session) perform(m *wire.Message) wire.Result {
	if err := s.admit(m); err != nil {
		return resultOf(err)
	}
	switch request := m.Operation.(type) {
	case *wire.Bind:
		return resultOf(s.bind(request))
	case *wire.Search:
		return s.search(m, request)
	case *wire.Modify:
		return resultOf(s.directory.store.Modify(request.DN, request.Changes, s.guard()))
	case *wire.Add:
		return resultOf(s.directory.store.Add(request.DN, request.Attributes, s.guard()))
	case *wire.Delete:
		return resultOf(s.directory.store.Delete(request.DN, s.guard()))
	case *wire.ModifyDN:
		return resultOf(s.directory.store.Rename(request.DN, request.NewRDN, request.NewParent, s.guard()))
	case *wire.Compare:
		return s.compare(request)
	case *wire.Abandon:
		return wire.Result{}
	default:
		return wire.Result{Code: ldap.LDAPResultProtocolError,
			Text: "0000203D: LdapErr: DSID-0C091287, comment: Unknown extended request OID, data 0"}
	}
}

// admit refuses what nobody may: operations without a bind, critical controls that are not known, writes to the catalog.
func (s *session) admit(m *wire.Message) error {
	for _, control := range m.Controls {
		if control.Critical && !supported(control.OID) {
			return &store.Refusal{Code: ldap.LDAPResultUnavailableCriticalExtension,
				Text: "00000057: LdapErr: DSID-0C090A7D, comment: Error processing control, data 0"}
		}
	}
	switch request := m.Operation.(type) {
	case *wire.Bind, *wire.Abandon, *wire.Extended, *wire.Unknown:
		return nil
	case *wire.Search:
		if isRootDSE(request) {
			return nil
		}
	case *wire.Compare:
	default:
		if s.catalog && s.account.role != anonymous {
			return s.toMainPort()
		}
	}
	if s.account.role == anonymous {
		return &store.Refusal{Code: ldap.LDAPResultOperationsError, Text: "000004DC: LdapErr: DSID-0C090A5C, comment: In order " +
			"to perform this operation a successful bind must be completed on the connection., data 0"}
	}
	return nil
}

// toMainPort refers a write to the port that takes writes: the global catalog is read only.
func (s *session) toMainPort() error {
	return &store.Refusal{Code: ldap.LDAPResultReferral, Referrals: []string{s.directory.ldaps.url()},
		Text: "0000202B: RefErr: DSID-031007F9, data 0, 1 access points"}
}

// resultOf puts a refusal into an answer.
func resultOf(err error) wire.Result {
	var refusal *store.Refusal
	switch {
	case err == nil:
		return wire.Result{}
	case errors.As(err, &refusal):
		return wire.Result{Code: refusal.Code, Text: refusal.Text, MatchedDN: refusal.MatchedDN, Referrals: refusal.Referrals}
	default:
		return wire.Result{Code: ldap.LDAPResultOther, Text: err.Error()}
	}
}
