;; load module.compile
(table 1 externref)
