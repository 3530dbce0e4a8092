import type {
  Advice, Answer, CallDigest, ConsentFault, ConsentRequest, ConsentText, Http, Made, Obligation, Parts, Question, Request,
  SigningInput, SigningRequest,
} from "./data.js";

export type * from "./data.js";

/** What `keys.json` holds. */
export interface TrustedKeys {
  threshold: number;
  /** The guests that modules may be built with (SHA-256, base64url): any, if it is not there. */
  guests?: readonly string[];
  keys: readonly { kid: string; jwk: { kty: "OKP"; crv: "Ed25519"; x: string } }[];
}

/** Bytes of a policy: `policy.bundle`, or a whole `policy.wasm`, which may carry its signature. */
export interface PolicyFiles {
  file: Uint8Array | ArrayBuffer;
  /** `policy.wasm.dsse.json`, the same for both. */
  signature?: string | Uint8Array | ArrayBuffer | undefined;
}

/**
 * Where a policy is: its bytes, or what is fetched (in Node a path or a `file:` URL is read), with the signature beside
 * it: that of `policy.bundle` is `policy.wasm.dsse.json`.
 */
export type Source = PolicyFiles | Uint8Array | ArrayBuffer | URL | string;

/** A value, and the second (since 1970) after which it may be forgotten; `undefined`: never. */
export interface Kept {
  value: string;
  until?: number | undefined;
}

/** What is to be written, and the second before whose `until` everything is to be forgotten. */
export interface StoreChange {
  write?: ReadonlyMap<string, Kept>;
  forget?: number | undefined;
}

/** Keeps values for good. It decides nothing. */
export interface Store {
  /**
   * Reads `keys` (those that are not there are left out), asks `decide`, and keeps what it says, in one step: nobody else
   * writes those keys in between, and either everything is written or nothing. `decide` awaits nothing, may be called more
   * than once, and what it throws rejects, with nothing kept. Once this is fulfilled, the change lasts.
   */
  transact(keys: readonly string[], decide: (kept: Map<string, Kept>) => StoreChange): Promise<void>;
}

/** Ends with its process: for tests. */
export function memory(): Store;
/** In a browser: pages and workers of one origin share it. */
export function indexedDb(name?: string): Store;

/** What `durableObject` needs of a binding. */
export interface StoreNamespace {
  idFromName(name: string): unknown;
  get(id: never): { fetch(url: string, init: { method: string; body: string }): Promise<unknown> };
}
/** In workers: `durableObject(env.AMBIT)`, with `AmbitStore` exported by the worker and bound to that name. */
export function durableObject(namespace: StoreNamespace, name?: string): Store;
/** The class of the Durable Object. */
export class AmbitStore {
  constructor(state: { storage: unknown });
  fetch(request: { json(): Promise<unknown> }): Promise<Response>;
}

/** What an agent shows over HTTP, and what its proof is compared with. */
export interface Shown {
  token?: string;
  proof?: string;
  approvals?: string[];
  facts: { method: string; url: string };
}

/**
 * Reads the headers `Authorization` (`DPoP` or `Bearer`), `DPoP` and `Ambit-Approval`. `origin` is the service's own where
 * the request came through something that names another.
 */
export function shown(
  request: { readonly method: string; readonly url: string; readonly headers: { get(name: string): string | null } },
  origin?: string,
): Shown;

/** What is written down: each answer before anything is done, and what became of it before the call happens. */
export type LogEvent =
  | { id: string; event: "decided"; answer: Answer }
  | { id: string; event: "ended"; permitted: true; discharged: string[] }
  | { id: string; event: "ended"; permitted: false; discharged: string[]; answer: Answer };

/** Does an obligation completely and gives nothing, or throws: a `NotDischarged`, or whatever else. */
export type Handler = (obligation: Obligation & { now?: number }) => void | Promise<void>;

/** Whose status lists count: those at addresses that begin so, if one of the keys signed them. */
export interface StatusOptions {
  sources: readonly { prefixes: readonly string[]; keys: readonly { kid: string; jwk: object }[] }[];
  /** Gives what is at a URL, of at most so many bytes; follows no redirects. By default `fetch`, for at most 5 s. */
  fetch?: (url: string, most: number) => Promise<string>;
}

export interface LoadOptions {
  /** The policy that is expected. */
  uid: string;
  /** Keeps the highest version of the policy, so that no older one is accepted again, and what calls use up. */
  store: Store;
  /** Demands the evaluator that a module was built with, by its SHA-256 (base64url). */
  guest?: string;
  /** Seconds since 1970. */
  clock?: () => number;
  /** Keeps an event for good, or throws: what cannot be written denies. */
  log?: (event: LogEvent) => unknown;
  /** By the type of obligation. `consume` is done by the store. */
  discharge?: { readonly [type: string]: Handler };
  status?: StatusOptions;
}

/**
 * Loads a policy: verifies its signature, version and content. Rejects with an `AmbitError`.
 *
 * @param trust The text of `keys.json`, or its content.
 */
export function load(source: Source, trust: TrustedKeys | string, options: LoadOptions): Promise<Policy>;

/** Why there is no policy, or nothing was done. Its message is for operators. */
export interface AmbitError extends Error {
  name: "AmbitError";
  /** Stable, for example `module.signature`. */
  code: string;
  /** With `module.expired`: it was verified all the same, and is remembered. */
  seen?: { version: number; digest: string };
}

/** An obligation was not done. `code` is the reason, where `obligation.failed` is not precise. */
export class NotDischarged extends Error {
  constructor(admin: string, code?: string);
  readonly code: string | undefined;
}

/** What the signers say of a policy. */
export interface Statement {
  uid: string;
  version: number;
  /** Seconds since 1970. */
  issued: number;
  expires: number;
  abi: number;
  file_s256: string;
  guest_s256: string;
  bundle_s256: string;
  tests_s256?: string;
  signers: string[];
}

export interface Permitted {
  permitted: true;
  answer: Answer;
  /** The obligations that were done, by `id`. */
  discharged: string[];
}

export interface Refused {
  permitted: false;
  answer: Answer;
  discharged: string[];
  http: Http;
  /** The same as a new `Response`: status, challenge and the problem as its body. */
  readonly response: Response;
  /** What a function threw last, if any did. */
  cause: unknown;
}

/** Act only where `permitted` is `true`. */
export type Verdict = Permitted | Refused;

export interface HttpOptions {
  /** The nonce that the next proof must carry, where the service has nonces. */
  nonce?: string;
}

/** A policy whose signature, version and content were verified. `load` makes it. */
export class Policy {
  private constructor();

  /** What the signers say of the policy in force; `undefined` once it was given back. */
  readonly statement: Statement | undefined;

  // Nothing of these rejects: what goes wrong is a denial.

  /** Decides. Nothing is obeyed yet: `enforce` does that. */
  ask(question: Question): Promise<Answer>;
  /** Decides, and does all that the answer obliges to. */
  enforce(question: Question, options?: HttpOptions): Promise<Verdict>;
  /** Obeys an answer that was given before: so a `refuse` of the service's own is written down. */
  obey(answer: Answer, options?: HttpOptions): Promise<Verdict>;
  /** A denial for what only the service can see. `admin` is for operators. */
  refuse(code: string, admin?: string): Answer;
  /** What HTTP says for a denial. */
  response(answer: Answer, options?: HttpOptions): Response;
  /** The answer to a text, in exactly the bytes of every other engine. */
  evaluateText(request: string): string;
  /** The same for UTF-8 bytes. */
  evaluateBytes(request: Uint8Array): Uint8Array;

  // These reject only where a further wasm file cannot be loaded (`engine.host`, `engine.advice`).

  /** Makes a request of its parts, the digest of its call, and what is to be signed for it; or a denial. */
  request(parts: Parts): Promise<Made | Answer>;
  /** What would help after a denial of this request; of what cannot be read, the denial. */
  advise(question: Question): Promise<Advice | Answer>;
  /** The digest of a call, and what a person is shown before a yes; or a denial. */
  digest(question: Question): Promise<CallDigest | Answer>;
  /** The bytes to be signed; a denial where the evaluator would refuse the statement. */
  signingInput(request: SigningRequest): Promise<SigningInput | Answer>;
  /** Says what a grant allows, for a person to consent to. `abi.md` describes every part. */
  describe(request: ConsentRequest): Promise<ConsentText | ConsentFault>;
  /** The answer to a text in exactly the bytes of every other engine. */
  raw(question: RawQuestion, request?: string): Promise<string>;

  /** Takes a newer policy of the same name and is that one from then on. Rejects with an `AmbitError`, and never goes back. */
  update(newer: Source): Promise<{ statement: Statement }>;
  /** Takes a list of revocation epochs, which goes with the requests from then on. Fetch the next `before` that second. */
  update(newer: { epochs: string }): Promise<{ before: number }>;

  /**
   * Fetches the policy and the lists of revocation epochs at these URLs, each where that was not done in the last `every` seconds (60).
   * Does not reject: what is in force stays so until it ends. Gives why something was not taken: an empty list where all is well.
   */
  refresh(options?: { epochs?: readonly (string | URL)[]; every?: number }): Promise<Error[]>;

  /** Gives the memory back; from then on every answer is a denial. */
  free(): void;
}

export type RawQuestion = "evaluate" | "advise" | "describe" | "digest" | "signingInput" | "request" | "ask" | "info";
export type { Request };
