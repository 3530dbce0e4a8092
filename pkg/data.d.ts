// What goes in and comes out, as plain data.

import type { ReasonCode } from "./reasons.js";

export type { ReasonCode };

/** What JSON can say. A number with a fraction of more than 15 digits is refused. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json | undefined };

export type Power = "observe" | "draft" | "propose" | "execute";
export type Locale = "en" | "de";
export type RiskTier = "low" | "medium" | "high" | "critical";

export interface Thing {
  type: string;
  id: string;
}

/** What the service knows by itself: nothing that the agent sent. */
export interface Facts {
  /** Seconds since 1970, UTC. */
  now: number;
  audience: string;
  location?: string;
  tenant?: string;
  /** Of the HTTP request, for proofs. */
  method?: string;
  url?: string;
  nonce?: string;
  locale?: Locale;
  agent?: Json;
  status?: Json;
  utc_offsets?: Record<string, number>;
  content?: Json;
  counters?: Json;
  min_versions?: { policy?: number; epochs?: Record<string, number> };
}

/** What comes with a call besides it. */
export interface Papers {
  token?: string;
  proof?: string;
  approvals?: readonly string[];
  enrolments?: readonly string[];
  statements?: readonly string[];
  entities?: Json;
}

/** A whole request, as `docs/decision.md` has it. */
export interface Request extends Papers {
  evaluation: {
    subject?: Thing;
    action: { name: string; properties: { power: Power; args: { [name: string]: Json } } };
    resource: Thing;
    context?: { purpose: string };
  };
  facts: Facts;
}

/** A request in parts. */
export interface Parts extends Papers {
  action: string;
  power: Power;
  /** The JSON text of all arguments, as it came, or of each: digits stay as they were written. */
  args: string | { [name: string]: string };
  resource: Thing;
  purpose: string;
  subject?: Thing;
  /** `now` is that of the clock, where it is left out. */
  facts: Omit<Facts, "now"> & { now?: number };
  /** Statements of which the answer to `request` says what is to be signed. */
  sign?: readonly SigningRequest[];
}

/** A request as text or UTF-8 bytes, in which digits stay as they were written, as an object, or in parts. */
export type Question = string | Uint8Array | Request | Parts;

export interface Reason {
  code: ReasonCode;
  /** A sentence for people. */
  user: string;
  /** Details for operators: never tell them to the agent. */
  admin: string;
}

export interface Charge {
  type: "proof" | "receipt" | "call" | "spend" | "use_limit" | "rate";
  key: string;
  amount: number;
  max: number;
  /** Of a spend. */
  currency?: string;
  decimals?: number;
  /** Seconds since 1970 after which it may be forgotten. */
  until?: number;
}

export interface Display {
  text_s256: string;
  locale: Locale;
  renderer: string;
  text: string;
}

interface ObligationOf<T extends string, E> {
  id: string;
  type: T;
  ext: E;
}

/** What must be done before an allowed call happens. */
export type Obligation =
  | ObligationOf<"consume", { charges: Charge[] }>
  | ObligationOf<"status", { uri: string; idx: number; max_age?: number }>
  | ObligationOf<"approve", { binding_s256: string; risk_tier: RiskTier; display: Display; approvals: { approvers: string[]; count: number }[] }>
  | ObligationOf<"log", { [name: string]: Json }>;

/** A step of a remedy, or of an alternative. */
export type Step =
  | { type: "change_request"; changes: Change[] }
  | { type: "request_capability"; missing: { [name: string]: Json }; held?: { powers?: Power[]; purposes?: string[] } }
  | { type: "wait"; not_before: number }
  | { type: "step_up"; step_up: "login"; acr_values?: string[]; amr_values?: string[]; max_age?: number }
  | {
      type: "step_up";
      step_up: "approval";
      approvers?: string[];
      count?: number;
      binding_s256?: string;
      risk_tier?: RiskTier;
      display?: Display;
    };

export interface Change {
  argument: string;
  asked: string;
  allowed: string;
  min?: number;
  max?: number;
  example?: string;
  /** As a request writes it; absent: leave the argument out. */
  value?: Json;
}

/** What the failed step wanted, as far as it knows: `advise` says what would help. */
export interface Remedy {
  type?: "step_up" | "change_request";
  text?: string;
  steps?: Step[];
}

/** What goes into an audit log: no token, no argument, no key. What was not established is `null`. */
export interface DecisionRecord {
  v: "ambit-record-1";
  verdict: "allow" | "deny";
  reason: ReasonCode;
  now: number | null;
  audience: string | null;
  action: string | null;
  power: Power | null;
  purpose: string | null;
  resource: Thing | null;
  subject: string | null;
  tenant: string | null;
  actor: { iss: string | null; sub: string | null } | null;
  agent: { [name: string]: Json } | null;
  args_s256: string | null;
  input_s256: string | null;
  policy: { uid: string; version: number; s256: string } | null;
  tokens: string[] | null;
  proof: { jkt: string | null; jti: string | null } | null;
  receipts: { iss: string; jti: string; sub: string }[] | null;
  epochs: { iss: string; version: number }[] | null;
  charges: string[] | null;
  cedar: Json;
}

export interface Answer {
  decision: boolean;
  context: {
    reason: Reason;
    /** Every one must be done before acting: `enforce` does. */
    obligations: Obligation[];
    remedy: Remedy;
    policies: Json[];
    record: DecisionRecord | Record<string, never>;
  };
}

/** What HTTP says for a denial: RFC 6750, RFC 9449, RFC 9470, RFC 9457. */
export interface Http {
  status: number;
  /** By lower-case names. */
  headers: Record<string, string>;
  problem: { type: string; title: string; status: number; detail?: string; code?: ReasonCode; remedy?: Remedy };
}

/** One thing that would be allowed. Doing all `steps` is enough; one that is not `judged` needs a token that does not exist yet. */
export interface Alternative {
  judged: boolean;
  text: string;
  steps: Step[];
}

/** What would help, nearest first. */
export interface Advice {
  decision: boolean;
  reason: Reason;
  alternatives: Alternative[];
}

export interface CallDigest {
  binding_s256: string;
  /** Absent, like `display`, where the call cannot be shown, so nobody can approve it. */
  risk_tier?: RiskTier;
  display?: Display;
}

/** A request made of its parts. */
export interface Made extends Partial<CallDigest> {
  /** The text to be asked. */
  request: string;
  /** For each entry of `sign`. */
  signing?: (SigningInput | Answer)[];
}

/** A proof and a further block name the `token` before them, a receipt the `kid` of its key. */
export interface SigningRequest {
  typ: "dpop+jwt" | "cap+jwt" | "approval-receipt+jwt";
  claims: { readonly [name: string]: Json | undefined };
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

/** Whole `claims` of the token to be made, or `authorization_details` and what else is known of them. */
export interface ConsentRequest {
  claims?: { readonly [name: string]: Json };
  authorization_details?: readonly Json[];
  sub?: string;
  aud?: readonly string[];
  tenant?: string;
  act?: { sub: string };
  agent?: { uid: string };
  /** Seconds since 1970, UTC. */
  exp?: number;
  del_max_depth?: number;
  /** What was granted before: the answer then tells the difference. */
  granted?: readonly Json[];
  locale?: Locale;
  /** Seconds since 1970: the text then says how long it is until `exp`. */
  now?: number;
  /** Minutes between the person's clock and UTC: the text then tells their time beside UTC. */
  utc_offset?: number;
  /** Names out of the answer's own `choices`: it then tells of the grant that they leave. */
  choices?: readonly string[];
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
  locale: Locale;
  renderer: string;
  risk_tier: RiskTier;
  text_s256: string;
  /** The grant digest; only for whole `claims`. */
  binding_s256?: string;
  /** The narrower grants that the person may choose instead. */
  choices: { choice: string; text: string }[];
  /** The choices that were asked: those by which this text was made, and of no other. */
  chosen: string[];
  /** The claims that are left, where `choices` were asked: what a token is to be made of. */
  claims?: { [name: string]: Json };
  page: ConsentPart[];
}

/** What a person reads before a yes to one call: `facts.locale` says in which language. */
export type CallText = Display;

export interface ConsentFault {
  error: { code: string; at: string; admin: string };
}
