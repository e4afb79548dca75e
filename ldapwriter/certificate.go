package ldapwriter

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// minute is how times stand in messages; they are given in UTC.
const minute = "2006-01-02 15:04 UTC"

// plain says in plain words what is wrong and what to do about it.
type plain struct{ what, mend string }

// String is both, as part of a sentence.
func (p plain) String() string {
	if p.mend == "" {
		return p.what
	}
	return p.what + "; " + p.mend
}

// whyNoConnection says why a connection to host could not be made.
func whyNoConnection(host string, err error) plain {
	if why := whyNoTrust(host, err); why.what != "" {
		return why
	}
	var notTLS tls.RecordHeaderError
	var unknown *net.DNSError
	var secret *secretError
	switch {
	case errors.As(err, &secret): // its own words say what mends it
		return plain{what: secret.Error()}
	case errors.As(err, &notTLS):
		return plain{"what answers there does not speak TLS", "name the LDAPS port (636, of a global catalog 3269)"}
	case errors.As(err, &unknown) && unknown.IsNotFound:
		return plain{fmt.Sprintf("the name %s cannot be resolved", host), "check it and the DNS server"}
	case timedOut(err):
		return plain{"it does not answer in time", "check that it runs and that no firewall is between"}
	}
	return plain{err.Error(), "check that it runs and that it listens there"}
}

// whyNoTrust says what is wrong with a certificate; nothing where err is about something else.
func whyNoTrust(host string, err error) plain {
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return whyNotNow(invalid.Cert)
	case errors.As(err, &name):
		return plain{fmt.Sprintf("its certificate is for %s and not for %s", strings.Join(certificateNames(name.Certificate), ", "), host),
			"name the server as its certificate does, or give it one for this name"}
	case errors.As(err, &authority):
		return plain{fmt.Sprintf("its certificate was issued by %q, which is not trusted", issuer(authority.Cert)),
			"put that authority's certificate into directory.ca_file"}
	case errors.As(err, &invalid):
		return plain{fmt.Sprintf("its certificate is not valid for a server: %v", invalid), "give it another one"}
	}
	return plain{}
}

// whyNotNow says when a certificate holds that does not hold now, by the clock that crypto/tls checked it with.
func whyNotNow(cert *x509.Certificate) plain {
	if time.Now().Before(cert.NotBefore) {
		return plain{"its certificate holds only from " + cert.NotBefore.UTC().Format(minute), "check the clocks of both machines"}
	}
	return plain{"its certificate expired on " + cert.NotAfter.UTC().Format(minute), "renew it on the domain controller"}
}

func certificateNames(cert *x509.Certificate) []string {
	names := append([]string{}, cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		names = append(names, fmt.Sprintf("%q (its subject, which does not count)", cert.Subject.CommonName))
	}
	return names
}

func issuer(cert *x509.Certificate) string {
	if cert == nil {
		return "an unknown authority"
	}
	return cert.Issuer.String()
}

// timedOut says whether err is a time limit that passed.
func timedOut(err error) bool {
	var slow net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &slow) && slow.Timeout()
}
