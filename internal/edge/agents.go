package edge

import (
	"net/http"
	"strings"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// The Agents API is asked for by a header while it is in beta.
const (
	betaHeader = "OpenAI-Beta"
	agentsBeta = "agents=v1"
)

// mantle is the SigV4 service of Bedrock's Managed Agents, and how the names of
// its hosts begin.
const mantle = "bedrock-mantle"

// agentsAPI is the contract of agents, sessions, environments and vaults.
var agentsAPI = &dialect{
	name: model.DialectOpenAIAgents, requestID: "X-Request-Id", rates: openAIRates,
	encodeError: func(h http.Header, _ string, err *model.Error) (int, []byte) {
		status, body := agents.EncodeError(err)
		if status == http.StatusConflict && !err.Retryable() {
			// The SDKs retry every 409 unless told not to.
			h.Set("X-Should-Retry", "false")
		}
		return status, body
	},
}

// handleAgents registers an operation of the Agents API where both its
// contracts serve it. path begins with a slash and has no version.
func (h *Handler) handleAgents(method, path string, action identity.Action, serve handler) {
	for _, prefix := range []string{"/v1", "/openai/v1"} {
		h.mux.HandleFunc(method+" "+prefix+path, func(w http.ResponseWriter, r *http.Request) {
			h.serve(w, r, agentsAPI, action, []string{mantle}, func(c *call) error {
				if err := c.beta(); err != nil {
					return err
				}
				return serve(c)
			})
		})
	}
}

// agentsMount says whose rules a request is read by: Amazon's where it came the
// way Amazon's clients do. By OpenAI's, what is not known is ignored, and named in
// [LossHeader].
func (c *call) agentsMount() agents.Mount {
	if !c.who.IsBearer || strings.HasPrefix(c.r.Host, mantle+".") {
		return agents.Bedrock
	}
	if c.strict() {
		return agents.Strict
	}
	var lost []model.Loss
	return agents.OpenAI.Telling(func(path string) {
		if len(lost) == maxIgnored {
			return // the header is for people to read
		}
		lost = append(lost, model.Loss{Path: truncate(path, 80), What: "unknown, and ignored", Severity: model.LossMinor})
		c.w.Header().Set(LossHeader, lossText(lost))
	})
}

// maxIgnored is how many ignored members a client is told of.
const maxIgnored = 20

// beta refuses a request that does not ask for the beta. Amazon's contract
// knows no such header.
func (c *call) beta() error {
	if c.agentsMount().Bedrock() {
		return nil
	}
	for _, value := range c.r.Header.Values(betaHeader) {
		for one := range strings.SplitSeq(value, ",") {
			if strings.TrimSpace(one) == agentsBeta {
				return nil
			}
		}
	}
	err := model.Errorf(model.Invalid, "", "This operation is in beta: it needs the header '%s: %s'.", betaHeader, agentsBeta)
	err.Code = agents.CodeBeta
	return err.WithHint("The official SDKs send it with every call under client.beta.agents.")
}

// agentsPage reads the page a list operation is asked for.
func (c *call) agentsPage() (agents.Query, error) { return agents.DecodeQuery(c.r.URL.Query()) }
