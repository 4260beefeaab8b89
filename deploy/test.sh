#!/bin/bash
# All tests, in one run of mocha: those beside the code, then those that cross services.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
PATH=$PWD/node_modules/.bin:$PATH
: "${NODE_COMPILE_CACHE:=/var/cache/wherry}"
export NODE_COMPILE_CACHE
exec mocha '{lib,protos,apiserver,scheduler,controller-manager,node-agent,proxy,cli,deploy}/**/*.test.ts' 'test/*.test.ts' 'test/{sim,conformance,cluster,chaos,guest}/**/*.test.ts'
