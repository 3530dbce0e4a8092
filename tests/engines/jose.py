"""Verifies and signs with the Python package `joserfc`, for tests/jose.rs: see jose.mjs."""

import json
import sys

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey


def key_of(jwk):
    return (ECKey if jwk["kty"] == "EC" else OKPKey).import_key(jwk)


def algorithm(jwk):
    return "ES256" if jwk["kty"] == "EC" else "Ed25519"


def registry(jwk):
    # Its own rules for header members know `typ`, `kid`, `jwk`: nothing else is in ours.
    return jws.JWSRegistry(algorithms=[algorithm(jwk)])


def verify(one):
    try:
        read = jws.deserialize_compact(one["jws"], key_of(one["jwk"]), registry=registry(one["jwk"]))
        return read.payload.decode()
    except (JoseError, ValueError):
        return None


def sign(one):
    jwk = one["jwk"]
    return jws.serialize_compact(one["header"], one["payload"], key_of(jwk), registry=registry(jwk))


asked = json.load(sys.stdin)
json.dump(
    {
        "verified": [verify(one) for one in asked["verify"]],
        "signed": [sign(one) for one in asked["sign"]],
    },
    sys.stdout,
)
