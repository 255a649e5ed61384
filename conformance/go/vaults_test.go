package sdks

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"
)

func TestVaultsAndFiles(t *testing.T) {
	t.Parallel()
	s := newSuite(t, "openai-go, vaults and files", openAIModule)
	s.run(t, map[string]func(*testing.T){
		"a vault is created, read, changed and deleted": vaultLife, "vaults are listed by page, metadata and status": vaultLists,
		"an OAuth credential is created, rotated and deleted": credentialOAuth, "bearer tokens and environment variables": credentialOthers,
		"credentials are listed page by page": credentialLists, "a vault's secrets are never shown": credentialSecrets,
		"bad credentials are refused by the member's name": credentialErrors,
		"files are uploaded, read and deleted":             fileLife, "files are listed page by page": fileLists, "bad uploads are refused": fileErrors,
	})
}

const mcpServer = "https://mcp.example.com/mcp"

func newVault(t *testing.T, params openai.BetaAgentVaultNewParams) *openai.Vault {
	t.Helper()
	client := openAI(t)
	return must[*openai.Vault](t)(client.Beta.Agents.Vaults.New(t.Context(), params))
}

func vaultLife(t *testing.T) {
	client, ctx := openAI(t), t.Context()
	made := newVault(t, openai.BetaAgentVaultNewParams{Name: openai.String("  team  "), Metadata: map[string]string{"app": "a"}})
	equal(t, "the vault", []any{string(made.Object), made.Name, made.Metadata["app"]}, []any{"vault", "team", "a"})
	if age := time.Now().Unix() - made.CreatedAt; age < 0 || age > 60 {
		t.Errorf("it was created %d seconds ago", age)
	}
	read := must[*openai.Vault](t)(client.Beta.Agents.Vaults.Get(ctx, made.ID))
	equal(t, "what is read again", read.RawJSON(), made.RawJSON())
	changed := must[*openai.Vault](t)(client.Beta.Agents.Vaults.Update(ctx, made.ID, openai.BetaAgentVaultUpdateParams{Name: param.Null[string]()}))
	equal(t, "a cleared name", []any{changed.JSON.Name.Valid(), changed.Metadata["app"]}, []any{false, "a"})
	changed = must[*openai.Vault](t)(client.Beta.Agents.Vaults.Update(ctx, made.ID, openai.BetaAgentVaultUpdateParams{Metadata: map[string]string{}}))
	equal(t, "cleared metadata", changed.Metadata, map[string]string{})
	gone := must[*openai.VaultDeleted](t)(client.Beta.Agents.Vaults.Delete(ctx, made.ID))
	equal(t, "the deletion", []any{gone.ID, gone.Deleted, string(gone.Object)}, []any{made.ID, true, "vault.deleted"})
	_, err := client.Beta.Agents.Vaults.Get(ctx, made.ID)
	equal(t, "the code", openAIError(t, err, 404).Code, "not_found_error")
	_, err = client.Beta.Agents.Vaults.New(ctx, openai.BetaAgentVaultNewParams{}, option.WithHeaderDel("OpenAI-Beta"))
	equal(t, "the code without the beta", openAIError(t, err, 400).Code, "invalid_beta")
	_, err = client.Beta.Agents.Vaults.New(ctx, openai.BetaAgentVaultNewParams{Name: openai.String(strings.Repeat("x", 257))})
	equal(t, "what is wrong", openAIError(t, err, 400).Param, "name")
}

func vaultLists(t *testing.T) {
	client := openAI(t)
	tag := newTag()
	var ids []string
	for range 3 {
		ids = append(ids, newVault(t, openai.BetaAgentVaultNewParams{Metadata: map[string]string{"the tag": tag, "leer": ""}}).ID)
	}
	list := func(params openai.BetaAgentVaultListParams) (found []string) {
		t.Helper()
		params.Metadata, params.Limit = map[string]string{"the tag": tag, "leer": ""}, openai.Int(1)
		pages := client.Beta.Agents.Vaults.ListAutoPaging(t.Context(), params)
		for pages.Next() {
			found = append(found, pages.Current().ID)
		}
		if err := pages.Err(); err != nil {
			t.Error(err)
		}
		return found
	}
	equal(t, "oldest first", list(openai.BetaAgentVaultListParams{Order: openai.BetaAgentVaultListParamsOrderAsc}), ids)
	slices.Reverse(ids)
	equal(t, "newest first", list(openai.BetaAgentVaultListParams{}), ids)
	equal(t, "after the first", list(openai.BetaAgentVaultListParams{After: openai.String(ids[0])}), ids[1:])
	one := func(s openai.VaultStatus) openai.VaultStatusFilterUnionParam {
		return openai.VaultStatusFilterUnionParam{OfStatus: param.NewOpt(s)}
	}
	equal(t, "active ones", list(openai.BetaAgentVaultListParams{Status: one(openai.VaultStatusActive)}), ids)
	equal(t, "archived ones", list(openai.BetaAgentVaultListParams{Status: one(openai.VaultStatusArchived)}), nil)
	both := openai.VaultStatusFilterUnionParam{OfArrayOfStatuses: []openai.VaultStatus{openai.VaultStatusActive, openai.VaultStatusArchived}}
	equal(t, "both", list(openai.BetaAgentVaultListParams{Status: both}), ids)
	_, err := client.Beta.Agents.Vaults.List(t.Context(), openai.BetaAgentVaultListParams{Limit: openai.Int(0)})
	equal(t, "what is wrong", openAIError(t, err, 400).Param, "limit")
}

// oauth is a credential with everything an OAuth credential may have.
func oauth(secret string) openai.BetaAgentVaultCredentialNewParams {
	return openai.BetaAgentVaultCredentialNewParams{Name: "wiki", Metadata: map[string]string{"k": "v"},
		Auth: openai.CredentialAuthCreateParamUnion{OfParamMcpOAuth: &openai.CredentialAuthCreateParamMcpOAuth{
			AccessToken: secret + "-access", McpServerURL: mcpServer, ExpiresAt: openai.String("2031-02-03T04:05:06Z"),
			Refresh: openai.CredentialAuthCreateParamMcpOAuthRefresh{ClientID: "client", RefreshToken: secret + "-refresh", TokenEndpoint: "https://auth.example.com/token",
				TokenEndpointAuth: openai.McpOAuthTokenEndpointAuthCreateParamOfParamClientSecretPost(secret + "-client"),
				Scope:             openai.String("read write"), Resource: openai.String(mcpServer)}}}}
}

func credentialOAuth(t *testing.T) {
	client, ctx := openAI(t), t.Context()
	in := newVault(t, openai.BetaAgentVaultNewParams{}).ID
	credentials := client.Beta.Agents.Vaults.Credentials
	made := must[*openai.Credential](t)(credentials.New(ctx, in, oauth("hush")))
	auth := made.Auth.AsMcpOAuth()
	equal(t, "the credential", []any{string(made.Object), made.VaultID, made.Name, made.Metadata["k"]}, []any{"vault.credential", in, "wiki", "v"})
	equal(t, "what is public", []any{auth.McpServerURL, auth.ExpiresAt, auth.Refresh.ClientID, auth.Refresh.Scope, auth.Refresh.Resource, auth.Refresh.TokenEndpointAuth.Type},
		[]any{mcpServer, "2031-02-03T04:05:06Z", "client", "read write", mcpServer, "client_secret_post"})
	update := func(auth *openai.CredentialAuthRotateParamMcpOAuth, metadata map[string]string) openai.CredentialAuthMcpOAuth {
		t.Helper()
		body := openai.BetaAgentVaultCredentialUpdateParams{Metadata: metadata}
		if auth != nil {
			body.Auth = openai.CredentialAuthRotateParamUnion{OfParamMcpOAuth: auth}
		}
		changed := must[*openai.Credential](t)(credentials.Update(ctx, in, made.ID, body))
		return changed.Auth.AsMcpOAuth()
	}
	equal(t, "metadata only", update(nil, map[string]string{}).ExpiresAt, "2031-02-03T04:05:06Z")
	kept := update(&openai.CredentialAuthRotateParamMcpOAuth{Refresh: openai.CredentialAuthRotateParamMcpOAuthRefresh{Scope: param.Null[string]()}}, nil)
	equal(t, "a scope that is asked for no more", []any{kept.Refresh.JSON.Scope.Valid(), kept.ExpiresAt}, []any{false, "2031-02-03T04:05:06Z"})
	next := update(&openai.CredentialAuthRotateParamMcpOAuth{AccessToken: openai.String("hush-next")}, nil)
	equal(t, "a new token has no expiry", next.JSON.ExpiresAt.Valid(), false)
	gone := must[*openai.CredentialDeleted](t)(credentials.Delete(ctx, in, made.ID))
	equal(t, "the deletion", []any{gone.ID, gone.Deleted, string(gone.Object)}, []any{made.ID, true, "vault.credential.deleted"})
	_, err := credentials.Get(ctx, in, made.ID)
	equal(t, "the code", openAIError(t, err, 404).Code, "not_found_error")
}

func bearerToken(name, secret string) openai.BetaAgentVaultCredentialNewParams {
	return openai.BetaAgentVaultCredentialNewParams{Name: name, Auth: openai.CredentialAuthCreateParamUnion{
		OfParamStaticBearer: &openai.CredentialAuthCreateParamStaticBearer{Token: secret, McpServerURL: mcpServer}}}
}

func variable(name, secret string, hosts ...string) openai.BetaAgentVaultCredentialNewParams {
	networking := openai.CredentialNetworkingParamUnion{OfParamUnrestricted: &openai.CredentialNetworkingParamUnrestricted{}}
	if hosts != nil {
		networking = openai.CredentialNetworkingParamUnion{OfParamLimited: &openai.CredentialNetworkingParamLimited{AllowedHosts: hosts}}
	}
	return openai.BetaAgentVaultCredentialNewParams{Name: "v", Auth: openai.CredentialAuthCreateParamUnion{
		OfParamEnvironmentVariable: &openai.CredentialAuthCreateParamEnvironmentVariable{SecretName: name, SecretValue: secret, Networking: networking}}}
}

func credentialOthers(t *testing.T) {
	client, ctx := openAI(t), t.Context()
	in := newVault(t, openai.BetaAgentVaultNewParams{}).ID
	credentials := client.Beta.Agents.Vaults.Credentials
	bearer := must[*openai.Credential](t)(credentials.New(ctx, in, bearerToken("b", "hush")))
	equal(t, "the server", bearer.Auth.AsStaticBearer().McpServerURL, mcpServer)
	limited := must[*openai.Credential](t)(credentials.New(ctx, in, variable("API_KEY", "hush", "API.example.com", "10.0.0.1")))
	auth := limited.Auth.AsEnvironmentVariable()
	equal(t, "the variable", []any{auth.SecretName, auth.Networking.Type, auth.Networking.AllowedHosts}, []any{"API_KEY", "limited", []string{"api.example.com", "10.0.0.1"}})
	anywhere := must[*openai.Credential](t)(credentials.New(ctx, in, variable("API_KEY", "hush")))
	equal(t, "anywhere", anywhere.Auth.AsEnvironmentVariable().Networking.Type, "unrestricted")
	for id, auth := range map[string]openai.CredentialAuthRotateParamUnion{
		bearer.ID:  {OfParamStaticBearer: &openai.CredentialAuthRotateParamStaticBearer{Token: "hush-2"}},
		limited.ID: {OfParamEnvironmentVariable: &openai.CredentialAuthRotateParamEnvironmentVariable{SecretValue: "hush-2"}},
	} {
		changed := must[*openai.Credential](t)(credentials.Update(ctx, in, id, openai.BetaAgentVaultCredentialUpdateParams{Auth: auth}))
		equal(t, "what is rotated", changed.ID, id)
	}
}

func credentialLists(t *testing.T) {
	client, ctx := openAI(t), t.Context()
	in := newVault(t, openai.BetaAgentVaultNewParams{}).ID
	var names, found []string
	for i := range 3 {
		names = append(names, fmt.Sprint("c", i))
		must[*openai.Credential](t)(client.Beta.Agents.Vaults.Credentials.New(ctx, in, bearerToken(names[i], "hush")))
	}
	pages := client.Beta.Agents.Vaults.Credentials.ListAutoPaging(ctx, in, openai.BetaAgentVaultCredentialListParams{Limit: openai.Int(2), Order: "asc"})
	for pages.Next() {
		found = append(found, pages.Current().Name)
	}
	if err := pages.Err(); err != nil {
		t.Error(err)
	}
	equal(t, "the credentials", found, names)
	must[*openai.VaultDeleted](t)(client.Beta.Agents.Vaults.Delete(ctx, in))
	_, err := client.Beta.Agents.Vaults.Credentials.List(ctx, in, openai.BetaAgentVaultCredentialListParams{})
	equal(t, "the code", openAIError(t, err, 404).Code, "not_found_error")
}

// credentialSecrets reads everything back that has to do with a credential.
func credentialSecrets(t *testing.T) {
	client, ctx := openAI(t), t.Context()
	in := newVault(t, openai.BetaAgentVaultNewParams{}).ID
	credentials := client.Beta.Agents.Vaults.Credentials
	var shown strings.Builder
	for _, body := range []openai.BetaAgentVaultCredentialNewParams{oauth("hush"), bearerToken("b", "hush"), variable("V", "hush")} {
		made := must[*openai.Credential](t)(credentials.New(ctx, in, body))
		read := must[*openai.Credential](t)(credentials.Get(ctx, in, made.ID))
		shown.WriteString(made.RawJSON() + read.RawJSON())
	}
	page, err := credentials.List(ctx, in, openai.BetaAgentVaultCredentialListParams{})
	if err != nil || len(page.Data) != 3 {
		t.Fatalf("%d credentials: %v", len(page.Data), err)
	}
	shown.WriteString(page.RawJSON())
	_, err = credentials.New(ctx, in, bearerToken("b", "hush\nhush"))
	shown.WriteString(openAIError(t, err, 400).RawJSON())
	if strings.Contains(shown.String(), "hush") {
		t.Errorf("a secret is shown: %s", shown.String())
	}
}

func credentialErrors(t *testing.T) {
	client, ctx := openAI(t), t.Context()
	in := newVault(t, openai.BetaAgentVaultNewParams{}).ID
	credentials := client.Beta.Agents.Vaults.Credentials
	plain := bearerToken("b", "t")
	plain.Auth.OfParamStaticBearer.McpServerURL = "http://mcp.example.com"
	for want, body := range map[string]openai.BetaAgentVaultCredentialNewParams{
		"auth.secret_name": variable("CODEX_TOKEN", "x"), "auth.secret_value": variable("V", "a\nb"),
		"auth.networking.allowed_hosts": variable("V", "x", "*.example.com"), "auth.mcp_server_url": plain, "name": bearerToken(" ", "x"),
	} {
		_, err := credentials.New(ctx, in, body)
		e := openAIError(t, err, 400)
		equal(t, "what is wrong", []string{e.Param, e.Code}, []string{want, "invalid_request_error"})
	}
	made := must[*openai.Credential](t)(credentials.New(ctx, in, bearerToken("b", "t")))
	_, err := credentials.Update(ctx, in, made.ID, openai.BetaAgentVaultCredentialUpdateParams{Auth: openai.CredentialAuthRotateParamUnion{
		OfParamEnvironmentVariable: &openai.CredentialAuthRotateParamEnvironmentVariable{SecretValue: "x"}}})
	equal(t, "another type", openAIError(t, err, 400).Param, "auth.type")
	_, err = credentials.Update(ctx, in, made.ID, openai.BetaAgentVaultCredentialUpdateParams{}, option.WithJSONSet("name", "other"))
	equal(t, "another name", openAIError(t, err, 400).Param, "name")
}

// named is content with a file name, as the SDK looks for one.
type named struct {
	io.Reader
	name string
}

func (n named) Filename() string { return n.name }

func uploaded(t *testing.T, name, content string, edit ...func(*openai.FileNewParams)) (*openai.FileObject, error) {
	t.Helper()
	client := openAI(t)
	params := openai.FileNewParams{File: named{strings.NewReader(content), name}, Purpose: openai.FilePurposeUserData}
	for _, e := range edit {
		e(&params)
	}
	return client.Files.New(t.Context(), params)
}

func fileLife(t *testing.T) {
	client, ctx := openAI(t), t.Context()
	content := strings.Repeat("naïve text\n", 1<<20) // larger than other bodies may be
	made := must[*openai.FileObject](t)(uploaded(t, "naïve notes.md", content, func(p *openai.FileNewParams) {
		p.ExpiresAfter = openai.FileNewParamsExpiresAfter{Seconds: 3600}
	}))
	equal(t, "the file", []any{string(made.Object), made.Filename, made.Bytes, string(made.Purpose), string(made.Status), made.ExpiresAt},
		[]any{"file", "naïve notes.md", int64(len(content)), "user_data", "processed", made.CreatedAt + 3600})
	read := must[*openai.FileObject](t)(client.Files.Get(ctx, made.ID))
	equal(t, "what is read again", read.RawJSON(), made.RawJSON())
	resp, err := client.Files.Content(ctx, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := string(must[[]byte](t)(io.ReadAll(resp.Body))); got != content {
		t.Errorf("%d bytes come back", len(got))
	}
	gone := must[*openai.FileDeleted](t)(client.Files.Delete(ctx, made.ID))
	equal(t, "the deletion", []any{gone.ID, gone.Deleted}, []any{made.ID, true})
	_, err = client.Files.Get(ctx, made.ID)
	openAIError(t, err, 404)
	batch := must[*openai.FileObject](t)(uploaded(t, "b.jsonl", "{}\n", func(p *openai.FileNewParams) { p.Purpose = openai.FilePurposeBatch }))
	equal(t, "how long a batch's file is kept", batch.ExpiresAt-batch.CreatedAt, int64(30*24*3600))
}

func fileLists(t *testing.T) {
	client := openAI(t)
	var ids []string
	for range 3 {
		ids = append(ids, must[*openai.FileObject](t)(uploaded(t, "e.json", "{}", func(p *openai.FileNewParams) { p.Purpose = openai.FilePurposeEvals })).ID)
	}
	for _, order := range []openai.FileListParamsOrder{openai.FileListParamsOrderAsc, openai.FileListParamsOrderDesc} {
		var found []string
		pages := client.Files.ListAutoPaging(t.Context(), openai.FileListParams{Purpose: openai.String("evals"), Limit: openai.Int(1), Order: order})
		for pages.Next() {
			found = append(found, pages.Current().ID)
		}
		if err := pages.Err(); err != nil {
			t.Error(err)
		}
		equal(t, string(order), found, ids)
		slices.Reverse(ids)
	}
}

func fileErrors(t *testing.T) {
	client := openAI(t)
	_, err := uploaded(t, "a", "x", func(p *openai.FileNewParams) { p.Purpose = "fun" })
	equal(t, "a wrong purpose", openAIError(t, err, 400).Param, "purpose")
	_, err = uploaded(t, "a", "x", func(p *openai.FileNewParams) { p.ExpiresAfter = openai.FileNewParamsExpiresAfter{Seconds: 1} })
	equal(t, "too short a life", openAIError(t, err, 400).Param, "expires_after.seconds")
	_, err = client.Files.Content(t.Context(), "file-unknown")
	e := openAIError(t, err, 404)
	if !json.Valid([]byte(e.RawJSON())) {
		t.Errorf("the error is %q", e.RawJSON())
	}
}
