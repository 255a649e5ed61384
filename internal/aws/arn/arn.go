// Package arn reads and writes Amazon Resource Names and the other ways in
// which the Bedrock contracts name a model, for the edges, the router and the
// resource store.
//
// It is pure: it knows the shapes of names and no resource. It guarantees that
// [Parse] accepts exactly the strings that [ARN.String] can produce and that
// [ParseModel] classifies every string: what is no Bedrock name is a plain
// model name, for the catalogue to resolve.
//
//	ref := arn.ParseModel("us.anthropic.claude-3-7-sonnet-20250219-v1:0")
//	// ref.Kind == arn.InferenceProfile, ref.Geo == "us",
//	// ref.Base == "anthropic.claude-3-7-sonnet-20250219-v1:0"
package arn

import (
	"errors"
	"fmt"
	"strings"
)

// ARN is a parsed Amazon Resource Name:
// arn:partition:service:region:account:resource.
// Region and Account may be empty (foundation models have no account).
type ARN struct {
	Partition string // "aws", "aws-us-gov", …
	Service   string // "bedrock", "bedrock-agentcore", …
	Region    string
	Account   string // 12 digits, "aws" for system resources, or ""
	Resource  string // kind/id, may hold further "/" and ":"
}

// ErrMalformed is wrapped by every error of Parse.
var ErrMalformed = errors.New("malformed ARN")

// Parse reads an ARN. It checks the form, not that the resource exists:
// six parts, partition "aws…", a service and a resource.
func Parse(s string) (ARN, error) {
	rest, ok := strings.CutPrefix(s, "arn:")
	if !ok {
		return ARN{}, fmt.Errorf("%w: %.64q does not begin with \"arn:\"", ErrMalformed, s)
	}
	var a ARN
	for _, part := range []*string{&a.Partition, &a.Service, &a.Region, &a.Account} {
		if *part, rest, ok = strings.Cut(rest, ":"); !ok {
			return ARN{}, fmt.Errorf("%w: %.64q has fewer than six parts", ErrMalformed, s)
		}
	}
	a.Resource = rest
	switch {
	case a.Partition != "aws" && !strings.HasPrefix(a.Partition, "aws-"):
		return ARN{}, fmt.Errorf("%w: unknown partition %.16q", ErrMalformed, a.Partition)
	case a.Service == "" || a.Resource == "":
		return ARN{}, fmt.Errorf("%w: %.64q names no service or no resource", ErrMalformed, s)
	case a.Account != "" && a.Account != "aws" && !isAccount(a.Account):
		return ARN{}, fmt.Errorf("%w: account %.16q is not 12 digits", ErrMalformed, a.Account)
	}
	return a, nil
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// String returns the ARN's text form.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Kind splits the resource at its first "/" into its kind ("guardrail") and
// its id, which may hold further slashes and a ":version". A resource without
// "/" has an empty id.
func (a ARN) Kind() (kind, id string) {
	kind, id, _ = strings.Cut(a.Resource, "/")
	return kind, id
}

// Version returns the id without its trailing ":n" and that n, where n is a
// number or DRAFT; version is empty if there is none. Model ids are not
// versioned this way (their ":0" is part of the id): do not ask for them.
func (a ARN) Version() (id, version string) {
	_, id = a.Kind()
	i := strings.LastIndexByte(id, ':')
	if i < 0 || !isVersion(id[i+1:]) {
		return id, ""
	}
	return id[:i], id[i+1:]
}

func isVersion(s string) bool {
	if s == "DRAFT" {
		return true
	}
	return s != "" && strings.Trim(s, "0123456789") == ""
}
