package edge

import "testing"

// TestFastLanesBoundByTier: what is reserved for a body that was not decoded
// knows the tier it asks for.
func TestFastLanesBoundByTier(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lane *fastDialect
		body string
		want string
	}{
		{anthropicFast, `{"model":"m","max_tokens":5,"messages":[],"service_tier":"auto"}`, "auto"},
		{anthropicFast, `{"model":"m","max_tokens":5,"messages":[],"service_tier":"standard_only"}`, "default"},
		{openAIFast, `{"model":"m","messages":[],"service_tier":"priority"}`, "priority"},
	} {
		if fast, ok := c.lane.peek([]byte(c.body)); !ok || fast.bound.ServiceTier != c.want {
			t.Errorf("%s: bound by %q, %v; want %q", c.body, fast.bound.ServiceTier, ok, c.want)
		}
	}
}
