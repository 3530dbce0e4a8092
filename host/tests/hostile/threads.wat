;; load module.compile
(memory $shared 1 1 shared)
