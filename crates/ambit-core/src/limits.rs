//! Every bound on what an attacker can grow, with its unit and where the number comes from.
//!
//! `ambit.toml` may lower the ones listed in [`Limits`], never raise them.

/// Bytes of a whole token chain (docs/token.md, step 1).
pub const TOKEN_BYTES: usize = 16 * 1024;
/// Blocks in a chain (docs/token.md, step 1).
pub const TOKEN_BLOCKS: usize = 5;
/// Bytes of a request (docs/decision.md, "Limits").
pub const REQUEST_BYTES: usize = 256 * 1024;
/// Nesting of arrays and objects (docs/decision.md, "Limits").
pub const JSON_DEPTH: usize = 32;
/// Capabilities in one block (docs/decision.md, "Limits").
pub const CAPABILITIES: usize = 64;
/// Constraints in one capability (docs/decision.md, "Limits").
pub const CONSTRAINTS: usize = 32;
/// Limits in one capability: budgets in a few currencies, and uses. A host keeps a row for each until
/// its block ends, and a holder can make blocks offline.
pub const BUDGETS: usize = 8;
/// Seconds of the longest window of a `rate`: a root lives no longer, and each root begins anew.
pub const RATE_SECONDS: i64 = 24 * 60 * 60;
/// Bytes of the name of a time zone: IANA's longest has some 30.
pub const ZONE_BYTES: usize = 64;
/// Minutes between the clocks of a zone and UTC, either way.
pub const UTC_OFFSET_MINUTES: i64 = 24 * 60;
/// Seconds that a root may live: 24 h (docs/token.md, `iat nbf exp jti`).
pub const ROOT_LIFE_SECONDS: i64 = 24 * 60 * 60;
/// Seconds by which a clock may run ahead (docs/token.md, step 5).
pub const CLOCK_SKEW_SECONDS: i64 = 30;
/// Bytes of a bundle (docs/decision.md, "Limits").
pub const BUNDLE_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of a module before it is read: a bundle twice (data segment and custom section), the
/// guest's code and the signature.
pub const MODULE_BYTES: usize = 2 * BUNDLE_BYTES + 2 * 1024 * 1024;
/// Largest integer that every JSON reader keeps exactly: 2^53 - 1 (RFC 8259 section 6).
pub const INTEGER_MAX: i64 = 9_007_199_254_740_991;
/// Largest and, below zero, smallest exponent of the first digit of a number with a fraction. Doubles lose
/// digits below 1e-307 and end at 1.8e308.
pub const NUMBER_EXPONENT: i64 = 300;
/// Bytes of the text of a number in a bound. The longest RFC 8785 form of one has 24.
pub const NUMBER_BYTES: usize = 32;
/// Digits after the point of a `decimal` in policies.
pub const DECIMAL_PLACES: u32 = 4;
/// Digits after the point that `@unit("money:N")` may name: 2^53 still holds 9 millions of units.
pub const MONEY_DECIMALS: u32 = 9;
/// Bytes of a proof of possession. With a URL of 2 KiB, the longest that is common, it has 3.5 KiB.
pub const PROOF_BYTES: usize = 8 * 1024;
/// Bytes of a proof's or receipt's `jti`: a UUID has 36.
pub const PROOF_ID_BYTES: usize = 128;
/// Seconds that a proof may be old (docs/token.md, `DPoP proof`).
pub const PROOF_WINDOW_SECONDS: i64 = 60;
/// Seconds that a proof may be ahead (docs/token.md, `DPoP proof`).
pub const PROOF_AHEAD_SECONDS: i64 = 30;
/// Seconds that a used proof is remembered. It could be shown again for 60 + 30 s; 30 s more for a
/// ledger whose clock runs ahead (docs/token.md asks for at least 90).
pub const PROOF_KEPT_SECONDS: i64 = 120;
/// Bytes of a receipt: its claims need about 1 KiB, a signature object as much again.
pub const RECEIPT_BYTES: usize = 8 * 1024;
/// Receipts in one request: more people than any `count` needs.
pub const RECEIPTS: usize = 16;
/// Roles that a receipt may state.
pub const ROLES: usize = 4;
/// Bytes of an enrolment, and of its countersignature: as much as a receipt.
pub const ENROLMENT_BYTES: usize = 8 * 1024;
/// Enrolments in one request: as many people as approve one call on keys that no bundle has yet.
pub const ENROLMENTS: usize = 4;
/// Seconds that an enrolment may last: 90 days, after which a bundle can name the key.
pub const ENROLMENT_LIFE_SECONDS: i64 = 90 * 24 * 60 * 60;
/// Origins of one enrolled credential: each is compared with the page's.
pub const ORIGINS: usize = 4;
/// Bytes of a list of revocation epochs: about 1,500 selectors.
pub const EPOCHS_BYTES: usize = 192 * 1024;
/// Signed statements in one request.
pub const STATEMENTS: usize = 8;
/// Steps in one decision. Honest requests need a few thousand, one with 10,000 arguments some
/// 100,000. All of them together are about a quarter of a second in WebAssembly.
pub const STEPS: u32 = 1_000_000;
/// Instructions of WebAssembly (wasmtime's fuel) that one step pays for at most; the worst that the
/// search in `tests/tests/laws_steps/` finds stays below.
pub const STEP_WORK: u64 = 256;
/// Bytes kept until the end of the call that one step pays for.
pub const STEP_BYTES: usize = 8;
/// Instructions for each byte of a request, for all that is done once: reading, normalising, writing
/// and hashing it. Most takes some 400; thousands of short names out of order, which are sorted, 1,100.
pub const BYTE_WORK: u64 = 1_500;
/// Instructions for one signature, whichever its algorithm.
pub const SIGNATURE_WORK: u64 = 20_000_000;
/// Signatures in one request: of 5 blocks, a proof, 16 receipts, 8 statements, 4 enrolments and their
/// countersignatures.
pub const SIGNATURES: u64 = 38;
/// Instructions of a whole call at most: what all steps pay for, and what is bounded without them.
#[expect(clippy::as_conversions, reason = "constants, which are widened")]
pub const CALL_WORK: u64 =
    STEPS as u64 * STEP_WORK + REQUEST_BYTES as u64 * BYTE_WORK + SIGNATURES * SIGNATURE_WORK;
/// Bytes of memory that a call may need beside the bundle (docs/decision.md, "Limits").
pub const CALL_BYTES: usize = 16 * 1024 * 1024;
/// Bytes of chains that are kept with their claims as they were read: some fifty of 2.4 KB, and at least
/// one of the longest, whose claims may be numbers with a node of 8 bytes for each of two characters.
pub const CHAIN_CACHE_BYTES: usize = 256 * 1024;
/// Chains that are kept.
pub const CACHED_CHAINS: usize = 64;
/// Keys of each algorithm that have a table of their multiples (133 KB for Ed25519, 106 KB for P-256; that of
/// the base point has 220 and 176 KB).
pub const KEY_TABLES: usize = 8;
/// Verifications after which a key gets a table: making one costs as much as two or three.
pub const KEY_TABLE_USES: u32 = 4;
/// Keys whose verifications are counted.
pub const WATCHED_KEYS: usize = 32;
/// Steps that a judgement of a call as it would be costs beside its own: what the policies do before
/// they count.
pub const JUDGEMENT_STEPS: usize = 500;
/// Calls that one advice judges as they would be.
pub const ADVICE_JUDGEMENTS: usize = 64;
/// Groups that are judged, of several people who may approve or of several strengths of a login.
pub const ADVICE_GROUPS: usize = 8;
/// Entries of one list that advice looks at, those first that need the fewest changes.
pub const ADVICE_ENTRIES: usize = 4;
/// Values of one argument with which a call is judged.
pub const ADVICE_VALUES: usize = 4;
/// Characters of one foreign text in a consent text, quotes included: three lines, which people read.
/// What is longer is not shown in part, so it cannot be approved.
pub const CONSENT_VALUE_CHARS: usize = 240;
/// Items of one list in a consent text.
pub const CONSENT_LIST: usize = 64;
/// Bytes of a whole consent text: some fifteen pages, more than anybody reads.
pub const CONSENT_TEXT_BYTES: usize = 32 * 1024;
/// Bytes of the text of one call: a letter of some ten thousand words. A person does not read more at
/// a time, and what stands in an approval must be read.
pub const CALL_TEXT_BYTES: usize = 64 * 1024;
/// Actions named as not granted; of more, the number is said.
pub const CONSENT_NOT_GRANTED: usize = 8;
/// Deepest delegation that a root may allow (docs/token.md, `del_max_depth`).
pub const DELEGATION_DEPTH: i64 = 4;

/// The bounds that a project may lower in `[limits]` of `ambit.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole token chain; at most [`TOKEN_BYTES`].
    pub token_bytes: usize,
    /// Blocks in a chain; at most [`TOKEN_BLOCKS`].
    pub token_blocks: usize,
    /// Bytes of a request; at most [`REQUEST_BYTES`].
    pub request_bytes: usize,
    /// Seconds that a root may live; at most [`ROOT_LIFE_SECONDS`].
    pub root_life_seconds: i64,
    /// Seconds by which a clock may run ahead; at most [`CLOCK_SKEW_SECONDS`].
    pub clock_skew_seconds: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            token_bytes: TOKEN_BYTES,
            token_blocks: TOKEN_BLOCKS,
            request_bytes: REQUEST_BYTES,
            root_life_seconds: ROOT_LIFE_SECONDS,
            clock_skew_seconds: CLOCK_SKEW_SECONDS,
        }
    }
}
