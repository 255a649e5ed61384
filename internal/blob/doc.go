// Package blob is a tenant's object space: buckets and objects behind every
// s3:// address in any contract. It is for the S3 edge, for async invocations
// and for files.
//
// What an object is called and how large it is lies in the document store; its
// bytes lie in a [Content], which is a directory on one machine or the
// document store itself where several replicas share a database.
//
// It guarantees that an object appears whole or not at all, that it is durable
// when Put returns, that a reader who opened it has [Grace] to see it to its end
// although it is replaced or removed meanwhile, that what is given up is removed
// after that ([Space.Sweep]), that of several writers under one [Condition] one
// succeeds, and that a tenant reaches its own objects only.
//
//	space := blob.New(blob.Config{Documents: store, Content: content, Now: time.Now, NewID: newID})
//	err := space.CreateBucket(ctx, tenant, "results")
//	object, err := space.Put(ctx, tenant, "results", "a/b.json", body, blob.Attributes{ContentType: "application/json"})
package blob
