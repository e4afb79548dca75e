package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"

	"github.com/aliasd/aliasd/client"
	"github.com/aliasd/aliasd/config"
	"github.com/aliasd/aliasd/server/token"
)

// connect makes a client of the running daemon: the one of --server or ALIASD_URL, else the local one of the settings.
// The token is ALIASD_TOKEN's, else the one that the local daemon keeps for administrators.
func (a *app) connect() (*client.Client, error) {
	o := client.Options{URL: a.serverURL, Waiting: a.showWaiting}
	secret, named := a.env("ALIASD_TOKEN")
	local := false
	if o.URL != "" {
		base, err := client.ParseURL(o.URL)
		if err != nil {
			return nil, &usageError{err: err, try: "aliasd --help"}
		}
		local = client.ThisMachine(base.Hostname())
		if !local && !named {
			return nil, errors.New("a daemon on another machine needs a token: set ALIASD_TOKEN")
		}
	}
	if o.URL == "" || local && !named {
		if err := a.fromSettings(&o, &secret, named); err != nil {
			return nil, err
		}
	}
	o.Token = secret
	return client.New(o)
}

// fromSettings fills in what the settings know of the local daemon.
func (a *app) fromSettings(o *client.Options, secret *string, named bool) error {
	s, err := a.settings()
	if err != nil {
		return withoutSettings(o.URL, err)
	}
	own, ca, err := localEndpoint(s.API)
	if err != nil {
		return err
	}
	switch {
	case o.URL == "":
		o.URL = own
	case portOf(o.URL) != portOf(own):
		// Its token is for its own daemon: at another port somebody else may listen, or a tunnel may begin.
		return fmt.Errorf("%s is not the daemon of %s, which listens at %s: set ALIASD_TOKEN", o.URL, a.configFile, own)
	}
	o.CA = ca
	if !named {
		*secret, err = localSecret(s.DataDir)
	}
	return err
}

// withoutSettings says what would do instead where the settings were only needed for their token: then they are not what is
// wrong.
func withoutSettings(given string, err error) error {
	if given == "" {
		return err
	}
	return fmt.Errorf("no ALIASD_TOKEN is set, and the settings of the local daemon, which has one, cannot be read: %v", err)
}

func portOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Port()
}

// localEndpoint is where the daemon of these settings answers on this machine, and the certificate that vouches for it.
func localEndpoint(s config.API) (endpoint string, ca []byte, err error) {
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
