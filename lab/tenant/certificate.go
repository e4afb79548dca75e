package tenant

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// NewRegistration makes what an administrator makes for an app: a self-signed RSA certificate, whose public half is
// registered with the app. The PEM holds the certificate and its PKCS #8 key.
func NewRegistration() (Registration, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return Registration{}, fmt.Errorf("make the app's key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "aliasd"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(365 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return Registration{}, fmt.Errorf("sign the app's certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Registration{}, fmt.Errorf("encode the app's key: %w", err)
	}
	var both bytes.Buffer
	for _, block := range []*pem.Block{{Type: "CERTIFICATE", Bytes: der}, {Type: "PRIVATE KEY", Bytes: private}} {
		if err := pem.Encode(&both, block); err != nil {
			return Registration{}, fmt.Errorf("encode the app's certificate: %w", err)
		}
	}
	return Registration{pem: both.Bytes(), key: &key.PublicKey, thumbprint: sha256.Sum256(der)}, nil
}
