;; load module.compile
(memory (export "memory") {MANY})
