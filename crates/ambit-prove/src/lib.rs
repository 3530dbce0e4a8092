//! What holds for every request that a policy can be asked, and what a change of it changes: manifests and guard
//! rails are translated to Cedar, Cedar to SMT-LIB, and a solver answers.
#![forbid(unsafe_code)]
