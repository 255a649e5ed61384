package bedrock

import (
	"bufio"
	"bytes"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/provider"
)

// credential is what a request is signed with, or a bearer key.
type credential struct {
	id, secret, token string
	bearer            string
}

// reread is how long keys read from files are used before the files are read
// again, so that keys which another program renews are noticed.
const reread = time.Minute

// keyring finds the credential: configured, else of the environment, else of
// the shared files, as the AWS SDKs do, but never of the metadata service.
type keyring struct {
	aws provider.AWS
	now func() time.Time

	mu    sync.Mutex
	at    time.Time
	files profile
}

// profile is what the shared files say.
type profile struct{ id, secret, token, region string }

func newKeyring(cfg provider.Config) *keyring { return &keyring{aws: cfg.AWS, now: cfg.Now} }

func (k *keyring) env(name string) string {
	if k.aws.Getenv == nil {
		return ""
	}
	return strings.TrimSpace(k.aws.Getenv(name))
}

// credential returns the credential to use now, or an *model.Error of kind
// UpstreamDenied that says where it was looked for.
func (k *keyring) credential() (credential, error) {
	bearer, err := k.aws.Bearer.Reveal()
	if err != nil || bearer != "" {
		return credential{bearer: bearer}, unreadable(err)
	}
	if k.aws.AccessKeyID != "" {
		return k.configured()
	}
	if bearer = k.env("AWS_BEARER_TOKEN_BEDROCK"); bearer != "" {
		return credential{bearer: bearer}, nil
	}
	if id := k.env("AWS_ACCESS_KEY_ID"); id != "" {
		return credential{id: id, secret: k.env("AWS_SECRET_ACCESS_KEY"), token: k.env("AWS_SESSION_TOKEN")}, nil
	}
	if p := k.profile(); p.id != "" {
		return credential{id: p.id, secret: p.secret, token: p.token}, nil
	}
	return credential{}, &model.Error{Kind: model.UpstreamDenied, Op: "provider/bedrock.credential",
		Message: "There is no credential for Amazon Bedrock.",
		Hint:    "Configure an access key or a Bedrock API key, set AWS_ACCESS_KEY_ID, or name a profile of ~/.aws/credentials that holds keys; instance metadata is never asked."}
}

func (k *keyring) configured() (credential, error) {
	secret, err := k.aws.SecretKey.Reveal()
	if err != nil {
		return credential{}, unreadable(err)
	}
	token, err := k.aws.SessionToken.Reveal()
	return credential{id: k.aws.AccessKeyID, secret: secret, token: token}, unreadable(err)
}

func unreadable(err error) error {
	if err == nil {
		return nil
	}
	return &model.Error{Kind: model.UpstreamDenied, Op: "provider/bedrock.credential", Err: err,
		Message: "The credential for Amazon Bedrock cannot be read.", Hint: "Check where the configuration says it is."}
}

// region is the environment's, else the shared files'; empty when neither says.
func (k *keyring) region() string {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if r := k.env(name); r != "" {
			return r
		}
	}
	return k.profile().region
}

// profile reads the shared files, at most once in reread.
func (k *keyring) profile() profile {
	if k.aws.ReadFile == nil {
		return profile{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.now(); k.at.IsZero() || now.Sub(k.at) > reread {
		k.files, k.at = k.readFiles(), now
	}
	return k.files
}

func (k *keyring) readFiles() profile {
	name := first(k.aws.Profile, k.env("AWS_PROFILE"), "default")
	home := k.env("HOME")
	var p profile
	for _, file := range []string{
		first(k.env("AWS_SHARED_CREDENTIALS_FILE"), path.Join(home, ".aws", "credentials")),
		first(k.env("AWS_CONFIG_FILE"), path.Join(home, ".aws", "config")),
	} {
		data, err := k.aws.ReadFile(file)
		if err != nil {
			continue // not having the file is ordinary; the error in the end says what was missing
		}
		s := section(data, name)
		if p.id == "" {
			p.id, p.secret, p.token = s["aws_access_key_id"], s["aws_secret_access_key"], s["aws_session_token"]
		}
		p.region = first(p.region, s["region"])
	}
	return p
}

// section returns the members of [name] or [profile name] of an INI file.
func section(data []byte, name string) map[string]string {
	out := map[string]string{}
	inside := false
	for sc := bufio.NewScanner(bytes.NewReader(data)); sc.Scan(); {
		line := strings.TrimSpace(sc.Text())
		if strings.HasPrefix(line, "[") {
			head := strings.TrimSpace(strings.Trim(line, "[]"))
			inside = head == name || strings.Join(strings.Fields(head), " ") == "profile "+name
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if inside && ok && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, ";") {
			out[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return out
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// Located says where aws finds a credential and a region, without telling
// either secret: for discovery. An empty where means that there is none.
func Located(aws provider.AWS) (where, region string) {
	k := &keyring{aws: aws, now: time.Now}
	switch {
	case aws.AccessKeyID != "" || !aws.Bearer.IsZero():
		where = "the configuration"
	case k.env("AWS_BEARER_TOKEN_BEDROCK") != "":
		where = "AWS_BEARER_TOKEN_BEDROCK"
	case k.env("AWS_ACCESS_KEY_ID") != "":
		where = "AWS_ACCESS_KEY_ID"
	case k.profile().id != "":
		where = "profile " + first(aws.Profile, k.env("AWS_PROFILE"), "default") + " of the AWS shared files"
	}
	return where, k.region()
}
