;; load module.compile
(memory (export "memory") i64 2)
