package edge

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/craton-ai/craton/internal/aws/sigv4"
	"github.com/craton-ai/craton/internal/model"
)

// A short-term Bedrock key is made by a client out of its access key: a
// presigned request of an action that grants what the access key may, written as
// a bearer token. AWS publishes generators for it, not a description.
const (
	shortTermPrefix  = "bedrock-api-key-"
	shortTermHost    = "bedrock.amazonaws.com"
	shortTermAction  = "CallWithBearerToken"
	shortTermVersion = "&Version=1"
	shortTermMost    = 12 * time.Hour
	shortTermBytes   = 4 << 10
)

// byShortTerm proves the caller by a short-term Bedrock key.
func (a *authenticator) byShortTerm(c *call, token string) error {
	req, ok := presignedIn(token)
	if !ok {
		return a.strikes.judge(c.r, &model.Error{Kind: model.Unauthenticated, Subject: "Authorization", Message: "This is no short-term Bedrock key.",
			Hint: "Make one with AWS's token generators from an access key of this server."})
	}
	claimed, _ := url.ParseQuery(req.Query) // what cannot be parsed is not there
	id, _, _ := strings.Cut(claimed.Get("X-Amz-Credential"), "/")
	if err := a.strikes.allow(c.r); err != nil && !a.directory.KnowsAccessKey(id) {
		return err
	}
	if most, err := strconv.Atoi(claimed.Get("X-Amz-Expires")); err != nil || most > int(shortTermMost/time.Second) {
		return a.strikes.judge(c.r, &model.Error{Kind: model.Unauthenticated, Subject: "Authorization", Message: "A short-term Bedrock key may last for twelve hours at most."})
	}
	proof, err := a.verifier.Verify(c.r.Context(), req, a.shortTerm)
	if err != nil {
		return a.strikes.judge(c.r, signatureError(err))
	}
	c.brief = true
	_, c.who, c.key, err = a.directory.SecretForAccessKey(c.r.Context(), proof.AccessKeyID)
	return err
}

// presignedIn is the request that a short-term key holds.
func presignedIn(token string) (req sigv4.Request, ok bool) {
	packed, ok := strings.CutPrefix(token, shortTermPrefix)
	if !ok || len(packed) > shortTermBytes {
		return req, false
	}
	raw, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		return req, false
	}
	signed := strings.TrimSuffix(string(raw), shortTermVersion)
	query, ok := strings.CutPrefix(signed, shortTermHost+"/?")
	if !ok || !strings.Contains("&"+query+"&", "&Action="+shortTermAction+"&") {
		return req, false
	}
	return sigv4.Request{Method: http.MethodPost, Path: "/", Query: query, Host: shortTermHost, Header: http.Header{},
		Body: func() ([]byte, error) { return nil, nil }}, true
}
