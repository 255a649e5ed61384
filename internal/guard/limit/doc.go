// Package limit bounds how fast and how much at once each key may ask. It is
// for the edge and the gateway, which take a [Permit] before a request does
// anything costly and release it when it is done.
//
// A key has a bucket of requests and one of tokens, both refilled evenly over
// a minute, and a number of requests in flight with a bounded first-in
// first-out queue before it. Tokens are taken as an estimate and corrected
// when the true number is known; a key that used more than it had waits the
// difference off.
//
// Guarantees: O(1) per call, no goroutines, bounded memory (idle keys are
// forgotten, and beyond Config.MaxKeys the longest unused ones); a refusal
// costs nothing and says when to return; keys are independent.
//
//	permit, err := limiter.Acquire(ctx, key.ID, limit.Limits{RequestsPerMinute: 60}, 1000)
//	if err != nil {
//		return err // RateLimited; permit.State() still has the numbers for headers
//	}
//	defer func() { permit.Release(tokensUsed) }()
package limit
