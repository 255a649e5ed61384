package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/config"
)

// certificates serves a certificate and reads it again when its file changed.
type certificates struct {
	cert, key string
	now       func() time.Time

	mu      sync.Mutex
	loaded  *tls.Certificate
	stamp   time.Time
	checked time.Time
}

// tlsConfig is the server's side of TLS. A self-signed certificate is made once
// and kept in the data directory.
func tlsConfig(cfg *config.Config, now func() time.Time) (*tls.Config, error) {
	c := &certificates{cert: cfg.TLS.Cert, key: cfg.TLS.Key, now: now}
	if c.cert == "" {
		c.cert, c.key = filepath.Join(cfg.Data, "tls.crt"), filepath.Join(cfg.Data, "tls.key")
		if err := selfSign(c.cert, c.key, hostNames(cfg), now()); err != nil {
			return nil, err
		}
	}
	if _, err := c.get(nil); err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.At("tls"), err)
	}
	return &tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// get returns the current certificate; the file is looked at once a second at most.
func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.loaded != nil && now.Sub(c.checked) < time.Second {
		return c.loaded, nil
	}
	c.checked = now
	info, err := os.Stat(c.cert)
	if err == nil && c.loaded != nil && info.ModTime().Equal(c.stamp) {
		return c.loaded, nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		if c.loaded != nil {
			return c.loaded, nil // a half-written renewal: the old one serves until it is whole
		}
		return nil, fmt.Errorf("the TLS certificate cannot be used: %w", err)
	}
	c.loaded, c.stamp = &pair, info.ModTime()
	return c.loaded, nil
}

// hostNames are the names and addresses under which clients may reach the server:
// what it listens on or, where that is every address of the machine, those
// addresses and the machine's name; and the hosts of the configuration.
func hostNames(cfg *config.Config) []string {
	var names []string
	host, _, err := net.SplitHostPort(cfg.Listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		addresses, _ := net.InterfaceAddrs() // without them the certificate has fewer names
		for _, a := range addresses {
			if at, ok := a.(*net.IPNet); ok && !at.IP.IsLinkLocalUnicast() {
				names = append(names, at.IP.String())
			}
		}
		if name, err := os.Hostname(); err == nil {
			names = append(names, name)
		}
	} else if err == nil {
		names = append(names, strings.ToLower(host))
	}
	return append(names, cfg.Hosts...)
}

// selfSign makes a certificate for names and the loopback names, unless there is one.
func selfSign(cert, key string, names []string, now time.Time) error {
	if _, err := os.Stat(cert); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "craton"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(2, 0, 0),
		// A client that trusts it trusts this server, and nothing its key could sign.
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	if name, err := os.Hostname(); err == nil && !slices.Contains(names, name) {
		template.DNSNames = append(template.DNSNames, name)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

// insecureTLS accepts any certificate, for talking to a self-signed server.
func insecureTLS() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }
