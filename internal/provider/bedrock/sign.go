package bedrock

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/craton-ai/craton/internal/model"
)

// signingName is the service every bedrock endpoint signs as.
const signingName = "bedrock"

// signer authenticates requests.
type signer struct {
	keys   *keyring
	region string
	v4     *v4.Signer
	now    func() time.Time
}

func (s *signer) sign(req *http.Request) error {
	c, err := s.keys.credential()
	if err != nil {
		return err
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
		return nil
	}
	hash, err := payloadHash(req)
	if err != nil {
		return err
	}
	own := *req.URL // the signer writes into it, and requests to one address share theirs
	req.URL = &own
	creds := aws.Credentials{AccessKeyID: c.id, SecretAccessKey: c.secret, SessionToken: c.token}
	if err := s.v4.SignHTTP(req.Context(), creds, req, hash, signingName, s.region, s.now()); err != nil {
		return &model.Error{Kind: model.Internal, Op: "provider/bedrock.sign", Err: err}
	}
	return nil
}

func payloadHash(req *http.Request) (string, error) {
	var body []byte
	if req.GetBody != nil {
		r, err := req.GetBody()
		if err != nil {
			return "", err
		}
		defer r.Close()
		var buf bytes.Buffer
		if _, err := io.Copy(&buf, r); err != nil {
			return "", err
		}
		body = buf.Bytes()
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), nil
}
