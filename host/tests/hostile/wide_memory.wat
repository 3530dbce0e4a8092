;; load module.mismatch
(memory (export "memory") i64 2)
