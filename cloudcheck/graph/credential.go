package graph

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// Authority is where and how a credential signs in.
type Authority struct {
	TenantID string
	azcore.ClientOptions
	// DisableInstanceDiscovery is set for an authority that Microsoft does not know: a simulator or a proxy.
	DisableInstanceDiscovery bool
}

// Credential makes the application's credential. It is called again after a sign-in or a token was refused, so that a
// renewed secret or certificate counts without a restart.
type Credential func(Authority) (azcore.TokenCredential, error)

// SecretCredential signs in with a client secret.
func SecretCredential(clientID string, secret func() (string, error)) Credential {
	return func(a Authority) (azcore.TokenCredential, error) {
		s, err := secret()
		if err != nil {
			return nil, fmt.Errorf("read the client secret: %w", err)
		}
		return azidentity.NewClientSecretCredential(a.TenantID, clientID, s, &azidentity.ClientSecretCredentialOptions{
			ClientOptions: a.ClientOptions, DisableInstanceDiscovery: a.DisableInstanceDiscovery})
	}
}

// CertificateCredential signs in with a certificate: PEM with the certificate, its chain if any, and the private key
// (PKCS #8 or PKCS #1, RSA, not encrypted).
func CertificateCredential(clientID string, pem func() ([]byte, error)) Credential {
	return func(a Authority) (azcore.TokenCredential, error) {
		data, err := pem()
		if err != nil {
			return nil, fmt.Errorf("read the certificate: %w", err)
		}
		certs, key, err := azidentity.ParseCertificates(data, nil)
		if err != nil {
			return nil, fmt.Errorf("parse the certificate and its key: %w", err)
		}
		return azidentity.NewClientCertificateCredential(a.TenantID, clientID, certs, key, &azidentity.ClientCertificateCredentialOptions{
			ClientOptions: a.ClientOptions, DisableInstanceDiscovery: a.DisableInstanceDiscovery})
	}
}

// ManagedIdentity signs in as the machine's own identity in Azure; clientID names a user-assigned one and may be empty.
func ManagedIdentity(clientID string) Credential {
	return func(a Authority) (azcore.TokenCredential, error) {
		o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: a.ClientOptions}
		if clientID != "" {
			o.ID = azidentity.ClientID(clientID)
		}
		return azidentity.NewManagedIdentityCredential(o)
	}
}

const (
	// renewEvery bounds how often a refused token makes us begin anew: new roles stand only in a new token, and the
	// credential keeps the old one for an hour.
	renewEvery = time.Minute
	// refusedFor is how long a refused sign-in is not tried again.
	refusedFor = 30 * time.Second
)

// signIn is the credential in use. It remembers a refusal, so that a thousand writes with a wrong secret sign in once.
type signIn struct {
	build func() (azcore.TokenCredential, error)
	now   func() time.Time

	mu        sync.Mutex
	current   azcore.TokenCredential
	made      int // how often current was made
	madeAt    time.Time
	refusal   *signInError
	refusedAt time.Time
}

var _ azcore.TokenCredential = (*signIn)(nil)

// signInError is a failure to get a token, as opposed to one of Graph, with what the sign-in server said last: azidentity
// keeps only the text of an error below it.
type signInError struct {
	err  error
	last note
}

func (e *signInError) Error() string { return "sign in: " + e.err.Error() }
func (e *signInError) Unwrap() error { return e.err }

// GetToken gives a token, from the credential's cache while it holds. Every error is a *signInError.
func (s *signIn) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	credential, failed := s.credential()
	if failed != nil {
		return azcore.AccessToken{}, failed
	}
	var last note
	token, err := credential.GetToken(withNote(ctx, &last), o)
	if err != nil {
		failed = &signInError{err, last}
		s.remember(failed)
		return azcore.AccessToken{}, failed
	}
	return token, nil
}

func (s *signIn) credential() (azcore.TokenCredential, *signInError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal != nil {
		if s.now().Sub(s.refusedAt) < refusedFor {
			return nil, s.refusal
		}
		s.refusal, s.current = nil, nil
	}
	if s.current == nil {
		made, err := s.build()
		if err != nil {
			return nil, &signInError{err: err}
		}
		s.current, s.madeAt = made, s.now()
		s.made++
	}
	return s.current, nil
}

// remember keeps an answer of the authority that says no; a network that is away is no refusal.
func (s *signIn) remember(failed *signInError) {
	if failed.last.status < 400 || failed.last.status >= 500 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal, s.refusedAt = failed, s.now()
}

// age counts the credentials so far: a call notes it before it is sent.
func (s *signIn) age() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(s.made, 1) // the first is made by the call itself
}

// renew drops the token of an age, which Graph refused. It says whether another try makes sense: somebody else may have
// renewed it meanwhile, but a new token is not dropped.
func (s *signIn) renew(age int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made != age || s.current == nil {
		return true
	}
	if s.now().Sub(s.madeAt) < renewEvery {
		return false
	}
	s.current = nil
	return true
}
