package main

import (
	"context"

	"github.com/craton-ai/craton/internal/async"
	"github.com/craton-ai/craton/internal/edge"
	"github.com/craton-ai/craton/internal/gateway"
	"github.com/craton-ai/craton/internal/identity"
	"github.com/craton-ai/craton/internal/model"
	"github.com/craton-ai/craton/internal/wire/bedrock/invoke"
)

// invokeAsync calls the model of an async invocation as the key that started
// it, under that key's limits and budgets.
func (svc *service) invokeAsync(ctx context.Context, job *async.Job) ([]byte, error) {
	call, err := svc.callOf(ctx, job)
	if err != nil {
		return nil, err
	}
	f := invoke.Family(job.Family)
	if f.Embeds() {
		req, err := invoke.DecodeEmbedRequest(f, job.Input)
		if err != nil {
			return nil, err
		}
		req.Model = job.Model
		resp, _, err := svc.gateway.Embed(ctx, call, req)
		if err != nil {
			return nil, err
		}
		return invoke.EncodeEmbedResponse(f, req, resp, invoke.Options{Model: job.Model})
	}
	req, err := invoke.DecodeRequest(f, job.Input)
	if err != nil {
		return nil, err
	}
	req.Model = job.Model
	most := svc.cfg.Limits.MaxBodyBytes - int64(len(job.Input))
	if err := edge.ReadObjects(ctx, svc.state.objects, call.Principal, req, most); err != nil {
		return nil, err
	}
	answer, err := svc.gateway.Generate(ctx, call, req)
	if err != nil {
		return nil, err
	}
	resp, err := model.Collect(answer.Stream)
	if err != nil {
		return nil, err
	}
	body, _, err := invoke.EncodeResponse(f, resp, invoke.Options{ID: "msg_bdrk_" + job.ID, Model: job.Model, Created: job.Submitted.Unix()})
	return body, err
}

// callOf finds who started a job. A key that was revoked since stops it.
func (svc *service) callOf(ctx context.Context, job *async.Job) (*gateway.Call, error) {
	gone := model.Errorf(model.Forbidden, "", "The credential that started this invocation does not work any more.")
	tenants, err := svc.state.db.Tenants(ctx, identity.TenantFilter{ID: job.Tenant})
	if err != nil {
		return nil, err
	}
	keys, err := svc.state.db.Credentials(ctx, identity.CredentialFilter{TenantID: job.Tenant, ID: job.KeyID})
	if err != nil {
		return nil, err
	}
	if len(tenants) != 1 || len(keys) != 1 || tenants[0].Disabled || !keys[0].UsableAt(job.Modified) || !keys[0].RevokedAt.IsZero() {
		return nil, gone
	}
	who := identity.Principal{Tenant: tenants[0], KeyID: keys[0].ID, Roles: keys[0].Roles, Scopes: keys[0].Scopes}
	if !who.Can(identity.ModelInvoke) {
		return nil, gone
	}
	return &gateway.Call{Principal: who, Key: keys[0].Key, Dialect: model.DialectInvoke, Operation: "invoke",
		RequestID: job.RequestID, Tags: job.Tags}, nil
}
