import type { LoadOptions, Policy, Source, TrustedKeys } from "./index.js";

export * from "./index.js";

/** A `WebAssembly.Module`, or the bytes of one. */
export type Wasm = object;

/** What `load` needs here besides: `host` for all but decisions, `advice` for `advise` and `describe`. */
export interface SlimOptions extends LoadOptions {
  wasm: { evaluator: Wasm; host?: Wasm; advice?: Wasm };
}

export function load(source: Source, trust: TrustedKeys | string, options: SlimOptions): Promise<Policy>;
