// Package contract holds the published contracts of AWS services as data and
// answers the questions an edge has about them: which operation a request
// means ([Router]), whether its input is valid and in which words it is not
// ([Operation.Validate]), whether an answer is what the SDKs expect
// ([Operation.Check]), and how an error looks on the wire ([WriteError]).
//
// The data are tables generated from the service models of botocore, without
// their documentation. Nothing here knows what an operation does. The package
// guarantees that routing works on the raw escaped path and never redirects,
// that validation names every violation of the model in AWS's own wording, and
// that statuses and error names come from the models.
//
//	runtime, err := contract.Load("bedrock-runtime")
//	router, err := contract.NewRouter(runtime)
//	m, err := router.Match("POST", "/model/us.x%3A0/converse", contract.Hint{})
//	violations, err := m.Operation.Validate(contract.Input{Labels: m.Labels, Body: body})
//
// To raise a model version, take service-2.json.gz from the package botocore
// and run go generate with its directory and version:
//
//	BOTOCORE_DATA=.../botocore/data BOTOCORE_SOURCE="botocore 1.44.5" go generate ./internal/aws/contract
package contract

//go:generate sh -c "go run ./generate -source \"$BOTOCORE_SOURCE\" -out tables $BOTOCORE_DATA/bedrock-runtime/2023-09-30/service-2.json.gz"
