/**
 * Answers from a signed policy: may this AI agent do this, to this, for this purpose, now, and if not, what would it take?
 *
 * <p>{@link dev.ambit.Policy#load} verifies a policy; {@link dev.ambit.Policy#decide} judges a call, obeys the answer, and throws
 * if the call must not happen. Answers have the same bytes as those of every other engine of Ambit. Everything is decided by one
 * fixed evaluator, the core, which was compiled to classes when this package was built; nothing of a policy's file is compiled.
 */
package dev.ambit;
