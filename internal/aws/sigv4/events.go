package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Events proves the frames of a signed event stream, which form a chain from
// the request's own signature. It is not safe for concurrent use.
type Events struct {
	res      *Result
	previous string
	err      error
}

// Events returns the chain of a request whose Payload is PayloadEvents, else
// nil.
func (res *Result) Events() *Events {
	if res.Payload != PayloadEvents {
		return nil
	}
	return &Events{res: res, previous: hex.EncodeToString(res.claim.signature)}
}

// Verify checks the next envelope: date is its :date header, headers are its
// encoded headers without :chunk-signature, payload is the enclosed frame
// (empty in the envelope that ends the stream) and signature the value of
// :chunk-signature. Failures are a *Error and final.
func (e *Events) Verify(date time.Time, headers, payload, signature []byte) error {
	if e.err != nil {
		return e.err
	}
	c := e.res.claim
	now := e.res.v.cfg.Now()
	if skew := e.res.v.cfg.MaxSkew; date.Before(now.Add(-skew)) || date.After(now.Add(skew)) {
		e.err = e.res.rule.refuse(Skewed, "Signature expired: an event's :date is too far from the server's time.")
		return e.err
	}
	stamp := date.UTC().Format(timeLayout)
	key, day := e.res.key, stamp[:8]
	if day != c.date { // the stream has passed midnight UTC
		key = derive(e.res.secret, day, c.region, c.service)
	}
	hsum, psum := sha256.Sum256(headers), sha256.Sum256(payload)
	want := mac(key, "AWS4-HMAC-SHA256-PAYLOAD", "\n", stamp, "\n", day, "/", c.region, "/", c.service, "/", terminator, "\n",
		e.previous, "\n", hex.EncodeToString(hsum[:]), "\n", hex.EncodeToString(psum[:]))
	if !hmac.Equal(signature, want) {
		e.err = e.res.rule.refuse(Mismatch, "")
		return e.err
	}
	e.previous = hex.EncodeToString(want)
	return nil
}
