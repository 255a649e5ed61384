package bedrock

import (
	"net/http"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/craton-ai/craton/internal/provider"
)

// TestSigningLeavesTheAddress: requests to one address share it, and the signer
// writes into its request's.
func TestSigningLeavesTheAddress(t *testing.T) {
	t.Parallel()
	env := map[string]string{"AWS_ACCESS_KEY_ID": "AKIAEXAMPLEEXAMPLE01", "AWS_SECRET_ACCESS_KEY": "secret"}
	s := &signer{region: "us-east-1", v4: v4.NewSigner(), now: time.Now,
		keys: newKeyring(provider.Config{Now: time.Now, AWS: provider.AWS{Getenv: func(name string) string { return env[name] }}})}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://bedrock.example/model/m%3A0/converse?b=1&a=2", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	shared, before := req.URL, *req.URL
	if err := s.sign(req); err != nil {
		t.Fatal(err)
	}
	if *shared != before || req.URL == shared || req.Header.Get("Authorization") == "" {
		t.Errorf("the shared address became %s", shared)
	}
}
