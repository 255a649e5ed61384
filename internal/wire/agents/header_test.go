package agents

import "testing"

// TestSecretHeaders knows headers that carry credentials by their names.
func TestSecretHeaders(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"Authorization": true, "X-API-Key": true, "x-token": true, "X_Access_Token": true, "Proxy-Authorization": true, "Cookie": true,
		"X-Client-Secret": true, "X-Team": false, "X-Author": false, "X-Monkey": false, "Accept-Language": false,
	} {
		if got := HasSecretHeader(map[string]string{name: "v"}); got != want {
			t.Errorf("%s: secret %t, want %t", name, got, want)
		}
	}
}
