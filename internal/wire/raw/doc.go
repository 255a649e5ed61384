// Package raw reads and writes JSON for the hand-written codecs under
// internal/wire: values that know their path, so that a type error names the
// member, and an append-only builder that places commas itself.
//
// Guarantees: Parse accepts only valid JSON of bounded depth, so nothing
// behind it meets malformed text; reading allocates paths only where a member
// is visited; a Builder never produces a line break, whatever it is given, so
// that its output fits a server-sent event.
//
//	v, err := raw.Parse(body, style)
//	if err != nil {
//		return err
//	}
//	err = v.Members(func(key string, m raw.Value) error {
//		if key == "model" {
//			return m.String(&req.Model)
//		}
//		return nil
//	})
package raw
