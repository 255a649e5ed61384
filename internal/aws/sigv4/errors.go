package sigv4

import (
	"errors"
	"net/http"
)

// ErrUnknownKey is what a Lookup returns for an access key that does not exist
// or has been revoked.
var ErrUnknownKey = errors.New("sigv4: unknown access key")

// Reason says why a request was refused, independently of the contract's
// words; use it in metrics. Reasons are append-only.
type Reason uint8

// The reasons of refusal.
const (
	Missing       Reason = iota + 1 // no signature at all
	Incomplete                      // signature parameters missing or malformed
	Conflicting                     // signed in the header and in the query
	WrongScope                      // credential scope names another service, date or terminator
	Skewed                          // signed too long ago or in the future
	Expired                         // presigned URL past its time
	UnknownKey                      // no such access key
	BadToken                        // session token missing, wrong or not expected
	ExpiredToken                    // session token past its time
	Mismatch                        // the signature is not ours
	UnsignedParts                   // host or an x-amz-* header is not signed
	BadPayload                      // payload mode not allowed here
	PayloadDiffer                   // the body is not the signed one
	Truncated                       // the body ends early or is longer than declared
	BadDigest                       // a checksum trailer does not fit the body
	OldVersion                      // signed with Version 2
)

// Error is a refusal in the words of the contract. It never holds a secret or
// an expected signature and may be shown to the caller.
type Error struct {
	Reason  Reason
	Code    string // "InvalidSignatureException", "SignatureDoesNotMatch", …
	Status  int    // HTTP status
	Message string
}

// Error returns code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// wording is what one contract says for a reason.
type wording struct {
	code    string
	status  int
	message string
}

const noMatch = "The request signature we calculated does not match the signature you provided. "

// words returns the text of the generic services (restJson1) for reason.
func words(r Reason) wording {
	switch r {
	case Missing:
		return wording{"MissingAuthenticationTokenException", http.StatusForbidden, "Missing Authentication Token"}
	case Incomplete, Conflicting, UnsignedParts:
		return wording{"IncompleteSignatureException", http.StatusBadRequest, "The request signature does not conform to AWS standards."}
	case UnknownKey, BadToken:
		return wording{"UnrecognizedClientException", http.StatusForbidden, "The security token included in the request is invalid."}
	case ExpiredToken:
		return wording{"ExpiredTokenException", http.StatusForbidden, "The security token included in the request is expired"}
	}
	return wording{"InvalidSignatureException", http.StatusForbidden, noMatch +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
}

// s3Words returns the text of S3 for reason.
func s3Words(r Reason) wording {
	switch r {
	case Missing:
		return wording{"AccessDenied", http.StatusForbidden, "Access Denied"}
	case Incomplete, WrongScope:
		return wording{"AuthorizationHeaderMalformed", http.StatusBadRequest, "The authorization header is malformed."}
	case Conflicting:
		return wording{"InvalidArgument", http.StatusBadRequest, "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified"}
	case Skewed:
		return wording{"RequestTimeTooSkewed", http.StatusForbidden, "The difference between the request time and the current time is too large."}
	case Expired:
		return wording{"AccessDenied", http.StatusForbidden, "Request has expired"}
	case UnknownKey:
		return wording{"InvalidAccessKeyId", http.StatusForbidden, "The AWS Access Key Id you provided does not exist in our records."}
	case BadToken:
		return wording{"InvalidToken", http.StatusBadRequest, "The provided token is malformed or otherwise invalid."}
	case ExpiredToken:
		return wording{"ExpiredToken", http.StatusBadRequest, "The provided token has expired."}
	case UnsignedParts:
		return wording{"AccessDenied", http.StatusForbidden, "There were headers present in the request which were not signed"}
	case BadPayload:
		return wording{"InvalidRequest", http.StatusBadRequest, "The value of x-amz-content-sha256 is not supported."}
	case PayloadDiffer:
		return wording{"XAmzContentSHA256Mismatch", http.StatusBadRequest, "The provided 'x-amz-content-sha256' header does not match what was computed."}
	case OldVersion:
		return wording{"InvalidRequest", http.StatusBadRequest, "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."}
	case Truncated:
		return wording{"IncompleteBody", http.StatusBadRequest, "You did not provide the number of bytes specified by the Content-Length HTTP header"}
	case BadDigest:
		return wording{"BadDigest", http.StatusBadRequest, "The checksum you specified did not match the calculated checksum."}
	}
	return wording{"SignatureDoesNotMatch", http.StatusForbidden, noMatch + "Check your key and signing method."}
}

// refuse makes the error of reason in the rule's words; detail, if any,
// replaces the general message.
func (r *Rule) refuse(reason Reason, detail string) *Error {
	w := words(reason)
	if r.s3 {
		w = s3Words(reason)
	}
	if detail != "" {
		w.message = detail
	}
	return &Error{Reason: reason, Code: w.code, Status: w.status, Message: w.message}
}
