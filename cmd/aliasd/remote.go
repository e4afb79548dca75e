package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/server/token"
)

// connect makes a client of the running daemon: the one of --server or ALIASD_URL, else the local one of the settings.
// The token is ALIASD_TOKEN's, else the one that the local daemon keeps for administrators.
func (a *app) connect() (*client.Client, error) {
	o := client.Options{URL: a.serverURL}
	secret, named := a.env("ALIASD_TOKEN")
	if o.URL != "" && !named {
		return nil, errors.New("a daemon on another machine needs a token: set ALIASD_TOKEN")
	}
	if o.URL == "" {
		s, err := a.settings()
		if err != nil {
			return nil, err
		}
		if o.URL, o.CA, err = localEndpoint(s.API); err != nil {
			return nil, err
		}
		if !named {
			if secret, err = localSecret(s.DataDir); err != nil {
				return nil, err
			}
		}
	}
	o.Token = secret
	return client.New(o)
}

// localEndpoint is where the daemon of these settings answers on this machine, and the certificate that vouches for it.
func localEndpoint(s config.API) (url string, ca []byte, err error) {
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return "", nil, fmt.Errorf("api.listen: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	if s.TLS.CertFile == "" {
		return "http://" + net.JoinHostPort(host, port), nil, nil
	}
	ca, err = os.ReadFile(s.TLS.CertFile)
	if err != nil {
		return "", nil, fmt.Errorf("api.tls.cert_file: %w", err)
	}
	return "https://" + net.JoinHostPort(host, port), ca, nil
}

func localSecret(dir string) (string, error) {
	secret, err := token.ReadLocal(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("no daemon has run with data_dir %s yet; start it with aliasd run, or set ALIASD_TOKEN", dir)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("only the service's account and administrators may read the token in %s; run this as one of them, or set ALIASD_TOKEN", dir)
	case err != nil:
		return "", err
	}
	return secret.Reveal(), nil
}
