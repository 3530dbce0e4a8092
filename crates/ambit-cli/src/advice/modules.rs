//! Why a policy module is refused.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    (
        "module.read",
        "the module or its signature cannot be read",
        "check the path and the permissions",
    ),
    (
        "module.size",
        "the module or its signature is larger than it may be",
        "check that this is a policy module",
    ),
    (
        "module.unsigned",
        "the module has neither a carried nor a detached signature",
        "sign it with `ambit sign`, and keep `policy.wasm.dsse.json` beside it",
    ),
    (
        "module.signature",
        "the signature is malformed, or a signature of a trusted key does not verify",
        "get the module and its signature again from where they were published",
    ),
    (
        "module.truncated",
        "the file ends in the middle of a section",
        "get the module again: the copy is incomplete",
    ),
    (
        "module.altered",
        "the file is not the one that was signed",
        "get the module again; do not optimise or edit a module after signing",
    ),
    (
        "module.threshold",
        "fewer trusted keys signed than `keys.json` asks for",
        "have the missing signers sign, or check that `keys.json` has their public keys",
    ),
    (
        "module.expired",
        "the signed policy has ended",
        "build and sign a new version",
    ),
    (
        "module.rollback",
        "a higher version of this policy was accepted before",
        "load the newer version",
    ),
    (
        "module.same_version",
        "the same version of this policy was accepted before with other content",
        "raise `version` in `ambit.toml`, build and sign: a version is published once",
    ),
    (
        "module.store",
        "the memory of versions seen (`--seen`) cannot be read or written",
        "repair the file; a host that does not know what it saw loads nothing",
    ),
    (
        "module.uid",
        "the module is another policy than the one expected",
        "load the right module, or correct `--uid`",
    ),
    (
        "module.guest",
        "the module was built with a guest that is not among `guests` in the trust file",
        "have the policy built with one of them, or add the digest of this one to `guests`, once you know that it is right",
    ),
    (
        "module.mismatch",
        "signature, code, bundle section and embedded policy do not agree",
        "build and sign again",
    ),
    (
        "module.abi",
        "the module has another interface than this host speaks",
        "use a host and a compiler of the same version",
    ),
    (
        "module.outdated",
        "the module was built by a version whose evaluator or compiler is known to be unsafe; a signature does not change that",
        "build it again with the `ambit` command of this version, raise `version`, sign it, and publish it everywhere",
    ),
    (
        "module.bundle",
        "the module has no sound bundle section, or more than one",
        "build the policy again",
    ),
    (
        "module.format",
        "the file is not a policy module",
        "name the `.wasm` file that `ambit build` wrote",
    ),
    (
        "module.trust",
        "the trust file cannot be used",
        "write `{\"threshold\": 1, \"keys\": [{\"kid\": \"…\", \"jwk\": {\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"x\": \"…\"}}]}`, public keys only; `guests`, a list of digests, may follow",
    ),
    (
        "module.compile",
        "the module's code uses WebAssembly that policy modules may not use",
        "build it with the `ambit` command of this version",
    ),
    (
        "policy.folder",
        "it cannot be told which file of the folder of policies is to decide",
        "name the policy with `--uid`, and keep one file of each version there, with its signature beside it",
    ),
];
