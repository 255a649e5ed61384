// Package arn reads and writes Amazon Resource Names, for the router of the AWS
// contracts and for whatever keeps resources.
//
// It is pure: it knows the form of names and no resource. It guarantees that
// [Parse] accepts exactly the strings that [ARN.String] can produce. What a model
// name means, in an ARN or not, is routing's to say.
//
//	a, err := arn.Parse("arn:aws:bedrock:eu-west-1:123456789012:guardrail/abc123def456")
//	kind, id := a.Kind() // "guardrail", "abc123def456"
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
