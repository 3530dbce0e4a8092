//! Why a policy cannot be fetched, pushed or kept.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    (
        "store.address",
        "this is no address from which a policy can be fetched, or to which it can be pushed",
        "write `https://HOST/policy.wasm`, `oci://HOST/NAME:TAG` or `oci://HOST/NAME@sha256:DIGEST`, without user, query and `#`",
    ),
    (
        "store.answer",
        "the server answered with another status than one that has a policy in it",
        "ask it with another program what is wrong; until it answers, the last good policy decides to its end",
    ),
    (
        "store.digest",
        "what the registry answered has another digest than was asked for, or than it says itself",
        "believe nothing of it: ask whoever runs the registry, and pull by digest from another",
    ),
    (
        "store.keep",
        "a folder for the last good policy is missing, or is named where nothing is fetched",
        "name --keep with an address, and only with one",
    ),
    (
        "store.kept",
        "the folder of the last good policy cannot be read or written, or what lay there is damaged",
        "make it writable for this service alone and see that the disk is not full; an address that answers mends the rest",
    ),
    (
        "store.login",
        "the server wants to know who asks, or the login cannot be read",
        "name --login, a file with `USER:PASSWORD` or `Bearer TOKEN`; where a registry gives its tokens at another host, name that with --via",
    ),
    (
        "store.manifest",
        "the artefact is no policy that `ambit push` made",
        "look at the name and the tag; push the policy with `ambit push`",
    ),
    (
        "store.missing",
        "there is nothing at this address",
        "look at the path, the name and the tag; the server may also hide it from whoever does not log in",
    ),
    (
        "store.plain",
        "the address would be asked without TLS, so that anybody on the way could hold back new versions or read the login",
        "use `https`; --plain-http allows it for a network that is yours alone, without --login",
    ),
    (
        "store.reach",
        "the server cannot be reached, its certificate does not count here, or it takes longer than half a minute",
        "look at the network and the server; until it answers, the last good policy decides to its end",
    ),
    (
        "store.redirect",
        "the answer leads to another host, or without end",
        "if the host is that of the registry's storage, name it with --via; else do not believe the server",
    ),
    (
        "store.signature",
        "a signature is named with --signature, and what is fetched has its own",
        "leave out --signature and put the signature beside the policy, as POLICY.dsse.json",
    ),
    (
        "store.size",
        "the answer is larger than a policy, its signature or a manifest may be",
        "check that the address is that of a policy",
    ),
];
