//! Why the broker refuses a client or a browser.

use super::Row;

pub(super) const ROWS: &[Row] = &[
    (
        "broker.config",
        "the broker's file says something that cannot be right",
        "look at the place that is named; `docs/broker.md`, section 1, has every member",
    ),
    (
        "broker.store",
        "the broker's database cannot be used: another program's file, a copy of `ambit backup`, or a disk that fails",
        "check the path, the permissions and the disk; the file is of `ambit serve` alone",
    ),
    (
        "broker.backup",
        "the file cannot be restored: it is no copy by `ambit backup`, a damaged one, one of another broker, or from the future",
        "name a file that `ambit backup` wrote for this `issuer`; `ambit restore CONFIG FILE --check` says what is in it",
    ),
    (
        "broker.newer",
        "the broker's database, or a copy of it, was written by a newer version of `ambit`; an older one would lose what it does not know",
        "run the newer `ambit`; to go back to the older one, restore a copy that it made itself",
    ),
    (
        "broker.running",
        "a broker, or a command that uses its database, has it open, or it is being restored",
        "end the broker first; `ambit backup` works while it runs, `ambit restore` does not",
    ),
    (
        "key.locked",
        "the private key is encrypted (PKCS#8), and nobody said where its passphrase is",
        "name it with --key-passphrase-file or --key-passphrase-env (`ambit build`, `sign`, `mint`), or with `key_passphrase_file` or `key_passphrase_env` in the broker's file; other commands take keys that are not encrypted",
    ),
    (
        "key.passphrase",
        "the passphrase does not open the private key, or there is none where it should be",
        "it is the first line of the file, or of the environment variable, that is named",
    ),
    (
        "key.parameters",
        "the private key is encrypted so that passphrases can be tried too fast, or take too long to try",
        "write it anew: `openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000 -in OLD -out NEW`",
    ),
    (
        "key.algorithm",
        "the private key is encrypted by what is weak or not known here, or is neither Ed25519 nor P-256",
        "write it anew with `openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000 -in OLD -out NEW`, or make one with `ambit keygen --key-passphrase-file`",
    ),
    (
        "key.signer",
        "whoever keeps a private key of the broker did not sign",
        "look there; nothing was minted or said meanwhile",
    ),
    (
        "broker.client",
        "the client did not prove who it is",
        "send `client_assertion` (`private_key_jwt`): `iss` and `sub` are the `client_id`, `aud` the issuer, `exp` at most 300 s ahead, a new `jti`, signed by a registered key",
    ),
    (
        "broker.client_audience",
        "`aud` of the client's assertion is not exactly the issuer",
        "set `aud` to the `issuer` of the metadata, and to nothing else",
    ),
    (
        "broker.client_expired",
        "the client's assertion has expired, lasts too long, or lies in the future",
        "make one for each request that lasts 60 s, and set the clock",
    ),
    (
        "broker.client_used",
        "the client's assertion was used before",
        "make a new one, with a new `jti`, for each request, also after `use_dpop_nonce`",
    ),
    (
        "broker.client_secret",
        "the client sent a shared secret",
        "register a public key of the client, and authenticate with `private_key_jwt`",
    ),
    (
        "broker.request",
        "the request lacks a parameter, repeats one, or has one that is not taken here",
        "`docs/broker.md`, section 2, has the parameters",
    ),
    (
        "broker.redirect_uri",
        "`redirect_uri` is not, letter by letter, a registered one, or not that of the request",
        "register exactly the address that the client uses",
    ),
    (
        "broker.pkce",
        "`code_challenge` (S256) is missing, or `code_verifier` does not belong to it",
        "make a verifier of 43 characters or more for each request, and keep it until the code comes",
    ),
    (
        "broker.approvers",
        "not enough of the people whose yes the policy asks for are known to the broker",
        "list them under `[roles]` of the broker's file, or name others in the manifest; who acts is none of them",
    ),
    (
        "broker.service",
        "a policy service whose yes the policy asks for did not give it: it said no, did not answer in time, or signed nothing that counts",
        "the description says which; `docs/broker.md`, section 6, has what it must answer",
    ),
    (
        "broker.busy",
        "a policy service whose yes the policy asks for has no room for the call now: too many wait for its answer already, or it says so itself (429, 503)",
        "hand the call in again after the seconds of `Retry-After`; if it lasts, see why the service is slow",
    ),
    (
        "broker.together",
        "calls that do not go together, or are critical, were to be answered at once",
        "answer each on its own page",
    ),
    (
        "broker.details",
        "`authorization_details` is no list of entries of type `ambit_capability`",
        "write them as strict JSON, as `docs/token.md`, section 3, says",
    ),
    (
        "broker.wider",
        "the client asks for more than its agent's manifest holds",
        "ask for less, or widen the manifest and publish a new version of the policy",
    ),
    (
        "broker.audience",
        "the client asks for a service that is not among its `audiences`, or for none where it has several",
        "name one of them in `resource`",
    ),
    (
        "broker.waiting",
        "too many requests of this client, or calls, wait for somebody to open or answer them",
        "push a request when a person is there to open it; those that wait end after 90 s, and those that were opened after 15 minutes",
    ),
    (
        "broker.request_uri",
        "the request was opened before, is too old, or belongs to another client or browser",
        "let the agent push a new request",
    ),
    (
        "broker.csrf",
        "the form was not sent by a page of the broker in this session, or the broker was started anew since",
        "load the page again, and answer there",
    ),
    (
        "broker.passkey",
        "the browser's answer is no new passkey for this page",
        "open the link again in a browser that verifies the person, and do not reuse a passkey of somebody else",
    ),
    (
        "broker.code",
        "nobody gave this client such a code, it is older than 60 s, or the person has stopped the agent",
        "exchange the code at once, by the client that asked",
    ),
    (
        "broker.code_used",
        "the code was used before, so what came of it is revoked",
        "ask again; if it was not you who used it first, look for who reads your redirects",
    ),
    (
        "broker.token",
        "what stands behind `Authorization: DPoP` is no token of this broker that counts: it is another's, was passed on, has ended or is revoked",
        "use the token as the broker gave it; a call of a token that was passed on is handed in by who passed it on",
    ),
    (
        "broker.allowed",
        "the call that was handed in needs nobody's yes",
        "make it",
    ),
    (
        "broker.unshown",
        "the call cannot be shown whole to a person, so nobody can answer for it",
        "hand in a shorter call; what refers to content that only the service knows is approved there (`ambit approve`)",
    ),
    (
        "broker.task",
        "nothing with this name was handed in with this token, or it is over: answered, withdrawn, too old, or for another person",
        "an agent asks with the token that it handed the call in with; a person finds what waits on the page of their agents",
    ),
    (
        "broker.rate",
        "this client, or this client about this person, asks too often, or this person logs in too often",
        "wait as many seconds as `Retry-After` says; `[limits]` of the broker's file has the numbers",
    ),
    (
        "broker.slow_down",
        "the agent looks for an answer too often",
        "wait as many seconds as `interval` or `Retry-After` says",
    ),
    (
        "broker.changed",
        "the policy, or the agent, has changed since a call was handed in or a grant was allowed for some time, so nobody answers for what was said before",
        "make the call again, and hand it in again if it is denied; for a grant, ask the person again",
    ),
    (
        "broker.text",
        "the answer is to another text than that of the call",
        "load the page of the call again, and answer there",
    ),
    (
        "broker.no_grant",
        "the person has given this agent, with this key, no grant that could be used again, or its time is over, or they stopped the agent",
        "push a request with `ambit_again_seconds` and send the person to its page; `ambit_remedy` of the answer has the addresses",
    ),
    (
        "broker.subject",
        "`subject_token` is no ID token, or ID-JAG, of the broker's OpenID provider for this client that counts now",
        "get a fresh one from the provider of `[login]`, as the client that `login_client_id` names; an ID token of the broker or of another client says nothing here",
    ),
    (
        "broker.actor",
        "`actor_token` is not by this client for the broker, or it, or an ID-JAG, was used before",
        "sign a new JWT for each request: `typ` `actor+jwt`, `iss` the client, `sub` its `act` in the broker's file, `aud` the broker's issuer, `exp` within 300 s, and a `jti`",
    ),
    (
        "broker.selection",
        "nothing is named that is to be taken back, or so many tokens that a list of revocation epochs cannot name them one by one",
        "name an agent class, model, client, key, tenant or policy version, for which the list has words; leave out the agent's version",
    ),
    (
        "broker.provider",
        "the OpenID provider of `[login]` cannot be reached, does not know the broker, or says of itself what cannot be",
        "read what the broker said on standard error; compare `issuer`, `client_id` and `key` with what the provider has, and the redirect URI there with `/login/back` of the broker",
    ),
    (
        "broker.login_token",
        "what the OpenID provider says of a login is not taken: its signature, issuer, audience, nonce or times are not those of this login",
        "read what the broker said on standard error; a provider that does not say `auth_time` when `max_age` is asked cannot be used",
    ),
    (
        "broker.login_state",
        "no login of this browser waits for this answer: it was used before, is older than ten minutes, belongs to another browser, or the person began again",
        "go back to the agent and begin again; if you did not try to log in, somebody tried to log you in",
    ),
    (
        "broker.login_issuer",
        "the answer to a login does not name the OpenID provider that was asked (RFC 9207)",
        "begin again; if it happens once more, somebody mixes up the answers of two providers",
    ),
    (
        "broker.login_person",
        "`[login.people]` names no person for the subject who logged in",
        "add the subject, which the audit log has in its line `login`, to `[login.people]`",
    ),
    (
        "broker.break_glass",
        "a denial was to be overridden by who has not the role of `[break_glass]`, without a reason, or by who is asked for their own yes; or who has that role alone answered otherwise",
        "write the reason, and use the button of the call's page; who is an approver answers as one; guard rails that forbid a call are overridden by nobody",
    ),
    (
        "broker.review",
        "an override is marked as reviewed only by people in the role `review`, each those of others",
        "ask somebody else in `review` of `[roles]`",
    ),
    (
        "broker.records",
        "an enforcement point posted more records than one batch may have",
        "post them in batches of up to 500 records and 256 KiB; the same batch sent again counts once",
    ),
    (
        "broker.record",
        "one record of a batch, whose index is in `ambit_remedy`, is no line of an audit log and no decision record; nothing of the batch was kept",
        "post lines of the host's audit log as they stand there, or `{\"id\", \"record\"}` with the record of the answer; of its own audiences, with no token and no argument in it",
    ),
    (
        "broker.record_other",
        "a record, whose index is in `ambit_remedy`, has the name of another that this enforcement point posted before; nothing of the batch was kept",
        "give each log its name (`--log-name`) and never begin it anew under the old one; if nobody did, somebody changed the log: `ambit audit verify`",
    ),
];
