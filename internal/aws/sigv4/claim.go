package sigv4

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a claim may hold, far above what any client sends.
const (
	maxSignedHeaders = 128
	maxScopePart     = 128
)

// claim is what a request says about its own signature; nothing in it is
// proven yet.
type claim struct {
	accessKey, date, region, service string

	signed    []string // header names as listed
	signature []byte
	stamp     string // timeLayout
	time      time.Time
	expires   time.Duration // presigned only
	token     string
	presigned bool
}

// scope is the credential scope as it stands in the string to sign.
func (c *claim) scope() string {
	return c.date + "/" + c.region + "/" + c.service + "/" + terminator
}

// read extracts the claim from the header or the query.
func (r *Rule) read(req *Request) (*claim, error) {
	auth := req.Header.Values("Authorization")
	presigned := isPresigned(req.Query)
	signed := len(auth) > 0 && strings.HasPrefix(auth[0], Algorithm)
	switch {
	case signed && presigned, len(auth) > 1:
		return nil, r.refuse(Conflicting, "")
	case presigned:
		return r.readQuery(req)
	case signed:
		return r.readHeader(req, auth[0])
	case r.s3 && (strings.Contains(req.Query, "AWSAccessKeyId=") || len(auth) > 0 && strings.HasPrefix(auth[0], "AWS ")):
		// botocore's default for presigned URLs of custom S3 endpoints.
		return nil, r.refuse(OldVersion, "")
	}
	return nil, r.refuse(Missing, "")
}

func (r *Rule) readHeader(req *Request, auth string) (*claim, error) {
	rest, ok := strings.CutPrefix(auth, Algorithm+" ")
	if !ok {
		return nil, r.refuse(Incomplete, "Unsupported signing algorithm in the Authorization header; use "+Algorithm+".")
	}
	var fields [3]string
	names := [3]string{"Credential", "SignedHeaders", "Signature"}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		i := slices.Index(names[:], name)
		if i < 0 || fields[i] != "" {
			return nil, r.refuse(Incomplete, fmt.Sprintf("Authorization header holds an unknown or repeated parameter: %.32q.", name))
		}
		fields[i] = value
	}
	for i, name := range names {
		if fields[i] == "" {
			return nil, r.refuse(Incomplete, "Authorization header requires '"+name+"' parameter.")
		}
	}
	c := &claim{token: req.Header.Get("X-Amz-Security-Token")}
	if err := r.fill(c, fields[0], fields[1], fields[2]); err != nil {
		return nil, err
	}
	return c, r.readDate(c, req)
}

// readDate takes the time from X-Amz-Date, else from Date.
func (r *Rule) readDate(c *claim, req *Request) error {
	stamps := req.Header.Values("X-Amz-Date")
	if len(stamps) == 1 {
		return r.setTime(c, stamps[0])
	}
	dates := req.Header.Values("Date")
	if len(stamps) > 1 || len(dates) != 1 {
		return r.refuse(Incomplete, "The request requires exactly one 'X-Amz-Date' or a 'Date' header.")
	}
	if t, err := http.ParseTime(dates[0]); err == nil {
		c.time, c.stamp = t.UTC(), t.UTC().Format(timeLayout)
		return nil
	}
	return r.setTime(c, dates[0])
}

func (r *Rule) setTime(c *claim, stamp string) error {
	t, err := time.Parse(timeLayout, stamp)
	if err != nil || len(stamp) != len(timeLayout) { // Parse lets fractions pass
		return r.refuse(Incomplete, "Date must be in ISO-8601 'basic format', for example 20150830T123600Z.")
	}
	c.time, c.stamp = t, stamp
	return nil
}

// fill sets the parts that header and query have in common.
func (r *Rule) fill(c *claim, credential, signed, signature string) error {
	parts := strings.Split(credential, "/")
	if len(parts) < 5 {
		return r.refuse(Incomplete, "Credential must have the form ACCESS_KEY/DATE/REGION/SERVICE/aws4_request.")
	}
	// An access key may hold "/"; the scope is what its last four parts say.
	scope := parts[len(parts)-4:]
	c.accessKey = strings.Join(parts[:len(parts)-4], "/")
	c.date, c.region, c.service = scope[0], scope[1], scope[2]
	if scope[3] != terminator {
		return r.refuse(WrongScope, "Credential should be scoped with a valid terminator: 'aws4_request'.")
	}
	for _, p := range []string{c.accessKey, c.date, c.region, c.service} {
		if p == "" || len(p) > maxScopePart || strings.ContainsFunc(p, func(c rune) bool { return c <= ' ' || c > '~' }) {
			return r.refuse(Incomplete, "Credential has an empty, overlong or malformed part.")
		}
	}
	c.signed = strings.Split(signed, ";")
	if len(c.signed) > maxSignedHeaders {
		return r.refuse(Incomplete, "SignedHeaders lists too many headers.")
	}
	for i, name := range c.signed {
		if name == "" || name != strings.ToLower(name) || slices.Contains(c.signed[:i], name) {
			return r.refuse(Incomplete, "SignedHeaders must list lower-case names, each once.")
		}
	}
	sum, err := hex.DecodeString(signature)
	if err != nil || len(sum) != 32 {
		return r.refuse(Incomplete, "Signature must be 64 hexadecimal digits.")
	}
	c.signature = sum
	return nil
}

// readQuery reads a presigned request. Each parameter may occur once.
func (r *Rule) readQuery(req *Request) (*claim, error) {
	var v [7]string
	names := [7]string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature",
		"X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token"}
	for part := range strings.SplitSeq(req.Query, "&") {
		name, value, _ := strings.Cut(part, "=")
		i := slices.Index(names[:], unescape(name, true))
		if i < 0 {
			continue
		}
		if v[i] != "" || names[i] != name {
			return nil, r.refuse(Incomplete, names[i]+" must occur once and unescaped.")
		}
		v[i] = unescape(value, true)
	}
	for i, name := range names[:6] {
		if v[i] == "" {
			return nil, r.refuse(Incomplete, "AWS query-string parameters must include '"+name+"'.")
		}
	}
	if v[0] != Algorithm {
		return nil, r.refuse(Incomplete, "X-Amz-Algorithm must be "+Algorithm+".")
	}
	c := &claim{presigned: true, token: v[6]}
	if err := r.fill(c, v[1], v[2], v[3]); err != nil {
		return nil, err
	}
	seconds, err := strconv.Atoi(v[5])
	if err != nil || seconds < 1 || seconds > int(MaxExpiry/time.Second) {
		return nil, r.refuse(Incomplete, fmt.Sprintf("X-Amz-Expires must be a number of seconds from 1 to %d.", int(MaxExpiry/time.Second)))
	}
	c.expires = time.Duration(seconds) * time.Second
	return c, r.setTime(c, v[4])
}

// check refuses what can be refused without a key: scope, time, signed parts.
func (r *Rule) check(c *claim, req *Request, now time.Time, skew time.Duration) error {
	switch {
	case !slices.Contains(r.services, c.service):
		return r.refuse(WrongScope, "Credential should be scoped to correct service: '"+strings.Join(r.services, "' or '")+"'.")
	case c.date != c.stamp[:8]:
		return r.refuse(WrongScope, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
	case !slices.Contains(c.signed, "host") && !slices.Contains(c.signed, authority):
		return r.refuse(UnsignedParts, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if err := r.checkTime(c, now, skew); err != nil {
		return err
	}
	if !r.s3 {
		return nil
	}
	for key := range req.Header {
		name := strings.ToLower(key)
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(c.signed, name) && !(c.presigned && name == "x-amz-content-sha256") {
			return r.refuse(UnsignedParts, "")
		}
	}
	return nil
}

func (r *Rule) checkTime(c *claim, now time.Time, skew time.Duration) error {
	reason, last := Skewed, c.time.Add(skew)
	if c.presigned {
		reason, last = Expired, c.time.Add(c.expires)
	}
	at := now.UTC().Format(timeLayout)
	switch {
	case c.time.After(now.Add(skew)):
		if r.s3 {
			return r.refuse(Skewed, "")
		}
		return r.refuse(Skewed, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %d min.)",
			c.stamp, now.Add(skew).UTC().Format(timeLayout), at, int(skew.Minutes())))
	case now.After(last):
		if r.s3 {
			return r.refuse(reason, "")
		}
		return r.refuse(reason, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %d min.)",
			c.stamp, now.Add(c.time.Sub(last)).UTC().Format(timeLayout), at, int(last.Sub(c.time).Minutes())))
	}
	return nil
}
