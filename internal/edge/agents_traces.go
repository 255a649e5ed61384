package edge

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/craton-ai/craton/internal/driver"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/agents"
)

// artifactRoutes lists what sessions leave behind. Artifacts are files that
// turns in hosted environments leave: there are none of these yet, and so none
// of those.
func (h *Handler) artifactRoutes() {
	const one = "/agents/sessions/{session_id}"
	h.handleAgents(http.MethodGet, one+"/traces", identity.SessionRead, h.listTraces)
	h.handleAgents(http.MethodGet, one+"/artifacts", identity.SessionRead, h.listArtifacts)
	h.handleAgents(http.MethodGet, one+"/artifacts/{artifact_id}", identity.SessionRead, h.noArtifact)
	h.handleAgents(http.MethodGet, one+"/artifacts/{artifact_id}/content", identity.SessionRead, h.noArtifact)
	h.handleAgents(http.MethodDelete, one+"/artifacts/{artifact_id}", identity.SessionWrite, h.noArtifact)
}

// listArtifacts serves GET …/artifacts.
func (h *Handler) listArtifacts(c *call) error {
	q, err := c.agentsPage()
	if err != nil {
		return err
	}
	if _, err := c.session(); err != nil {
		return err
	}
	if q.After != "" {
		return noArtifact(q.After)
	}
	return agentsList(c, []string{}, false, func(s string) string { return s }, func(s string) string { return s })
}

// noArtifact answers what is asked of an artifact.
func (h *Handler) noArtifact(c *call) error {
	if _, err := c.session(); err != nil {
		return err
	}
	return noArtifact(c.r.PathValue("artifact_id"))
}

func noArtifact(id string) error {
	return model.Errorf(model.NotFound, "artifact_id", "No such artifact: '%s'.", id)
}

// listTraces serves GET …/traces.
func (h *Handler) listTraces(c *call) error {
	q, err := c.agentsPage()
	if err != nil {
		return err
	}
	past, err := c.history()
	if err != nil {
		return err
	}
	traces, more, err := past.Traces(c.r.Context(), pastPage(q))
	if err != nil {
		return err
	}
	all := make([]agents.Trace, len(traces))
	for i := range traces {
		if all[i], err = shownTrace(past.State.Session, &traces[i]); err != nil {
			return err
		}
	}
	return agentsList(c, all, more, func(t agents.Trace) agents.Trace { return t }, func(t agents.Trace) string { return t.ID })
}

// The members of an OTLP/JSON ExportTraceServiceRequest that traces have.
type (
	otlpRequest struct {
		ResourceSpans []otlpResource `json:"resourceSpans"`
	}
	otlpResource struct {
		Resource   otlpAttributes `json:"resource"`
		ScopeSpans []otlpScope    `json:"scopeSpans"`
	}
	otlpAttributes struct {
		Attributes []otlpAttribute `json:"attributes"`
	}
	otlpScope struct {
		Scope struct {
			Name string `json:"name"`
		} `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	otlpSpan struct {
		TraceID      string          `json:"traceId"`
		SpanID       string          `json:"spanId"`
		ParentSpanID string          `json:"parentSpanId,omitzero"`
		Name         string          `json:"name"`
		Kind         int             `json:"kind"`
		Start        string          `json:"startTimeUnixNano"`
		End          string          `json:"endTimeUnixNano,omitzero"`
		Attributes   []otlpAttribute `json:"attributes"`
		Status       *otlpStatus     `json:"status,omitzero"`
	}
	otlpStatus struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	otlpAttribute struct {
		Key   string    `json:"key"`
		Value otlpValue `json:"value"`
	}
	otlpValue struct {
		String *string `json:"stringValue,omitzero"`
		Int    *string `json:"intValue,omitzero"`
	}
)

// The kinds and codes of OTLP that occur.
const (
	otlpInternal = 1
	otlpClient   = 3
	otlpError    = 2
)

func shownTrace(session string, t *driver.Trace) (agents.Trace, error) {
	sum := sha256.Sum256([]byte(t.Turn))
	trace := hex.EncodeToString(sum[:16])
	scope := otlpScope{}
	scope.Scope.Name = "craton"
	turns := map[uint64]string{} // all that has parts
	for i := range t.Spans {
		s := &t.Spans[i]
		id, parent := spanID(t.Turn, s), turns[s.Parent]
		if _, known := turns[s.Seq]; s.Kind == driver.SpanTurn && !known {
			turns[s.Seq] = id
		}
		scope.Spans = append(scope.Spans, shownSpan(otlpSpan{TraceID: trace, SpanID: id, ParentSpanID: parent}, session, s))
	}
	raw, err := json.Marshal(otlpRequest{ResourceSpans: []otlpResource{{
		Resource:   otlpAttributes{Attributes: []otlpAttribute{said("service.name", "craton")}},
		ScopeSpans: []otlpScope{scope},
	}}})
	if err != nil {
		return agents.Trace{}, model.Wrap(model.Internal, "edge.trace", err)
	}
	return agents.Trace{ID: t.Turn, Object: agents.ObjectTrace, CreatedAt: t.Spans[0].Start.Unix(), SessionID: session, OTLP: raw}, nil
}

// shownSpan names things as OpenTelemetry's conventions for generative AI do. The
// span comes with its ids.
func shownSpan(span otlpSpan, session string, s *driver.Span) otlpSpan {
	span.Start, span.Kind = nanos(s.Start), otlpInternal
	span.Attributes = []otlpAttribute{said("gen_ai.conversation.id", session)}
	if !s.End.IsZero() {
		span.End = nanos(s.End)
	}
	if s.Error != "" {
		span.Status = &otlpStatus{Code: otlpError, Message: s.Error}
	}
	switch s.Kind {
	case driver.SpanModel:
		span.Name, span.Kind = "chat "+s.Name, otlpClient
		span.Attributes = append(span.Attributes, said("gen_ai.operation.name", "chat"), said("gen_ai.response.model", s.Name),
			counted("gen_ai.usage.input_tokens", s.Usage.InputTotal()), counted("gen_ai.usage.output_tokens", s.Usage.Output))
	case driver.SpanTool:
		span.Name = "execute_tool " + s.Name
		span.Attributes = append(span.Attributes, said("gen_ai.operation.name", "execute_tool"), said("gen_ai.tool.name", s.Name),
			said("craton.tool.server", s.Server), counted("craton.tool.attempt", int64(s.Attempt)))
	default:
		span.Name = "invoke_agent " + s.Name
		span.Attributes = append(span.Attributes, said("gen_ai.operation.name", "invoke_agent"), said("gen_ai.agent.id", s.Name))
	}
	return span
}

func said(key, value string) otlpAttribute {
	return otlpAttribute{Key: key, Value: otlpValue{String: &value}}
}

// counted writes a number as OTLP's JSON does: as a string.
func counted(key string, n int64) otlpAttribute {
	text := strconv.FormatInt(n, 10)
	return otlpAttribute{Key: key, Value: otlpValue{Int: &text}}
}

// spanID is a span's in its turn's trace. A turn in which a session was forked has
// events of two journals, whose numbers may be the same.
func spanID(turn string, s *driver.Span) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte(turn), s.Seq), uint64(s.Start.UnixNano())))
	return hex.EncodeToString(sum[:8])
}

func nanos(at time.Time) string { return strconv.FormatInt(at.UnixNano(), 10) }
