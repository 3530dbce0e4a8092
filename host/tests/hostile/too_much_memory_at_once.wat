;; load module.compile
(memory (export "memory") 4096)
