package vault

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a credential's members, in bytes.
const (
	maxSecret = 64 << 10
	maxURL    = 2048
	maxText   = 1024
	maxScope  = 4096
	maxHosts  = 16
)

var (
	variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)
	hostLabel    = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`)
)

// reserved are the variables by which a sandbox's proxy and its certificates
// are told to programs; one of them as a secret's name would turn them off.
var reserved = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "FTP_PROXY", "WS_PROXY", "WSS_PROXY",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
	"AWS_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT", "DENO_CERT", "CARGO_HTTP_CAINFO", "NPM_CONFIG_CAFILE",
	"NPM_CONFIG_PROXY", "NPM_CONFIG_HTTPS_PROXY", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
}

// check says what is wrong with a credential to be made, and brings its hosts
// into the form in which they are kept.
func (s *Store) check(spec *Spec) error {
	a := &spec.Auth
	if err := checkSecret(a.Kind, spec.Secrets.Token, false); err != nil {
		return err
	}
	if a.Kind == Environment {
		return checkEnvironment(a)
	}
	if err := s.checkURL("auth.mcp_server_url", a.ServerURL); err != nil || a.Refresh == nil {
		return err
	}
	r := a.Refresh
	if err := s.checkURL("auth.refresh.token_endpoint", r.TokenEndpoint); err != nil {
		return err
	}
	for _, t := range []struct {
		param, text string
		most        int
		must        bool
	}{
		{"auth.refresh.client_id", r.ClientID, maxText, true},
		{"auth.refresh.resource", r.Resource, maxURL, false},
		{"auth.refresh.scope", r.Scope, maxScope, false},
	} {
		if err := checkText(t.param, t.text, t.most, t.must); err != nil {
			return err
		}
	}
	return checkRefreshSecrets(spec.Secrets)
}

// secretParams are where the contract has each kind's secret.
var secretParams = map[Kind]string{OAuth: "auth.access_token", Bearer: "auth.token", Environment: "auth.secret_value"}

// checkSecret checks a kind's main secret, which may be absent with optional.
// Errors never repeat it.
func checkSecret(kind Kind, value string, optional bool) error {
	param, known := secretParams[kind]
	switch {
	case !known:
		return invalid("auth.type", "There is no credential of type '%s'.", kind)
	case value == "" && optional:
		return nil
	case kind == Environment:
		return checkLine(param, value)
	}
	return checkToken(param, value)
}

func checkRefreshSecrets(secrets Secrets) error {
	if secrets.RefreshToken != "" {
		if err := checkLine("auth.refresh.refresh_token", secrets.RefreshToken); err != nil {
			return err
		}
	}
	if secrets.ClientSecret == "" {
		return nil
	}
	return checkLine("auth.refresh.token_endpoint_auth.client_secret", secrets.ClientSecret)
}

// checkLine checks a secret of one line.
func checkLine(param, value string) error {
	switch {
	case value == "":
		return invalid(param, "The secret must not be empty.")
	case len(value) > maxSecret:
		return invalid(param, "The secret has %d bytes; at most %d are allowed.", len(value), maxSecret)
	case !utf8.ValidString(value), strings.ContainsAny(value, "\r\n\x00"):
		return invalid(param, "The secret must be text of one line, without carriage return, newline or NUL.")
	}
	return nil
}

// checkToken checks a secret that goes into a header.
func checkToken(param, value string) error {
	if err := checkLine(param, value); err != nil {
		return err
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return invalid(param, "The token must be of visible ASCII characters without spaces, since it is sent in a header.")
	}
	return nil
}

// checkText checks a value that is sent in a form.
func checkText(param, value string, most int, must bool) error {
	switch {
	case must && value == "":
		return invalid(param, "The value must not be empty.")
	case len(value) > most:
		return invalid(param, "The value has %d bytes; at most %d are allowed.", len(value), most)
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return invalid(param, "The value must hold no control characters.")
	}
	return nil
}

// checkURL checks an address that secrets are sent to.
func (s *Store) checkURL(param, address string) error {
	u, err := url.Parse(address)
	switch {
	case len(address) > maxURL:
		return invalid(param, "The address has %d bytes; at most %d are allowed.", len(address), maxURL)
	case err != nil || u.Host == "" || u.Opaque != "":
		return invalid(param, "The address must be a URL such as https://example.com/mcp.")
	case u.User != nil:
		return invalid(param, "The address must hold no user name or password.")
	case u.Fragment != "":
		return invalid(param, "The address must have no fragment.")
	case u.Scheme == "https", u.Scheme == "http" && s.cfg.Plain != nil && s.cfg.Plain(u):
		return nil
	}
	return invalid(param, "The address must begin with https://.")
}

func checkEnvironment(a *Auth) error {
	upper := strings.ToUpper(a.SecretName)
	switch {
	case !variableName.MatchString(a.SecretName):
		return invalid("auth.secret_name", "A variable's name has ASCII letters, digits and underscores, at most 255, and does not begin with a digit.")
	case strings.HasPrefix(upper, "CODEX_"), slices.Contains(reserved, upper):
		return invalid("auth.secret_name", "The variable '%s' is reserved.", a.SecretName)
	case a.AllowedHosts == nil:
		return nil
	}
	hosts := make([]string, 0, len(a.AllowedHosts))
	for _, h := range a.AllowedHosts {
		if h = strings.ToLower(h); !validHost(h) {
			return invalid("auth.networking.allowed_hosts", "A host must be a name or an IPv4 address, without scheme, port, path or wildcard.")
		}
		if !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	if len(hosts) < 1 || len(hosts) > maxHosts {
		return invalid("auth.networking.allowed_hosts", "There must be 1 to %d distinct hosts, not %d.", maxHosts, len(hosts))
	}
	a.AllowedHosts = hosts
	return nil
}

// validHost reports whether h, in lower case, is a host name or an IPv4 address.
func validHost(h string) bool {
	if len(h) > 253 {
		return false
	}
	labels := strings.Split(h, ".")
	for _, l := range labels {
		if !hostLabel.MatchString(l) {
			return false
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") != "" {
		return true
	}
	ip, err := netip.ParseAddr(h) // no name ends in a number
	return err == nil && ip.Is4()
}
