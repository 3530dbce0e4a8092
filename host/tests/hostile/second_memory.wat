;; load module.compile
(memory 1)
