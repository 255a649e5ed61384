package edge

import (
	"io"
	"strings"

	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

// readObjects replaces the s3:// sources of a request by the content of the
// caller's own objects, so that every upstream can be sent them, and so that no
// caller reaches a bucket that only the operator's credentials may read. What
// is read counts against the limit on bodies.
func (c *call) readObjects(req *model.Request) error {
	left := c.h.opts.MaxBodyBytes - int64(len(c.body))
	for i := range req.Messages {
		if err := c.readParts(req.Messages[i].Parts, &left); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) readParts(parts []model.Part, left *int64) error {
	for _, p := range parts {
		var src *model.Source
		switch p := p.(type) {
		case *model.Image:
			src = &p.Source
		case *model.Video:
			src = &p.Source
		case *model.Audio:
			src = &p.Source
		case *model.Document:
			src = &p.Source
		case *model.ToolResult:
			if err := c.readParts(p.Content, left); err != nil {
				return err
			}
		}
		if src == nil || !strings.HasPrefix(src.URL, "s3://") {
			continue
		}
		if err := c.readSource(src, left); err != nil {
			return err
		}
	}
	return nil
}

// readSource reads one object of the caller's tenant.
func (c *call) readSource(src *model.Source, left *int64) error {
	space := c.h.opts.Objects
	if space == nil {
		return model.Errorf(model.Unsupported, src.URL, "This server has no object space, so %s cannot be read.", src.URL).
			WithHint("Send the content itself.")
	}
	if err := c.permit(identity.ObjectRead); err != nil {
		return err
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(src.URL, "s3://"), "/")
	if src.BucketOwner != "" && src.BucketOwner != c.who.Tenant.AccountID {
		return model.Errorf(model.Invalid, src.URL, "The bucket of %s is not owned by account %s.", src.URL, src.BucketOwner)
	}
	object, content, err := space.Get(c.r.Context(), c.who.Tenant.ID, bucket, key)
	if err != nil {
		if e := model.AsError(err); e.Kind == model.NotFound || e.Kind == model.Invalid {
			return model.Errorf(model.Invalid, src.URL, "There is no object %s in your object space.", src.URL).
				WithHint("Put it there with an S3 client, or send the content itself.")
		}
		return err
	}
	defer content.Close()
	data, err := io.ReadAll(io.LimitReader(content, *left+1))
	if err != nil {
		return model.Wrap(model.Internal, "edge.readSource", err)
	}
	if *left -= int64(len(data)); *left < 0 {
		return tooLarge(c.h.opts.MaxBodyBytes)
	}
	if src.MIME == "" {
		src.MIME = object.ContentType
	}
	src.Data, src.URL, src.BucketOwner = data, "", ""
	return nil
}
