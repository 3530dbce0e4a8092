#!/bin/sh
# The command line, from nothing to a decision and what would help. Writes into a folder of its own.
#
#   cargo xtask guest && cargo install --path crates/ambit-cli
#   sh examples/walk.sh
set -eu
ambit=${AMBIT_COMMAND:-ambit}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# A small project with keys, and what each file is for (read shop/ambit.toml).
"$ambit" init shop
cd shop

# Check everything, make the policy module, sign it. Without a signature nobody loads it.
"$ambit" build . -o policy.wasm
"$ambit" sign policy.wasm --key keys/module.jwk
"$ambit" verify policy.wasm --trust keys.json

# One run of the agent may prepare mail, for 15 minutes.
"$ambit" mint --module policy.wasm --key keys/issuer.jwk --holder keys/agent.pub.jwk \
  --claims grant.json > token.jwt

ask() {
  "$ambit" evaluate --module policy.wasm --trust keys.json --token token.jwt \
    --audience https://mail.example < "$1"
}

# Preparing is allowed.
ask request.json

# Sending is not: exit code 2 is a denial, 4 one that a login or an approval would lift.
sed 's/"draft"/"execute"/' request.json > execute.json
code=0
ask execute.json || code=$?
test "$code" = 2 || test "$code" = 4

# What a reason means and what to do about it.
"$ambit" explain capability.power
