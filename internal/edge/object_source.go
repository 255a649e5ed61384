package edge

import (
	"context"
	"io"
	"strings"

	"github.com/craton-ai/craton/internal/blob"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
)

// readObjects is ReadObjects for the caller; what is read counts against the
// limit on bodies.
func (c *call) readObjects(req *model.Request) error {
	return ReadObjects(c.r.Context(), c.h.opts.Objects, c.who, req, c.h.opts.MaxBodyBytes-int64(len(c.body)))
}

// ReadObjects replaces the s3:// sources of a request by the content of the
// caller's own objects, so that every upstream can be sent them, and so that no
// caller reaches a bucket that only the operator's credentials may read. It
// reads at most so many bytes in all; a nil space holds nothing. Errors are
// *model.Error, Forbidden where the caller may not read objects.
func ReadObjects(ctx context.Context, space *blob.Space, who identity.Principal, req *model.Request, most int64) error {
	r := &objectReader{ctx: ctx, space: space, who: who, left: most, most: most}
	for i := range req.Messages {
		if err := r.parts(req.Messages[i].Parts); err != nil {
			return err
		}
	}
	return nil
}

// objectReader reads the objects one request names.
type objectReader struct {
	ctx        context.Context
	space      *blob.Space
	who        identity.Principal
	left, most int64
}

func (r *objectReader) parts(parts []model.Part) error {
	for _, p := range parts {
		var src *model.Source
		var inner []model.Part
		switch p := p.(type) {
		case *model.Image:
			src = &p.Source
		case *model.Video:
			src = &p.Source
		case *model.Audio:
			src = &p.Source
		case *model.Document:
			src, inner = &p.Source, p.Content
		case *model.Guard:
			src = p.Image
		case *model.ToolResult:
			inner = p.Content
		case *model.SearchResult:
			inner = p.Content
		}
		if err := r.parts(inner); err != nil {
			return err
		}
		if src == nil || !strings.HasPrefix(src.URL, "s3://") {
			continue
		}
		if err := r.source(src); err != nil {
			return err
		}
	}
	return nil
}

// source reads one object of the caller's tenant.
func (r *objectReader) source(src *model.Source) error {
	if r.space == nil {
		return model.Errorf(model.Unsupported, src.URL, "This server has no object space, so %s cannot be read.", src.URL).
			WithHint("Send the content itself.")
	}
	if !r.who.Can(identity.ObjectRead) {
		return notPermitted(identity.ObjectRead)
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(src.URL, "s3://"), "/")
	if src.BucketOwner != "" && src.BucketOwner != r.who.Tenant.AccountID {
		return model.Errorf(model.Invalid, src.URL, "The bucket of %s is not owned by account %s.", src.URL, src.BucketOwner)
	}
	object, content, err := r.space.Get(r.ctx, r.who.Tenant.ID, bucket, key)
	if err != nil {
		if e := model.AsError(err); e.Kind == model.NotFound || e.Kind == model.Invalid {
			return model.Errorf(model.Invalid, src.URL, "There is no object %s in your object space.", src.URL).
				WithHint("Put it there with an S3 client, or send the content itself.")
		}
		return err
	}
	defer content.Close()
	data, err := io.ReadAll(io.LimitReader(content, max(r.left, 0)+1))
	if err != nil {
		return model.Wrap(model.Internal, "edge.ReadObjects", err)
	}
	if r.left -= int64(len(data)); r.left < 0 {
		return tooLarge(r.most)
	}
	if src.MIME == "" {
		src.MIME = object.ContentType
	}
	src.Data, src.URL, src.BucketOwner = data, "", ""
	return nil
}
