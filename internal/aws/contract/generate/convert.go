package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/craton-ai/craton/internal/aws/contract/pattern"
	"github.com/craton-ai/craton/internal/aws/contract/table"
)

// members keeps the order of a structure's members, which messages follow.
type members []namedRef

type namedRef struct {
	name string
	ref
}

// UnmarshalJSONFrom reads an object in its order.
func (m *members) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		r := namedRef{name: name.String()}
		if err := json.UnmarshalDecode(d, &r.ref, json.RejectUnknownMembers(true)); err != nil {
			return err
		}
		*m = append(*m, r)
	}
	_, err := d.ReadToken()
	return err
}

// convert reads a model and returns its table.
func convert(data []byte, source string) (*table.Table, error) {
	var m model
	if err := json.Unmarshal(data, &m, json.RejectUnknownMembers(true)); err != nil {
		return nil, err
	}
	meta := &m.Metadata
	if meta.Protocol != "rest-json" || meta.SignatureVersion != "v4" {
		return nil, fmt.Errorf("protocol %q with signature %q; only rest-json with v4 is known", meta.Protocol, meta.SignatureVersion)
	}
	t := &table.Table{Source: source, Name: meta.EndpointPrefix, ID: meta.ServiceID, APIVersion: meta.APIVersion,
		SigningName: meta.SigningName, Bearer: slices.Contains(meta.Auth, "smithy.api#httpBearerAuth")}
	if t.SigningName == "" {
		t.SigningName = t.Name
	}
	for _, name := range slices.Sorted(maps.Keys(m.Operations)) {
		op, err := convertOperation(m.Operations[name])
		if err != nil {
			return nil, fmt.Errorf("operation %s: %w", name, err)
		}
		t.Operations = append(t.Operations, op)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Shapes)) {
		s, err := convertShape(name, m.Shapes[name])
		if err != nil {
			return nil, fmt.Errorf("shape %s: %w", name, err)
		}
		t.Shapes = append(t.Shapes, s)
	}
	return t, nil
}

func convertOperation(o operation) (table.Operation, error) {
	out := table.Operation{Name: o.Name, Method: o.HTTP.Method, URI: o.HTTP.RequestURI,
		Input: o.Input.Shape, Output: o.Output.Shape, Idempotent: o.Idempotent, ReadOnly: o.ReadOnly}
	if !strings.HasPrefix(out.URI, "/") || strings.ContainsAny(out.URI, "?#+") {
		return out, fmt.Errorf("URI %q has a form the router does not know", out.URI)
	}
	if o.HTTP.ResponseCode != 200 {
		out.Status = o.HTTP.ResponseCode
	}
	for _, e := range o.Errors {
		out.Errors = append(out.Errors, e.Shape)
	}
	return out, nil
}

func convertShape(name string, s shape) (table.Shape, error) {
	out := table.Shape{Name: name, Type: s.Type, Element: s.Member.Shape, Key: s.Key.Shape, Value: s.Value.Shape,
		Min: s.Min, Max: s.Max, Pattern: s.Pattern, Enum: s.Enum, Timestamp: s.TimestampFormat,
		Payload: s.Payload, Status: s.Error.HTTPStatusCode, Flags: flags(&s)}
	if s.Pattern != "" {
		if _, err := pattern.Compile(s.Pattern); err != nil {
			return out, err
		}
	}
	for _, r := range s.Members {
		m := table.Member{Name: r.name, Shape: r.Shape, Location: r.Location,
			Required: slices.Contains(s.Required, r.name), Token: r.IdempotencyToken, JSONValue: r.JSONValue}
		if r.LocationName != r.name {
			m.Wire = r.LocationName
		}
		switch r.Location {
		case "", "uri", "querystring", "header", "headers", "statusCode":
		default:
			return out, fmt.Errorf("member %s has the unknown location %q", r.name, r.Location)
		}
		out.Members = append(out.Members, m)
	}
	return out, nil
}

func flags(s *shape) string {
	var b strings.Builder
	for _, f := range []struct {
		on     bool
		letter rune
	}{
		{s.Union, table.FlagUnion}, {s.Sensitive, table.FlagSensitive}, {s.Document, table.FlagDocument},
		{s.EventStream, table.FlagEventStream}, {s.Event, table.FlagEvent}, {s.Streaming, table.FlagStreaming},
		{s.Exception, table.FlagException}, {s.Retryable != nil, table.FlagRetryable},
	} {
		if f.on {
			b.WriteRune(f.letter)
		}
	}
	return b.String()
}
