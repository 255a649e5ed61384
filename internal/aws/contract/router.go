package contract

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/craton-ai/craton/internal/aws/arn"
)

// maxSegments bounds the work for one path; modelled paths have up to eleven
// segments, and an unescaped ARN adds three.
const maxSegments = 48

// Router finds the operation of a request among one or more services. It is
// immutable and safe for concurrent use.
type Router struct {
	// routes by method and first segment, which is a literal in every model.
	routes  map[routeKey][]*route
	methods map[string][]string // by first segment, for messages
}

type routeKey struct{ method, first string }

type route struct {
	op       *Operation
	segments []segment
	slash    bool // the template ends in "/"
	literals int
}

// segment is a literal, or a label if label is set.
type segment struct{ literal, label string }

// PathLabel is a value taken from a path, decoded once.
type PathLabel struct{ Name, Value string }

// Match is what a request means.
type Match struct {
	Operation *Operation
	Labels    []PathLabel // in the order of the path
}

// Label returns the value of the label called name, or "".
func (m *Match) Label(name string) string { return label(m.Labels, name) }

func label(labels []PathLabel, name string) string {
	for _, l := range labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// Hint narrows the services that a path may belong to; empty fields do not.
type Hint struct {
	SigningName string // from the credential scope, if the request is signed
	Service     string // endpoint prefix, if the Host or the path names it
}

// NewRouter returns a router over services. It fails if two operations of one
// service have the same method and path.
func NewRouter(services ...*Service) (*Router, error) {
	r := &Router{routes: map[routeKey][]*route{}, methods: map[string][]string{}}
	for _, s := range services {
		for _, op := range s.Operations {
			t := parseTemplate(op)
			key := routeKey{op.Method, t.segments[0].literal}
			for _, other := range r.routes[key] {
				if other.op.Service == s && other.same(t) {
					return nil, fmt.Errorf("contract: %s and %s of %s have the same path %s", other.op.Name, op.Name, s.Name, op.URI)
				}
			}
			r.routes[key] = append(r.routes[key], t)
			if m := r.methods[key.first]; !slices.Contains(m, op.Method) {
				r.methods[key.first] = append(m, op.Method)
			}
		}
	}
	return r, nil
}

func parseTemplate(op *Operation) *route {
	segs, slash := split(op.URI, nil)
	t := &route{op: op, slash: slash}
	for _, s := range segs {
		if strings.HasPrefix(s, "{") {
			t.segments = append(t.segments, segment{label: strings.Trim(s, "{}")})
		} else {
			t.segments = append(t.segments, segment{literal: s})
			t.literals++
		}
	}
	return t
}

func (t *route) same(o *route) bool {
	return t.slash == o.slash && slices.EqualFunc(t.segments, o.segments, func(a, b segment) bool {
		return a.literal == b.literal && (a.label == "") == (b.label == "")
	})
}

// split cuts an escaped path at its slashes; slash reports a trailing one.
func split(path string, buf []string) (segs []string, slash bool) {
	path = strings.TrimPrefix(path, "/")
	if path != "" && strings.HasSuffix(path, "/") {
		path, slash = path[:len(path)-1], true
	}
	for rest, more := path, true; more; {
		var s string
		s, rest, more = strings.Cut(rest, "/")
		buf = append(buf, s)
	}
	return buf, slash
}

// Match finds the operation for a method and the path as it was sent, still
// escaped. A literal segment wins over a label; a path with as many segments
// as the template wins over one whose label spans several (an unescaped ARN or
// model name with slashes); a trailing slash is told apart only where the
// models do, and tolerated elsewhere. Paths that two services share are told
// apart by hint, then by the ARN in them.
//
// The error is a *Error: UnknownOperationException, or SerializationException
// for a path that cannot be decoded.
func (r *Router) Match(method, escapedPath string, hint Hint) (Match, error) {
	var buf [16]string
	segs, slash := split(escapedPath, buf[:0])
	if len(segs) > maxSegments {
		return Match{}, r.unknown(method, "")
	}
	var best []*route
	bestScore := 0
	for _, t := range r.routes[routeKey{method, segs[0]}] {
		if !hint.allows(t.op.Service) {
			continue
		}
		switch score := t.score(segs, slash); {
		case score == 0 || score < bestScore:
		case score > bestScore:
			best, bestScore = append(best[:0], t), score
		default:
			best = append(best, t)
		}
	}
	if len(best) == 0 {
		return Match{}, r.unknown(method, segs[0])
	}
	labels, err := best[0].labels(segs)
	if err != nil {
		return Match{}, err
	}
	return Match{Operation: resolve(best, labels).op, Labels: labels}, nil
}

func (h Hint) allows(s *Service) bool {
	return (h.SigningName == "" || h.SigningName == s.SigningName) && (h.Service == "" || h.Service == s.Name)
}

// score is 0 if the path does not match; higher is better.
func (t *route) score(segs []string, slash bool) int {
	if !t.match(segs, 0, 0, nil) {
		return 0
	}
	score := 4 * t.literals
	if slash == t.slash {
		score += 2
	}
	if len(segs) == len(t.segments) {
		score += 1000
	}
	return score
}

// match tries template segments from i on path segments from j; ends, if not
// nil, receives where each template segment ends.
func (t *route) match(segs []string, i, j int, ends []int) bool {
	if i == len(t.segments) {
		return j == len(segs)
	}
	spare := len(segs) - j - (len(t.segments) - i) // segments a label may take beyond one
	if spare < 0 {
		return false
	}
	seg := &t.segments[i]
	if seg.label == "" {
		if segs[j] != seg.literal {
			return false
		}
		spare = 0
	}
	for extra := 0; extra <= spare; extra++ {
		if seg.label != "" && extra == 0 && segs[j] == "" {
			return false // no label is empty or begins with a slash
		}
		if ends != nil {
			ends[i] = j + 1 + extra
		}
		if t.match(segs, i+1, j+1+extra, ends) {
			return true
		}
	}
	return false
}

// labels decodes the labels of a path that matches.
func (t *route) labels(segs []string) ([]PathLabel, error) {
	ends := make([]int, len(t.segments))
	t.match(segs, 0, 0, ends)
	var out []PathLabel
	start := 0
	for i, seg := range t.segments {
		if seg.label != "" {
			v, err := url.PathUnescape(strings.Join(segs[start:ends[i]], "/"))
			if err != nil || !utf8.ValidString(v) {
				return nil, serialization("The path is not valid: the value of " + seg.label + " is not percent-encoded UTF-8.")
			}
			out = append(out, PathLabel{seg.label, v})
		}
		start = ends[i]
	}
	return out, nil
}

// resolve picks among routes of different services with the same path by the
// service and resource type of the ARN in the path: /tags/{arn} and
// /resourcepolicy/{arn} exist in several.
func resolve(routes []*route, labels []PathLabel) *route {
	if len(routes) == 1 || len(labels) == 0 {
		return routes[0]
	}
	a, err := arn.Parse(labels[0].Value)
	if err != nil {
		return routes[0]
	}
	owner := "bedrock-agent"
	switch kind, _ := a.Kind(); {
	case a.Service == "bedrock-agentcore":
		owner = "bedrock-agentcore-control"
	case kind == "session":
		owner = "bedrock-agent-runtime"
	}
	for _, t := range routes {
		if t.op.Service.Name == owner {
			return t
		}
	}
	return routes[0]
}

func (r *Router) unknown(method, first string) *Error {
	e := &Error{Code: "UnknownOperationException", Status: 404, Message: "The requested operation is not recognized by the service."}
	if methods := r.methods[first]; len(methods) > 0 && !slices.Contains(methods, method) {
		e.Message += " Paths under /" + first + " take " + strings.Join(methods, ", ") + "."
	}
	return e
}
