export type WasmInput = BufferSource | WebAssembly.Module | Response | URL | string;

/**
 * Starts the evaluator, once. Call it before anything else. The second wasm file, for what gives a
 * `Promise`, is loaded when it is first needed: `advice` says from where.
 */
export function init(input?: WasmInput | Promise<WasmInput>, options?: { advice?: WasmInput | Promise<WasmInput> }): Promise<void>;

/** A number that a host keeps between two loads, so that no older module comes back. */
export interface Seen {
  version: number;
  /** base64url */
  digest: string;
}

export interface LoadOptions {
  /** The policy that is expected. Leave it out only to look at a module. */
  uid?: string;
  /** Seconds since 1970, UTC: `Math.floor(Date.now() / 1000)`. */
  now: number;
  /** `module.seen` of the last module that was accepted. */
  seen?: Seen;
}

/** What `keys.json` holds. */
export interface TrustedKeys {
  threshold: number;
  /** The guests that modules may be built with (SHA-256, base64url): any, if it is not there. */
  guests?: string[];
  keys: { kid: string; jwk: { kty: "OKP"; crv: "Ed25519"; x: string } }[];
}

export interface Obligation {
  id: string;
  type: string;
  ext: Record<string, unknown>;
}

export interface Answer {
  decision: boolean;
  context: {
    reason: { code: string; user: string; admin: string };
    /** Discharge every one before acting. One that you do not know makes the answer a no. */
    obligations: Obligation[];
    /** What the failed step wanted, as far as it knows: `advise` says what would help. */
    remedy: Record<string, unknown>;
    policies: string[];
    record: Record<string, unknown>;
  };
}

/** What HTTP says for a denial: RFC 6750, RFC 9449, RFC 9470, RFC 9457. */
export interface HttpResponse {
  status: number;
  /** By lower-case names. Send every one. */
  headers: Record<string, string>;
  /** The body, as JSON. `code`, `detail` and `remedy` are left out where the fault is the service's own. */
  problem: { type: string; title: string; status: number; detail?: string; code?: string; remedy?: Record<string, unknown> };
}

/**
 * `nonce` is the one that the next proof must carry, where the service has nonces; `possession` is that of the policy's
 * `info`: where it is `off`, the challenge is `Bearer`.
 */
export function httpResponse(answer: Answer, options?: { nonce?: string; possession?: string }): HttpResponse;

/**
 * A denial of the host's own, in the form of every other answer: `possession.used`,
 * `obligation.failed` … `admin` is for the operator and is never part of an `HttpResponse`.
 */
export function refuse(code: string, admin?: string): Answer;

/** What would help. Doing all steps of one alternative is enough. */
export interface Advice {
  decision: boolean;
  reason: { code: string; user: string; admin: string };
  /** Nearest first. One that is not `judged` needs a token that does not exist yet. */
  alternatives: { judged: boolean; text: string; steps: Record<string, unknown>[] }[];
}

/** Whole `claims` of the token to be made, or `authorization_details` and what else is known of them. */
export interface ConsentRequest {
  claims?: Record<string, unknown>;
  authorization_details?: object[];
  sub?: string;
  aud?: string[];
  tenant?: string;
  act?: { sub: string };
  agent?: { uid: string };
  /** Seconds since 1970, UTC. */
  exp?: number;
  del_max_depth?: number;
  /** What was granted before: the answer then tells the difference. */
  granted?: object[];
  locale?: "en" | "de";
  /** Seconds since 1970: the text then says how long it is until `exp`. */
  now?: number;
  /** Minutes between the person's clock and UTC: the text then tells their time beside UTC. */
  utc_offset?: number;
  /** Names out of the answer's own `choices`: it then tells of the grant that they leave. */
  choices?: string[];
}

/** `abi.md` says what each part is, and how the texts of all parts are joined to `text`. */
export interface ConsentPart {
  part: "title" | "who" | "group" | "item" | "mark" | "line" | "note" | "details" | "detail";
  text: string;
  /** Of a group or a mark. */
  name?:
    | "own" | "person" | "cannot" | "ended"
    | "financial" | "external" | "irreversible"
    | "new" | "same" | "wider" | "narrower" | "changed";
  /** Of an item: the place in `authorization_details` that it tells of. */
  capability?: number;
}

export interface ConsentText {
  /** Show exactly this: `text_s256` is its hash. */
  text: string;
  locale: string;
  renderer: string;
  risk_tier: "low" | "medium" | "high" | "critical";
  text_s256: string;
  /** The grant digest; only for whole `claims`. */
  binding_s256?: string;
  /** The narrower grants that the person may choose instead. */
  choices: { choice: string; text: string }[];
  /** The choices that were asked: those by which this text was made, and of no other. */
  chosen: string[];
  /** The claims that are left, where `choices` were asked: what a token is to be made of. */
  claims?: Record<string, unknown>;
  page: ConsentPart[];
}

/** What a person reads before a yes to one call: `facts.locale` says in which language. */
export interface CallText {
  /** Show exactly this, with its line ends and blanks: `text_s256` is its hash. */
  text: string;
  text_s256: string;
  locale: "en" | "de";
  renderer: string;
}

/** `risk_tier` and `display` are absent where the call is too long to be shown, so nobody can approve it. */
export interface CallDigest {
  binding_s256: string;
  risk_tier?: "low" | "medium" | "high" | "critical";
  display?: CallText;
}

/** A proof and a further block name the `token` before them, a receipt the `kid` of its key. */
export interface SigningRequest {
  typ: "dpop+jwt" | "cap+jwt" | "approval-receipt+jwt";
  claims: Record<string, unknown>;
  token?: string;
  kid?: string;
}

/** A JWS is `signing_input`, a point, and the signature as base64url. */
export interface SigningInput {
  typ: string;
  alg: string;
  signing_input: string;
  /** SHA-256 of `signing_input`, base64url: a WebAuthn challenge, the next block's `par_hash`. */
  s256: string;
}

/** What `PolicyModule.load` throws. */
export interface LoadError extends Error {
  /** Stable, for example `module.signature`. */
  code: string;
  /** With `module.expired`: it was verified all the same, so keep this as `module.seen` is kept. */
  seen?: Seen;
}

/** A policy module whose signature, bundle and version were verified. */
export class PolicyModule {
  private constructor();

  /**
   * @param file A policy module (`policy.wasm`), or its bundle alone (`policy.bundle`), which is far smaller.
   * @param detached The signature, `policy.wasm.dsse.json`: the same for both. Only a module can carry it.
   * @throws {LoadError}
   */
  static load(
    file: Uint8Array,
    detached: Uint8Array | undefined,
    trust: TrustedKeys | string,
    options: LoadOptions,
  ): PolicyModule;

  /** Answers a request object of plain data; what JSON cannot say is denied. Never throws. */
  evaluate(request: object): Answer;
  /** Answers a request text, in exactly the bytes of every other engine. Never throws. */
  evaluateText(request: string): string;
  /** The same for UTF-8 bytes. */
  evaluateBytes(request: Uint8Array): Uint8Array;

  // What gives a `Promise` rejects only where the second file cannot be loaded (`engine.advice`).

  /** Says what would help after a denial of this request. */
  advise(request: object): Promise<Advice>;
  adviseText(request: string): Promise<string>;

  /** The digest of the call in a request, and what a person is shown before a yes. */
  digest(request: object): Promise<CallDigest | Answer>;
  digestText(request: string): Promise<string>;

  /** The bytes to be signed; a denial where the evaluator would refuse the statement. */
  signingInput(request: SigningRequest): Promise<SigningInput | Answer>;
  signingInputText(request: string): Promise<string>;

  /** Says what a grant allows, for a person to consent to. `abi.md` describes every part. */
  describe(request: ConsentRequest): Promise<ConsentText | { error: { code: string; at: string; admin: string } }>;
  describeText(request: string): Promise<string>;

  /** Says which policy this is. */
  info(): Record<string, unknown>;
  infoText(): string;

  readonly seen: Seen;
  /** Gives the memory back; nothing else may be called afterwards. */
  free(): void;
}
