package config

import (
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/aliasd/aliasd/private"
)

// places is where the keys stand in the settings file, for problems that are found after it was read.
type places struct {
	file string
	at   map[string]place
}

// place is a line and a column, from 1.
type place struct{ line, col int }

func (d *decoder) places() places {
	p := places{file: d.file, at: map[string]place{}}
	for path, n := range d.at {
		p.at[path] = place{n.Line, n.Column}
	}
	return p
}

// closest is where the key stands, or the nearest group above it that was given, or the beginning.
func (p places) closest(path string) place {
	for ; path != ""; path = above(path) {
		if at, ok := p.at[path]; ok {
			return at
		}
	}
	return place{1, 1}
}

// CheckFiles looks at every file and folder that the settings name, as the account that asks: whether they are there
// and can be read, hold what they should, and are closed to others where they hold secrets (package private). Secrets
// of the environment and of systemd are not looked at: they are there for the service only. A data folder that is not
// there yet is right. It changes nothing. The error is Problems, all of them, on the lines of their keys.
func (s *Settings) CheckFiles() error {
	f := &files{places: s.places}
	f.report("data_dir", checkDataDir(s.DataDir))
	f.report("database_password", checkText(s.DatabasePassword))
	f.report("directory.ca_file", checkCA(s.Directory.CAFile))
	f.report("directory.bind.password", checkText(s.Directory.Bind.Password))
	f.report("cloud.certificate", checkIdentity(s.Cloud.Certificate))
	f.report("cloud.client_secret", checkText(s.Cloud.ClientSecret))
	f.report("cloud.ca_file", checkCA(s.Cloud.CAFile))
	f.checkTLS(s.API.TLS)
	if len(f.problems) == 0 {
		return nil
	}
	f.problems.sort()
	return f.problems
}

// files gathers what is wrong with the files.
type files struct {
	places   places
	problems Problems
}

// report takes down what is wrong with a key's file; nil is nothing.
func (f *files) report(key string, bad *flaw) {
	if bad == nil {
		return
	}
	at := f.places.closest(key)
	f.problems = append(f.problems, Problem{
		File: f.places.file, Line: at.line, col: at.col, Key: key, Text: bad.text, Hint: bad.hint,
	})
}

// checkTLS checks the API's certificate, its key, and whether they belong together.
func (f *files) checkTLS(t TLS) {
	const certKey, keyKey = "api.tls.cert_file", "api.tls.key_file"
	if t.CertFile == "" || t.KeyFile == "" {
		return
	}
	cert, badCert := readFile(t.CertFile)
	if badCert == nil {
		badCert = holdsCertificate(t.CertFile, cert)
	}
	key, err := private.ReadFile(t.KeyFile)
	badKey := flawOf(t.KeyFile, err)
	if badCert == nil && badKey == nil {
		if _, err := tls.X509KeyPair(cert, key); err != nil {
			badKey = &flaw{t.KeyFile + " is not the key of the certificate: " + err.Error(), "give the private key, PEM and without a passphrase, of " + t.CertFile}
		}
	}
	f.report(certKey, badCert)
	f.report(keyKey, badKey)
}

// checkDataDir lets a folder pass that is not there yet: it is made closed to others.
func checkDataDir(path string) *flaw {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && !info.IsDir():
		return &flaw{path + " is not a folder", "aliasd makes it where nothing is in its place"}
	case err == nil:
		err = private.CheckPrivate(path)
	}
	return flawOf(path, err)
}

// checkCA checks a file of certificates, none where no path is given.
func checkCA(path string) *flaw {
	if path == "" {
		return nil
	}
	data, bad := readFile(path)
	if bad != nil {
		return bad
	}
	return holdsCertificate(path, data)
}

// checkText checks a secret that is text, where it stands in a file.
func checkText(s Secret) *flaw {
	if s.kind != "file" {
		return nil
	}
	_, err := s.Value()
	return flawOf(s.ref, err)
}

// checkIdentity checks a certificate with its key, where it stands in a file. What is not PEM is taken for PKCS #12,
// which is read at the sign-in only.
func checkIdentity(s Secret) *flaw {
	if s.kind != "file" {
		return nil
	}
	data, err := s.Bytes()
	if err != nil {
		return flawOf(s.ref, err)
	}
	const derSequence = 0x30 // what every DER file of this kind begins with (X.690, 8.9)
	if data[0] == derSequence {
		return nil
	}
	if bad := holdsCertificate(s.ref, data); bad != nil {
		return bad
	}
	pair, err := tls.X509KeyPair(data, data)
	if err != nil {
		return &flaw{s.ref + " does not hold the certificate's private key: " + err.Error(), "one PEM file holds both, the key without a passphrase"}
	}
	if _, ok := pair.PrivateKey.(*rsa.PrivateKey); !ok {
		return &flaw{s.ref + " holds no RSA key", "Entra ID takes RSA keys only; make another certificate"}
	}
	return nil
}

// holdsCertificate says whether PEM data holds at least one certificate, and only such as can be read.
func holdsCertificate(path string, data []byte) *flaw {
	found := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return &flaw{path + " holds a certificate that cannot be read: " + err.Error(), "export it anew, as PEM"}
		}
		found++
	}
	if found == 0 {
		return &flaw{path + " holds no certificate in PEM", "it has to hold -----BEGIN CERTIFICATE-----; turn DER into PEM with: openssl x509 -inform der"}
	}
	return nil
}

// readFile reads a file that is no secret, at most as long as the settings may be.
func readFile(path string) ([]byte, *flaw) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, flawOf(path, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSettings {
		return nil, &flaw{fmt.Sprintf("%s is no regular file of at most %d bytes", path, maxSettings), ""}
	}
	data, err := os.ReadFile(path)
	return data, flawOf(path, err)
}

// flawOf words why a file cannot be used; nil where err is.
func flawOf(path string, err error) *flaw {
	var wider *private.WiderError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wider):
		return &flaw{fmt.Sprintf("%s is open to others (%s, want %s)", wider.Path, wider.Found, wider.Want), "mend it with: " + wider.Mend}
	case errors.Is(err, fs.ErrNotExist):
		return &flaw{"there is no file " + path, "put it there, or mend the path; a relative one starts at the settings file"}
	case errors.Is(err, fs.ErrPermission):
		return &flaw{path + " cannot be read by this account", "let the service's account read it, and look as that account"}
	}
	return &flaw{err.Error(), ""}
}
