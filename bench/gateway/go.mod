module github.com/craton-ai/craton/bench/gateway

go 1.26.8

require (
	github.com/craton-ai/craton v0.0.0
	github.com/valyala/fasthttp v1.74.0
)

replace github.com/craton-ai/craton => ../..

require (
	github.com/klauspost/compress v1.20.0 // indirect
	github.com/molecule-man/go-brrr v1.0.1 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
)
