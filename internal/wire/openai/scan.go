package openai

import (
	"bytes"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/sse"
)

// UsageScanner reads what metering needs off a stream of chunks that passes
// by. It never alters or delays a byte and has no errors: what it cannot
// understand it ignores. It is not safe for concurrent use.
type UsageScanner struct {
	parser sse.Parser
	first  func()
	usage  model.Usage
	told   bool
	deltas int64
	stop   model.StopReason
	done   bool
	failed *model.Error
	blind  bool // a limit was passed: nothing more can be read
	known  template
}

// scanLimit bounds what a scanner keeps of one line or event. Bigger ones hold
// sound or pictures; the rest of the stream is then not read.
const scanLimit = 4 << 20

// NewUsageScanner returns a scanner. first, if not nil, is called once, when
// the first piece of the answer passes by.
func NewUsageScanner(first func()) *UsageScanner {
	return &UsageScanner{first: first, parser: *sse.NewParser(sse.Limits{MaxLine: scanLimit, MaxEvent: scanLimit})}
}

// Scan takes note of the next bytes of the stream, which may end anywhere.
func (s *UsageScanner) Scan(p []byte) {
	for len(p) > 0 && !s.blind {
		rest, ev, ok, err := s.parser.Next(p)
		s.blind = err != nil
		if ok {
			s.event(ev.Data)
		}
		p = rest
	}
}

// Usage returns the last usage that passed by, and whether there was any.
func (s *UsageScanner) Usage() (model.Usage, bool) { return s.usage, s.told }

// Stop is why the first choice ended; empty while it has not.
func (s *UsageScanner) Stop() model.StopReason { return s.stop }

// Done reports whether the end mark passed by.
func (s *UsageScanner) Done() bool { return s.done }

// Deltas counts the chunks that carried a piece of an answer: a lower bound of
// the tokens made, for an estimate where the stream broke off.
func (s *UsageScanner) Deltas() int64 { return s.deltas }

// Err is the error the upstream sent in the stream, or nil.
func (s *UsageScanner) Err() *model.Error { return s.failed }

var (
	nameUsage = []byte(`"usage"`)
	nameError = []byte(`"error"`)
	nameTier  = []byte(`"service_tier"`)
	noUsage   = []byte(`"usage":null`)
)

func (s *UsageScanner) event(data []byte) {
	if bytes.HasPrefix(data, done) {
		s.done = true
		return
	}
	if raw, ok := s.known.matchRaw(data); ok {
		if len(raw) > len(`""`) {
			s.deltas++
		}
		return
	}
	s.known.forget()
	if bytes.Contains(data, nameError) {
		s.error(data)
	}
	s.progress(data)
	if bytes.Contains(data, nameUsage) && !bytes.Contains(data, noUsage) {
		if u, ok := usageFrom(gjson.GetBytes(data, "usage")); ok {
			u.ServiceTier = s.usage.ServiceTier
			s.usage, s.told = u, true
		}
	}
	if s.usage.ServiceTier == "" && bytes.Contains(data, nameTier) {
		s.usage.ServiceTier = gjson.GetBytes(data, "service_tier").String()
	}
}

func (s *UsageScanner) error(data []byte) {
	if e := gjson.GetBytes(data, "error"); e.Exists() && e.Type != gjson.Null && checkDepth(data) == nil {
		s.failed = DecodeError(0, nil, data)
	}
}

// progress looks at the first choice closely: whether it says anything, and
// whether it ends.
func (s *UsageScanner) progress(data []byte) {
	choice := gjson.GetBytes(data, "choices.0")
	if !choice.Exists() {
		return
	}
	if says(choice.Get("delta")) {
		s.deltas++
		if s.deltas == 1 && s.first != nil {
			s.first()
		}
	}
	if finish := choice.Get("finish_reason").Str; finish != "" {
		s.stop = stopReason(finish, false)
		return
	}
	s.learn(data)
}

// learn lets the chunks that differ from this one in their text alone pass
// unread: they tell nothing new.
func (s *UsageScanner) learn(data []byte) {
	if s.known.fruitless >= maxFruitless || bytes.Contains(data, nameUsage) && !bytes.Contains(data, noUsage) {
		return
	}
	var only *textPath
	var at gjson.Result
	for i := range textPaths {
		p := &textPaths[i]
		v := gjson.GetBytes(data, p.path)
		switch {
		case v.Raw == "" || v.Raw == `""` || v.Type == gjson.Null:
		case only != nil: // two texts at once
			return
		default:
			only, at = p, v
		}
	}
	if only != nil {
		s.known.learnAt(data, only, at, at.Str)
	}
}

// says reports whether a delta holds a piece of the answer.
func says(delta gjson.Result) bool {
	found := false
	delta.ForEach(func(k, v gjson.Result) bool {
		if k.Str != "role" && v.Type != gjson.Null && v.Raw != `""` && v.Raw != "[]" && v.Raw != "{}" {
			found = true
		}
		return !found
	})
	return found
}

// UsageOf reads the usage of a non-streamed answer, chat or embeddings.
func UsageOf(body []byte) (model.Usage, bool) {
	var use, tier gjson.Result
	if !glance(body, func(name []byte, from, to int) {
		switch nameOf(name) {
		case "usage":
			keep(&use, body[from:to])
		case "service_tier":
			keep(&tier, body[from:to])
		}
	}) {
		// What is not quite JSON may tell its usage all the same.
		use, tier = gjson.GetBytes(body, "usage"), gjson.GetBytes(body, "service_tier")
	}
	u, ok := usageFrom(use)
	if ok {
		u.ServiceTier = strings.Clone(tier.String())
	}
	return u, ok
}

// keep reads the value of a member unless there was one of the name before.
func keep(v *gjson.Result, value []byte) {
	if !v.Exists() {
		*v = gjson.Parse(view(value))
	}
}
