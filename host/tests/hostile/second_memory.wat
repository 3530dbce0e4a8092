;; load module.mismatch
(memory 1)
