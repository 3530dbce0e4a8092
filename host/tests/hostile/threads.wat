;; load module.mismatch
(memory $shared 1 1 shared)
