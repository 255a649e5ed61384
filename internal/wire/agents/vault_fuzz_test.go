package agents

import (
	"strings"
	"testing"

	"github.com/craton-ai/craton/internal/model"
)

// FuzzVaultRequests decodes any body as each request of vaults: it may be
// refused as invalid, with an error that holds nothing of a secret.
func FuzzVaultRequests(f *testing.F) {
	for _, seed := range []string{
		`{"name":"n","metadata":{"k":"v"}}`,
		`{"name":"n","auth":{"type":"static_bearer","token":"SWORDFISH","mcp_server_url":"https://m"}}`,
		`{"name":"n","auth":{"type":"environment_variable","secret_name":"N","secret_value":"SWORDFISH","networking":{"type":"limited","allowed_hosts":["h"]}}}`,
		`{"auth":{"type":"mcp_oauth","access_token":"SWORDFISH","expires_at":null,"mcp_server_url":"u","refresh":{"client_id":"c","refresh_token":"SWORDFISH",
			"token_endpoint":"t","scope":"s","token_endpoint_auth":{"type":"client_secret_post","client_secret":"SWORDFISH"}}}}`,
		`{"auth":{"type":"mcp_oauth","access_token":["SWORDFISH"]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		_, asVault := DecodeVault(body)
		_, created := DecodeCredential(body)
		_, changed := DecodeCredentialChange(body)
		for _, err := range []error{asVault, created, changed} {
			if err == nil {
				continue
			}
			if e := model.AsError(err); e.Kind != model.Invalid {
				t.Errorf("%v", err)
			}
			// A member's name is shown, and a type that is none; values are not.
			if strings.Count(string(body), "SWORDFISH") == strings.Count(string(body), `:"SWORDFISH"`) &&
				!strings.Contains(string(body), `"type":"SWORDFISH"`) && strings.Contains(err.Error(), "SWORDFISH") {
				t.Errorf("the error holds a secret: %v", err)
			}
		}
	})
}
