package main

import (
	"fmt"
	"io"
	"net"

	"github.com/craton-ai/craton/internal/config"
	"github.com/craton-ai/craton/internal/identity"
)

// base is the address clients use.
func (svc *service) base(addr net.Addr) string {
	if svc.cfg.TLS.On() {
		return "https://" + addr.String()
	}
	return "http://" + addr.String()
}

// welcome says where the server is, who may use it, and how.
func (svc *service) welcome(out io.Writer, base string, first identity.Bootstrapped) {
	fmt.Fprintf(out, "\nCraton %s serves %s (data in %s)\n", version, base, svc.cfg.Data)
	for _, line := range svc.found {
		fmt.Fprintln(out, "  "+line)
	}
	shell, python := "$CRATON_API_KEY", `os.environ["CRATON_API_KEY"]`
	id, secret := "$CRATON_ACCESS_KEY_ID", "$CRATON_SECRET_ACCESS_KEY"
	preset := svc.streams.getenv("CRATON_API_KEY") != ""
	switch {
	case preset && first.Bearer != nil:
		fmt.Fprintln(out, "\nAdministrator's key: the one in CRATON_API_KEY of the server's environment. It is new, and works until it is revoked.")
	case preset:
		fmt.Fprintln(out, "\nKey: the one in CRATON_API_KEY of the server's environment.")
	case first.Bearer != nil:
		shell, python = first.Bearer.Token, fmt.Sprintf("%q", first.Bearer.Token)
		fmt.Fprintf(out, "\nAdministrator's credentials, shown this once:\n  export CRATON_API_KEY=%s\n", shell)
	}
	switch {
	case svc.streams.getenv("CRATON_ACCESS_KEY_ID") != "":
		fmt.Fprintln(out, "Access key: the one in CRATON_ACCESS_KEY_ID of the server's environment.")
	case first.AWS != nil:
		id, secret = first.AWS.AccessKeyID, first.AWS.SecretAccessKey
		fmt.Fprintf(out, "  export CRATON_ACCESS_KEY_ID=%s\n  export CRATON_SECRET_ACCESS_KEY=%s\n", id, secret)
	}
	svc.welcomeCommands(out, base)
	name := svc.defaultModel()
	if name == "" {
		install := "craton engine install"
		if svc.cfg.Data != config.DefaultData(svc.streams.getenv) {
			install += " --data " + svc.cfg.Data
		}
		fmt.Fprintf(out, "\nNo model yet: run `%s`, or name an upstream in a configuration.\n\n", install)
		return
	}
	fmt.Fprintf(out, examples, base, shell, name, base, python, name, id, secret, base, svc.cfg.Region, name)
}

// welcomeCommands says what craton's own commands need to find this server,
// where that is not what they take by default.
func (svc *service) welcomeCommands(out io.Writer, base string) {
	if base == "http://"+config.DefaultListen {
		return
	}
	fmt.Fprintf(out, "\nFor craton's own commands:\n  export CRATON_URL=%s\n", base)
	if svc.cfg.TLS.SelfSigned {
		fmt.Fprintln(out, "  export CRATON_INSECURE=true")
	}
}

const examples = `
Try it:

  curl -s %s/v1/chat/completions -H "Authorization: Bearer %s" \
    -d '{"model": "%s", "messages": [{"role": "user", "content": "Say hello."}]}'

  python3 -c 'import os; from openai import OpenAI
client = OpenAI(base_url="%s/v1", api_key=%s)
print(client.chat.completions.create(model="%s", messages=[{"role": "user", "content": "Say hello."}]).choices[0].message.content)'

  AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s \
    aws bedrock-runtime converse --endpoint-url %s --region %s \
    --model-id %s --messages '[{"role": "user", "content": [{"text": "Say hello."}]}]'

`
