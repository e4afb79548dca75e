package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// filesFixture is a folder with a settings file and everything that it names, all of it right.
type filesFixture struct {
	t   *testing.T
	dir string
}

const filesSettings = `
data_dir: state
directory:
  servers: ["ldaps://dc1.contoso.test"]
  base_dn: "DC=contoso,DC=test"
  ca_file: ca.pem
  bind:
    user: svc-aliasd@contoso.test
    password: {file: secret.txt}
cloud:
  tenant_id: contoso.onmicrosoft.com
  client_id: 5a7c1f02-8e3b-4c57-a1de-6b0f9c2d4e11
  certificate: {file: client.pem}
  ca_file: proxy.pem
api:
  tls:
    cert_file: api.pem
    key_file: api.key
`

func newFilesFixture(t *testing.T) filesFixture {
	t.Helper()
	f := filesFixture{t, t.TempDir()}
	cert, key := pair(t, rsaKey(t))
	f.write("ca.pem", cert)
	f.write("proxy.pem", cert)
	f.write("secret.txt", "Summer2025\n")
	f.write("client.pem", cert+key)
	f.write("api.pem", cert)
	f.write("api.key", key)
	return f
}

func (f filesFixture) write(name, content string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f filesFixture) check(settings string) Problems {
	f.t.Helper()
	s, err := Parse("aliasd.yaml", []byte(settings), f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	var problems Problems
	if err := s.CheckFiles(); err != nil && !errors.As(err, &problems) {
		f.t.Fatalf("no Problems: %v", err)
	}
	return problems
}

func rsaKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// pair makes a certificate of its own and its key, both PEM.
func pair(t *testing.T, key crypto.Signer) (certPEM, keyPEM string) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "contoso.test"},
		NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

func TestCheckFilesPasses(t *testing.T) {
	t.Parallel()
	f := newFilesFixture(t)
	if problems := f.check(filesSettings); problems != nil {
		t.Errorf("data folder that is not there yet: %v", problems)
	}
	if _, err := os.Stat(filepath.Join(f.dir, "state")); err == nil {
		t.Error("made the data folder")
	}
	if err := os.Mkdir(filepath.Join(f.dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	if problems := f.check(filesSettings); problems != nil {
		t.Errorf("data folder that is there: %v", problems)
	}
	elsewhere := strings.NewReplacer("{file: secret.txt}", "{env: NOT_SET_HERE}", "{file: client.pem}", "{credential: entra}").Replace(filesSettings)
	if problems := f.check(elsewhere); problems != nil {
		t.Errorf("secrets that only the service has: %v", problems)
	}
	f.write("client.pem", "\x30\x82\x04\x00 PKCS #12")
	if problems := f.check(filesSettings); problems != nil {
		t.Errorf("PKCS #12: %v", problems)
	}
}

// TestCheckFilesNamesEach spoils one file at a time.
func TestCheckFilesNamesEach(t *testing.T) {
	t.Parallel()
	cert, key := pair(t, rsaKey(t))
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curveCert, curveKey := pair(t, curve)
	broken := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("nothing")}))
	for name, c := range map[string]struct{ file, content, want string }{
		"CA without certificate":        {"ca.pem", key, "aliasd.yaml:6: directory.ca_file: DIR/ca.pem holds no certificate in PEM"},
		"CA in DER":                     {"ca.pem", "\x30\x82", "openssl x509 -inform der"},
		"CA that is broken":             {"ca.pem", cert + broken, "directory.ca_file: DIR/ca.pem holds a certificate that cannot be read"},
		"CA of the proxy":               {"proxy.pem", "", "aliasd.yaml:14: cloud.ca_file: DIR/proxy.pem holds no certificate"},
		"password empty":                {"secret.txt", "\n", "aliasd.yaml:9: directory.bind.password: read the secret from file DIR/secret.txt: it is empty"},
		"password in UTF-16":            {"secret.txt", "\xff\xfeS\x00", "UTF-16"},
		"certificate without key":       {"client.pem", cert, "aliasd.yaml:13: cloud.certificate: DIR/client.pem does not hold the certificate's private key"},
		"key without certificate":       {"client.pem", key, "cloud.certificate: DIR/client.pem holds no certificate"},
		"certificate with a curve":      {"client.pem", curveCert + curveKey, "cloud.certificate: DIR/client.pem holds no RSA key"},
		"certificate with another key":  {"client.pem", cert + curveKey, "does not hold the certificate's private key"},
		"API with another key":          {"api.key", key, "aliasd.yaml:18: api.tls.key_file: DIR/api.key is not the key of the certificate"},
		"API's certificate is no PEM":   {"api.pem", "x", "aliasd.yaml:17: api.tls.cert_file: DIR/api.pem holds no certificate"},
		"a file where the data belongs": {"state", "x", "aliasd.yaml:2: data_dir: DIR/state is not a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFilesFixture(t)
			f.write(c.file, c.content)
			problems := f.check(filesSettings)
			got := strings.ReplaceAll(problems.Error(), f.dir+string(filepath.Separator), "DIR/")
			if len(problems) != 1 || !strings.Contains(got, c.want) {
				t.Errorf("got\n%s\nwant %s", got, c.want)
			}
			if strings.Contains(got, "Summer") {
				t.Error("shows a secret")
			}
		})
	}
}

// TestCheckFilesNamesAll: everything that is missing at once, in the order of the file.
func TestCheckFilesNamesAll(t *testing.T) {
	t.Parallel()
	problems := filesFixture{t, t.TempDir()}.check(filesSettings)
	var keys []string
	for _, p := range problems {
		keys = append(keys, p.Key)
		if !strings.HasPrefix(p.Text, "there is no file ") || p.File != "aliasd.yaml" {
			t.Errorf("got %s", p)
		}
	}
	const want = "directory.ca_file directory.bind.password cloud.certificate cloud.ca_file api.tls.cert_file api.tls.key_file"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	secret := strings.Replace(filesSettings, "certificate: {file", "client_secret: {file", 1)
	if got := (filesFixture{t, t.TempDir()}).check(secret); len(got) != 6 || got[2].Key != "cloud.client_secret" || got[2].Line != 13 {
		t.Errorf("got %v", got)
	}
}

// TestCheckFilesWithoutAFile: settings that were never read from a file still say what is wrong.
func TestCheckFilesWithoutAFile(t *testing.T) {
	t.Parallel()
	s := &Settings{DataDir: t.TempDir() + "/none", Directory: Directory{CAFile: t.TempDir()}}
	var problems Problems
	if err := s.CheckFiles(); !errors.As(err, &problems) || len(problems) != 1 || problems[0].Line != 1 || problems[0].Key != "directory.ca_file" {
		t.Errorf("got %v", err)
	}
}
