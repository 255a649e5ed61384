package sdks

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/document"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// async starts an invocation whose answer goes to the object space, and reads
// it there with the S3 client.
func (r runtime) async(t *testing.T) {
	bucket := "answers-" + newTag()
	objects := s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(serverURL(t)), UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: r.client(t).Options().Credentials,
	})
	must[*s3.CreateBucketOutput](t)(objects.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(bucket)}))
	started := must[*bedrockruntime.StartAsyncInvokeOutput](t)(r.startAsync(t, "s3://"+bucket+"/out"))
	equal(t, "the status", r.finished(t, *started.InvocationArn), types.AsyncInvokeStatusCompleted)
	list := must[*s3.ListObjectsV2Output](t)(objects.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{
		Bucket: aws.String(bucket), Prefix: aws.String("out/"),
	}))
	var bodies []string
	for _, o := range list.Contents {
		got := must[*s3.GetObjectOutput](t)(objects.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: o.Key}))
		bodies = append(bodies, string(must[[]byte](t)(io.ReadAll(got.Body))))
		got.Body.Close()
	}
	if !strings.Contains(strings.Join(bodies, "\n"), `"text":"hello"`) {
		t.Errorf("the answer is not among %q", bodies)
	}
	_, err := r.startAsync(t, "s3://there-is-no-such-bucket/out")
	var invalid *types.ValidationException
	if !errors.As(err, &invalid) {
		t.Errorf("a missing bucket: %v", err)
	}
}

func (r runtime) startAsync(t *testing.T, to string) (*bedrockruntime.StartAsyncInvokeOutput, error) {
	t.Helper()
	var input map[string]any
	if err := json.Unmarshal(native("Say hello"), &input); err != nil {
		t.Fatal(err)
	}
	return r.client(t).StartAsyncInvoke(t.Context(), &bedrockruntime.StartAsyncInvokeInput{
		ModelId: aws.String(chatModel), ModelInput: document.NewLazyDocument(input),
		OutputDataConfig: &types.AsyncInvokeOutputDataConfigMemberS3OutputDataConfig{
			Value: types.AsyncInvokeS3OutputDataConfig{S3Uri: aws.String(to)},
		},
	})
}

// finished asks until the invocation is over, for at most ten seconds.
func (r runtime) finished(t *testing.T, arn string) types.AsyncInvokeStatus {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		job := must[*bedrockruntime.GetAsyncInvokeOutput](t)(r.client(t).GetAsyncInvoke(t.Context(),
			&bedrockruntime.GetAsyncInvokeInput{InvocationArn: aws.String(arn)}))
		if job.Status != types.AsyncInvokeStatusInProgress || time.Now().After(deadline) {
			return job.Status
		}
		<-time.After(50 * time.Millisecond)
	}
}
