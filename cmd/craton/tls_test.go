package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/craton-ai/craton/internal/config"
)

// TestSelfSignedIsALeaf trusts the server's own certificate and nothing else,
// as SSL_CERT_FILE does, in Go and, where it is installed, in Python.
func TestSelfSignedIsALeaf(t *testing.T) {
	t.Parallel()
	cfg := &config.Config{Data: t.TempDir(), Listen: "127.0.0.1:0"}
	own, err := tlsConfig(cfg, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("served")) }))
	server.Listener = tls.NewListener(server.Listener, own)
	server.Start()
	t.Cleanup(server.Close)
	address := strings.Replace(server.URL, "http:", "https:", 1)
	file := filepath.Join(cfg.Data, "tls.crt")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign != 0 {
		t.Error("the certificate may sign others")
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	transport := &http.Transport{TLSClientConfig: insecureTLS()}
	transport.TLSClientConfig.InsecureSkipVerify, transport.TLSClientConfig.RootCAs = false, roots
	t.Cleanup(transport.CloseIdleConnections)
	resp, err := (&http.Client{Transport: transport}).Get(address)
	if err != nil {
		t.Fatal("Go does not trust it:", err)
	}
	resp.Body.Close()
	python, err := exec.LookPath("python3")
	if err != nil {
		return // Go's own verdict stands
	}
	script := "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
	cmd := exec.CommandContext(t.Context(), python, "-c", script, address)
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+file, "no_proxy=*")
	if out, err := cmd.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "served" {
		t.Errorf("Python does not trust it: %v\n%s", err, out)
	}
}

// TestHostNames: a server that listens on all addresses of a machine goes by
// their names.
func TestHostNames(t *testing.T) {
	t.Parallel()
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for listen, want := range map[string]string{"0.0.0.0:1": own, "[::]:1": own, ":1": "127.0.0.1", "10.1.2.3:1": "10.1.2.3", "AI.example.com:1": "ai.example.com"} {
		names := hostNames(&config.Config{Listen: listen, Hosts: []string{"more.example.com"}})
		if !slices.Contains(names, want) || !slices.Contains(names, "more.example.com") {
			t.Errorf("%s: %v is without %q", listen, names, want)
		}
	}
}
