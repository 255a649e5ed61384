# Builds and runs Craton. The engine's library is a shared object, so the
# image keeps glibc.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /craton ./cmd/craton

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libgomp1 libstdc++6 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --create-home --home-dir /var/lib/craton craton
COPY --from=build /craton /usr/local/bin/craton
COPY LICENSE /usr/share/doc/craton/
USER craton
ENV CRATON_DATA=/var/lib/craton
VOLUME /var/lib/craton
EXPOSE 8420
# Beyond loopback the server wants TLS or to be told that a proxy has it, and a
# master key that does not lie beside the data.
ENTRYPOINT ["craton"]
CMD ["serve", "--listen", "0.0.0.0:8420", "--tls-self-signed"]
