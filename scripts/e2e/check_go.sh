#!/usr/bin/env bash
# What a Go program asks over gRPC, with a stub that is generated from the .proto.
set -euo pipefail

cd "$(dirname "$0")/../.."
exec go run ./internal/e2ego
