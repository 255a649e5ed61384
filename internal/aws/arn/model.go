package arn

import "strings"

// ModelKind says how a model was named.
type ModelKind uint8

// The ways to name a model. Kinds are append-only.
const (
	// Plain is any name that is not one of Bedrock's forms: an alias, a card
	// id, "upstream/model". ID is the whole text.
	Plain ModelKind = iota
	// FoundationModel is a Bedrock id such as "amazon.nova-lite-v1:0", or its
	// ARN.
	FoundationModel
	// InferenceProfile is a system profile: a geography and a foundation
	// model, such as "eu.amazon.nova-lite-v1:0", or its ARN.
	InferenceProfile
	// ApplicationInferenceProfile is a tenant's own profile, by ARN.
	ApplicationInferenceProfile
	// CustomModel is a tuned model, by ARN.
	CustomModel
	// CustomModelDeployment is an on-demand deployment of one, by ARN.
	CustomModelDeployment
	// ImportedModel is a model brought in by its owner, by ARN.
	ImportedModel
	// ProvisionedModel is bought throughput, by ARN.
	ProvisionedModel
	// PromptRouter is a default or a tenant's prompt router, by ARN.
	PromptRouter
	// Prompt is a managed prompt that names its model, by ARN.
	Prompt
	// Endpoint is a SageMaker endpoint, by ARN.
	Endpoint
	// OtherARN is an ARN that names no model; refuse it.
	OtherARN
)

// String returns the kind's resource name as used in ARNs.
func (k ModelKind) String() string {
	for name, kind := range resourceKinds {
		if kind == k && name != "default-prompt-router" {
			return name
		}
	}
	switch k {
	case Plain:
		return "plain"
	case Endpoint:
		return "endpoint"
	}
	return "other"
}

var resourceKinds = map[string]ModelKind{
	"foundation-model":              FoundationModel,
	"inference-profile":             InferenceProfile,
	"application-inference-profile": ApplicationInferenceProfile,
	"custom-model":                  CustomModel,
	"custom-model-deployment":       CustomModelDeployment,
	"imported-model":                ImportedModel,
	"provisioned-model":             ProvisionedModel,
	"prompt-router":                 PromptRouter,
	"default-prompt-router":         PromptRouter,
	"prompt":                        Prompt,
}

// Model is a parsed model name. Partition, Region and Account are empty unless
// the name was an ARN.
type Model struct {
	Kind ModelKind
	// ID is what follows the kind in an ARN, else the whole name. It keeps a
	// profile's geography and a model's ":0".
	ID string
	// Geo is the geography of an inference profile: "us", "eu", "global", ….
	Geo string
	// Base is the foundation model id inside a FoundationModel or
	// InferenceProfile, without Geo; empty for other kinds.
	Base string
	// Version is the number of a Prompt version, "" for its draft.
	Version string

	Partition, Region, Account string
}

// ParseModel classifies a model name as it stands, already unescaped, in a
// path or in JSON. Every string has an answer; a malformed ARN is an OtherARN
// with the text as its ID.
func ParseModel(s string) Model {
	if !strings.HasPrefix(s, "arn:") {
		return parseID(s)
	}
	a, err := Parse(s)
	if err != nil {
		return Model{Kind: OtherARN, ID: s}
	}
	m := Model{Kind: OtherARN, ID: s, Partition: a.Partition, Region: a.Region, Account: a.Account}
	kind, id := a.Kind()
	switch {
	case id == "":
	case a.Service == "sagemaker" && kind == "endpoint":
		m.Kind, m.ID = Endpoint, id
	case a.Service == "bedrock":
		if k, ok := resourceKinds[kind]; ok {
			m.Kind, m.ID = k, id
		}
	}
	switch m.Kind {
	case FoundationModel:
		m.Base = id
	case InferenceProfile:
		m.Geo, m.Base = cutGeo(id)
	case Prompt:
		m.ID, m.Version = a.Version()
	}
	return m
}

// parseID reads a name that is no ARN.
func parseID(s string) Model {
	if geo, base := cutGeo(s); geo != "" {
		return Model{Kind: InferenceProfile, ID: s, Geo: geo, Base: base}
	}
	if isFoundation(s) {
		return Model{Kind: FoundationModel, ID: s, Base: s}
	}
	return Model{Kind: Plain, ID: s}
}

// cutGeo splits "us.provider.model" into "us" and "provider.model". geo is
// empty where the first part is no geography or no model follows it.
func cutGeo(s string) (geo, base string) {
	geo, base, ok := strings.Cut(s, ".")
	if !ok || !isFoundation(base) {
		return "", s
	}
	switch geo {
	case "us", "eu", "apac", "jp", "au", "us-gov", "global", "ca":
		return geo, base
	}
	return "", s
}

// isFoundation reports whether s has the form provider.model[:context] of
// Bedrock's ids: lower-case letters, digits and "-" on both sides of a ".".
// "gpt-4.1" and "qwen2.5" also have it, so a provider must begin with a letter
// and a model id must hold one behind its first "."; the catalogue decides in
// the end.
func isFoundation(s string) bool {
	provider, model, ok := strings.Cut(s, ".")
	if !ok || provider == "" || model == "" || model[0] < 'a' || model[0] > 'z' {
		return false
	}
	for i := range len(provider) {
		if c := provider[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	for i := range len(model) {
		if c := model[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == ':') {
			return false
		}
	}
	return true
}
